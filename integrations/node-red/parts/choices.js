// What can be chosen, from the nodes' own `info`. Nodes of the same kind offer the same: each offer is sent once.
const fleet = flow.get('fleet') || {};
const offers = [];
const nodes = {};

for (const [id, { info, availability, 'light/state': light }] of Object.entries(fleet)) {
    if (!info) continue;
    const offer = JSON.stringify({ effects: info.effects, accepts: info.accepts });
    if (!offers.includes(offer)) offers.push(offer);
    nodes[id] = {
        groups: info.groups,
        online: availability === 'online',
        offer: offers.indexOf(offer),
        light: light ?? null,
    };
}
return { payload: { nodes, offers: offers.map(text => JSON.parse(text)) } };
