import { RINGS } from './geometry.js';
import { seen } from './light.js';

/** How much of a channel's excess spills into the others, as it does in an eye. */
const SPILL = 0.34;

/** How far a glow reaches, in millimetres. */
const REACH = 10;

/** Steps of brightness that are told apart; the eye hardly sees more on a dot. */
const STEPS = 30;

const decode = byte => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
const encode = linear => (linear <= 0.0031308 ? linear * 12.92 : 1.055 * linear ** (1 / 2.4) - 0.055);

/** The curve from linear light to a screen's byte, tabled by the square root of the light. */
const CURVE = Uint8ClampedArray.from({ length: 1025 }, (_, at) => 255 * encode(1 - Math.exp(-12 * (at / 1024) ** 2)));
const shown = light => CURVE[Math.min(1024, Math.sqrt(light / 12) * 1024) | 0];

/** The glow at a distance in millimetres: the package itself, its bloom, and what the board scatters. */
function weight(distance, scale) {
    const core = (distance / Math.max(0.95, 0.62 / scale)) ** 2;
    const fade = Math.max(0, 1 - (distance / REACH) ** 2) ** 2;
    return Math.exp(-core * Math.sqrt(core)) + 0.1 * Math.exp(-((distance / 1.9) ** 2))
        + 0.03 * fade / (1 + (distance / 3.4) ** 2) ** 2;
}

/** The glows of LEDs at one scale, made when they are first needed. */
export class Glows {
    constructor(scale) {
        this.size = 2 * Math.ceil(REACH * scale);
        this.made = new Map();
        const middle = (this.size - 1) / 2;
        this.weights = Float32Array.from({ length: this.size ** 2 }, (_, at) => {
            const x = at % this.size - middle, y = Math.floor(at / this.size) - middle;
            return weight(Math.hypot(x, y) / scale, scale);
        });
    }

    /** The picture of a ring's LED at a PWM step and how far it reaches; to be laid on with `screen`, which adds light up as this curve does. */
    of(ring, step) {
        const level = Math.max(1, Math.round(seen(step) * STEPS));
        const key = ring * 64 + level;
        let glow = this.made.get(key);
        if (!glow) this.made.set(key, glow = this.make(RINGS[ring].rgb, level));
        return glow;
    }

    make(rgb, level) {
        // A dim light does not reach far.
        const size = Math.min(this.size, 2 * Math.ceil(this.size / 2 * (0.42 + 0.58 * level / STEPS)));
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = size;
        const context = canvas.getContext('2d');
        const picture = context.createImageData(size, size);
        const rim = (this.size - size) / 2;
        // The light that is seen so bright: the inverse of `seen`.
        const power = -Math.log(1 - Math.min(0.9999, (level / STEPS) ** 2.2));
        const [red, green, blue] = rgb.map(byte => decode(byte) * power);
        const most = Math.max(red, green, blue);
        const { data } = picture;
        for (let at = 0; at < size * size; at++) {
            const x = at % size, y = (at - x) / size;
            const weight = this.weights[(y + rim) * this.size + x + rim] * Math.min(1, 3 * (1 - Math.hypot(x - size / 2, y - size / 2) * 2 / size));
            if (weight <= 0) continue;
            const light = most * weight, spill = SPILL * light ** 3 / (light * light + 20);
            const pixel = [shown(red * weight + spill), shown(green * weight + spill), shown(blue * weight + spill)];
            const alpha = Math.max(...pixel);
            if (!alpha) continue;
            for (let channel = 0; channel < 3; channel++) data[4 * at + channel] = pixel[channel] * 255 / alpha;
            data[4 * at + 3] = alpha;
        }
        context.putImageData(picture, 0, 0);
        return canvas;
    }
}
