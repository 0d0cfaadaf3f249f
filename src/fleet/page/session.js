import { boardOn } from './board.js';
import { el, write } from './element.js';
import { CLOSE, LEDS } from './geometry.js';
import { ask } from './service.js';
import { refusal } from './words.js';

/** The width of the board on the way in, in pixels. */
const BOARD = 260;

/** Who looks at the page: `{role, login, version, root, now}`. */
export const session = () => ask('GET', 'session');

/** Asks for a token until one is good; the role that it has. */
export function signIn() {
    const token = el('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true, id: 'token' });
    const wrong = el('p.wrong', { role: 'alert' });
    const board = el('canvas', { 'aria-hidden': 'true' });
    const form = el('form.login', { 'aria-label': 'Sign in' }, board,
        el('h1', { textContent: 'PiGlow fleet' }), el('label', { htmlFor: 'token', textContent: 'Token' }), token,
        el('button.primary', { type: 'submit', textContent: 'Sign in' }), wrong);
    const main = el('main.entrance', {}, form);
    document.body.append(main);
    boardOn(board, BOARD, CLOSE)(new Uint8Array(LEDS).fill(26));
    token.focus();
    return new Promise(done => {
        form.onsubmit = async event => {
            event.preventDefault();
            try {
                const { role } = await ask('POST', 'session', { token: token.value });
                main.remove();
                done(role);
            } catch (refused) {
                write(wrong, refused.status === 401 ? 'This token is not known here.' : refusal(refused.error ?? { reason: 'The dashboard does not answer.' }));
                token.select();
            }
        };
    });
}

/** Leaves, and begins anew. */
export async function signOut() {
    await ask('DELETE', 'session').catch(() => {});
    location.reload();
}
