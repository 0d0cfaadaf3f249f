import { el, fill, mark, write } from './element.js';
import { RINGS } from './geometry.js';
import { Parameters } from './parameters.js';
import { ask } from './service.js';
import { plain } from './words.js';

const TONES = [['info', 'a slow blue swell'], ['warning', 'quicker orange ripples'], ['critical', 'red flashes, two a second']];
const LEASES = [['', 'until something else is chosen'], ['60', 'for a minute'], ['600', 'for ten minutes'], ['3600', 'for an hour'], ['28800', 'for eight hours']];
const DURATIONS = [['60', 'one minute'], ['300', 'five minutes'], ['3600', 'an hour']];
const FADES = [['0', 'at once'], ['1', 'in a second'], ['5', 'in five seconds'], ['30', 'in half a minute']];

/** A node tells its settings when they are kept: soon, and what it has not told after 3 s it has refused. */
const SETTLED_MS = 700, REFUSED_MS = 3000;

/** What every segment takes. */
const WHOLE = '';

/** The controls of a light, made from what a node says that it accepts. */
export class Controls {
    /** `send({kind, payload, …}, words)` sends a command. */
    constructor(send) {
        this.send = send;
        this.part = el('select', { onchange: () => this.partChanged() });
        this.fade = el('select');
        this.lease = el('select');
        fill(this.fade, FADES);
        fill(this.lease, LEASES);
        this.brightness = this.slider(0, 255, 255, value => this.light({ brightness: value }, `brightness ${value}`));
        this.effects = el('div.effects', { role: 'group', 'aria-label': 'Effects' });
        this.summary = el('p.summary');
        this.parameters = el('div');
        this.colour = el('input', { type: 'color', value: '#8000ff', title: 'A colour of your own', 'aria-label': 'A colour of your own' });
        this.colour.onchange = () => this.light({ color: this.colour.value }, `color ${this.colour.value}`);
        this.duration = el('select', { 'aria-label': 'How long an alert lasts' });
        fill(this.duration, DURATIONS);
        this.duration.value = '300';

        this.settings = [
            this.setting('effect_speed', 'speed of effects', 10, 400, 100, '%'),
            this.setting('brightness_limit', 'brightness limit', 1, 255, 48, 'PWM'),
        ];
        this.kept = el('details', { ontoggle: () => { if (this.kept.open) this.read(); } }, el('summary', { textContent: 'Settings, kept by the node' }),
            ...this.settings.map(({ element }) => element));

        this.whole = el('div', {},
            el('h3', { textContent: 'Effect' }), this.effects, this.summary, this.parameters,
            el('h3', { textContent: 'Attention' }),
            el('div.row', { role: 'group', 'aria-label': 'Alert' }, ...TONES.map(([tone, title]) => el('button', {
                type: 'button', textContent: tone, title, className: `tone ${tone}`, 'data-tone': tone, onclick: () => this.siren(tone),
            })), el('button', { type: 'button', textContent: 'End', title: 'Ends the siren', 'data-tone': 'end', onclick: () => this.siren(null) })),
            el('label.parameter', {}, el('span', { textContent: 'lasts' }), this.duration),
            el('div.row', {}, el('button', {
                type: 'button', textContent: 'Identify', title: 'The board swells for 10 seconds, so that a person finds it', 'data-do': 'identify',
                onclick: () => this.send({ kind: 'identify', payload: 10 }, 'identify'),
            })),
            this.kept);
        this.element = el('div.controls', {},
            el('div.row.power', { role: 'group', 'aria-label': 'Power' },
                this.button('On', { state: 'ON' }, 'on'), this.button('Off', { state: 'OFF' }, 'off'),
                this.button('Load', { effect: 'cpu_load' }, 'cpu_load', 'Gives the board back to the CPU load')),
            el('div.row.swatches', { role: 'group', 'aria-label': 'Colour' }, ...RINGS.map(({ name }) => el('button', {
                type: 'button', className: `swatch ${name}`, 'data-colour': name, title: name, 'aria-label': `Colour ${name}`,
                onclick: () => this.light({ color: name }, `color ${name}`),
            })), this.colour),
            el('label.parameter', {}, el('span', { textContent: 'brightness' }), this.brightness.shown, this.brightness.input),
            this.whole,
            el('details', {}, el('summary', { textContent: 'How' }),
                el('label.parameter', {}, el('span', { textContent: 'part of the board' }), this.part),
                el('label.parameter', {}, el('span', { textContent: 'cross-fade' }), this.fade),
                el('label.parameter', {}, el('span', { textContent: 'how long' }), this.lease)));
        this.offer(null);
    }

