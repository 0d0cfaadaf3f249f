/** The nodes that are chosen, by mouse or keys. */
export class Selection {
    ids = new Set();
    anchor = null;
    listeners = [];

    onChange(listener) { this.listeners.push(listener); }

    has(id) { return this.ids.has(id); }

    tell() {
        for (const listener of this.listeners) listener(this.ids);
    }

    /** Chooses one alone; once more, and none is. */
    only(id) {
        const alone = this.ids.size === 1 && this.ids.has(id);
        this.ids = new Set(alone ? [] : [id]);
        this.anchor = id;
        this.tell();
    }

    /** Chooses one more, or one less. */
    toggle(id) {
        if (!this.ids.delete(id)) this.ids.add(id);
        this.anchor = id;
        this.tell();
    }

    /** Chooses all from the one that was chosen last to this one, in the order in which they are shown. */
    extend(id, order) {
        const ids = order.map(node => node.id);
        const from = Math.max(0, ids.indexOf(this.anchor)), to = ids.indexOf(id);
        this.ids = new Set(ids.slice(Math.min(from, to), Math.max(from, to) + 1));
        this.anchor ??= id;
        this.tell();
    }

    set(ids) {
        this.ids = new Set(ids);
        this.tell();
    }

    clear() {
        if (this.ids.size) this.set([]);
    }
}
