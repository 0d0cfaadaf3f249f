//! Samples that are taken while the broker is away: none is lost, none is doubled in silence.
#![cfg(feature = "demo")]

mod support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use piglow_node::clock::Wall;
use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::mqtt::Link;
use serde_json::Value;
use support::gate::Gate;
use support::ledger::{HISTORY, LIVE, Ledger};
use support::{Client, NODE, TestNode, free_port, hurry, until};
use tokio::time::Instant;

async fn scene() -> (EmbeddedBroker, Gate, Client) {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts");
    let gate = Gate::to(broker.address()).await;
    let client = Client::connect(broker.address(), &[LIVE, HISTORY]).await;
    (broker, gate, client)
}

/// Opens the gate and lets the pause before the next attempt be over.
async fn let_through(gate: &Gate) {
    gate.open();
    hurry().await;
}

async fn is_up(node: &mut TestNode) {
    until("the link", &mut node.view.link, |link| *link != Link::Down).await;
}

async fn is_down(node: &mut TestNode) {
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
}

#[tokio::test]
async fn outages_lose_nothing_and_double_nothing_in_silence() {
    let (_broker, gate, mut client) = scene().await;
    let mut node = TestNode::start(NODE, gate.address, &[]);
    let mut ledger = Ledger::default();
    for outage in 0..3 {
        let last = node.take(40).await;
        let_through(&gate).await;
        ledger.remaining = None;
        ledger.listen(&mut client, last).await;
        // Live ones between, of which the last are not proven when the link is lost.
        for _ in 0..2 {
            ledger.hear(&mut client).await;
        }
        gate.shut();
        is_down(&mut node).await;
        assert!(ledger.late() >= 40 * (outage + 1), "{}", ledger.late());
    }
    ledger.check();
    assert_eq!(ledger.dropped, 0);
    assert!(
        ledger.batches.iter().all(|count| *count <= 24),
        "{:?}",
        ledger.batches
    );
}

#[tokio::test]
async fn an_outage_beyond_the_buffer_is_thinned_and_the_count_is_exact() {
    let (_broker, gate, mut client) = scene().await;
    let mut node = TestNode::start(NODE, gate.address, &[("history.memory_secs", "60")]);
    let last = node.take(500).await;
    let_through(&gate).await;
    let mut ledger = Ledger::default();
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert!(ledger.dropped >= 440, "{}", ledger.dropped);
    assert!(
        ledger.entries.contains_key(&0),
        "the outage's begin is known"
    );
    let newest: Vec<u64> = (last - 29..=last).collect();
    assert!(
        newest
            .iter()
            .all(|sequence| ledger.entries.contains_key(sequence))
    );
}

#[tokio::test]
async fn what_was_written_into_a_dead_link_is_sent_again() {
    let (_broker, gate, mut client) = scene().await;
    gate.open();
    let mut node = TestNode::start(NODE, gate.address, &[("mqtt.keep_alive_secs", "5")]);
    let mut ledger = Ledger::default();
    ledger.hear(&mut client).await;
    let first = node.newest().expect("a sample");

    gate.silence();
    // The library asks for no sign of life while telemetry flows; the node notices all the same.
    tokio::time::pause();
    let silent = Instant::now();
    is_down(&mut node).await;
    assert!(
        silent.elapsed() < Duration::from_secs(30),
        "{:?}",
        silent.elapsed()
    );
    tokio::time::resume();
    let lost = node.newest().expect("a sample");
    assert!(lost > first + 4, "samples went into the dead link");
    let_through(&gate).await;

    ledger.listen(&mut client, lost).await;
    ledger.check();
    assert_eq!(ledger.dropped, 0);
    assert!(
        ledger
            .entries
            .values()
            .any(|entry| entry.live == 0 && entry.in_doubt == 1),
        "{ledger:?}"
    );
}

#[tokio::test]
async fn in_quiet_times_one_sample_in_a_keep_alive_is_acknowledged_and_none_is_repeated() {
    let (_broker, gate, mut client) = scene().await;
    gate.open();
    let mut node = TestNode::start(NODE, gate.address, &[("mqtt.keep_alive_secs", "5")]);
    is_up(&mut node).await;
    let mut ledger = Ledger::default();
    for _ in 0..8 {
        ledger.hear(&mut client).await;
    }
    assert_eq!(
        (ledger.late(), ledger.doubled(), ledger.batches.len()),
        (0, 0, 0)
    );
    node.stop().await.expect("a clean end");
    ledger.check();
}

fn file_settings(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn a_stopped_node_leaves_its_samples_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    let file = file_settings(&path);
    let settings = [("history.file", file.as_str())];
    let (_broker, gate, mut client) = scene().await;

    let mut node = TestNode::start(NODE, gate.address, &settings);
    let last = node.take(30).await;
    let run = run_of(&node);
    node.stop().await.expect("a clean end");
    assert!(path.exists());

    gate.open();
    let node = TestNode::start(NODE, gate.address, &settings);
    let mut ledger = Ledger::of(&run);
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert_eq!(
        (ledger.entries.len() as u64, ledger.doubled()),
        (last + 1, 0)
    );
    node.stop().await.expect("a clean end");
    assert!(!path.exists(), "what was delivered is not kept");
}

