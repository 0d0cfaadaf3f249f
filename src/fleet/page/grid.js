import { onBeat } from './beat.js';
import { Dense } from './dense.js';
import { el, write } from './element.js';
import { arrange } from './order.js';
import { nodeHash } from './route.js';
import { Hours } from './spark.js';
import { Tiles } from './tiles.js';

/** From this many nodes on they are shown as cells, unless tiles are asked for. */
const MANY = 400;

/** 1 s between two sortings; 3 s where the order goes by what changes all the time. */
const SORT_MS = 1000, RANK_MS = 3000;

/** The part of the page in which the fleet stands: scrolled, virtual, steered by mouse and keys. */
export class Grid {
    order = [];
    focused = 0;
    sortedAt = 0;
    sortedAs = '';

    constructor(store, selection, { view }) {
        this.store = store;
        this.selection = selection;
        this.view = view;
        this.hours = new Hours(ids => this.look.refresh(ids.map(id => store.nodes.get(id)).filter(Boolean)));
        const grid = this;
        this.context = {
            hours: this.hours,
            get now() { return store.now; },
            get selected() { return selection; },
            focus: () => this.focused,
            order: () => grid.order,
            again: () => this.again(),
        };
        this.empty = el('p.empty', { hidden: true });
        this.space = el('div.space');
        this.element = el('div.scroller', {}, this.space, this.empty);
        this.looks = { tiles: new Tiles(this.context), dense: new Dense(this.context) };
        this.look = this.looks.tiles;
        this.space.append(this.look.element);

        this.element.addEventListener('scroll', () => { onBeat(this.place); this.scrolled(); }, { passive: true });
        this.element.addEventListener('click', event => this.click(event));
        this.element.addEventListener('dblclick', event => this.open(this.look.indexOf(event)));
        this.element.addEventListener('keydown', event => this.key(event));
        this.element.addEventListener('pointerdown', () => { this.held = true; });
        window.addEventListener('pointerup', () => { this.held = false; });
        new ResizeObserver(() => onBeat(this.layOut)).observe(this.element);
        selection.onChange(() => this.look.refreshAll());
        store.onChange(changed => this.changed(changed));
        setInterval(() => this.turn(), 1000);
    }

    /** Shows what is chosen of the fleet. */
    choose(choice) {
        this.choice = choice;
        this.focused = 0;
        this.sort();
        if (this.element.scrollTop) this.element.scrollTop = 0;
    }

    changed(changed) {
        this.look.refresh(changed);
        if (this.store.generation !== this.sortedGeneration) this.sortLater();
    }

    /** Once a second: ages go on, hours are renewed. */
    turn() {
        if (document.visibilityState !== 'visible') return;
        this.sortLater();
        if (this.look.mirrors) this.look.refreshAll();
        this.hours.renew();
    }

    sortLater() {
        const moving = this.choice?.sort === 'hottest' || this.choice?.sort === 'busiest';
        const pause = moving ? RANK_MS : SORT_MS;
        // Nothing moves from under a finger.
        if (!this.choice || this.held || this.store.generation === this.sortedGeneration) return;
        if (performance.now() - this.sortedAt < pause && this.sortedCount === this.store.nodes.size) return;
        this.sort();
    }

    sort() {
        this.sortedAt = performance.now();
        this.sortedGeneration = this.store.generation;
        this.sortedCount = this.store.nodes.size;
        const focused = this.order[this.focused];
        const order = arrange(this.store.nodes.values(), this.choice);
        const same = order.length === this.order.length && order.every((node, at) => node === this.order[at]);
        if (!same) {
            order.forEach((node, at) => { node.place = at; });
            this.order = order;
            const at = focused ? order.indexOf(focused) : 0;
            this.focused = Math.max(0, at >= 0 ? at : Math.min(this.focused, order.length - 1));
        }
        const wanted = this.choice.look === 'auto' ? (order.length > MANY ? 'dense' : 'tiles') : this.choice.look;
        const look = this.looks[wanted] ?? this.looks.tiles;
        if (look !== this.look) {
            this.look.element.replaceWith(look.element);
            this.look = look;
            this.layOut();
        } else if (!same) {
            this.layOut(true);
        }
        this.empty.hidden = order.length > 0;
        write(this.empty, this.store.nodes.size ? 'No node is like that.' : 'No node has spoken yet.');
    }

