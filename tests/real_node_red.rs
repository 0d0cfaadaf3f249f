//! The shipped flow in a real Node-RED on a real Mosquitto, its page in a real browser, a node with a simulated panel.
//!
//! `tests/run` runs them; they need mosquitto, npm, chromium and chromedriver.

#![cfg(feature = "demo")]

mod support;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::browser::{Browser, Scheme};
use support::mosquitto::Mosquitto;
use support::node_red::{NodeRed, flow};
use support::{Client, NODE, TestNode, is_lit, only};
use tokio::sync::Mutex;

/// One at a time: a browser and a Node-RED fill two cores.
static TURN: Mutex<()> = Mutex::const_new(());

/// All of the page.
const DESKTOP: (u32, u32) = (1280, 1210);

const SETTINGS: [(&str, &str); 3] = [
    ("light.default_effect", "solid"),
    ("node.groups", "house"),
    ("telemetry.interval_secs", "1"),
];

/// The place of a ring's LEDs on each arm, from the outside in.
const RED: usize = 0;
const GREEN: usize = 3;
const BLUE: usize = 4;

async fn page(node_red: &NodeRed, scheme: Scheme) -> Browser {
    let browser = Browser::start(scheme, DESKTOP).await;
    let url = format!("http://{}/dashboard/piglow", node_red.address);
    browser.open(&url).await;
    browser
}

/// Waits until a card says whether its node is online.
async fn card(browser: &Browser, node: &str, online: bool) {
    let selector = format!(".pg-card[data-node=\"{node}\"][data-online=\"{online}\"]");
    browser
        .until(&selector, &format!("document.querySelector('{selector}')"))
        .await;
}

/// Waits until an answer with this status is read on the page; its words.
async fn answer(browser: &Browser, status: &str, words: &str) -> String {
    let line = format!(
        "[...document.querySelectorAll('.pg-answer[data-status={status}]')]
            .map(line => line.innerText).find(text => text.includes({}))",
        Value::from(words)
    );
    let found = browser.until(words, &line).await;
    found.as_str().unwrap_or_default().to_owned()
}

