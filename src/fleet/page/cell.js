import { ambience, levels } from './light.js';

/** The heat of a load, from cool to hot. */
const RAMP = [[0, [34, 58, 92]], [25, [26, 104, 118]], [50, [92, 128, 60]], [70, [184, 134, 38]], [85, [214, 88, 40]], [100, [236, 44, 62]]];

export function heat(load) {
    const at = RAMP.findIndex(([until]) => load <= until);
    if (at <= 0) return at ? RAMP.at(-1)[1] : RAMP[0][1];
    const [[from, cool], [to, hot]] = [RAMP[at - 1], RAMP[at]];
    const share = (load - from) / (to - from);
    return cool.map((channel, index) => Math.round(channel + (hot[index] - channel) * share));
}

/** Steps of load that have a picture of their own. */
const STEPS = 25;

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
            const { rgb, strength } = node.tone ??= ambience(levels(node));
            if (strength) {
                context.globalCompositeOperation = 'screen';
                context.drawImage(this.glow(rgb, strength), x, y);
                context.globalCompositeOperation = 'source-over';
            }
            if (node.alert || node.hot) this.ring(context, x, y, node.alert ? '#ff4d5e' : '#ff9f43', 1);
        }
        if (chosen) this.ring(context, x, y, '#ffffff', 1.6);
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

    glow(rgb, strength) {
        const step = Math.round(strength * 5);
        const key = rgb.map(channel => channel >> 5).join() + step;
        let glow = this.glows.get(key);
        if (!glow) this.glows.set(key, glow = this.makeGlow(rgb, step / 5));
        return glow;
    }

    makeGlow(rgb, strength) {
        const [canvas, context] = this.blank();
        const middle = this.size / 2;
        const gradient = context.createRadialGradient(middle, middle, 0, middle, middle, middle);
        const hot = rgb.map(channel => Math.round(channel + (255 - channel) * 0.55));
        gradient.addColorStop(0, `rgb(${hot.join(' ')} / ${strength})`);
        gradient.addColorStop(0.28, `rgb(${rgb.join(' ')} / ${0.9 * strength})`);
        gradient.addColorStop(0.6, `rgb(${rgb.join(' ')} / ${0.28 * strength})`);
        gradient.addColorStop(1, `rgb(${rgb.join(' ')} / 0)`);
        context.fillStyle = gradient;
        context.fillRect(0, 0, this.size, this.size);
        return canvas;
    }

    blank() {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = this.size;
        return [canvas, canvas.getContext('2d')];
    }
}
