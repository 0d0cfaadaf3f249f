/** The least and the most that is painted with one picture. What a canvas takes is drawn after the script, so that it can only be counted. */
const LEAST = 2, MOST = 16;

/** 24 ms: a picture later than this had too much to do. */
const LATE_MS = 24;

const soon = new Set();
const queue = new Map();
let asked = false, before = 0, allowance = 6;

function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(turn);
}

function turn(now) {
    asked = false;
    // Only pictures that follow each other tell how long one takes.
    const took = now - before;
    before = now;
    if (took > LATE_MS && took < 500) allowance = Math.max(LEAST, allowance * 0.75);
    else allowance = Math.min(MOST, allowance + 0.25);

    const tasks = [...soon];
    soon.clear();
    for (const task of tasks) task();
    let left = allowance;
    for (const [key, paint] of queue) {
        if (left < 1) break;
        left--;
        queue.delete(key);
        paint();
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