    button(text, content, does, title = '') {
        return el('button', { type: 'button', textContent: text, title, 'data-do': does, onclick: () => this.light(content, does === 'cpu_load' ? 'effect cpu load' : does) });
    }

    slider(min, max, value, done) {
        const shown = el('output', { textContent: String(value) });
        const input = el('input', { type: 'range', min, max });
        input.value = value;
        input.oninput = () => write(shown, input.value);
        input.onchange = () => done(Number(input.value));
        return { shown, input };
    }

    setting(name, words, min, max, value, unit) {
        const input = el('input', { type: 'number', min, max, step: 1, oninput: () => { setting.typed = true; } });
        input.value = value;
        const present = el('small');
        const set = el('button', {
            type: 'button', textContent: 'Set', 'aria-label': `Set ${words}`, 'data-setting': name,
            onclick: () => {
                const wanted = Number(input.value);
                setting.typed = false;
                this.send({ kind: 'setting', setting: name, payload: wanted }, `${words} ${wanted} ${unit}`);
                setTimeout(() => this.read(), SETTLED_MS);
                setTimeout(() => this.read({ [name]: wanted }), REFUSED_MS);
            },
        });
        const element = el('div.setting', {}, el('label.parameter', {}, el('span', { textContent: `${words} (${unit})` }), input), set, present);
        const setting = { name, input, present, element, typed: false };
        return setting;
    }

    /** Shows what a node's settings are, and what of that was wanted otherwise; what somebody has typed stays. */
    present(id, values, wanted = {}) {
        for (const { name, input, present, typed } of this.settings) {
            const value = values?.[name] ?? null, refused = name in wanted && wanted[name] !== value;
            write(present, value === null ? '' : `${value} at ${id}${refused ? `, which has not taken ${wanted[name]}` : ''}`);
            if (value !== null && !typed) input.value = value;
        }
    }

    light(content, words) {
        const payload = { ...content };
        const segment = this.part.value;
        if (this.fade.value !== '0') payload.transition = Number(this.fade.value);
        if (this.lease.value && segment === WHOLE) payload.for_secs = Number(this.lease.value);
        this.send({ kind: 'light', ...(segment === WHOLE ? {} : { segment }), payload }, segment === WHOLE ? words : `${segment}: ${words}`);
    }

    siren(tone) {
        const payload = tone ? { state: 'ON', tone, duration: Number(this.duration.value) } : { state: 'OFF' };
        this.send({ kind: 'siren', payload }, tone ? `alert ${tone}` : 'end of the alert');
    }

    /** Asks what a node accepts, and offers that. */
    from(id) {
        if (this.source === id) return;
        this.source = id;
        this.parameters.replaceChildren();
        write(this.summary, '');
        for (const setting of this.settings) setting.typed = false;
        this.present(id, null);
        this.read();
    }

    async read(wanted) {
        const id = this.source;
        if (!id) return;
        try {
            const { info, settings } = await ask('GET', `nodes/${encodeURIComponent(id)}`);
            if (this.source !== id) return;
            this.offer(info);
            this.present(id, settings, wanted);
        } catch {
            // What was offered before stays; the next target is asked again.
            this.source = null;
        }
    }

    offer(info) {
        const effects = info?.effects ?? [];
        const names = JSON.stringify(effects);
        fill(this.part, [[WHOLE, 'all of it'], ...(info?.segments ?? []).map(segment => [segment, segment.replace('/', ' ')])]);
        if (names === this.offered) return;
        this.offered = names;
        this.effects.replaceChildren(...effects.map(effect => el('button', {
            type: 'button', textContent: plain(effect.name), title: effect.summary, 'data-effect': effect.name, 'aria-pressed': 'false',
            onclick: () => this.effect(effect),
        })));
        write(this.summary, effects.length ? '' : 'What can be shown is asked of a node that is online.');
        this.parameters.replaceChildren();
        this.chosen = null;
    }

    effect(effect) {
        const parameters = new Parameters(effect, () => this.show(effect, parameters));
        this.parameters.replaceChildren(parameters.element);
        write(this.summary, `${effect.summary}.${effect.color ? ' Takes a colour.' : ''}`);
        this.show(effect, parameters);
    }

    show(effect, parameters) {
        const { params } = parameters;
        this.light({ effect: effect.name, ...(params ? { params } : {}) }, `effect ${plain(effect.name)}`);
    }

    /** Shows which effect runs, where the target is one node. */
    runs(name) {
        for (const button of this.effects.children) mark(button, 'aria-pressed', button.dataset.effect === name);
    }

    /** A segment takes no effects. */
    partChanged() {
        this.whole.hidden = this.part.value !== WHOLE;
    }
}
