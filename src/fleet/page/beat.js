/** 7 ms: what drawing may take of a frame, so that scrolling stays smooth. */
const BUDGET_MS = 7;

const soon = new Set();
const queue = new Map();
let asked = false;

function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(turn);
}

function turn() {
    asked = false;
    const tasks = [...soon];
    soon.clear();
    for (const task of tasks) task();
    const end = performance.now() + BUDGET_MS;
    for (const [key, paint] of queue) {
        queue.delete(key);
        paint();
        if (performance.now() > end) break;
    }
    if (queue.size || soon.size) ask();
}

/** Does it once, with the next picture; all that is asked for until then is one. */
export function onBeat(task) {
    soon.add(task);
    ask();
}

/** Paints with one of the next pictures, as time allows; a later wish under the same key takes its place. */
export function paintSoon(key, paint) {
    queue.set(key, paint);
    ask();
}

/** Forgets what was to be painted. */
export function dontPaint(key) {
    queue.delete(key);
}
