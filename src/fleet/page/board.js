import { CLOSE, OUTLINE, PINS, PLACES, RINGS } from './geometry.js';
import { Glows } from './glow.js';

/** The radius of the board's corners in millimetres. */
const CORNER = 2;

const painters = new Map();

/** Draws boards of one size; the unlit board and the glows are made once. */
class Painter {
    constructor(scale, view) {
        this.scale = scale;
        this.view = view;
        this.glows = new Glows(scale);
        this.ground = document.createElement('canvas');
        this.ground.width = Math.round(view[2] * scale);
        this.ground.height = Math.round(view[3] * scale);
        const context = this.ground.getContext('2d');
        context.scale(scale, scale);
        context.translate(-view[0], -view[1]);
        drawGround(context);
        if (view === CLOSE) fadeTop(context, view);
    }

    /** Draws a board with its LEDs at these PWM steps. */
    paint(context, steps) {
        const { scale, view, glows } = this;
        context.globalCompositeOperation = 'copy';
        context.drawImage(this.ground, 0, 0);
        context.globalCompositeOperation = 'screen';
        for (let led = 0; led < PLACES.length; led++) {
            if (!steps[led]) continue;
            const [x, y] = PLACES[led], glow = glows.of(led % 6, steps[led]), reach = glow.width / 2;
            context.drawImage(glow, Math.round((x - view[0]) * scale - reach), Math.round((y - view[1]) * scale - reach));
        }
    }
}

function drawGround(context) {
    const board = new Path2D();
    board.moveTo(15, 0);
    OUTLINE.forEach((_, at) => {
        const [here, next] = [OUTLINE[(at + 1) % 6], OUTLINE[(at + 2) % 6]];
        board.arcTo(...here, ...next, CORNER);
    });
    board.closePath();
    const shade = context.createLinearGradient(0, 0, 0, 37);
    shade.addColorStop(0, '#1a1c23');
    shade.addColorStop(1, '#0f1015');
    context.fillStyle = shade;
    context.fill(board);
    context.strokeStyle = '#353945';
    context.lineWidth = 0.3;
    context.stroke(board);

    for (const [x, y] of PINS) {
        disc(context, x, y, 0.68, '#2c2a26');
        disc(context, x, y, 0.3, '#47443e');
    }
    context.strokeStyle = '#1f222a';
    context.lineWidth = 0.45;
    context.lineCap = 'round';
    for (let arm = 0; arm < 3; arm++) {
        context.stroke(trace(PLACES.slice(6 * arm, 6 * arm + 6)));
    }
    PLACES.forEach(([x, y], led) => {
        context.fillStyle = '#24262c';
        context.beginPath();
        context.roundRect(x - 0.9, y - 0.9, 1.8, 1.8, 0.4);
        context.fill();
        const tint = RINGS[led % 6].rgb.map(byte => 34 + byte / 5);
        disc(context, x, y, 0.62, `rgb(${tint.map(Math.round).join(' ')})`);
    });
}

function disc(context, x, y, radius, colour) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
}

/** A smooth curve through the LEDs of an arm (Catmull-Rom). */
function trace(places) {
    const path = new Path2D();
    const place = at => places[Math.min(5, Math.max(0, at))];
    path.moveTo(...places[0]);
    for (let at = 0; at < 5; at++) {
        const [before, from, to, after] = [place(at - 1), place(at), place(at + 1), place(at + 2)];
        path.bezierCurveTo(from[0] + (to[0] - before[0]) / 6, from[1] + (to[1] - before[1]) / 6,
            to[0] - (after[0] - from[0]) / 6, to[1] - (after[1] - from[1]) / 6, ...to);
    }
    return path;
}

/** Close up, the board comes out of the dark instead of being cut off. */
function fadeTop(context, [left, top, width]) {
    const fade = context.createLinearGradient(0, top, 0, top + 7);
    fade.addColorStop(0, '#000f');
    fade.addColorStop(1, '#0000');
    context.globalCompositeOperation = 'destination-out';
    context.fillStyle = fade;
    context.fillRect(left, top, width, 7);
}

/** Makes a canvas as large as it is seen, and gives back how to draw a board on it. */
export function boardOn(canvas, width, view) {
    const dense = Math.min(2, window.devicePixelRatio || 1);
    const scale = Math.round(width * dense / view[2] * 50) / 50;
    const key = `${scale} ${view}`;
    let painter = painters.get(key);
    if (!painter) {
        // While a window is being resized each size is used once.
        if (painters.size > 6) painters.delete(painters.keys().next().value);
        painters.set(key, painter = new Painter(scale, view));
    }
    if (canvas.width !== painter.ground.width || canvas.height !== painter.ground.height) {
        canvas.width = painter.ground.width;
        canvas.height = painter.ground.height;
    }
    const context = canvas.getContext('2d');
    return steps => painter.paint(context, steps);
}
