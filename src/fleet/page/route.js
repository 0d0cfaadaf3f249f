/** What the address says is shown: a node's page (`#/node/ID`), or the fleet with what is chosen of it. */
export function read() {
    const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
    const node = path.match(/^node\/([A-Za-z0-9_-]+)$/)?.[1] ?? null;
    const given = new URLSearchParams(search ?? '');
    const one = (name, fallback) => given.get(name) ?? fallback;
    return {
        node,
        choice: { query: one('q', ''), group: one('group', ''), state: one('state', ''), sort: one('sort', 'name'), look: one('look', 'auto') },
    };
}

/** The address of the fleet with this choice. */
export function fleetHash({ query, group, state, sort, look }) {
    const given = new URLSearchParams();
    if (query) given.set('q', query);
    if (group) given.set('group', group);
    if (state) given.set('state', state);
    if (sort !== 'name') given.set('sort', sort);
    if (look !== 'auto') given.set('look', look);
    return given.size ? `#/?${given}` : '#/';
}

export const nodeHash = id => `#/node/${id}`;

/** Puts the choice in the address without a step in the history. */
export const keep = choice => history.replaceState(null, '', fleetHash(choice));
