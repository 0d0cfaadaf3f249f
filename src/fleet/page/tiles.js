import { el, mark } from './element.js';
import { CLOSE } from './geometry.js';
import { Tile } from './tile.js';

/** What stands below a tile's board, in pixels. */
const TEXT = 112;

/** The width in pixels from which on texts grow with their tile, to be read from afar, and how far they do. */
const PLAIN = 250, LARGEST = 1.6;

/** The widths between which a tile is made to fit, in pixels: all on one screen where that goes. */
const NARROWEST = 148, COMFORTABLE = 208, WIDEST = 460;

/** How much wider than its board a tile may be. */
const SPREAD = 1.4;

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** The fleet as tiles; only those in view exist. */
export class Tiles {
    mirrors = true;
    used = new Map();
    spare = [];

    constructor(context) {
        this.context = context;
        this.element = el('ul.tiles', { 'aria-label': 'Nodes' });
    }

    /** Lays so many tiles out in a window of this size; the height of all. */
    measure(width, height, count) {
        const gap = this.gap = width < 560 ? 8 : 14;
        const least = width < 480 ? NARROWEST : COMFORTABLE;
        const size = columns => Math.floor((width - gap * (columns + 1)) / columns);
        const zoom = tile => Math.min(LARGEST, Math.max(1, tile / PLAIN));
        const tall = tile => Math.round(tile * CLOSE[3] / CLOSE[2] * 0.94 + TEXT * zoom(tile));
        const most = Math.max(1, Math.floor((width - gap) / (least + gap)));
        const fits = (tile, columns) => Math.ceil(count / columns) * (tall(tile) + gap) + gap <= height;
        this.columns = most;
        this.board = Math.min(WIDEST, size(most));
        // All on one screen, as large as that goes; a little narrower is better than a wall whose last row is cut off.
        let best = 0.82 * least;
        for (let tried = 1; size(tried) >= best; tried++) {
            let tile = Math.min(WIDEST, size(tried));
            while (tile >= best && !fits(tile, tried)) tile -= 2;
            if (tile > best) [best, this.columns, this.board] = [tile, tried, tile];
        }
        const { columns } = this;
        // Where height is what lacks, tiles are a little wider than their boards.
        this.width = Math.min(size(columns), Math.round(this.board * SPREAD));
        this.height = tall(this.board);
        this.zoom = zoom(this.board);
        // Few tiles stand in the middle.
        const across = Math.min(columns, Math.max(1, count));
        this.left = Math.max(gap, Math.floor((width - across * (this.width + gap) + gap) / 2));
        this.total = Math.ceil(count / columns) * (this.height + gap) + gap;
        return this.total;
    }

    at(index) {
        const row = Math.floor(index / this.columns), column = index % this.columns;
        return { x: this.left + column * (this.width + this.gap), y: this.gap + row * (this.height + this.gap), height: this.height };
    }

    /** Shows the tiles between two heights. */
    show(order, top, bottom, glide) {
        const row = this.height + this.gap;
        const first = Math.max(0, Math.floor((top - this.gap) / row)) * this.columns;
        const last = Math.min(order.length, Math.ceil(bottom / row) * this.columns);
        const wanted = new Set();
        for (let index = first; index < last; index++) wanted.add(order[index].id);
        const held = document.activeElement?.closest?.('.tile')?.dataset.node;
        for (const [id, tile] of this.used) {
            if (wanted.has(id) || (id === held && order[tile.node.place] === tile.node)) continue;
            this.used.delete(id);
            tile.free();
            this.spare.push(tile);
        }
        const moves = glide && !still.matches;
        for (let index = first; index < last; index++) this.put(order, index, moves);
        if (held && !wanted.has(held) && this.used.has(held)) this.put(order, this.used.get(held).node.place, false);
        // Hidden, not removed: they are lent again in a moment.
        for (const tile of this.spare) tile.element.hidden = true;
        this.range = [first, last];
        return order.slice(first, last).map(node => node.id);
    }

    put(order, index, glide) {
        const node = order[index];
        let tile = this.used.get(node.id);
        const moves = glide && tile !== undefined;
        if (!tile) {
            tile = this.spare.pop() ?? new Tile();
            if (!tile.element.isConnected) this.element.append(tile.element);
            tile.element.hidden = false;
            this.used.set(node.id, tile);
        }
        tile.resize(this);
        const { x, y } = this.at(index);
        tile.place(x, y, moves);
        mark(tile.element, 'aria-posinset', index + 1);
        mark(tile.element, 'aria-setsize', order.length);
        const focused = index === this.context.focus();
        tile.pick.tabIndex = tile.name.tabIndex = focused ? 0 : -1;
        tile.lend(node, this.context);
    }

    /** Shows what has changed of these nodes. */
    refresh(changed) {
        for (const node of changed) this.used.get(node.id)?.refresh(this.context);
    }

    refreshAll() {
        for (const tile of this.used.values()) tile.refresh(this.context);
    }

    redraw() {
        for (const tile of this.used.values()) tile.forgetDrawn();
        this.refreshAll();
    }

    /** Puts the elements in the order in which they are read, when all is at rest. */
    settle() {
        const held = document.activeElement?.closest?.('.tile');
        const tiles = [...this.used.values()].sort((a, b) => a.node.place - b.node.place).map(tile => tile.element);
        let before = null;
        for (const tile of tiles.reverse()) {
            if (tile.nextElementSibling !== before && tile !== held) this.element.insertBefore(tile, before);
            before = tile;
        }
    }

    /** Gives the keyboard to a node's tile. */
    focus(node) {
        this.used.get(node.id)?.pick.focus({ preventScroll: true });
    }

    /** The node at which a pointer event points. */
    indexOf(event) {
        const id = event.target.closest?.('.tile')?.dataset.node;
        return this.used.get(id)?.node.place ?? null;
    }
}
