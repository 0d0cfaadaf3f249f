//! The dashboard's page in a real browser: `piglow-node fleet` on a real Mosquitto, with nodes that have a simulated panel.
//!
//! `tests/run` runs them; they need mosquitto, npm, chromium and chromedriver.

#![cfg(all(feature = "demo", feature = "fleet"))]

mod support;

use serde_json::{Value, json};
use support::browser::{Browser, Scheme};
use support::mosquitto::Mosquitto;
use support::page::Service;
use support::{TestNode, is_lit, only};
use tokio::sync::Mutex;

/// One at a time: a browser fills two cores.
static TURN: Mutex<()> = Mutex::const_new(());

const DESKTOP: (u32, u32) = (1280, 1000);

const SETTINGS: [(&str, &str); 3] = [
    ("light.default_effect", "solid"),
    ("node.groups", "house"),
    ("telemetry.interval_secs", "1"),
];

/// The keys of a keyboard, as WebDriver names them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const RIGHT: char = '\u{e014}';

/// The place of a ring's LEDs on each arm, from the outside in.
const RED: usize = 0;
const GREEN: usize = 3;
const BLUE: usize = 4;

/// Whether the red LED of the top arm glows red on a node's tile, by the pixel in its middle.
fn glows_red(node: &str) -> String {
    format!(
        "(() => {{
            const board = document.querySelector('[data-node=\"{node}\"] .board');
            const scale = board.width / 36.5;
            const place = [(14.23 + 4.5) * scale, (14.13 - 8.6) * scale].map(Math.round);
            const [red, green, blue] = board.getContext('2d').getImageData(...place, 1, 1).data;
            return red > 180 && green < 140 && blue < 140;
        }})()"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn clicks_on_the_page_change_the_latched_leds() {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let attic = TestNode::start("attic", broker.address(), &SETTINGS);
    let garage = TestNode::start("garage", broker.address(), &SETTINGS);
    let dashboard = Service::start(broker.address(), &[]).await;
    let browser = Browser::start(Scheme::Dark, DESKTOP).await;
    dashboard.show(&browser).await;
    browser.tile("attic", "online").await;
    browser.tile("garage", "online").await;

    browser.pick("attic").await;
    browser.click("[data-colour=red]").await;
    attic.shows("red", |board| board.frame == only(RED)).await;
    browser.outcome("shown", "color red → attic").await;
    browser
        .until("the board on its tile", &glows_red("attic"))
        .await;

    browser.click("[data-effect=spin]").await;
    attic
        .shows("the effect", |board| {
            is_lit(&board.frame, GREEN) || is_lit(&board.frame, BLUE)
        })
        .await;
    browser.outcome("shown", "effect spin").await;
    let limits = "document.querySelector('[data-parameter=turns_per_minute][max=\"90\"]')";
    browser.until("the limits of its parameter", limits).await;

    browser.click("[data-colour=blue]").await;
    attic
        .shows("blue", |board| {
            is_lit(&board.frame, BLUE) && !is_lit(&board.frame, RED)
        })
        .await;

    browser.click("[data-tone=critical]").await;
    attic
        .shows("the alert", |board| is_lit(&board.frame, RED))
        .await;
    browser.outcome("shown", "alert critical").await;
    let told = "document.querySelector('.tile.alert[data-node=attic] .badges').innerText";
    assert_eq!(browser.until("the alert on its tile", told).await, "alert");
    browser.click("[data-tone=end]").await;

    browser.click("[data-do=identify]").await;
    attic
        .shows("the swell", |board| {
            board.frame.0.iter().all(|level| *level > 0)
        })
        .await;

    browser
        .click(".controls details:has(.setting) summary")
        .await;
    let present =
        "document.querySelector('.setting:has([data-setting=brightness_limit]) small').textContent";
    let told = browser.until("the present limit", present).await;
    assert_eq!(told, "48 at attic");
    browser
        .run(
            "const input = document.querySelector('.setting:has([data-setting=brightness_limit]) input');
             input.value = 30;
             input.dispatchEvent(new Event('input'));",
        )
        .await;
    browser.click("[data-setting=brightness_limit]").await;
    let changed = format!("{present} === '30 at attic'");
    browser.until("the limit that was set", &changed).await;
    // More than the node's own configuration allows.
    browser
        .type_into(".setting:has([data-setting=brightness_limit]) input", "0")
        .await;
    browser.click("[data-setting=brightness_limit]").await;
    let refused = format!("{present} === '30 at attic, which has not taken 300'");
    browser.until("that it was refused", &refused).await;

    browser.click("[data-effect=morse]").await;
    browser.outcome("shown", "effect morse").await;
    browser
        .type_into("[data-parameter=text]", "§\u{e007}")
        .await;
    let why = browser.outcome("rejected", "effect morse").await;
    assert!(why.contains("text") && why.contains("expected"), "{why}");

    assert!(!is_lit(&garage.bus.subscribe().borrow().frame, GREEN));
    browser.choose(".target select", "group house").await;
    browser.click("[data-colour=green]").await;
    garage
        .shows("green", |board| board.frame == only(GREEN))
        .await;
    browser.outcome("shown", "2 shown").await;

    garage.stop().await.expect("a clean end");
    browser.tile("garage", "offline").await;
    browser.click("[data-do=off]").await;
    browser.outcome("shown", "1 offline").await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn keys_alone_are_enough_and_axe_finds_no_barrier() {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let _attic = TestNode::start("attic", broker.address(), &SETTINGS);
    let cellar = TestNode::start("cellar", broker.address(), &SETTINGS);
    let garage = TestNode::start("garage", broker.address(), &SETTINGS);
    let dashboard = Service::start(broker.address(), &[]).await;
    let browser = Browser::start(Scheme::Light, DESKTOP).await;
    dashboard.show(&browser).await;
    for node in ["attic", "cellar", "garage"] {
        browser.tile(node, "online").await;
    }
    assert_eq!(browser.barriers().await, Vec::<Value>::new());

    // Tab finds the way past the tools; from there on arrows walk.
    browser.press(&[TAB, ENTER, RIGHT, ' ', RIGHT, ' ']).await;
    let chosen = "document.querySelector('.target select').selectedOptions[0].textContent === '2 chosen nodes'";
    browser
        .until("two nodes to be chosen by keys", chosen)
        .await;
    browser
        .run("document.querySelector('[data-colour=red]').focus()")
        .await;
    browser.press(&[ENTER]).await;
    cellar.shows("red", |board| board.frame == only(RED)).await;
    garage.shows("red", |board| board.frame == only(RED)).await;
    browser.outcome("shown", "2 shown").await;
    let spoken =
        "document.querySelector('[aria-live=polite].unseen').textContent.includes('2 shown')";
    browser.until("it to be said aloud", spoken).await;
    browser
        .run("for (const more of document.querySelectorAll('details')) more.open = true;")
        .await;
    assert_eq!(browser.barriers().await, Vec::<Value>::new());

    browser.click(".tile[data-node=cellar] .name").await;
    let page = "document.querySelector('.node h2').textContent === 'cellar'
        && document.querySelector('.cores') && document.querySelectorAll('.chart canvas').length === 3
        && document.querySelector('.log [data-status=shown]')";
    browser.until("the page of the node", page).await;
    assert_eq!(browser.barriers().await, Vec::<Value>::new());

    browser.run("location.hash = '#/?look=dense'").await;
    let named =
        "document.querySelector('.cursor').getAttribute('aria-label').startsWith('cellar, load')";
    browser.until("the cells", named).await;
    assert_eq!(browser.barriers().await, Vec::<Value>::new());
    assert_eq!(browser.errors().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn whoever_may_only_look_sees_and_commands_nothing() {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let node = TestNode::start("attic", broker.address(), &SETTINGS);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token_file = |name: &str, token: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, token).expect("a token file");
        format!("fleet.{name}_token_file={}", path.display())
    };
    let settings = [
        token_file("view", "wall view-0123456789abcdef"),
        token_file("control", "ann control-0123456789abcdef"),
    ];
    let dashboard = Service::start(broker.address(), &settings).await;
    let browser = Browser::start(Scheme::Dark, DESKTOP).await;
    dashboard.show(&browser).await;

    browser
        .until("the form", "document.querySelector('#token')")
        .await;
    assert_eq!(browser.barriers().await, Vec::<Value>::new());
    browser.type_into("#token", "who-knows-0123456789").await;
    browser.click(".login button").await;
    let wrong = "document.querySelector('.wrong').textContent.includes('not known')";
    browser.until("a wrong token to be refused", wrong).await;
    browser
        .run("document.querySelector('#token').value = ''")
        .await;
    browser.type_into("#token", "view-0123456789abcdef").await;
    browser.click(".login button").await;
    browser.tile("attic", "online").await;

    browser.pick("attic").await;
    let why = "document.querySelector('.why-not').innerText.includes('role')
        && document.querySelector('.controls').hidden";
    browser.until("why there are no controls", why).await;
    let refused = "fetch('/api/v1/commands', {
            method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ to: { all: true }, kind: 'light', payload: { color: 'red' } }),
        }).then(answer => answer.status).then(status => { window.status_of_it = status; })";
    browser.run(refused).await;
    let status = browser.until("an answer", "window.status_of_it").await;
    assert_eq!(status, json!(403));

    browser.click("[aria-label=\"Sign out\"]").await;
    browser
        .until("the form", "document.querySelector('#token')")
        .await;
    browser
        .type_into("#token", "control-0123456789abcdef")
        .await;
    browser.click(".login button").await;
    browser.pick("attic").await;
    browser.click("[data-colour=green]").await;
    // Had the command of the viewer arrived, it would have been red before: its answer would stand there.
    node.shows("green", |board| board.frame == only(GREEN))
        .await;
    browser.outcome("shown", "color green").await;
    browser.click(".tile[data-node=attic] .name").await;
    let one = "document.querySelectorAll('.log [data-status=shown]').length === 1";
    browser.until("one command, and not two", one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn nothing_looks_live_that_is_not() {
    let _turn = TURN.lock().await;
    let mut broker = Mosquitto::open().await;
    let node = TestNode::start("attic", broker.address(), &SETTINGS);
    let mut dashboard = Service::start(broker.address(), &[]).await;
    let browser = Browser::start(Scheme::Dark, DESKTOP).await;
    dashboard.show(&browser).await;
    browser.tile("attic", "online").await;
    let live = "document.querySelector('.pulse').dataset.link === 'live' && document.body.className === ''";
    browser.until("a live page", live).await;

    dashboard.kill().await;
    let lost = "document.body.classList.contains('lost')
        && document.querySelector('.notice').innerText.includes('connection to the dashboard is lost')";
    browser.until("the page to say that it is lost", lost).await;
    dashboard.restart().await;
    browser.until("a live page again", live).await;
    browser.tile("attic", "online").await;

    broker.kill();
    let cut = "document.querySelector('.pulse').dataset.link === 'cut'
        && document.querySelector('.notice').innerText.includes('no connection to the broker')";
    browser
        .until("the page to say that the broker is gone", cut)
        .await;
    broker.restart().await;
    browser.until("a live page again", live).await;
    browser.tile("attic", "online").await;

    node.vanish().await;
    browser.tile("attic", "offline").await;
    let dark = "document.querySelector('[data-node=attic] .load').textContent === '–'";
    browser.until("no number to be left", dark).await;
}
