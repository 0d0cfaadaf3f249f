import { live } from './words.js';

/** Who is asked for by the state that a node is in. */
const STATES = {
    online: live,
    offline: node => !node.online,
    stale: node => node.online && node.stale,
    hot: node => node.online && node.hot,
    alert: node => node.online && node.alert,
};

/** How far up a node stands; steps, lest tiles change places with every sample. */
const RANKS = {
    name: () => 0,
    hottest: node => (live(node) && node.temperature !== null ? Math.round(node.temperature) : -1000),
    busiest: node => (live(node) && node.load !== null ? Math.round(node.load / 5) : -1),
    offline: node => (!node.online ? 3 : node.stale ? 2 : node.alert || node.hot ? 1 : 0),
};

export const SORTS = [['name', 'by name'], ['busiest', 'busiest first'], ['hottest', 'hottest first'], ['offline', 'offline first']];

/** The nodes that are asked for, in order. */
export function arrange(nodes, { query, group, state, sort }) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = STATES[state];
    const rank = RANKS[sort] ?? RANKS.name;
    const found = [];
    for (const node of nodes) {
        if (group && !node.groups?.includes(group)) continue;
        if (wanted && !wanted(node)) continue;
        if (words.length && !words.every(word => matches(node, word))) continue;
        node.rank = rank(node);
        found.push(node);
    }
    return found.sort((a, b) => b.rank - a.rank || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function matches(node, word) {
    return node.id.toLowerCase().includes(word)
        || node.groups?.some(group => group.toLowerCase().includes(word))
        || node.light?.effect?.replaceAll('_', ' ').includes(word.replaceAll('_', ' '))
        || node.light?.from?.toLowerCase().includes(word)
        || node.model?.toLowerCase().includes(word)
        || false;
}