async fn clicks_change_the_latched_leds(major: u32) {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let node = TestNode::start(NODE, broker.address(), &SETTINGS);
    let mut node_red = NodeRed::start(major).await;
    node_red.deploy(broker.address()).await;
    let browser = page(&node_red, Scheme::Light).await;
    card(&browser, NODE, true).await;

    browser.click(&format!("[data-node=\"{NODE}\"]")).await;
    let target = format!("document.querySelector('.pg-target').innerText.includes('{NODE}')");
    browser.until("the node to be the target", &target).await;

    browser.click("[data-colour=red]").await;
    node.shows("red", |board| board.frame == only(RED)).await;
    answer(&browser, "shown", "color red").await;
    let glowing = "getComputedStyle(document.querySelector('.pg-led')).opacity > 0.5";
    browser.until("the board on its card", glowing).await;

    browser.click(".pg-effect input").await;
    browser.click("[data-choice=spin]").await;
    node.shows("the effect", |board| {
        is_lit(&board.frame, GREEN) || is_lit(&board.frame, BLUE)
    })
    .await;
    answer(&browser, "shown", "effect spin").await;
    let limits = "document.querySelector('.pg-slider [role=slider][aria-valuemax=\"90\"]')";
    browser.until("the limits of its parameter", limits).await;

    browser.click("[data-colour=blue]").await;
    node.shows("blue", |board| {
        is_lit(&board.frame, BLUE) && !is_lit(&board.frame, RED)
    })
    .await;

    browser.click("[data-do=alert]").await;
    node.shows("the alert", |board| is_lit(&board.frame, RED))
        .await;
    answer(&browser, "shown", "layer alert").await;

    browser.click("[data-do=identify]").await;
    node.shows("the swell", |board| {
        board.frame.0.iter().all(|level| *level > 0)
    })
    .await;

    let client = Client::connect(broker.address(), &[]).await;
    client.command(NODE, r#"{"brightness":300}"#).await;
    answer(&browser, "rejected", "brightness is 300; expected 0 to 255").await;

    node.stop().await.expect("a clean end");
    card(&browser, NODE, false).await;
    browser.click("[data-do=off]").await;
    answer(&browser, "away", "is offline").await;

    assert_eq!(browser.errors().await, Vec::<Value>::new());
    assert_eq!(node_red.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn clicks_on_the_page_of_node_red_4_change_the_latched_leds() {
    clicks_change_the_latched_leds(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn clicks_on_the_page_of_node_red_5_change_the_latched_leds() {
    clicks_change_the_latched_leds(5).await;
}

/// What the editor makes of the flow: nodes of unknown type, and nodes that it marks as not well configured.
const MARKED: &str = "(() => {
    const marked = [];
    const look = node => {
        if (node.type === 'unknown' || node.valid === false) marked.push(`${node.type} ${node.name}`);
    };
    RED.nodes.eachNode(look);
    RED.nodes.eachConfig(look);
    return RED.nodes.filterNodes({}).length > 20 && document.querySelectorAll('.red-ui-flow-node').length > 20
        && { marked };
})()";

async fn opens_in_the_editor_unmarked(major: u32) {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let mut node_red = NodeRed::start(major).await;
    let known = node_red.types().await;
    let own = ["tab", "group"].map(Value::from);
    let missing: Vec<Value> = flow()
        .into_iter()
        .map(|node| node["type"].clone())
        .filter(|name| !own.contains(name) && !known.iter().any(|known| name == known))
        .collect();
    assert_eq!(missing, Vec::<Value>::new());

    node_red.deploy(broker.address()).await;
    let browser = Browser::start(Scheme::Light, (1960, 1180)).await;
    browser.open(&format!("http://{}/", node_red.address)).await;
    let seen = browser.until("the flow in the editor", MARKED).await;
    assert_eq!(seen["marked"], json!([]));
    keep(&browser, &format!("editor-{major}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn the_editor_of_node_red_4_marks_no_node() {
    opens_in_the_editor_unmarked(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn the_editor_of_node_red_5_marks_no_node() {
    opens_in_the_editor_unmarked(5).await;
}

/// Keeps a picture below target, or beside the flow where it belongs to the documentation and `UPDATE_PICTURES` is set.
async fn keep(browser: &Browser, name: &str) {
    let folder = match std::env::var_os("UPDATE_PICTURES") {
        Some(_) if !name.starts_with("editor-4") => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("integrations/node-red")
        }
        _ => Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(),
    };
    let picture = BASE64_STANDARD.decode(browser.picture().await);
    let picture = picture.expect("a picture in base64");
    fs::write(folder.join(format!("{name}.png")), picture).expect("the picture's file");
}

/// A quarter of an hour of made-up load: in the test all nodes are one machine.
async fn pretend_load(client: &Client, node: &str, middle: f64, swing: f64) {
    let start = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(15);
    for step in 0..=90 {
        let time = start + jiff::SignedDuration::from_secs(step * 10);
        let x = step as f64 / 90.0 * std::f64::consts::TAU;
        let load = middle + swing * ((x * 2.0 + middle).sin() + 0.4 * (x * 7.0 + swing).sin());
        let sample = json!({
            "time": time.to_string(),
            "cpu": {"load_percent": load.clamp(1.0, 100.0).round()},
            "temperature_celsius": 36.0 + load / 4.0,
        });
        let topic = format!("piglow/{node}/telemetry");
        client.publish(&topic, sample.to_string(), false).await;
    }
}

async fn is_drawn(scheme: Scheme, name: &str) {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let settings = [
        ("node.groups", "house"),
        ("telemetry.interval_secs", "3600"),
    ];
    let mut nodes = Vec::new();
    let house = [
        (
            "attic",
            r#"{"effect":"gauge","params":{"value":70}}"#,
            38.0,
            14.0,
        ),
        ("garage", r#"{"effect":"rainbow"}"#, 12.0, 6.0),
        (
            "kitchen",
            r#"{"color":"orange","brightness":200,"from":"dinner"}"#,
            55.0,
            8.0,
        ),
        (
            "office",
            r#"{"effect":"twinkle","params":{"density":90}}"#,
            74.0,
            12.0,
        ),
        ("workshop", r#"{"color":"blue"}"#, 25.0, 10.0),
    ];
    for (id, command, _, _) in house {
        let node = TestNode::start(id, broker.address(), &settings);
        client.online(id).await;
        // Its own first sample is not to be seen.
        client.next(&format!("piglow/{id}/telemetry")).await;
        client.ask(id, "a1", command).await;
        nodes.push(node);
    }
    let mut node_red = NodeRed::start(5).await;
    node_red.deploy(broker.address()).await;
    let browser = page(&node_red, scheme).await;
    browser.click("[data-node=office]").await;
    let lit = "[...document.querySelectorAll('[data-node=garage] .pg-led')]
        .some(led => getComputedStyle(led).opacity > 0.6)";
    browser.until("the frames", lit).await;
    // It has subscribed to all by this time.
    for (id, _, middle, swing) in house {
        pretend_load(&client, id, middle, swing).await;
    }
    let workshop = nodes.pop().expect("the last one");
    workshop.stop().await.expect("a clean end");
    card(&browser, "workshop", false).await;
    browser.click("[data-colour=white]").await;
    answer(&browser, "shown", "color white").await;
    client.command("attic", r#"{"effect":"disco"}"#).await;
    answer(&browser, "rejected", "disco").await;
    browser
        .until("the chart", "document.querySelector('canvas').width > 300")
        .await;
    keep(&browser, name).await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
    let ground = browser
        .until(
            "the ground's colour",
            "getComputedStyle(document.querySelector('.v-application')).backgroundColor",
        )
        .await;
    let expected = match scheme {
        Scheme::Light => "rgb(243, 245, 249)",
        Scheme::Dark => "rgb(12, 14, 19)",
    };
    assert_eq!(ground, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn the_page_is_light_where_the_device_prefers_light() {
    is_drawn(Scheme::Light, "dashboard-light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn the_page_is_dark_where_the_device_prefers_dark() {
    is_drawn(Scheme::Dark, "dashboard-dark").await;
}
