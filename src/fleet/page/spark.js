import { colour } from './theme.js';
import { live } from './words.js';
import { ask } from './service.js';

/** The quantities of a tile, with the range that its line spans: the same for all, so that tiles compare. */
const LINES = [
    { name: 'load', low: 0, high: 100, tint: 'load' },
    { name: 'temperature', low: 30, high: 90, tint: 'heat' },
    { name: 'memory', low: 0, high: 100, tint: 'memory' },
];

/** Draws the last hour of load, temperature and memory side by side; where nothing is known there is a gap. */
export function drawSparks(canvas, width, height, hour, node) {
    const dense = Math.min(2, window.devicePixelRatio || 1);
    const pixels = [Math.round(width * dense), Math.round(height * dense)];
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    const context = canvas.getContext('2d');
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, width, height);
    const gap = 10, part = (width - 2 * gap) / 3;
    LINES.forEach((line, at) => {
        const left = at * (part + gap);
        context.fillStyle = colour('rule');
        context.fillRect(left, height - 1, part, 1);
        const values = hour?.[line.name];
        if (values) drawLine(context, left, part, height, values, line, live(node), runs(values, hour.step_secs, node.interval_secs));
    });
}

function drawLine(context, left, width, height, values, { low, high, tint }, isLive, pieces) {
    const x = at => left + width * at / (values.length - 1);
    const y = value => 2 + (height - 4) * (1 - Math.min(1, Math.max(0, (value - low) / (high - low))));
    context.strokeStyle = context.fillStyle = isLive ? colour(tint) : colour('faint');
    context.lineWidth = 1.3;
    context.lineJoin = 'round';
    for (const places of pieces) {
        const [first] = places, last = places.at(-1);
        context.beginPath();
        for (const at of places) context.lineTo(x(at), y(values[at]));
        if (first === last) context.lineTo(x(first) + 1, y(values[first]));
        context.globalAlpha = isLive ? 1 : 0.6;
        context.stroke();
        context.lineTo(x(last), height);
        context.lineTo(x(first), height);
        context.globalAlpha = isLive ? 0.13 : 0.06;
        context.fill();
    }
    context.globalAlpha = 1;
}

/** Two intervals without a sample are not a gap yet: one may be late, and steps and samples do not beat together. */
const PATIENCE = 2.2;

/** Where values follow each other without a gap, as their places; steps that lie between two samples do not count as one. */
export function runs(values, stepSecs, intervalSecs) {
    const bridged = Math.max(1, Math.ceil(PATIENCE * (intervalSecs ?? stepSecs) / stepSecs));
    const found = [];
    let last = -Infinity;
    values.forEach((value, at) => {
        if (value === null) return;
        if (at - last > bridged) found.push([]);
        found.at(-1).push(at);
        last = at;
    });
    return found;
}

/** 60 s: the step of a sparkline. */
const FRESH_MS = 60_000;

/** 150 ms: while somebody scrolls, the view changes with every picture. */
const SETTLE_MS = 150;

/** The most nodes in one question, and the hours that are kept. */
const ASKED = 200, KEPT = 2000;

/** The last hours of the nodes in view. */
export class Hours {
    known = new Map();

    constructor(arrived) {
        this.arrived = arrived;
    }

    of(id) { return this.known.get(id)?.hour; }

    /** Asks for those that are not there or old, when the view has come to rest. */
    want(ids) {
        this.ids = ids;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.fetch(), SETTLE_MS);
    }

    /** Asks again for what is in view. */
    renew() {
        if (this.ids?.length) this.fetch();
    }

    async fetch() {
        const now = performance.now();
        const old = this.ids.filter(id => !(now - this.known.get(id)?.at < FRESH_MS)).slice(0, ASKED);
        if (!old.length) return;
        for (const id of old) this.known.set(id, { at: now, hour: this.of(id) });
        try {
            const hours = await ask('GET', `sparklines?nodes=${old.map(encodeURIComponent).join(',')}`);
            for (const [id, hour] of Object.entries(hours)) this.known.set(id, { at: now, hour });
            this.arrived(Object.keys(hours));
        } catch {
            // They are asked for again with the next view.
            for (const id of old) this.known.delete(id);
        }
        for (const id of this.known.keys()) {
            if (this.known.size <= KEPT) break;
            this.known.delete(id);
        }
    }
}