    /** `tiles` or `dense`. */
    get lookName() { return this.look === this.looks.dense ? 'dense' : 'tiles'; }

    layOut = glide => {
        const { clientWidth, clientHeight, scrollTop } = this.element;
        if (!clientWidth || !this.choice) return;
        // Whatever is wider or narrower now, who is looked at stays where it is.
        const before = glide !== true && this.look.columns ? this.look.at(this.focused).y - scrollTop : -1;
        this.space.style.height = `${this.look.measure(clientWidth, clientHeight, this.order.length)}px`;
        if (before >= 0 && before < clientHeight) this.element.scrollTop = this.look.at(this.focused).y - before;
        this.show(glide === true);
    };

    place = () => this.show(false);

    again() { onBeat(this.place); }

    show(glide) {
        const { scrollTop, clientHeight } = this.element;
        if (!clientHeight) return;
        const ids = this.look.show(this.order, scrollTop - 40, scrollTop + clientHeight + 40, glide);
        if (this.hidden) return;
        this.hours.want(ids);
        this.view(this.look.mirrors ? ids : []);
        clearTimeout(this.rest);
        this.rest = setTimeout(() => this.look.settle(), 400);
    }

    scrolled() {
        if (this.looks.dense.tip) this.looks.dense.tip.hidden = true;
    }

    click(event) {
        if (event.target.closest('a')) return;
        const index = this.look.indexOf(event);
        if (index === null) return this.selection.clear();
        this.pick(index, event);
        this.setFocus(index);
    }

    pick(index, { shiftKey, ctrlKey, metaKey }) {
        const { id } = this.order[index];
        if (shiftKey) this.selection.extend(id, this.order);
        else if (ctrlKey || metaKey) this.selection.toggle(id);
        else this.selection.only(id);
    }

    open(index) {
        if (index !== null && this.order[index]) location.hash = nodeHash(this.order[index].id);
    }

    key(event) {
        const { columns } = this.look;
        const page = columns * Math.max(1, Math.floor(this.element.clientHeight / (this.look.at(0).height + (this.look.gap ?? 0))));
        const steps = {
            ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page,
            Home: -this.order.length, End: this.order.length,
        };
        const inGrid = event.target.closest('.pick, .cursor');
        if (event.key === 'Escape') return this.selection.clear();
        if (!inGrid || event.altKey) return;
        if (event.key in steps) {
            event.preventDefault();
            const last = this.order.length - 1;
            const to = Math.min(last, Math.max(0, this.focused + steps[event.key]));
            if (event.shiftKey) {
                this.selection.anchor ??= this.order[this.focused]?.id;
                this.selection.extend(this.order[to].id, this.order);
            }
            this.setFocus(to, true);
        } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.selection.set(this.order.map(node => node.id));
        } else if (event.key === 'o') {
            this.open(this.focused);
        } else if (event.key === ' ') {
            // As in a list of files: space chooses one more.
            event.preventDefault();
            this.selection.toggle(this.order[this.focused].id);
        }
    }

    setFocus(index, byKey = false) {
        this.focused = index;
        const { y, height } = this.look.at(index);
        const { scrollTop, clientHeight } = this.element;
        if (byKey && y < scrollTop) this.element.scrollTop = y - 12;
        else if (byKey && y + height > scrollTop + clientHeight) this.element.scrollTop = y + height - clientHeight + 12;
        this.show(false);
        this.look.focus(this.order[index]);
    }
}
