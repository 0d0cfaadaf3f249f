import { onBeat } from './beat.js';
import { boardOn } from './board.js';
import { Chart } from './chart.js';
import { el, mark, write } from './element.js';
import { WHOLE } from './geometry.js';
import { levels } from './light.js';
import { fleetHash } from './route.js';
import { ask } from './service.js';
import { away, doing, live, measure, span, troubles } from './words.js';
import { cores, counters, events, health, host, results, settings } from './facts.js';

/** 5 s between two questions for what is not told by itself; 15 s for the charts. */
const DETAIL_MS = 5000, HISTORY_MS = 15_000;

/** A node's own page. */
export class NodePage {
    constructor(store) {
        this.store = store;
        this.board = el('canvas.board', { role: 'img' });
        this.name = el('h2', { tabIndex: -1 });
        this.state = el('p.state-line');
        this.numbers = el('dl.vital');
        this.badges = el('p.badges');
        this.charts = [
            new Chart({ name: 'load', words: 'CPU load', unit: '%', low: 0, high: 100, tint: 'load' }),
            new Chart({ name: 'temperature', words: 'Temperature', unit: '°C', low: 40, high: 70, tint: 'heat' }),
            new Chart({ name: 'memory', words: 'Memory', unit: '%', low: 0, high: 100, tint: 'memory' }),
        ];
        this.windows = [['1h', '1 hour'], ['24h', '24 hours']].map(([window, words]) => el('button', {
            type: 'button', textContent: words, 'data-window': window, 'aria-pressed': String(window === '1h'), onclick: () => this.choose(window),
        }));
        this.window = '1h';
        this.left = el('div');
        this.right = el('div');
        this.pane = el('div.pane', {}, this.board);
        this.missing = el('p.empty', { hidden: true });
        this.back = el('a.back', { textContent: '← Fleet', href: '#/' });
        this.body = el('div.node-body', {},
            el('div', {}, el('section.portrait', { 'aria-label': 'Board' }, this.pane, this.badges, this.state, this.numbers), this.left),
            el('div', {}, el('section.history', { 'aria-label': 'History' },
                el('div.row', { role: 'group', 'aria-label': 'Window' }, ...this.windows), ...this.charts.map(({ element }) => element)), this.right));
        this.element = el('div.node', { hidden: true }, el('div.node-head', {}, this.back, this.name), this.missing, this.body);
        new ResizeObserver(() => { this.painted = null; this.refresh(); }).observe(this.pane);
        store.onChange(changed => { if (this.id && changed.has(store.nodes.get(this.id))) this.refresh(); });
        setInterval(() => this.turn(DETAIL_MS, 'detailAt', this.detail), 1000);
        setInterval(() => this.turn(HISTORY_MS, 'historyAt', this.history), 1000);
    }

    /** Shows this node, or none. */
    show(id, choice) {
        this.back.href = fleetHash(choice);
        this.element.hidden = id === null;
        if (id === this.id) return;
        this.id = id;
        this.told = null;
        this.left.replaceChildren();
        this.right.replaceChildren();
        this.painted = null;
        if (id === null) return;
        write(this.name, id);
        this.missing.hidden = true;
        this.body.hidden = false;
        this.refresh();
        this.detail();
        this.history();
        this.element.scrollTop = 0;
        this.name.focus({ preventScroll: true });
    }

    choose(window) {
        this.window = window;
        for (const button of this.windows) mark(button, 'aria-pressed', button.dataset.window === window);
        this.history();
    }

    turn(pause, at, act) {
        if (!this.id || document.visibilityState !== 'visible') return;
        this.refresh();
        if (performance.now() - (this[at] ?? 0) > pause) act();
    }

    /** An answer or event of this node came: what is asked for is there in a moment. */
    heard(node) {
        if (node === this.id) this.detailAt = performance.now() - DETAIL_MS + 400;
    }

    detail = async () => {
        this.detailAt = performance.now();
        const { id } = this;
        try {
            const told = await ask('GET', `nodes/${encodeURIComponent(id)}`);
            if (id !== this.id) return;
            this.told = told;
            this.missing.hidden = true;
            this.body.hidden = false;
            this.tell();
        } catch (refused) {
            if (id !== this.id || refused.status !== 404) return;
            write(this.missing, `No node ${id} has spoken to this dashboard.`);
            this.missing.hidden = false;
            this.body.hidden = true;
        }
    };

    history = async () => {
        this.historyAt = performance.now();
        const { id, window } = this;
        try {
            const history = await ask('GET', `nodes/${encodeURIComponent(id)}/history?window=${window}`);
            if (id !== this.id || window !== this.window) return;
            const { interval_secs: interval } = this.store.nodes.get(id) ?? {};
            for (const chart of this.charts) chart.show(history, interval);
        } catch { /* It is asked for again; the connection says what is wrong. */ }
    };

    refresh() {
        const node = this.store.nodes.get(this.id);
        if (!node) return;
        const now = this.store.now, known = live(node);
        mark(this.element, 'data-state', !node.online ? 'offline' : node.stale ? 'stale' : 'online');
        const [what, who] = doing(node);
        const until = node.light?.until ? `, for another ${span(node.light.until - now)}` : '';
        write(this.state, !node.online ? away(node, now)
            : node.stale ? (node.at ? `No sample for ${span(now - node.at)}: the numbers are old` : 'No sample yet')
            : `${what || 'nothing known'}${who ? ` · ${who}` : ''}${until}`);
        this.vital([['load', 'Load', known ? measure(node.load, '%') : '–'], ['heat', 'Temperature', known ? measure(node.temperature, '°C', 1) : '–'], ['memory', 'Memory', known ? measure(node.memory, '%') : '–']]);
        const words = troubles(node);
        if (this.badges.dataset.words !== words.join()) {
            this.badges.dataset.words = words.join();
            this.badges.replaceChildren(...words.map(word => el('i', { textContent: word, className: word.split(' ')[0] })));
        }
        mark(this.board, 'aria-label', `The board of ${node.id}: ${known ? what || 'nothing known' : 'not known'}`);
        const light = levels(node);
        if (light !== this.painted) {
            this.painted = light;
            onBeat(this.draw);
        }
    }

    vital(entries) {
        if (!this.numbers.childElementCount) {
            this.numbers.append(...entries.map(([tint, words]) => el('div', {}, el('dt', { textContent: words }), el(`dd.${tint}`))));
        }
        entries.forEach(([, , text], at) => write(this.numbers.children[at].lastChild, text));
    }

    draw = () => {
        const width = Math.min(380, this.pane.clientWidth - 24);
        if (width < 40 || !this.painted) return;
        this.board.style.width = `${width}px`;
        this.board.style.height = `${width * WHOLE[3] / WHOLE[2]}px`;
        boardOn(this.board, width, WHOLE)(this.painted);
    };

    /** Draws anew: the colours are others. */
    redraw() {
        this.painted = null;
        this.refresh();
        for (const chart of this.charts) chart.draw();
    }

    tell() {
        const { told } = this, now = this.store.now;
        const put = (column, ...parts) => column.replaceChildren(...parts.filter(Boolean));
        put(this.left, cores(told), health(told), settings(told), counters(told));
        put(this.right, host(told), results(told, now), events(told, now));
    }
}
