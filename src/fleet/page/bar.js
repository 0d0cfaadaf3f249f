import { el, fill, mark, write } from './element.js';
import { icon } from './icon.js';
import { SORTS } from './order.js';
import { tally } from './store.js';
import { themeButton } from './theme.js';
import { count, measure, time } from './words.js';

const CHIPS = [['', 'all', 'nodes'], ['online', 'online', 'online'], ['offline', 'offline', 'offline'], ['stale', 'stale', 'stale'], ['hot', 'hot', 'hot'], ['alert', 'alert', 'alerts']];

/** The head of the page: how the fleet is, and what of it is shown. */
export class Bar {
    constructor(store, choice, { chosen, light, session, leave }) {
        this.store = store;
        this.choice = choice;
        this.chosen = chosen;
        this.chips = CHIPS.map(([state, key, words]) => {
            const number = el('b', { textContent: '–' }), named = el('span', { textContent: ` ${words}` });
            const chip = el('button.chip', { type: 'button', 'aria-pressed': 'false', 'data-state': key, onclick: () => this.set({ state: this.choice.state === state ? '' : state }) },
                number, named);
            return { state, key, number, words: named, chip };
        });
        this.load = el('span.mean', { title: 'Mean load of all that are online' });
        this.search = el('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search by name, group, effect or sender', spellcheck: false });
        this.search.oninput = () => this.set({ query: this.search.value });
        this.sort = el('select', { 'aria-label': 'Order', onchange: () => this.set({ sort: this.sort.value }) });
        fill(this.sort, SORTS);
        this.group = el('select', { 'aria-label': 'Group', onchange: () => this.set({ group: this.group.value }) });
        this.looks = [['tiles', 'Tiles'], ['dense', 'Dense']].map(([look, words]) =>
            el('button', { type: 'button', 'data-look': look, 'aria-pressed': 'false', textContent: words, onclick: () => this.set({ look }) }));
        this.pulse = el('span.pulse', { role: 'status' }, el('i'), this.says = el('span'));
        const full = el('button.icon', { type: 'button', 'aria-label': 'Full screen', title: 'Full screen', onclick: () => {
            // Where it is not allowed, nothing happens.
            if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen?.().catch(() => {});
        } }, icon('full'));
        this.element = el('header.bar', {},
            el('div.brand', {}, el('h1', {}, el('a', { href: '#/', textContent: 'PiGlow' }), ' fleet'), this.pulse),
            el('div.chips', { role: 'group', 'aria-label': 'How the nodes are' }, ...this.chips.map(({ chip }) => chip), this.load),
            el('div.tools', { role: 'search', 'aria-label': 'What is shown' }, this.search, this.sort, this.group,
                el('div.looks', { role: 'group', 'aria-label': 'Look' }, ...this.looks),
                el('button', { type: 'button', textContent: 'Light', title: 'Controls for a group or all', 'data-do': 'light', onclick: light }),
                themeButton(), full,
                session.login ? el('button.icon', { type: 'button', 'aria-label': 'Sign out', title: 'Sign out', onclick: leave }, icon('leave')) : null));
        setInterval(() => this.count(), 1000);
        this.show(choice);
    }

    set(part) {
        this.choice = { ...this.choice, ...part };
        this.show(this.choice);
        this.chosen(this.choice);
    }

    /** Shows what is chosen. */
    show(choice) {
        this.choice = choice;
        if (this.search.value !== choice.query) this.search.value = choice.query;
        this.sort.value = choice.sort;
        this.groups();
        for (const { state, chip } of this.chips) mark(chip, 'aria-pressed', state === choice.state);
    }

    /** Shows which look it is, where that went by the number of nodes. */
    looksLike(look) {
        for (const button of this.looks) mark(button, 'aria-pressed', button.dataset.look === look);
    }

    groups() {
        const { group } = this.choice;
        const names = this.store.groups.includes(group) || !group ? this.store.groups : [group, ...this.store.groups];
        fill(this.group, [['', 'all groups'], ...names.map(name => [name, name])]);
        this.group.value = group;
        this.group.hidden = names.length === 0;
    }

    count() {
        const sums = tally(this.store.nodes.values());
        for (const { key, number, words, chip } of this.chips) {
            write(number, count(sums[key]));
            if (key === 'all' || key === 'alert') write(words, ` ${key === 'all' ? 'node' : key}${sums[key] === 1 ? '' : 's'}`);
            chip.classList.toggle('none', sums[key] === 0);
        }
        write(this.load, sums.load === null ? '' : `${measure(sums.load, '%')} mean load`);
        this.groups();
        document.title = sums.offline || sums.alert ? `PiGlow fleet · ${[sums.offline && `${sums.offline} offline`, sums.alert && `${sums.alert} alerts`].filter(Boolean).join(' · ')}` : 'PiGlow fleet';
    }

    /** Says how the connection is. */
    link(state, words) {
        mark(this.pulse, 'data-link', state);
        write(this.says, words);
    }

    /** The time of the newest news. */
    heard(now) {
        this.pulse.title = `Newest at ${time(now)}`;
    }
}
