import { el, fill } from './element.js';
import { counted } from './words.js';

/** Whom a command is for: what is chosen, a group, or all. */
export class Target {
    constructor(store, selection, changed) {
        this.store = store;
        this.selection = selection;
        this.select = el('select', { 'aria-label': 'For whom' });
        this.select.onchange = changed;
        this.clear = el('button.quiet', { type: 'button', textContent: 'None', title: 'Choose none (Escape)', onclick: () => selection.clear() });
        this.element = el('div.target', {}, el('label', {}, 'For ', this.select), this.clear);
        this.before = '';
    }

    /** Offers what there is; a new selection is the target. */
    refresh() {
        const ids = [...this.selection.ids], chosen = ids.join();
        const choices = [
            ...(ids.length ? [['chosen', ids.length === 1 ? ids[0] : counted(ids.length, 'chosen node')]] : [['', 'nobody: choose nodes']]),
            ...this.store.groups.map(group => [`group ${group}`, `group ${group}`]),
            ['all', `all ${counted(this.store.nodes.size, 'node')}`],
        ];
        fill(this.select, choices);
        if (chosen !== this.before) this.select.value = ids.length ? 'chosen' : '';
        this.before = chosen;
        this.clear.hidden = ids.length === 0;
    }

    /** As it stands in a command; `null` when it is nobody. */
    get to() {
        const { value } = this.select;
        if (value === 'all') return { all: true };
        if (value.startsWith('group ')) return { group: value.slice(6) };
        return this.selection.ids.size ? { nodes: [...this.selection.ids] } : null;
    }

    get words() {
        return this.select.selectedOptions[0]?.textContent ?? '';
    }

    /** The nodes that it means. */
    nodes() {
        const { to } = this, all = this.store.nodes;
        if (!to) return [];
        if (to.nodes) return to.nodes.map(id => all.get(id)).filter(Boolean);
        return [...all.values()].filter(node => to.all || node.groups?.includes(to.group));
    }
}
