// Somebody looks at the page: each node that is online shows its frames for half a minute more.
const fleet = flow.get('fleet') || {};
const online = Object.keys(fleet).filter(id => fleet[id].availability === 'online');
return [online.map(id => ({ topic: `piglow/${id}/frame/watch`, payload: '30' }))];
