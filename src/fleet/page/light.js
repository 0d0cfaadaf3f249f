import { LEDS, RINGS } from './geometry.js';

/** What a node's defaults make of an intensity of 1, and the exponent on the way there (config.toml). */
const LIMIT = 48, GAMMA = 2.2;

/** The loads between which each ring fades in, from the red one (src/light/effect/load.rs). */
const BANDS = [[0, 5], [5, 20], [20, 40], [40, 60], [60, 80], [80, 100]];

/** A machine without load still glows. */
const GLIMMER = 0.3;

/** The hues at which a ring is alone, in degrees; between two of them both shine. */
const WHEEL = [[0, 0], [30.1, 1], [60, 2], [120, 3], [240, 4], [360, 0]];

export const DARK = new Uint8Array(LEDS);

/** The PWM steps of intensities from 0 to 1. */
function pwm(intensities, brightness) {
    return Uint8Array.from(intensities, intensity => {
        const level = Math.min(1, intensity) * brightness / 255;
        return level > 0 ? Math.max(1, Math.round(level ** GAMMA * LIMIT)) : 0;
    });
}

const allArms = rings => Array.from({ length: LEDS }, (_, led) => rings[led % 6]);

/** The rings of a load in percent. */
function ofLoad(load) {
    if (load === null) return [0, 0, 0, 0, 0, 0];
    const rings = BANDS.map(([start, end]) => Math.min(1, Math.max(0, (load - start) / (end - start))));
    rings[0] = GLIMMER + (1 - GLIMMER) * rings[0];
    return rings;
}

/** The rings of a colour `#rrggbb`: white takes what the channels share, two neighbours of the hue the rest (docs/colour.md). */
export function ofColour(colour) {
    const [r, g, b] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16) / 255);
    const most = Math.max(r, g, b), white = Math.min(r, g, b), chroma = most - white;
    const rings = [0, 0, 0, 0, 0, white];
    if (chroma === 0) return rings;
    const sector = most === r ? ((g - b) / chroma + 6) % 6 : most === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
    const hue = sector * 60;
    for (let at = 0; at < WHEEL.length - 1; at++) {
        const [start, from] = WHEEL[at], [end, to] = WHEEL[at + 1];
        if (hue < start || hue >= end) continue;
        const share = (hue - start) / (end - start);
        rings[from] += Math.min(1, 2 - 2 * share) * chroma;
        rings[to] += Math.min(1, 2 * share) * chroma;
    }
    return rings;
}

/** A still picture of an effect that moves: nobody is told that it is more than that. */
const STILLS = {
    rainbow: [1, 1, 1, 1, 1, 0.3], fire: [1, 0.9, 0.6, 0.1, 0, 0], gauge: [0.2, 0.4, 0.7, 1, 1, 1],
    temperature: [0, 0, 0.5, 1, 1, 1], cores: [0.8, 0.7, 0.6, 0.5, 0, 0], meters: [1, 0.9, 0.6, 0.3, 0.1, 0],
    load_average: [1, 0.8, 0.4, 0.1, 0, 0], clock: [0.8, 0, 0.8, 0, 0.8, 0], countdown: [0, 0, 0.8, 1, 1, 1],
    morse: [0, 0, 0, 0, 0, 1],
};

/** The 18 PWM steps that a node's state and load amount to, for when nobody mirrors its frames. */
export function fromState({ light, load }) {
    if (!light || light.state === 'OFF') return DARK;
    const brightness = light.brightness ?? 255;
    if (light.leds) return pwm(light.leds.map(level => level / 255), brightness);
    if (light.effect === 'cpu_load') return pwm(allArms(ofLoad(load)), brightness);
    if (light.color && light.color !== '#ffffff') return pwm(allArms(ofColour(light.color)), brightness);
    if (light.effect === 'solid') return pwm(allArms([0, 0, 0, 0, 0, 1]), brightness);
    return pwm(allArms(STILLS[light.effect] ?? [0.7, 0.7, 0.7, 0.7, 0.7, 0.7]), brightness);
}

/** The PWM steps of a mirrored frame, 36 hexadecimal digits. */
export function fromFrame(digits) {
    return Uint8Array.from({ length: LEDS }, (_, led) => parseInt(digits.slice(2 * led, 2 * led + 2), 16));
}

/** What a node's board looks like as far as is known: dark when its light can't be known. */
export function levels(node) {
    if (!node.online || node.stale) return DARK;
    return node.frame ?? (node.still ??= fromState(node));
}

/** How bright a PWM step is to the eye, 0 to 1: the default limit is nine tenths (src/picture/tone.rs). */
export const seen = step => (1 - Math.exp(-8.5 * step / 255)) ** (1 / 2.2);

/** The mean colour of a board's light and how bright it is to the eye. */
export function ambience(steps) {
    let red = 0, green = 0, blue = 0, most = 0;
    for (let led = 0; led < LEDS; led++) {
        if (!steps[led]) continue;
        const light = seen(steps[led]), { rgb } = RINGS[led % 6];
        red += rgb[0] * light; green += rgb[1] * light; blue += rgb[2] * light;
        most += light;
    }
    if (!most) return { rgb: [0, 0, 0], strength: 0 };
    // What all channels share is mostly grey: the hue is what tells boards apart.
    const grey = 0.7 * Math.min(red, green, blue);
    const scale = 255 / (Math.max(red, green, blue) - grey);
    return { rgb: [red, green, blue].map(channel => Math.round((channel - grey) * scale)), strength: Math.min(1, 0.3 + most / 10) };
}
