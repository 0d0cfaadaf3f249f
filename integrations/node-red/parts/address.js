// msg.to: a node's id, group/<name> or all.
// msg.payload: a command (docs/mqtt.md); with msg.what = 'identify', seconds.
const what = msg.what || 'light/set';
const command = { topic: `piglow/${msg.to}/${what}`, payload: String(msg.payload) };

if (what === 'light/set') {
    const id = `red-${msg._msgid}`;
    command.payload = JSON.stringify({ id, from: 'node-red', ...msg.payload });
    // What was asked, so that the answer can say it; the last hundred.
    const asked = (flow.get('asked') || []).slice(-99);
    flow.set('asked', [...asked, { id, to: msg.to, payload: msg.payload }]);
}

// A node that is away does not answer.
const addressee = (flow.get('fleet') || {})[msg.to];
const away = addressee && addressee.availability !== 'online';
const answer = { topic: `piglow/${msg.to}/light/result`, payload: { status: 'away' } };
return [command, away ? answer : null];
