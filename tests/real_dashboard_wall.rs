//! What the dashboard looks like on a wall, a desk and a phone, and with ten thousand nodes.
//!
//! `tests/run` runs them; they need mosquitto, npm, chromium and chromedriver. With `UPDATE_PICTURES` set the pictures of
//! docs/fleet/ are made anew; the font Inter (Debian's fonts-inter) belongs to them.

#![cfg(all(feature = "demo", feature = "fleet"))]

mod support;

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::browser::{Browser, Scheme};
use support::mosquitto::Mosquitto;
use support::page::Service;
use support::{Client, TestNode};
use tokio::sync::Mutex;

/// One at a time: a browser fills two cores.
static TURN: Mutex<()> = Mutex::const_new(());

/// A node of the house: its id, what it is told to show, the middle of its load and how far that swings, in percent.
type Member = (&'static str, Option<&'static str>, f64, f64);

const HOUSE: [Member; 18] = [
    ("attic", None, 38.0, 14.0),
    (
        "bakery",
        Some(r#"{"effect":"fire","from":"oven"}"#),
        61.0,
        9.0,
    ),
    ("cellar", None, 4.0, 2.0),
    ("doorbell", None, 9.0, 4.0),
    ("garage", Some(r#"{"effect":"rainbow"}"#), 12.0, 6.0),
    (
        "greenhouse",
        Some(r#"{"color":"green","brightness":190,"from":"watering"}"#),
        22.0,
        8.0,
    ),
    ("hall", None, 17.0, 9.0),
    (
        "kitchen",
        Some(r#"{"color":"orange","from":"dinner"}"#),
        55.0,
        12.0,
    ),
    (
        "library",
        Some(r#"{"effect":"twinkle","params":{"density":90}}"#),
        7.0,
        3.0,
    ),
    (
        "nursery",
        Some(r#"{"effect":"breathe","color":"blue","from":"bedtime"}"#),
        11.0,
        5.0,
    ),
    ("observatory", Some(r#"{"effect":"radar"}"#), 74.0, 12.0),
    ("office", None, 86.0, 9.0),
    (
        "pantry",
        Some(r#"{"effect":"gauge","params":{"value":70},"from":"shelf scale"}"#),
        5.0,
        2.0,
    ),
    ("porch", Some(r#"{"state":"OFF"}"#), 27.0, 7.0),
    (
        "studio",
        Some(r#"{"effect":"spin","color":"white"}"#),
        66.0,
        16.0,
    ),
    ("tower", None, 48.0, 18.0),
    ("vault", Some(r#"{"effect":"solid"}"#), 3.0, 1.0),
    ("workshop", Some(r##"{"color":"#8000ff"}"##), 31.0, 10.0),
];

/// A sample as nodes send it.
fn sample(time: Timestamp, sequence: i64, load: f64, memory: f64) -> Value {
    let mut sample: Value =
        serde_json::from_str(include_str!("golden/telemetry.json")).expect("a sample");
    let cores = [0.7, 1.2, 1.0, 1.1].map(|share: f64| (load * share).min(100.0).round());
    sample["time"] = time.to_string().into();
    sample["run"] = "9f3c01ab".into();
    sample["sequence"] = sequence.into();
    sample["cpu"]["load_percent"] = load.round().into();
    sample["cpu"]["core_percent"] = json!(cores);
    sample["memory"]["used_percent"] = memory.round().into();
    sample["temperature_celsius"] = (36.0 + load / 2.6).round().into();
    sample["throttled"] = json!({"under_voltage": false, "now": false, "since_boot": false});
    sample
}

/// An hour of made-up load, a sample each `step_secs`: in the test all nodes are one machine.
async fn pretend_hour(client: &Client, (node, _, middle, swing): Member, step_secs: i64) {
    let count = 3600 / step_secs;
    let now = Timestamp::now();
    let at = |step: i64| {
        let x = step as f64 / count as f64 * TAU;
        let load = middle + swing * ((x * 2.0 + middle).sin() + 0.4 * (x * 9.0 + swing).sin());
        let time = now - SignedDuration::from_secs((count - step) * step_secs);
        let memory = 20.0 + middle / 2.0 + 3.0 * (x + swing).sin();
        sample(time, step, load.clamp(1.0, 100.0), memory)
    };
    let past: Vec<Value> = (0..count).map(at).collect();
    for (batch, samples) in past.chunks(24).enumerate() {
        let remaining = past.len() - (batch * 24 + samples.len());
        let history =
            json!({"samples": samples, "in_doubt": 0, "dropped": 0, "remaining": remaining});
        let topic = format!("piglow/{node}/telemetry/history");
        client.publish(&topic, history.to_string(), false).await;
    }
    let topic = format!("piglow/{node}/telemetry");
    client.publish(&topic, at(count).to_string(), false).await;
}

/// Says what a node says at first that shows its load. A real one would show that of the machine the test runs on.
async fn introduce(client: &Client, id: &str) {
    let mut info: Value = serde_json::from_str(include_str!("golden/info.json")).expect("an info");
    info["id"] = id.into();
    info["telemetry_interval_secs"] = 60.into();
    let state = include_str!("golden/light-state-base.json");
    for (leaf, payload) in [
        ("info", info.to_string()),
        ("light/state", state.to_owned()),
        ("availability", "online".to_owned()),
    ] {
        let topic = format!("piglow/{id}/{leaf}");
        client.publish(&topic, payload, true).await;
    }
}

/// The house: nodes with simulated panels whose loads are made up. One of them is hot, one has gone, one has an alert.
async fn house(broker: &Mosquitto) -> (Vec<TestNode>, Service, Client) {
    let heard =
        ["availability", "telemetry", "light/result"].map(|leaf| format!("piglow/+/{leaf}"));
    let heard: Vec<&str> = heard.iter().map(String::as_str).collect();
    let mut client = Client::connect(broker.address(), &heard).await;
    // What is not retained has to find the dashboard listening.
    let (first, ..) = HOUSE[0];
    introduce(&client, first).await;
    let dashboard = Service::start(broker.address(), &[]).await;
    dashboard.knows(first).await;
    let settings = [
        ("node.groups", "house"),
        ("telemetry.interval_secs", "3600"),
    ];
    let mut nodes = Vec::new();
    for member in HOUSE {
        let (id, command, ..) = member;
        let Some(command) = command else {
            introduce(&client, id).await;
            pretend_hour(&client, member, 60).await;
            continue;
        };
        let node = TestNode::start(id, broker.address(), &settings);
        client.online(id).await;
        // Its own first sample is not to be seen.
        client.next(&format!("piglow/{id}/telemetry")).await;
        client.ask(id, "a1", command).await;
        pretend_hour(&client, member, if id == "kitchen" { 5 } else { 60 }).await;
        if id == "porch" {
            node.stop().await.expect("a clean end");
        } else {
            nodes.push(node);
        }
        client.forget();
    }
    let alert = r#"{"tone":"critical","duration":600,"from":"smoke"}"#;
    client.publish("piglow/vault/siren/set", alert, false).await;
    // Its last messages are still on their way.
    (nodes, dashboard, client)
}

/// Keeps a picture below target, or in docs/fleet/ when `UPDATE_PICTURES` is set.
async fn keep(browser: &Browser, name: &str) {
    let folder = match std::env::var_os("UPDATE_PICTURES") {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleet"),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(),
    };
    fs::create_dir_all(&folder).expect("the folder of the pictures");
    let picture = BASE64_STANDARD.decode(browser.picture().await);
    let picture = picture.expect("a picture in base64");
    assert!(picture.len() > 20_000, "{name} shows something");
    fs::write(folder.join(format!("{name}.png")), picture).expect("the picture's file");
}

/// Waits until boards glow and the last hour is drawn.
async fn is_drawn(browser: &Browser) {
    browser.tile("kitchen", "online").await;
    let told = "document.querySelector('.chip[data-state=alert] b').textContent === '1'
        && [...document.querySelectorAll('.tile[data-state=online] .heat')].every(heat => heat.textContent !== '–')";
    browser.until("the alert, and the load of all", told).await;
    let glows = "(() => {
            const { width, height } = document.querySelector('[data-node=kitchen] .board');
            const context = document.querySelector('[data-node=kitchen] .board').getContext('2d');
            const { data } = context.getImageData(0, 0, width, height);
            return data.some((byte, at) => at % 4 === 0 && byte > 200);
        })()";
    browser.until("a board that glows", glows).await;
    let hour = "document.querySelectorAll('.board').length > 5 && !document.querySelector('.tile:not([hidden]) .blank')";
    browser.until("the last hour", hour).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn a_house_is_seen_on_a_wall_a_desk_and_a_phone() {
    let _turn = TURN.lock().await;
    let broker = Mosquitto::open().await;
    let (_nodes, dashboard, _client) = house(&broker).await;

    let browser = Browser::start(Scheme::Dark, (1920, 1080)).await;
    browser.resize((1600, 900), 1.0).await;
    dashboard.show(&browser).await;
    is_drawn(&browser).await;
    browser.tile("porch", "offline").await;
    keep(&browser, "wall").await;
    let last = "document.querySelector('[data-node=workshop]').getBoundingClientRect().bottom <= innerHeight";
    browser.until("all of them on one screen", last).await;

    browser.resize((1280, 800), 1.0).await;
    browser.run("location.hash = '#/node/kitchen'").await;
    let page = "document.querySelector('.cores') && document.querySelector('.chart output').innerText.includes('%')
        && document.querySelector('.effects button')";
    browser.until("the page of the node", page).await;
    keep(&browser, "node").await;

    browser.resize((390, 844), 1.5).await;
    browser.run("location.hash = '#/'").await;
    is_drawn(&browser).await;
    let wide = "document.documentElement.scrollWidth === innerWidth && innerWidth === 390";
    browser.until("nothing wider than a phone", wide).await;
    browser
        .run("document.activeElement.blur(); document.querySelector('.scroller').scrollTop = 0;")
        .await;
    is_drawn(&browser).await;
    keep(&browser, "phone").await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
    drop(browser);

    let browser = Browser::start(Scheme::Light, (1280, 800)).await;
    browser.resize((1280, 800), 1.0).await;
    dashboard.show(&browser).await;
    is_drawn(&browser).await;
    browser.pick("kitchen").await;
    browser.click("[data-effect=spin]").await;
    browser.outcome("shown", "effect spin").await;
    keep(&browser, "light").await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
}

/// How many nodes are made up.
const MANY: u32 = 10_000;

/// Tells the broker of ten thousand nodes, as they would themselves.
async fn crowd(client: &mut Client) {
    let now = Timestamp::now();
    for number in 0..MANY {
        let id = format!("pi-{number:05}");
        // Busy racks beside idle ones, and a few that run hot.
        let rack = f64::from(number / 100);
        let calm = 6.0 + 5.0 * (f64::from(number) * 0.7).sin();
        let busy =
            46.0 * ((rack * 0.9).sin().max(0.0)) * (0.6 + 0.4 * (f64::from(number) * 1.3).sin());
        let hot = if number % 149 == 0 { 45.0 } else { 0.0 };
        let load = (calm + busy + hot).clamp(0.0, 100.0);
        let info = json!({
            "contract": 1, "id": id, "version": "0.1.0", "groups": [format!("rack-{}", number / 100)],
            "telemetry_interval_secs": 3600, "host": {"model": "Raspberry Pi 5"}, "effects": [], "segments": [],
        });
        client
            .publish(&format!("piglow/{id}/info"), info.to_string(), false)
            .await;
        if number % 10 != 3 {
            let topic = format!("piglow/{id}/telemetry");
            let sample = sample(now, 1, load, 30.0 + load / 3.0);
            client.publish(&topic, sample.to_string(), false).await;
        }
        let state = match number % 97 {
            5 => {
                json!({"state": "ON", "brightness": 255, "color": {"r": 0, "g": 0, "b": 255}, "effect": "solid", "layer": "remote", "from": "night shift"})
            }
            _ => {
                json!({"state": "ON", "brightness": 255, "color": {"r": 255, "g": 255, "b": 255}, "effect": "cpu_load", "layer": "base"})
            }
        };
        let topic = format!("piglow/{id}/light/state");
        client.publish(&topic, state.to_string(), false).await;
        let word = if number % 211 == 7 {
            "offline"
        } else {
            "online"
        };
        let topic = format!("piglow/{id}/availability");
        client.publish(&topic, word, false).await;
        // Nobody looks at the acknowledgements.
        client.forget();
    }
}

/// Scrolls like a person in a hurry, and measures: pictures, the longest tasks in milliseconds, and how many elements there are.
const SCROLL: &str = "(() => {
    if (window.measured) return window.measured;
    if (window.measuring) return null;
    window.measuring = true;
    const long = [];
    new PerformanceObserver(list => { for (const { duration } of list.getEntries()) long.push(Math.round(duration)); })
        .observe({ type: 'longtask' });
    const scroller = document.querySelector('.scroller');
    const start = performance.now();
    let pictures = 0, most = 0;
    const step = () => {
        scroller.scrollTop += pictures < 240 ? 60 : 900;
        most = Math.max(most, document.querySelectorAll('*').length);
        if (++pictures < 300) return requestAnimationFrame(step);
        const ms = Math.round(performance.now() - start);
        setTimeout(() => { window.measured = { pictures, ms, long_tasks_ms: long.sort((a, b) => b - a), elements: most, top: scroller.scrollTop }; }, 500);
    };
    requestAnimationFrame(step);
    return null;
})()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs mosquitto, npm, chromium and chromedriver; tests/run runs it"]
async fn ten_thousand_nodes_are_a_page_like_any_other() {
    let _turn = TURN.lock().await;
    // Nobody sends so much in so short a time: it waits in the broker instead of being dropped there.
    let broker = Mosquitto::start("allow_anonymous true\nmax_queued_messages 0\n").await;
    let dashboard = Service::start(broker.address(), &[]).await;
    let mut client = Client::connect(broker.address(), &[]).await;
    crowd(&mut client).await;
    let browser = Browser::start(Scheme::Dark, (1920, 1080)).await;
    browser.resize((1920, 1080), 1.0).await;
    let all = "document.querySelector('.chip[data-state=all] b').textContent === '10,000'
        && document.querySelector('.chip[data-state=online] b').textContent !== '0'";

    for look in ["tiles", "dense"] {
        browser.open("about:blank").await;
        let url = format!("http://{}/#/?look={look}", dashboard.address);
        browser.open(&url).await;
        browser.until("all nodes", all).await;
        let first = browser
            .until(
                "the first picture",
                "performance.getEntriesByName('fleet-seen').length && (() => {
                    const [data] = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/fleet'));
                    const [seen] = performance.getEntriesByName('fleet-seen');
                    return { bytes: data.decodedBodySize, first_picture_ms: Math.round(seen.startTime - data.responseEnd) };
                })()",
            )
            .await;
        let scrolled = browser.until("the scrolling", SCROLL).await;
        println!("{look}: {first} {scrolled}");
        let elements = scrolled["elements"].as_u64().expect("a count");
        assert!(elements < 3000, "{look}: {elements} elements");
        if look == "tiles" {
            // Far down it is the tiles that belong there which are seen.
            let there = "[...document.querySelectorAll('.tile:not([hidden])')].some(tile => {
                const { top, bottom } = tile.getBoundingClientRect();
                return top > 0 && bottom < innerHeight && tile.getAttribute('aria-posinset') > 1000
                    && tile.dataset.node === `pi-${String(tile.getAttribute('aria-posinset') - 1).padStart(5, '0')}`;
            })";
            browser.until("the tiles far down", there).await;
        } else {
            // As large as a picture should be; all are seen on it.
            browser.resize((1760, 990), 1.0).await;
            let fit = "document.querySelector('.scroller').scrollHeight <= document.querySelector('.scroller').clientHeight + 1";
            browser.until("all on one screen", fit).await;
            keep(&browser, "dense").await;
        }
    }
    browser.click("[data-look=tiles]").await;
    browser.type_into("input[type=search]", "pi-04242").await;
    browser.tile("pi-04242", "online").await;
    assert_eq!(browser.errors().await, Vec::<Value>::new());
}