#[tokio::test]
async fn a_power_cut_costs_the_samples_since_the_last_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    let file = file_settings(&path);
    let settings = [
        ("history.file", file.as_str()),
        ("history.file_interval_secs", "60"),
    ];
    let (_broker, gate, mut client) = scene().await;

    let mut node = TestNode::start(NODE, gate.address, &settings);
    let last = node.take(100).await;
    let run = run_of(&node);
    node.vanish().await;
    let written = fs::metadata(&path).expect("a file").len();
    assert!(written > 0);

    let node = TestNode::start(NODE, gate.address, &settings);
    let_through(&gate).await;
    let mut ledger = Ledger::of(&run);
    ledger.listen(&mut client, 50).await;
    ledger.check();
    let count = ledger.entries.len() as u64;
    assert!((50..=last).contains(&count), "{count} of {last}");
    drop(node);
}

#[tokio::test]
async fn a_node_that_always_had_its_broker_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    let file = file_settings(&path);
    let (_broker, gate, mut client) = scene().await;
    gate.open();
    let node = TestNode::start(NODE, gate.address, &[("history.file", file.as_str())]);
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.hear(&mut client).await;
    }
    node.stop().await.expect("a clean end");
    assert!(!path.exists(), "the last samples were proven by `offline`");
}

/// The run that the node's samples are of, as it is published.
fn run_of(node: &TestNode) -> String {
    let sample = node.view.measured.sample.borrow();
    sample.as_ref().expect("a sample").stamp.run.to_string()
}

/// A wall clock that begins in 1970, as on a board without a battery, and is set later.
#[derive(Debug)]
struct Unset {
    started: Instant,
    set_by_millis: AtomicI64,
}

impl Wall for Unset {
    fn unix_millis(&self) -> i64 {
        self.set_by_millis.load(Ordering::Relaxed) + self.since_boot().as_millis() as i64
    }

    fn since_boot(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The 31st of January 2026, noon.
const NOON: i64 = 1_769_860_800_000;

#[tokio::test]
async fn a_clock_that_is_set_late_repairs_the_times_of_what_waits() {
    let wall: &'static Unset = Box::leak(Box::new(Unset {
        started: Instant::now(),
        set_by_millis: AtomicI64::new(0),
    }));
    let (_broker, gate, mut client) = scene().await;
    let mut node = TestNode::start_beside(NODE, gate.address, &[], wall);
    let steps = node.view.measured.clock_steps.clone();
    node.take(20).await;
    wall.set_by_millis.store(NOON, Ordering::Relaxed);
    let last = node.take(20).await;
    assert_eq!(*steps.borrow(), 1, "the step was noticed, once");
    let_through(&gate).await;
    let mut ledger = Ledger::default();
    ledger.listen(&mut client, last).await;
    ledger.check();
    let times: Vec<&str> = ledger
        .times
        .values()
        .map(|time| time.as_str().unwrap_or("unknown"))
        .collect();
    assert!(
        times.iter().all(|time| time.starts_with("2026-01-31T12:0")),
        "{times:?}"
    );
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn sixty_days_later_everything_goes_on() {
    let port = free_port();
    let mut node = TestNode::start(NODE, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &[]);
    node.take(3).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60 * 86_400)).await;
    tokio::time::resume();
    // What was missed is not made up for; the next ones come at their interval.
    let last = node.take(5).await;
    assert!((7..12).contains(&last), "{last}");

    let broker = EmbeddedBroker::start(BrokerOptions { port: Some(port) })
        .await
        .expect("the broker starts");
    let topics = [
        LIVE,
        HISTORY,
        "piglow/pi/light/result",
        "piglow/pi/availability",
    ];
    let mut client = Client::connect(broker.address(), &topics).await;
    hurry().await;
    client.online(NODE).await;
    let leased = client
        .ask(NODE, "leased", r#"{"color":"blue","for_secs":5}"#)
        .await;
    assert_eq!(leased["status"], "shown", "{leased}");
    let mut ledger = Ledger::default();
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert_eq!(ledger.dropped, 0);
}

#[tokio::test]
async fn what_is_taken_before_the_clock_is_set_has_no_time() {
    let wall: &'static Unset = Box::leak(Box::new(Unset {
        started: Instant::now(),
        set_by_millis: AtomicI64::new(0),
    }));
    let (_broker, gate, mut client) = scene().await;
    gate.open();
    let _node = TestNode::start_beside(NODE, gate.address, &[], wall);
    let sample = client.next(LIVE).await.json();
    assert_eq!(sample["time"], Value::Null, "{sample}");
    assert!(sample["uptime_secs"].is_number(), "{sample}");
}
