import { el } from './element.js';
import { bytes, count, measure, plain, refusal, span, time } from './words.js';

function card(title, ...children) {
    return el('section.fact', {}, el('h3', { textContent: title }), ...children);
}

/** Pairs of a name and a value; what is not told is left out. */
function pairs(entries) {
    const told = entries.filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== '–');
    return el('dl.pairs', {}, ...told.map(([name, value]) => el('div', {}, el('dt', { textContent: name }), el('dd', { textContent: value }))));
}

/** A bar for each core. */
export function cores({ sample, row }) {
    const loads = row.online && !row.stale ? sample?.cpu?.core_percent : null;
    if (!loads?.length) return null;
    return card('Cores', el('ul.cores', {}, ...loads.map((load, core) => {
        const bar = el('i');
        bar.style.height = `${Math.max(2, load)}%`;
        return el('li', {}, el('span.bar', { 'aria-hidden': 'true' }, bar), el('b', { textContent: measure(load, '%') }), el('small', { textContent: `core ${core + 1}` }));
    })));
}

/** What machine it is, and how it is. */
export function host({ info, sample, row }) {
    const machine = info?.host ?? {};
    const average = sample?.load_average?.every(value => value !== null) ? sample.load_average.map(value => value.toFixed(2)).join('  ') : null;
    const throttled = sample?.throttled ? Object.entries(sample.throttled).filter(([, is]) => is).map(([what]) => plain(what)).join(', ') || 'never' : null;
    return card('Machine', pairs([
        ['model', machine.model ?? row.model], ['system', machine.os], ['kernel', machine.kernel], ['node', row.version && `piglow-node ${row.version}`],
        ['groups', row.groups?.join(', ')],
        ['up for', sample?.uptime_secs != null ? span(sample.uptime_secs * 1000) : null],
        ['load average', average],
        ['clock', measure(sample?.cpu?.frequency_mhz, 'MHz')],
        ['memory', sample?.memory?.total_bytes ? `${measure(sample.memory.used_percent, '%')} of ${bytes(sample.memory.total_bytes)}` : null],
        ['swap', sample?.swap?.total_bytes ? `${measure(sample.swap.used_percent, '%')} of ${bytes(sample.swap.total_bytes)}` : null],
        ['disk', sample?.disk?.total_bytes ? `${measure(sample.disk.used_percent, '%')} of ${bytes(sample.disk.total_bytes)}` : null],
        ['network', sample?.network?.receive_bytes_per_sec != null ? `${bytes(sample.network.receive_bytes_per_sec)}/s in, ${bytes(sample.network.transmit_bytes_per_sec)}/s out` : null],
        ['throttled', throttled],
    ]));
}

/** The panel, the broker, and how fast commands are shown. */
export function health({ health: told }) {
    if (!told) return null;
    const { panel, broker, command_latency_ms: latency, estimated_current: current } = told;
    return card('Health', pairs([
        ['panel', panel && [panel.state, panel.detail].filter(Boolean).join(': ')],
        ['broker', broker],
        ['last command shown in', measure(latency?.last, 'ms', 1)], ['slowest', measure(latency?.max, 'ms', 1)],
        ['LED current', current ? `${current.milliamps.toFixed(0)} mA, ${current.watts.toFixed(2)} W (estimated)` : null],
    ]));
}

/** What it keeps of what it was set to. */
export function settings({ settings: told }) {
    const { effect_speed: speed, brightness_limit: limit } = told ?? {};
    if (speed == null && limit == null) return null;
    return card('Settings', pairs([['speed of effects', measure(speed, '%')], ['brightness limit', limit === null ? null : `${limit} of 255`]]));
}

/** What it has counted since it started. */
export function counters({ health: told }) {
    if (!told?.counters) return null;
    return card('Counters since its start', pairs(Object.entries(told.counters).map(([name, value]) => [plain(name), count(value)])));
}

/** The last answers. */
export function results({ results: told }, now) {
    if (!told?.length) return null;
    return card('Last answers', el('ol.log', {}, ...told.map(result => el('li', { 'data-status': result.status },
        el('time', { textContent: time(result.at), title: `${span(now - result.at)} ago` }), el('b', { textContent: result.status }),
        el('span', { textContent: detail(result) })))));
}

function detail(result) {
    if (result.status === 'rejected') return refusal(result);
    if (result.status === 'superseded') return result.by ? `by ${result.by}` : '';
    if (result.status === 'accepted') return `panel ${result.panel ?? 'away'}`;
    return measure(result.latency_ms, 'ms', 1);
}

/** What it told once. */
export function events({ events: told }, now) {
    if (!told?.length) return null;
    return card('Events', el('ol.log', {}, ...told.map(({ event_type: kind, time: when, at, ...rest }) => {
        const ms = at ?? Date.parse(when);
        return el('li', {}, el('time', { textContent: Number.isFinite(ms) ? time(ms) : '', title: Number.isFinite(ms) ? `${span(now - ms)} ago` : '' }),
            el('b', { textContent: plain(kind ?? '') }),
            el('span', { textContent: Object.entries(rest).filter(([name, value]) => name !== 'node' && value !== null).map(([name, value]) => `${plain(name)} ${value}`).join(', ') }));
    })));
}
