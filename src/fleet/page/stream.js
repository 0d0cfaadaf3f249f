import { ask } from './service.js';

/** 7 s: the service gives a sign of life each 2 s. */
const SILENCE_MS = 7000;

/** 30 s: half of the time for which frames are mirrored. */
const RENEW_MS = 30_000;

/** 200 ms: while somebody scrolls, the view changes with every picture. */
const SETTLE_MS = 200;

/** The most nodes whose frames are mirrored at once. */
const MIRRORED = 256;

/** The service's events, for as long as the page is open: resumes by itself, and says when it is lost. */
export class Stream {
    /** `hear` has a function for each event, and `lost(why)`, `back()` and `renew()`, which fetches the fleet again. */
    constructor(hear) {
        this.hear = hear;
        this.id = Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('');
        this.cursor = null;
        this.view = [];
        this.connected = false;
        this.pauseMs = 500;
        this.ticks = false;
        setInterval(() => this.sendView(), RENEW_MS);
        setInterval(() => this.listenForSilence(), 1000);
        document.addEventListener('visibilitychange', () => this.sendView());
    }

    /** Listens from this cursor on. */
    open(cursor) {
        this.cursor = cursor;
        this.source?.close();
        const source = this.source = new EventSource(`/api/v1/events?stream=${this.id}&cursor=${encodeURIComponent(cursor)}`);
        const on = (name, act) => source.addEventListener(name, event => {
            this.heardAt = performance.now();
            if (event.lastEventId) this.cursor = event.lastEventId;
            act(event.data ? JSON.parse(event.data) : {});
        });
        on('hello', () => this.arrived());
        on('tick', data => { this.ticks = true; this.hear.tick?.(data); });
        for (const name of ['delta', 'frames', 'result', 'event', 'broker']) on(name, data => this.hear[name](data));
        on('reset', () => this.hear.renew());
        source.onerror = () => this.fail('The connection to the dashboard is lost.');
    }

    /** Ends for good. */
    close() {
        this.closed = true;
        this.source?.close();
        clearTimeout(this.retry);
    }

    arrived() {
        this.pauseMs = 500;
        if (!this.connected) {
            this.connected = true;
            this.hear.back();
        }
        this.sendView();
    }

    fail(why) {
        this.source.close();
        this.source.onerror = null;
        this.connected = false;
        this.hear.lost(why);
        clearTimeout(this.retry);
        if (this.closed) return;
        this.retry = setTimeout(() => this.open(this.cursor), this.pauseMs * (0.75 + Math.random() / 2));
        this.pauseMs = Math.min(8000, this.pauseMs * 1.6);
        // A refusal looks like any other failure to an event source.
        if (navigator.onLine !== false) ask('GET', 'session').then(session => this.hear.session?.(session), () => {});
    }

    listenForSilence() {
        if (this.connected && this.ticks && performance.now() - this.heardAt > SILENCE_MS) {
            this.fail('No word from the dashboard\'s service.');
        }
    }

    /** The nodes that are in view: theirs are the frames that are mirrored. */
    look(ids) {
        const view = ids.slice(0, MIRRORED);
        if (view.join() === this.view.join()) return;
        this.view = view;
        clearTimeout(this.settle);
        this.settle = setTimeout(() => this.sendView(), SETTLE_MS);
    }

    sendView() {
        if (!this.connected || this.closed) return;
        const nodes = document.visibilityState === 'visible' ? this.view : [];
        // The next one comes soon.
        ask('PUT', `streams/${this.id}/view`, { nodes }).catch(() => {});
    }
}
