import { PLACES, RINGS } from './geometry.js';
import { ambience, levels, seen } from './light.js';

/** The heat of a load, from cool to hot. */
const RAMP = [[0, [22, 30, 46]], [25, [20, 50, 64]], [50, [36, 78, 70]], [70, [124, 92, 30]], [85, [172, 74, 34]], [100, [206, 34, 56]]];

export function heat(load) {
    const at = RAMP.findIndex(([until]) => load <= until);
    if (at <= 0) return at ? RAMP.at(-1)[1] : RAMP[0][1];
    const [[from, cool], [to, hot]] = [RAMP[at - 1], RAMP[at]];
    const share = (load - from) / (to - from);
    return cool.map((channel, index) => Math.round(channel + (hot[index] - channel) * share));
}

/** Steps of load, and of the brightness of a light, that have a picture of their own. */
const STEPS = 25, LIGHTS = 8;

/** From this size in pixels on, the 18 LEDs of a board can be told apart. */
const APART = 28;

/** Draws nodes as small cells of one size: the ground by the load, the light of the board upon it. */
export class Cells {
    grounds = new Map();
    glows = new Map();

    /** `size` in pixels of the canvas. */
    constructor(size) {
        this.size = size;
        this.pad = Math.max(1, Math.round(size * 0.06));
    }

    draw(context, x, y, node, chosen) {
        const { size } = this;
        context.clearRect(x, y, size, size);
        context.drawImage(this.ground(node), x, y);
        if (node.online && !node.stale) {
            context.globalCompositeOperation = 'screen';
            if (size < APART) this.light(context, x, y, node);
            else this.lights(context, x, y, levels(node));
            context.globalCompositeOperation = 'source-over';
            if (node.alert || node.hot) this.ring(context, x, y, node.alert ? '#ff4d5e' : '#ff9f43', 1);
        }
        if (chosen) this.ring(context, x, y, '#ffffff', 1.6);
    }

    /** The light of all LEDs as one. */
    light(context, x, y, node) {
        const { rgb, strength } = node.tone ??= ambience(levels(node));
        // What only repeats the load stays back behind what somebody commanded.
        const weight = node.light?.layer === 'base' ? 0.45 : 1;
        if (strength) context.drawImage(this.glow(rgb, strength * weight, this.size), x, y);
    }

    /** Each LED for itself. */
    lights(context, x, y, steps) {
        const scale = (this.size - 2 * this.pad) / 30, spot = Math.ceil(7 * scale);
        for (let led = 0; led < PLACES.length; led++) {
            const strength = Math.round(seen(steps[led]) * LIGHTS) / LIGHTS;
            if (!strength) continue;
            const [left, top] = PLACES[led];
            context.drawImage(this.glow(RINGS[led % 6].rgb, strength, spot),
                Math.round(x + this.pad + (left + 1.2) * scale - spot / 2), Math.round(y + this.pad + (top - 9.6) * scale - spot / 2));
        }
    }

    ring(context, x, y, colour, weight) {
        const wide = Math.max(1, this.size / 14) * weight, inset = this.pad + wide / 2;
        context.strokeStyle = colour;
        context.lineWidth = wide;
        context.beginPath();
        context.roundRect(x + inset, y + inset, this.size - 2 * inset, this.size - 2 * inset, this.size * 0.2);
        context.stroke();
    }

    ground(node) {
        const key = !node.online ? 'offline' : node.stale ? 'stale' : node.load === null ? 'unknown' : Math.round(node.load / 100 * STEPS);
        let ground = this.grounds.get(key);
        if (!ground) this.grounds.set(key, ground = this.makeGround(key));
        return ground;
    }

    makeGround(key) {
        const [canvas, context] = this.blank();
        const { size, pad } = this;
        context.beginPath();
        context.roundRect(pad, pad, size - 2 * pad, size - 2 * pad, size * 0.22);
        if (typeof key === 'number') {
            // Single LEDs take a ground that is darker than a heat.
            context.fillStyle = '#0d1017';
            context.fill();
            context.globalAlpha = size < APART ? 1 : 0.62;
            context.fillStyle = `rgb(${heat(key * 100 / STEPS).join(' ')})`;
            context.fill();
        } else {
            context.strokeStyle = context.fillStyle = key === 'offline' ? '#7a8194' : '#8d93a3';
            context.globalAlpha = key === 'offline' ? 0.5 : 0.25;
            context.lineWidth = Math.max(1, size / 20);
            if (key === 'offline') context.stroke(); else context.fill();
            if (key === 'stale') {
                // Hatched: what is known is old.
                context.clip();
                context.globalAlpha = 0.7;
                context.beginPath();
                for (let at = -size; at < size; at += size / 4) { context.moveTo(at, size); context.lineTo(at + size, 0); }
                context.stroke();
            }
        }
        return canvas;
    }

    glow(rgb, strength, size) {
        const step = Math.round(strength * LIGHTS);
        const key = `${rgb.map(channel => channel >> 5)} ${step} ${size}`;
        let glow = this.glows.get(key);
        if (!glow) this.glows.set(key, glow = this.makeGlow(rgb, step / LIGHTS, size));
        return glow;
    }

    makeGlow(rgb, strength, size) {
        const [canvas, context] = this.blank(size);
        const middle = size / 2;
        const gradient = context.createRadialGradient(middle, middle, 0, middle, middle, middle);
        const hot = rgb.map(channel => Math.round(channel + (255 - channel) * 0.25));
        gradient.addColorStop(0, `rgb(${hot.join(' ')} / ${strength})`);
        gradient.addColorStop(0.3, `rgb(${rgb.join(' ')} / ${0.92 * strength})`);
        gradient.addColorStop(0.52, `rgb(${rgb.join(' ')} / ${0.2 * strength})`);
        gradient.addColorStop(1, `rgb(${rgb.join(' ')} / 0)`);
        context.fillStyle = gradient;
        context.fillRect(0, 0, size, size);
        return canvas;
    }

    blank(size = this.size) {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = size;
        return [canvas, canvas.getContext('2d')];
    }
}
