import { el, write } from './element.js';
import { ask } from './service.js';
import { refusal } from './words.js';

/** Who looks at the page: `{role, login, version, root, now}`. */
export const session = () => ask('GET', 'session');

/** Asks for a token until one is good; the role that it has. */
export function signIn() {
    const token = el('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true, id: 'token' });
    const wrong = el('p.wrong', { role: 'alert' });
    const form = el('form.login', { 'aria-label': 'Sign in' },
        el('h1', { textContent: 'PiGlow fleet' }), el('label', { htmlFor: 'token', textContent: 'Token' }), token,
        el('button.primary', { type: 'submit', textContent: 'Sign in' }), wrong);
    document.body.append(form);
    token.focus();
    return new Promise(done => {
        form.onsubmit = async event => {
            event.preventDefault();
            try {
                const { role } = await ask('POST', 'session', { token: token.value });
                form.remove();
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
