import { el } from './element.js';
import { icon } from './icon.js';

const probe = el('i', { hidden: true });
let known = new Map();

/** A colour of the style sheet, as the canvas wants it; `name` is that of a custom property. */
export function colour(name) {
    let value = known.get(name);
    if (value === undefined) {
        if (!probe.isConnected) document.body.append(probe);
        probe.style.color = `var(--${name})`;
        known.set(name, value = getComputedStyle(probe).color);
    }
    return value;
}

const SCHEMES = ['auto', 'dark', 'light'];
const listeners = [];

/** Calls back whenever colours are others. */
export const onTheme = listener => listeners.push(listener);

function changed() {
    known = new Map();
    for (const listener of listeners) listener();
}

function choose(scheme) {
    document.documentElement.dataset.scheme = scheme;
    changed();
}

/** The button for dark, light, or as the device prefers; the choice is kept on this device. */
export function themeButton() {
    let scheme = 'auto';
    // Without storage the choice lasts as long as the page.
    try { scheme = localStorage.getItem('piglow-scheme') ?? 'auto'; } catch { /* as said */ }
    if (!SCHEMES.includes(scheme)) scheme = 'auto';
    const button = el('button.icon', { type: 'button' });
    const show = () => {
        button.replaceChildren(icon(scheme));
        button.title = `Colours: ${scheme === 'auto' ? 'as this device prefers' : scheme}`;
        button.setAttribute('aria-label', button.title);
        choose(scheme);
    };
    button.onclick = () => {
        scheme = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length];
        try { localStorage.setItem('piglow-scheme', scheme); } catch { /* as said */ }
        show();
    };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
    show();
    return button;
}
