import { Bar } from './bar.js';
import { Dock } from './dock.js';
import { el, write } from './element.js';
import { Grid } from './grid.js';
import { NodePage } from './node.js';
import { keep, read } from './route.js';
import { Selection } from './selection.js';
import { ask } from './service.js';
import { session, signIn, signOut } from './session.js';
import { Store } from './store.js';
import { Stream } from './stream.js';
import { onTheme } from './theme.js';
import { time } from './words.js';

/** Waits for the service to answer for the first time. */
async function answer(question, waiting) {
    for (let pause = 500; ; pause = Math.min(5000, pause * 2)) {
        try {
            return await question();
        } catch (refused) {
            if (refused.status === 401) return null;
            waiting(refused);
            await new Promise(done => setTimeout(done, pause));
        }
    }
}

const notice = el('p.notice', { role: 'alert', hidden: true });

/** Says what is wrong, or that nothing is. */
function say(words) {
    write(notice, words);
    notice.hidden = !words;
}

async function start() {
    document.body.replaceChildren(notice);
    const waiting = () => say('The dashboard does not answer yet.');
    const who = await answer(session, waiting) ?? { login: true };
    say('');
    if (!who.role) who.role = await signIn();
    run(who);
}

function run(who) {
    const store = new Store(), selection = new Selection();
    let route = read(), broker = true, loaded = false, lost = 'Connecting', mirrored = [];
    const dock = new Dock(store, selection, who);
    const node = new NodePage(store);
    const grid = new Grid(store, selection, { view: ids => look(ids) });
    const bar = new Bar(store, route.choice, { chosen, light: () => dock.toggle(), session: who, leave: signOut });
    const main = el('main', { tabIndex: -1, id: 'main' }, grid.element, node.element);
    document.body.replaceChildren(
        el('button.skip', { type: 'button', textContent: 'To the nodes', onclick: () => grid.setFocus(grid.focused, true) }),
        bar.element, notice, el('div.stage', {}, main, dock.element));

    const stream = new Stream({
        delta: delta => { store.apply(delta); bar.heard(delta.now); },
        frames: frames => store.frames(frames),
        result: result => { dock.outcomes.take(result); node.heard(result.node); },
        event: event => node.heard(event.node),
        broker: state => { store.broker = state; broker = state.connected; link(); },
        lost: why => { lost = why; link(); },
        back: () => { lost = null; link(); },
        renew,
        session: now => { if (now.login && !now.role) location.reload(); },
    });

    /** Whose frames are mirrored: of others they would be old at once. */
    function look(ids) {
        const wanted = route.node ? [route.node] : ids;
        const set = new Set(wanted);
        for (const id of mirrored) if (!set.has(id)) store.unmirror(id);
        mirrored = wanted;
        stream.look(wanted);
    }

    function link() {
        document.body.classList.toggle('lost', lost !== null);
        document.body.classList.toggle('cut', lost === null && !broker);
        if (lost) say(loaded ? `${lost} What is seen is as it was at ${time(store.now)}. It is tried again.` : '');
        else say(broker ? '' : `The dashboard has no connection to the broker ${store.broker.place ?? ''}. What is seen may be outdated.`);
        bar.link(lost ? 'lost' : broker ? 'live' : 'cut', lost ? 'not connected' : broker ? 'live' : 'no broker');
    }

    async function renew() {
        const fleet = await answer(() => ask('GET', 'fleet'), refused => say(`The dashboard does not answer: ${refused.message}. It is tried again.`));
        if (!fleet) return location.reload();
        performance.mark('fleet-known');
        say('');
        store.replace(fleet);
        broker = fleet.broker.connected;
        bar.count();
        if (!loaded) grid.choose(route.choice);
        loaded = true;
        bar.looksLike(grid.lookName);
        link();
        stream.open(fleet.cursor);
        // Two frames on, it has been seen.
        requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('fleet-seen')));
    }

    function chosen(choice) {
        route.choice = choice;
        if (route.node) location.hash = '#/';
        keep(choice);
        grid.choose(choice);
        bar.looksLike(grid.lookName);
    }

    function routed() {
        const before = route;
        route = read();
        // A node's page keeps what was chosen of the fleet.
        if (route.node) route.choice = before.choice;
        grid.element.hidden = grid.hidden = route.node !== null;
        node.show(route.node, route.choice);
        if (route.node) {
            selection.set([route.node]);
            // Where it would cover the page it waits to be asked for.
            if (matchMedia('(max-width: 1000px)').matches) dock.element.hidden = true;
            look([]);
            return;
        }
        if (before.node) selection.clear();
        bar.show(route.choice);
        if (loaded && JSON.stringify(before.choice) !== JSON.stringify(route.choice)) grid.choose(route.choice);
        grid.layOut();
        bar.looksLike(grid.lookName);
        // Back where one came from.
        const from = store.nodes.get(before.node)?.place ?? -1;
        if (before.node) grid.setFocus(grid.order[from]?.id === before.node ? from : grid.focused, true);
    }

    window.addEventListener('hashchange', routed);
    onTheme(() => { for (const look of Object.values(grid.looks)) look.redraw(); grid.again(); node.redraw(); });
    routed();
    link();
    renew();
}

start();
