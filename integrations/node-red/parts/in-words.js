// piglow/<node>/light/result in words: docs/mqtt.md, "Results".
const from = msg.topic.split('/')[1];
const { id, status, ...r } = msg.payload;
const own = (flow.get('asked') || []).find(command => command.id === id);

const rejected = () => {
    const what = r.field === undefined ? r.reason.replaceAll('_', ' ') : `${r.field} is ${JSON.stringify(r.value)}`;
    return `rejected: ${what}; expected ${r.expected}`;
};
const words = {
    shown: () => `shown after ${r.latency_ms} ms`,
    accepted: () => `will be shown when the panel is back: ${r.panel}`,
    superseded: () => 'overtaken by a later command',
    rejected,
    away: () => 'is offline and does not hear it',
}[status];

const asked = own ? Object.entries(own.payload)
    .filter(([field]) => field !== 'params')
    .map(([field, value]) => `${field.replaceAll('_', ' ')} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ') : null;

const line = { at: Date.now(), node: from, status, asked, words: words ? words() : status };
const lines = [line, ...(flow.get('answers') || [])].slice(0, 8);
flow.set('answers', lines);

// Refusals of what was sent from here, as a notification.
const refusal = own && status === 'rejected' ? { payload: `${from}: ${line.words}` } : null;
return [{ payload: lines }, refusal];
