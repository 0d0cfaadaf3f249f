/** An answer of the service that is no success. */
export class Refused extends Error {
    constructor(status, error) {
        super(error?.reason ?? `status ${status}`);
        this.status = status;
        this.error = error ?? { reason: `status ${status}` };
    }
}

/** Asks the service; the answer's JSON, or `null` when it has none. */
export async function ask(method, path, body) {
    const answer = await fetch(`/api/v1/${path}`, {
        method,
        headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    let json = null;
    try { json = text ? JSON.parse(text) : null; } catch { /* said below */ }
    if (!answer.ok) {
        const wait = answer.headers.get('Retry-After');
        const error = json?.error ?? { reason: `status ${answer.status}` };
        throw new Refused(answer.status, wait ? { ...error, expected: `${error.expected ?? 'another try'} in ${wait} s` } : error);
    }
    return json;
}
