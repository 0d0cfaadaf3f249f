import { dontPaint, paintSoon } from './beat.js';
import { boardOn } from './board.js';
import { el, mark, write } from './element.js';
import { CLOSE } from './geometry.js';
import { levels } from './light.js';
import { nodeHash } from './route.js';
import { drawSparks } from './spark.js';
import { away, doing, live, measure, span, spoken, troubles } from './words.js';

/** The height of a tile's sparklines and the margin at its sides in pixels, where texts are plain. */
const SPARKS = 26, MARGIN = 14;

/** One node as a tile; it is lent to another node when the first has been scrolled away. */
export class Tile {
    node = null;

    constructor() {
        this.board = el('canvas.board', { 'aria-hidden': 'true' });
        this.pick = el('button.pick', { type: 'button', tabIndex: -1, 'aria-pressed': 'false' });
        this.badges = el('span.badges', { 'aria-hidden': 'true' });
        this.name = el('a.name', { tabIndex: -1 });
        this.state = el('span.state', { 'aria-hidden': 'true' });
        this.what = el('span.what');
        this.who = el('span.who');
        this.numbers = ['load', 'heat', 'memory'].map(tint => el(`b.${tint}`));
        this.sparks = el('canvas.sparks', { 'aria-hidden': 'true' });
        this.element = el('li.tile', {}, this.board, this.pick, this.badges,
            el('span.title', {}, this.state, this.name),
            el('span.doing', { 'aria-hidden': 'true' }, this.what, this.who),
            el('span.numbers', { 'aria-hidden': 'true' }, ...this.numbers), this.sparks);
    }

    /** Takes this size; what is drawn is drawn anew. */
    resize({ width, height, board, zoom }) {
        if (this.width === width && this.height === height) return;
        this.width = width;
        this.height = height;
        this.inner = Math.round(width - 2 * MARGIN * zoom);
        this.tall = Math.round(SPARKS * zoom);
        this.element.style.fontSize = `${15 * zoom}px`;
        this.element.style.width = `${width}px`;
        this.element.style.height = `${height}px`;
        this.board.style.width = `${board}px`;
        this.board.style.height = `${board * CLOSE[3] / CLOSE[2]}px`;
        this.board.style.left = `${Math.round((width - board) / 2)}px`;
        this.sparks.style.width = `${this.inner}px`;
        this.sparks.style.height = `${this.tall}px`;
        this.paint = boardOn(this.board, board, CLOSE);
        this.forgetDrawn();
    }

    /** Moves to a place, gliding when it is seen to move. */
    place(x, y, glide) {
        if (this.x === x && this.y === y) return;
        this.x = x;
        this.y = y;
        this.element.classList.toggle('gliding', glide);
        this.element.style.transform = `translate(${x}px, ${y}px)`;
    }

    /** Shows this node. */
    lend(node, context) {
        if (this.node !== node) {
            this.node = node;
            this.painted = null;
            this.sparked = null;
            write(this.name, node.id);
            this.name.href = nodeHash(node.id);
            this.name.title = `${node.id}: open its page`;
            mark(this.element, 'data-node', node.id);
        }
        this.refresh(context);
    }

    /** Shows what has changed. */
    refresh({ now, hours, selected }) {
        const { node, element } = this;
        const state = !node.online ? 'offline' : node.stale ? 'stale' : 'online';
        mark(element, 'data-state', state);
        mark(this.pick, 'aria-pressed', selected.has(node.id));
        mark(this.pick, 'aria-label', spoken(node, now));
        element.classList.toggle('chosen', selected.has(node.id));
        element.classList.toggle('alert', node.online && node.alert);
        const [what, who] = doing(node);
        write(this.what, state === 'offline' ? away(node, now)
            : state === 'stale' ? (node.at ? `no sample for ${span(now - node.at)}` : 'no sample yet') : what);
        write(this.who, state === 'online' ? who : '');
        const known = live(node);
        write(this.numbers[0], measure(known ? node.load : null, '%'));
        write(this.numbers[1], measure(known ? node.temperature : null, '°C'));
        write(this.numbers[2], measure(known ? node.memory : null, '%'));
        this.numbers[1].classList.toggle('hot', known && node.hot);
        this.badge(troubles(node));
        const light = levels(node);
        if (light !== this.painted) {
            // Another node's board must not be seen here, not for a moment.
            if (!this.painted) this.board.classList.add('blank');
            this.painted = light;
            paintSoon(this.board, () => {
                this.paint(light);
                this.board.classList.remove('blank');
            });
        }
        const hour = hours.of(node.id);
        if (!this.sparked || this.sparked.hour !== hour || this.sparked.known !== known) {
            this.sparked = { hour, known };
            this.sparks.classList.toggle('blank', !hour);
            paintSoon(this.sparks, () => drawSparks(this.sparks, this.inner, this.tall, hour, node));
        }
    }

    badge(words) {
        const text = words.join('|');
        if (this.badged === text) return;
        this.badged = text;
        this.badges.replaceChildren(...words.map(word => el('i', { textContent: word, className: word.split(' ')[0] })));
    }

    /** Draws everything anew: the colours are others. */
    forgetDrawn() {
        this.painted = null;
        this.sparked = null;
    }

    /** Goes out of use. */
    free() {
        this.node = null;
        this.x = this.y = undefined;
        dontPaint(this.board);
        dontPaint(this.sparks);
    }
}
