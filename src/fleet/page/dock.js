import { Controls } from './controls.js';
import { el, write } from './element.js';
import { icon } from './icon.js';
import { Outcomes } from './outcomes.js';
import { nodeHash } from './route.js';
import { ask } from './service.js';
import { Target } from './target.js';
import { doing, span } from './words.js';

/** The panel from which lights are commanded, and where it is read what became of it. */
export class Dock {
    constructor(store, selection, session) {
        this.store = store;
        this.selection = selection;
        this.session = session;
        this.outcomes = new Outcomes();
        this.target = new Target(store, selection, () => this.refresh());
        this.controls = new Controls((command, words) => this.send(command, words));
        this.one = el('p.one');
        this.open = el('a.button', { textContent: 'Open its page' });
        this.why = el('p.why-not');
        this.close = el('button.icon', { type: 'button', 'aria-label': 'Close the controls', title: 'Close', onclick: () => this.dismiss() }, icon('close'));
        this.element = el('aside.dock', { 'aria-label': 'Controls', hidden: true },
            el('header', {}, el('h2', { textContent: 'Light' }), this.open, this.close),
            this.target.element, this.one, this.why, this.controls.element, this.outcomes.element);
        selection.onChange(() => {
            this.element.hidden = selection.ids.size === 0 && !this.pinned;
            this.refresh();
        });
        store.onChange(changed => {
            if (this.element.hidden) return;
            if (this.source && changed.has(this.source)) this.follow();
            if (this.target.groupsKnown !== store.groups.join() + store.nodes.size) this.refresh();
        });
        this.element.addEventListener('keydown', event => { if (event.key === 'Escape') this.dismiss(); });
        this.permit();
    }

    /** Shows it though nothing is chosen, or takes it away. */
    toggle() {
        this.pinned = this.element.hidden;
        this.element.hidden = !this.pinned;
        if (this.pinned) {
            this.refresh();
            this.target.select.focus();
        }
    }

    dismiss() {
        this.pinned = false;
        this.selection.clear();
        this.element.hidden = true;
    }

    /** Says why there are no controls where there are none. */
    permit() {
        const may = this.session.role === 'control';
        this.controls.element.hidden = this.target.element.hidden = !may;
        this.why.hidden = may;
        write(this.why, may ? '' : 'You may look, not touch: your token has the role “view”. Commands take one with the role “control”.');
    }

    refresh() {
        this.target.refresh();
        this.target.groupsKnown = this.store.groups.join() + this.store.nodes.size;
        const nodes = this.session.role === 'control' ? this.target.nodes() : [...this.selection.ids].map(id => this.store.nodes.get(id)).filter(Boolean);
        this.source = nodes.find(node => node.online) ?? nodes[0] ?? null;
        this.single = nodes.length === 1 ? nodes[0] : null;
        this.open.hidden = !this.single || location.hash === nodeHash(this.single.id);
        if (this.single) this.open.href = nodeHash(this.single.id);
        if (this.source && this.session.role === 'control') this.controls.from(this.source.id);
        for (const control of this.controls.element.querySelectorAll('button, input')) control.disabled = nodes.length === 0;
        this.follow();
    }

    follow() {
        const node = this.single;
        this.one.hidden = !node;
        this.controls.runs(node?.online ? node.light?.effect : null);
        if (!node) return;
        const [what, who] = doing(node);
        const held = who ? `, held by ${who}` : '';
        const until = node.light?.until ? `, for another ${span(node.light.until - this.store.now)}` : '';
        write(this.one, node.online ? `${node.id} shows ${what || 'nothing known'}${held}${until}.`
            : `${node.id} is offline: what is sent is not kept for it.`);
        if (node.online && document.activeElement !== this.controls.brightness.input && node.light?.brightness) {
            this.controls.brightness.input.value = node.light.brightness;
            write(this.controls.brightness.shown, String(node.light.brightness));
        }
    }

    async send(command, words) {
        const { to } = this.target;
        if (!to) return;
        const title = `${words} → ${this.target.words}`;
        const nodes = this.target.nodes();
        const about = { all: nodes.length, away: nodes.filter(node => !node.online).length, answered: command.kind === 'light' || command.kind === 'siren' };
        try {
            const { id } = await ask('POST', 'commands', { to, ...command });
            this.outcomes.sent(id, title, about);
        } catch (refused) {
            this.outcomes.refused(title, refused.error ?? { reason: 'the dashboard does not answer' });
        }
    }
}
