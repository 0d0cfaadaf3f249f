import { onBeat } from './beat.js';
import { el, mark, write } from './element.js';
import { count, counted, measure, refusal, time } from './words.js';

/** The commands that are kept in sight, and the answers that came before their command was known. */
const KEPT = 12, EARLY = 400;

/** 700 ms: a screen reader is told how a command went, not each answer. */
const SPOKEN_MS = 700;

/** What became of the commands that were sent from this page. */
export class Outcomes {
    commands = new Map();
    early = [];

    constructor() {
        this.list = el('ol.outcomes', { 'aria-label': 'What became of it' });
        this.voice = el('p.unseen', { role: 'status', 'aria-live': 'polite' });
        this.element = el('div', {}, this.list, this.voice);
    }

    /** A command that was sent to so many, of which some are away: its answers are counted from here on. */
    sent(id, words, { all, away, answered }) {
        const command = new Command(words, { all, away, answered });
        this.commands.set(id, command);
        for (const result of this.early.filter(result => result.id === id)) command.take(result);
        this.show(command);
    }

    /** A command that the service did not take. */
    refused(words, error) {
        const command = new Command(words, { all: 0, away: 0, answered: true });
        command.refuse(error);
        this.show(command);
    }

    show(command) {
        this.list.prepend(command.element);
        while (this.list.childElementCount > KEPT) this.list.lastChild.remove();
        for (const [id, known] of this.commands) if (!known.element.isConnected && this.commands.size > KEPT) this.commands.delete(id);
        this.refresh(command);
    }

    /** An answer of a node. */
    take(result) {
        const command = this.commands.get(result.id);
        if (!command) {
            this.early.push(result);
            if (this.early.length > EARLY) this.early.shift();
            return;
        }
        command.take(result);
        this.refresh(command);
    }

    refresh(command) {
        onBeat(command.draw);
        clearTimeout(this.timer);
        this.timer = setTimeout(() => write(this.voice, command.summary()), SPOKEN_MS);
    }
}

class Command {
    counts = { shown: 0, accepted: 0, superseded: 0, rejected: 0 };
    troubles = new Map();
    nodes = new Set();
    slowest = 0;

    constructor(words, { all, away, answered }) {
        Object.assign(this, { words, all, away, answered });
        this.says = el('span.says');
        this.why = el('ul.why');
        this.element = el('li', {}, el('time', { textContent: time(Date.now()) }), el('b', { textContent: words }), this.says, this.why);
    }

    take(result) {
        const key = `${result.node} ${result.sequence ?? ''}`;
        // An answer may come twice (docs/mqtt.md).
        if (this.nodes.has(key)) return;
        this.nodes.add(key);
        this.counts[result.status] = (this.counts[result.status] ?? 0) + 1;
        this.slowest = Math.max(this.slowest, result.latency_ms ?? 0);
        if (result.status === 'rejected') this.troubles.set(result.node, refusal(result));
        if (result.status === 'accepted' && result.panel) this.troubles.set(result.node, `panel ${result.panel}`);
    }

    refuse(error) {
        this.error = refusal(error);
    }

    summary() {
        return `${this.words}: ${this.state()}`;
    }

    state() {
        if (this.error) return `refused: ${this.error}`;
        const told = Object.entries(this.counts).filter(([, number]) => number);
        const sum = told.reduce((sum, [, count]) => sum + count, 0);
        const waiting = this.answered ? this.all - this.away - sum : 0;
        const parts = this.all === 1 && told.length === 1 ? [told[0][0]] : told.map(([status, number]) => `${count(number)} ${status}`);
        if (this.slowest) parts[0] += ` in ${measure(this.slowest, 'ms', 1)}`;
        if (!this.answered && this.all > this.away) parts.push('sent');
        if (waiting > 0) parts.push(sum ? `${count(waiting)} to come` : `waiting for ${counted(waiting, 'answer')}`);
        if (this.away > 0) parts.push(this.all === 1 ? 'offline' : `${count(this.away)} offline`);
        return parts.join(' · ');
    }

    draw = () => {
        write(this.says, this.state());
        const worst = this.error || this.counts.rejected ? 'rejected' : this.counts.accepted ? 'accepted' : this.counts.shown ? 'shown' : 'waiting';
        mark(this.element, 'data-status', worst);
        const lines = [...this.troubles].slice(0, 4).map(([node, why]) => `${node}: ${why}`);
        if (this.troubles.size > 4) lines.push(`and ${this.troubles.size - 4} more`);
        if (this.why.childElementCount !== lines.length) this.why.replaceChildren(...lines.map(textContent => el('li', { textContent })));
    };
}
