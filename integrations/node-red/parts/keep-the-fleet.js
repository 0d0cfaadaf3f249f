// The latest of all that each node says, by its topic: piglow/<node>/<what>.
const [, id, ...rest] = msg.topic.split('/');
const what = rest.join('/');
const fleet = flow.get('fleet') || {};
const known = fleet[id] || {};

if (msg.payload.length === 0) {
    // A retained message was cleared: the node is retired.
    delete known[what];
} else if (what === 'availability' && msg.payload !== 'online') {
    // What it measured and showed is history.
    fleet[id] = { info: known.info, availability: msg.payload };
} else {
    fleet[id] = { ...known, [what]: msg.payload };
}
if (!fleet[id]?.availability && !fleet[id]?.info) {
    delete fleet[id];
}
flow.set('fleet', fleet);

// The controls need to know of what seldom changes only.
const seldom = ['availability', 'info', 'light/state'].includes(what);
return [msg, seldom ? msg : null];
