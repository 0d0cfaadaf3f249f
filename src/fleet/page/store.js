import { onBeat } from './beat.js';
import { fromFrame } from './light.js';

/** Numbers in a name count as numbers: `pi-2` comes before `pi-10`. */
const sortKey = id => id.toLowerCase().replace(/\d+/g, digits => digits.padStart(9, '0'));

/** All that is known of the fleet. Who listens hears of changes once a picture, with the nodes they are of. */
export class Store {
    nodes = new Map();
    groups = [];
    broker = { connected: true, place: '' };
    /** The service's clock less this device's, in milliseconds. */
    offset = 0;
    /** Counts whatever may change who is shown and in which order. */
    generation = 0;
    listeners = [];
    changed = new Set();

    /** The service's time. */
    get now() { return Date.now() + this.offset; }

    onChange(listener) { this.listeners.push(listener); }

    /** Takes the whole fleet, in place of whatever was known. */
    replace({ now, broker, nodes }) {
        this.offset = now - Date.now();
        this.broker = broker;
        const before = this.nodes;
        this.nodes = new Map();
        for (const row of nodes) this.add(row, before.get(row.id));
        this.regroup();
        this.touch();
    }

    add(row, node = { key: sortKey(row.id), frame: null, still: null }) {
        Object.assign(node, row);
        node.still = null;
        this.nodes.set(node.id, node);
        this.changed.add(node);
    }

    /** Takes what has changed. */
    apply({ now, samples = [], rows = [], gone = [] }) {
        this.offset = now - Date.now();
        let groups = gone.length > 0;
        for (const row of rows) {
            groups ||= 'groups' in row || !this.nodes.has(row.id);
            this.add(row, this.nodes.get(row.id));
            const node = this.nodes.get(row.id);
            if (!node.online || node.stale) node.frame = null;
        }
        for (const [id, load, temperature, memory, at] of samples) {
            const node = this.nodes.get(id);
            if (!node) continue;
            node.load = load;
            node.temperature = temperature;
            node.memory = memory;
            node.at = at;
            node.still = null;
            this.changed.add(node);
        }
        for (const id of gone) this.nodes.delete(id);
        if (groups) this.regroup();
        this.touch();
    }

    /** Takes mirrored frames. */
    frames(frames) {
        for (const [id, digits] of Object.entries(frames)) {
            const node = this.nodes.get(id);
            if (!node?.online || node.stale) continue;
            node.frame = fromFrame(digits);
            this.changed.add(node);
        }
        onBeat(this.tell);
    }

    /** Forgets the frame of a node that nobody mirrors any more. */
    unmirror(id) {
        const node = this.nodes.get(id);
        if (node) node.frame = null;
    }

    regroup() {
        const names = new Set();
        for (const node of this.nodes.values()) node.groups?.forEach(name => names.add(name));
        this.groups = [...names].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    }

    touch() {
        this.generation++;
        onBeat(this.tell);
    }

    tell = () => {
        const changed = this.changed;
        this.changed = new Set();
        for (const listener of this.listeners) listener(changed);
    };
}

/** How many of the nodes are what. */
export function tally(nodes) {
    const sums = { all: 0, online: 0, offline: 0, stale: 0, hot: 0, alert: 0, load: null };
    let load = 0, known = 0;
    for (const node of nodes) {
        sums.all++;
        if (!node.online) sums.offline++;
        else if (node.stale) sums.stale++;
        else {
            sums.online++;
            if (node.load !== null) { load += node.load; known++; }
        }
        if (node.online && node.hot) sums.hot++;
        if (node.online && node.alert) sums.alert++;
    }
    if (known) sums.load = load / known;
    return sums;
}
