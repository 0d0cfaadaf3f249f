/** A number as it is read: `12 %`, `48 °C`; a dash for what is not known. */
export function measure(value, unit, digits = 0) {
    return value === null || value === undefined ? '–' : `${value.toFixed(digits)} ${unit}`;
}

const numbers = new Intl.NumberFormat('en');

/** A count with its thousands set apart. */
export const count = value => numbers.format(value);

/** A count and its noun. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** How long, in the largest unit that says it: `40 s`, `3 min`, `2 h`, `5 d`. */
export function span(ms) {
    const secs = Math.max(0, Math.round(ms / 1000));
    if (secs < 60) return `${secs} s`;
    if (secs < 3600) return `${Math.floor(secs / 60)} min`;
    if (secs < 172_800) return `${Math.floor(secs / 3600)} h`;
    return `${Math.floor(secs / 86_400)} d`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** A time of day, with seconds. */
export const time = ms => clock.format(ms);

/** A time of day, without. */
export const hour = ms => minute.format(ms);

/** Bytes in binary units: `3.7 GiB`. */
export function bytes(value) {
    if (value === null || value === undefined) return '–';
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    const step = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
    return `${(value / 1024 ** step).toFixed(step && value / 1024 ** step < 10 ? 1 : 0)} ${units[step]}`;
}

/** A name of the contract as words: `cpu_load` is `cpu load`. */
export const plain = name => name.replaceAll('_', ' ');

/** What a node's light does and who holds it, in two parts. */
export function doing({ online, light }) {
    if (!online || !light) return ['', ''];
    if (light.state === 'OFF') return ['off', light.from ?? ''];
    const layer = light.layer === 'alert' || light.layer === 'identify' ? `${light.layer}: ` : '';
    return [layer + plain(light.effect ?? (light.leds ? 'picture' : 'light')), light.from ?? ''];
}

/** What is wrong with a node that answers, in a word each. */
export function troubles(node) {
    if (!node.online) return [];
    const found = [];
    if (node.alert) found.push('alert');
    if (node.hot) found.push('hot');
    if (node.throttled) found.push('throttled');
    if (node.panel && node.panel !== 'ok' && node.panel !== 'starting') found.push(`panel ${node.panel}`);
    return found;
}

/** Since when it is away, as far as that is known. */
export const away = (node, now) => (node.since ? `offline for ${span(now - node.since)}` : 'offline');

/** Whether its numbers and its light may be shown as they are at this moment. */
export const live = node => node.online && !node.stale;

/** What a screen reader says of a node. */
export function spoken(node, now) {
    if (!node.online) return `${node.id}, ${away(node, now)}`;
    if (node.stale) return `${node.id}, stale, ${node.at ? `no sample for ${span(now - node.at)}` : 'no sample yet'}`;
    const [what, who] = doing(node);
    return [
        node.id, `load ${measure(node.load, '%')}`, `temperature ${measure(node.temperature, '°C')}`,
        `memory ${measure(node.memory, '%')}`, what, who && `by ${who}`, ...troubles(node),
    ].filter(Boolean).join(', ');
}

/** Why a command was refused, from the service's or a node's answer. */
export function refusal({ reason, field, value, expected }) {
    const shown = value === undefined || value === null ? '' : ` is ${typeof value === 'string' ? value : JSON.stringify(value)}`;
    const what = field ? `${field}${shown}` : plain(reason ?? 'refused');
    return expected ? `${what}; expected ${expected}` : field && reason ? `${plain(reason)}: ${what}` : what;
}
