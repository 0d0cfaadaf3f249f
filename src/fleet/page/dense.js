import { dontPaint, paintSoon } from './beat.js';
import { Cells } from './cell.js';
import { el, mark, write } from './element.js';
import { away, doing, live, measure, spoken, troubles } from './words.js';

/** The sizes of a cell between which all are made to fit on one screen, in pixels. */
const SMALLEST = 12, TOUCHABLE = 26, LARGEST = 64;

/** The height of a strip of cells that is drawn at once, in pixels. */
const STRIP = 110;

/** The most cells that are drawn anew in one go. */
const GO = 150;

/** Thousands of nodes as small cells, drawn on strips of canvas; only strips in view exist. */
export class Dense {
    mirrors = false;
    strips = new Map();
    spare = [];
    dirty = new Set();

    constructor(context) {
        this.context = context;
        this.cursor = el('button.cursor', { type: 'button', tabIndex: 0 });
        this.tip = el('div.tip', { hidden: true, 'aria-hidden': 'true' });
        this.element = el('div.dense', { role: 'group', 'aria-label': 'Nodes' }, this.cursor, this.tip);
        this.element.onpointermove = event => this.point(event);
        this.element.onpointerleave = () => { this.tip.hidden = true; };
    }

    measure(width, height, count) {
        const room = width - 16;
        const least = matchMedia('(pointer: coarse)').matches || width < 560 ? TOUCHABLE : SMALLEST;
        let size = Math.min(LARGEST, Math.max(least, Math.floor(Math.sqrt(room * (height - 16) / Math.max(1, count))) + 1));
        const fits = size => Math.ceil(count / Math.floor(room / size)) * size + 16 <= height;
        while (size > least && !fits(size)) size--;
        const dense = Math.min(2, window.devicePixelRatio || 1);
        if (size !== this.size || dense !== this.dense) {
            this.size = size;
            this.dense = dense;
            this.cells = new Cells(Math.round(size * dense));
        }
        this.columns = Math.max(1, Math.floor(room / size));
        this.rows = Math.max(1, Math.floor(STRIP / size));
        this.left = Math.floor((width - this.columns * size) / 2);
        this.redraw();
        return Math.ceil(count / this.columns) * size + 16;
    }

    at(index) {
        return {
            x: this.left + index % this.columns * this.size, y: 8 + Math.floor(index / this.columns) * this.size, height: this.size,
        };
    }

    show(order, top, bottom) {
        const tall = this.rows * this.size;
        const last = Math.min(Math.ceil(bottom / tall), Math.ceil(order.length / (this.rows * this.columns)));
        const first = Math.max(0, Math.floor((top - 8) / tall));
        for (const [number, strip] of this.strips) {
            if (number >= first && number < last) continue;
            this.strips.delete(number);
            dontPaint(strip);
            strip.remove();
            this.spare.push(strip);
        }
        for (let number = first; number < last; number++) this.put(order, number);
        this.place(order);
        return [];
    }

    put(order, number) {
        let strip = this.strips.get(number);
        if (strip && strip.order === order) return;
        const fresh = !strip;
        if (fresh) {
            strip = this.spare.pop() ?? el('canvas.strip', { 'aria-hidden': 'true' });
            this.strips.set(number, strip);
        }
        strip.order = order;
        const cell = this.cells.size;
        const wide = this.columns * cell, tall = this.rows * cell;
        if (strip.width !== wide || strip.height !== tall) [strip.width, strip.height] = [wide, tall];
        else if (fresh) strip.getContext('2d').clearRect(0, 0, wide, tall);
        strip.style.width = `${this.columns * this.size}px`;
        strip.style.height = `${this.rows * this.size}px`;
        strip.style.transform = `translate(${this.left}px, ${8 + number * this.rows * this.size}px)`;
        if (fresh) this.element.prepend(strip);
        paintSoon(strip, () => this.paint(strip, order, number));
    }

    paint(strip, order, number) {
        const context = strip.getContext('2d');
        const each = this.rows * this.columns, cell = this.cells.size;
        for (let at = 0; at < each; at++) {
            const node = order[number * each + at];
            const x = at % this.columns * cell, y = Math.floor(at / this.columns) * cell;
            if (node) this.cells.draw(context, x, y, node, this.context.selected.has(node.id));
            else context.clearRect(x, y, cell, cell);
        }
    }

    refresh(changed) {
        for (const node of changed) {
            node.tone = null;
            this.dirty.add(node);
        }
        paintSoon(this, this.paintDirty);
        if (changed.has?.(this.tipped)) this.describe();
    }

    paintDirty = () => {
        const each = this.rows * this.columns, cell = this.cells.size;
        let left = GO;
        for (const node of this.dirty) {
            if (!left--) { paintSoon(this, this.paintDirty); return; }
            this.dirty.delete(node);
            const strip = this.strips.get(Math.floor(node.place / each));
            if (strip?.order?.[node.place] !== node) continue;
            const at = node.place % each;
            this.cells.draw(strip.getContext('2d'), at % this.columns * cell, Math.floor(at / this.columns) * cell, node,
                this.context.selected.has(node.id));
        }
    };

    refreshAll() {
        this.redraw();
        this.context.again();
    }

    redraw() {
        for (const strip of this.strips.values()) strip.order = null;
    }

    settle() {}

    /** Puts the keyboard's cell where it belongs. */
    place(order) {
        const node = order[this.context.focus()];
        this.cursor.hidden = !node;
        if (!node) return;
        const { x, y } = this.at(node.place);
        this.cursor.style.transform = `translate(${x}px, ${y}px)`;
        this.cursor.style.width = this.cursor.style.height = `${this.size}px`;
        mark(this.cursor, 'aria-label', `${spoken(node, this.context.now)}, ${node.place + 1} of ${order.length}`);
        mark(this.cursor, 'aria-pressed', this.context.selected.has(node.id));
        mark(this.cursor, 'data-node', node.id);
    }

    focus() {
        this.cursor.focus({ preventScroll: true });
    }

    indexOf(event) {
        if (event.detail === 0 && event.target === this.cursor) return this.context.focus();
        const { left, top } = this.element.getBoundingClientRect();
        const column = Math.floor((event.clientX - left - this.left) / this.size);
        const row = Math.floor((event.clientY - top - 8) / this.size);
        if (column < 0 || column >= this.columns || row < 0) return null;
        const index = row * this.columns + column;
        return index < this.context.order().length ? index : null;
    }

    point(event) {
        const index = this.indexOf(event);
        this.tipped = index === null ? null : this.context.order()[index];
        this.tip.hidden = !this.tipped;
        if (!this.tipped) return;
        this.describe();
        const { x, y } = this.at(index);
        const wide = this.element.clientWidth;
        const below = event.clientY < window.innerHeight / 2;
        this.tip.style.transform = `translate(${Math.min(wide - 210, Math.max(8, x - 90))}px, ${below ? y + this.size + 8 : y - 92}px)`;
    }

    describe() {
        const node = this.tipped, now = this.context.now;
        const [what, who] = doing(node);
        const state = !node.online ? away(node, now) : node.stale ? 'stale' : [what, who].filter(Boolean).join(' · ');
        const numbers = live(node) ? `${measure(node.load, '%')} · ${measure(node.temperature, '°C')} · ${measure(node.memory, '%')}` : '';
        const lines = [node.id, state, numbers, troubles(node).join(', ')].filter(Boolean);
        if (this.tip.childElementCount !== lines.length) this.tip.replaceChildren(...lines.map(() => el('span')));
        lines.forEach((line, at) => write(this.tip.children[at], line));
    }
}
