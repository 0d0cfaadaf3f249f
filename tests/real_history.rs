//! Samples across outages of a real Mosquitto: killed, restarted, and behind a link that has gone silent.

mod support;

use piglow_node::mqtt::Link;
use support::gate::Gate;
use support::ledger::{HISTORY, LIVE, Ledger};
use support::mosquitto::Mosquitto;
use support::{Client, NODE, TestNode, hurry, until};

/// How often the broker is killed.
const KILLS: usize = 8;

/// The shortest there is, so that a dead link is noticed soon.
const KEEP_ALIVE: (&str, &str) = ("mqtt.keep_alive_secs", "5");

/// A listener is there before the gate opens, and the pause before the node's next attempt is over.
async fn let_through(broker: &Mosquitto, gate: &Gate) -> Client {
    let client = Client::connect(broker.address(), &[LIVE, HISTORY]).await;
    gate.open();
    hurry().await;
    client
}

async fn is_down(node: &mut TestNode) {
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
}

/// Everything the old listener got before its broker died.
async fn drain(client: &mut Client, ledger: &mut Ledger) {
    for heard in client.heard_to_the_end().await {
        ledger.note(&heard);
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_broker_that_is_killed_again_and_again_costs_no_sample() {
    let mut broker = Mosquitto::open().await;
    let gate = Gate::to(broker.address()).await;
    let mut node = TestNode::start(NODE, gate.address, &[KEEP_ALIVE]);
    let mut ledger = Ledger::default();
    for kill in 0..KILLS as u64 {
        // From none to more than a batch, so that deliveries are cut as well.
        let last = node.take(1 + kill * 20).await;
        let mut client = let_through(&broker, &gate).await;
        ledger.remaining = None;
        if kill % 2 == 0 {
            ledger.listen(&mut client, last).await;
            ledger.hear(&mut client).await;
        } else {
            // In the middle of a delivery.
            ledger.hear(&mut client).await;
        }
        broker.kill();
        is_down(&mut node).await;
        gate.shut();
        drain(&mut client, &mut ledger).await;
        broker.restart().await;
    }
    let last = node.take(1).await;
    let mut client = let_through(&broker, &gate).await;
    ledger.remaining = None;
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert_eq!(ledger.dropped, 0);
    println!(
        "{KILLS} kills, {} samples, {} of them late, {} seen more than once, as declared; batches {:?}",
        ledger.entries.len(),
        ledger.late(),
        ledger.doubled(),
        ledger.batches
    );
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_link_that_goes_silent_costs_no_sample() {
    let broker = Mosquitto::open().await;
    let gate = Gate::to(broker.address()).await;
    let mut client = Client::connect(broker.address(), &[LIVE, HISTORY]).await;
    gate.open();
    let mut node = TestNode::start(NODE, gate.address, &[KEEP_ALIVE]);
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.hear(&mut client).await;
        gate.silence();
        tokio::time::pause();
        is_down(&mut node).await;
        tokio::time::resume();
        let last = node.newest().expect("a sample");
        gate.open();
        hurry().await;
        ledger.remaining = None;
        ledger.listen(&mut client, last).await;
    }
    ledger.check();
    assert_eq!(ledger.dropped, 0);
    assert!(ledger.late() >= 3, "{ledger:#?}");
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_broker_of_small_packets_gets_small_batches() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_packet_size 2500\n").await;
    let gate = Gate::to(broker.address()).await;
    // `info` is too large for it, and dropped.
    let mut node = TestNode::start(NODE, gate.address, &[KEEP_ALIVE]);
    let last = node.take(12).await;
    let mut client = let_through(&broker, &gate).await;
    let mut ledger = Ledger::default();
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert_eq!(ledger.dropped, 0);
    assert!(ledger.batches.len() > 2, "{:?}", ledger.batches);
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_restarted_node_delivers_what_the_one_before_has_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history").display().to_string();
    let settings = [KEEP_ALIVE, ("history.file", path.as_str())];
    let mut broker = Mosquitto::open().await;
    let gate = Gate::to(broker.address()).await;
    let mut client = Client::connect(broker.address(), &[LIVE, HISTORY]).await;
    gate.open();
    let mut node = TestNode::start(NODE, gate.address, &settings);
    let mut ledger = Ledger::default();
    ledger.hear(&mut client).await;
    ledger.hear(&mut client).await;
    broker.kill();
    is_down(&mut node).await;
    gate.shut();
    drain(&mut client, &mut ledger).await;
    let last = node.take(70).await;
    node.stop().await.expect("a clean end");
    broker.restart().await;

    let node = TestNode::start(NODE, gate.address, &settings);
    let mut client = let_through(&broker, &gate).await;
    ledger.remaining = None;
    ledger.listen(&mut client, last).await;
    ledger.check();
    assert!(ledger.dropped == 0 && ledger.late() >= 70, "{ledger:#?}");
    node.stop().await.expect("a clean end");
}
