import { el, write } from './element.js';
import { runs } from './spark.js';
import { colour } from './theme.js';
import { hour, measure } from './words.js';

const HEIGHT = 168, LEFT = 40, RIGHT = 12, TOP = 12, BOTTOM = 24;

/** 5, 10, 15 minutes … 6 hours: distances between the marks of time. */
const MARKS = [300, 600, 900, 1800, 3600, 7200, 10_800, 21_600].map(secs => secs * 1000);

/** A quantity over time: axes, gaps where nothing is known, and what it was at any moment, by mouse or keys. */
export class Chart {
    constructor({ name, words, unit, low, high, tint }) {
        Object.assign(this, { name, words, unit, low, high, tint });
        this.canvas = el('canvas', { 'aria-hidden': 'true' });
        this.readout = el('output', { 'aria-live': 'polite' });
        this.plot = el('div.plot', { tabIndex: 0, role: 'slider', 'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0 }, this.canvas);
        this.element = el('figure.chart', { 'data-chart': name }, el('figcaption', {}, el('b', { textContent: words }), this.readout), this.plot);
        this.plot.onpointermove = event => this.hover(event.offsetX);
        this.plot.onpointerleave = () => this.point(null);
        this.plot.onblur = () => this.point(null);
        this.plot.onkeydown = event => this.key(event);
        new ResizeObserver(() => this.draw()).observe(this.plot);
    }

    /** Shows this history. */
    show({ start, step_secs: step, [this.name]: values, [`${this.name}_max`]: most }, interval) {
        this.start = start;
        this.step = step * 1000;
        this.values = values ?? [];
        this.runs = values => runs(values, step, interval);
        this.most = most ?? null;
        const known = [...this.values, ...(most ?? [])].filter(value => value !== null);
        const top = Math.max(this.high, ...known);
        this.bottom = this.unit === '%' ? 0 : Math.floor(Math.min(this.low, ...known) / 10) * 10;
        // Four parts of a whole number each.
        this.top = this.unit === '%' ? 100 : this.bottom + Math.ceil((top - this.bottom) / 20) * 20;
        this.plot.setAttribute('aria-valuemax', Math.max(0, this.values.length - 1));
        this.plot.setAttribute('aria-label', `${this.words}: ${known.length ? `between ${measure(Math.min(...known), this.unit)} and ${measure(Math.max(...known), this.unit)}` : 'nothing known'}`);
        this.draw();
        this.point(this.at ?? null);
    }

    x(at) { return LEFT + (this.width - LEFT - RIGHT) * at / Math.max(1, this.values.length - 1); }

    y(value) { return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - this.bottom) / (this.top - this.bottom)); }

    draw() {
        const width = this.width = this.plot.clientWidth;
        if (!width || !this.values) return;
        const dense = window.devicePixelRatio || 1;
        this.canvas.width = Math.round(width * dense);
        this.canvas.height = Math.round(HEIGHT * dense);
        const context = this.canvas.getContext('2d');
        context.scale(dense, dense);
        this.axes(context);
        context.lineWidth = 1.5;
        context.lineJoin = 'round';
        if (this.most) this.band(context);
        this.line(context);
        this.pointer(context);
    }

    axes(context) {
        context.font = `11px ${getComputedStyle(this.plot).fontFamily}`;
        context.fillStyle = colour('dim');
        context.textAlign = 'right';
        context.textBaseline = 'middle';
        for (let part = 0; part <= 4; part++) {
            const value = this.bottom + (this.top - this.bottom) * part / 4, y = Math.round(this.y(value)) + 0.5;
            context.fillText(`${Math.round(value)}`, LEFT - 8, y);
            context.strokeStyle = colour('rule');
            context.beginPath();
            context.moveTo(LEFT, y);
            context.lineTo(this.width - RIGHT, y);
            context.stroke();
        }
        const length = this.step * this.values.length;
        const distance = MARKS.find(mark => length / mark <= Math.max(3, this.width / 90)) ?? MARKS.at(-1);
        const zone = new Date(this.start).getTimezoneOffset() * 60_000;
        context.textAlign = 'center';
        for (let time = Math.ceil((this.start - zone) / distance) * distance + zone; time < this.start + length; time += distance) {
            const x = this.x((time - this.start) / this.step);
            if (x > LEFT + 14 && x < this.width - RIGHT - 14) context.fillText(hour(time), x, HEIGHT - 9);
        }
    }

    line(context) {
        context.strokeStyle = context.fillStyle = colour(this.tint);
        for (const places of this.runs(this.values)) {
            const [first] = places, last = places.at(-1);
            context.beginPath();
            for (const at of places) context.lineTo(this.x(at), this.y(this.values[at]));
            if (first === last) context.lineTo(this.x(first) + 1.5, this.y(this.values[first]));
            context.stroke();
            context.lineTo(this.x(last), this.y(this.bottom));
            context.lineTo(this.x(first), this.y(this.bottom));
            context.globalAlpha = 0.1;
            context.fill();
            context.globalAlpha = 1;
        }
    }

    /** Between the mean and the highest of each step. */
    band(context) {
        context.fillStyle = colour(this.tint);
        context.globalAlpha = 0.16;
        for (const places of this.runs(this.most)) {
            context.beginPath();
            for (const at of places) context.lineTo(this.x(at), this.y(this.most[at]));
            for (const at of places.toReversed()) context.lineTo(this.x(at), this.y(this.values[at] ?? this.most[at]));
            context.fill();
        }
        context.globalAlpha = 1;
    }

    pointer(context) {
        if (this.at === null || this.at === undefined) return;
        const x = Math.round(this.x(this.at)) + 0.5, value = this.values[this.at];
        context.strokeStyle = colour('dim');
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(x, TOP);
        context.lineTo(x, HEIGHT - BOTTOM);
        context.stroke();
        if (value === null || value === undefined) return;
        context.fillStyle = colour(this.tint);
        context.beginPath();
        context.arc(x, this.y(value), 3.5, 0, 2 * Math.PI);
        context.fill();
    }

    hover(x) {
        const at = Math.round((x - LEFT) / (this.width - LEFT - RIGHT) * (this.values.length - 1));
        this.point(Math.min(this.values.length - 1, Math.max(0, at)));
    }

    key(event) {
        const last = this.values.length - 1, here = this.at ?? last;
        const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -last, End: last };
        if (!(event.key in steps)) return;
        event.preventDefault();
        this.point(Math.min(last, Math.max(0, here + steps[event.key])));
    }

    /** Says what it was at this step; at the newest that is known when it is none. */
    point(at) {
        this.at = at;
        const newest = this.values.findLastIndex(value => value !== null);
        const shown = at ?? newest;
        if (shown >= 0) {
            const value = this.values[shown], most = this.most?.[shown];
            const text = `${hour(this.start + shown * this.step)}  ${value === null ? 'nothing known' : measure(value, this.unit, 1)}${most ? `, at most ${measure(most, this.unit, 1)}` : ''}`;
            write(this.readout, text);
            this.plot.setAttribute('aria-valuenow', shown);
            this.plot.setAttribute('aria-valuetext', text);
        } else {
            write(this.readout, 'nothing known');
            this.plot.setAttribute('aria-valuetext', 'nothing known');
        }
        this.draw();
    }
}
