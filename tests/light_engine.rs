//! What the light engine does in a whole node: leases, starts at an instant, slow buses, scenes.

#![cfg(feature = "demo")]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::light::LayerName;
use piglow_node::mqtt::Link;
use piglow_node::panel::SimBus;
use support::program::Program;
use support::{Client, NODE, TestNode, retained, until};

async fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("a broker")
}

#[tokio::test]
async fn a_lease_ends_on_time_though_the_broker_is_away() {
    let broker = broker().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    client
        .ask(NODE, "x", r#"{"id":"x","color":"red","for_secs":2}"#)
        .await;
    broker.stop().await.expect("the broker stops");
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
    let state = until("the lease's end", &mut node.view.state, |state| {
        state.layer == LayerName::Base
    })
    .await;
    assert_eq!(state.ends, None);
    assert_eq!(*node.view.link.borrow(), Link::Down);
}

#[tokio::test]
async fn a_node_that_is_alone_for_long_shows_its_default_until_the_broker_is_back() {
    let broker = broker().await;
    let address = broker.address();
    let mut client = Client::connect(address, &["piglow/#"]).await;
    let mut node = TestNode::start(NODE, address, &[("light.offline_after_secs", "1")]);
    client.online(NODE).await;
    client.ask(NODE, "x", r#"{"id":"x","color":"red"}"#).await;
    broker.stop().await.expect("the broker stops");
    until("the default", &mut node.view.state, |state| {
        state.layer == LayerName::Base
    })
    .await;
    let again = EmbeddedBroker::start(BrokerOptions {
        port: Some(address.port()),
    })
    .await
    .expect("a broker");
    assert_eq!(again.address(), address);
    until("what was commanded", &mut node.view.state, |state| {
        state.layer == LayerName::Remote
    })
    .await;
}

#[tokio::test]
async fn a_slow_bus_shows_the_newest_frames_and_skips_the_late_ones() {
    let broker = broker().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    // 10 kHz: a frame takes 23 ms of bus, four times as long as the pause between two frames of the picture.
    let bus = SimBus::new().with_bus_hz(Some(10_000));
    let settings = [("light.frames_per_second", "200")];
    let mut node = TestNode::start_on(NODE, broker.address(), &settings, bus);
    client.online(NODE).await;
    client.command(NODE, r#"{"effect":"rainbow"}"#).await;
    let mut numbers = Vec::new();
    while numbers.len() < 20 {
        let last = numbers.last().copied().unwrap_or_default();
        let newer = until("the next frame", &mut node.view.receipts, |receipt| {
            receipt.is_some_and(|receipt| receipt.number > last)
        });
        numbers.push(newer.await.expect("a frame").number);
    }
    let skipped = node.view.panel.borrow().frames_skipped;
    assert!(skipped > 0, "{numbers:?}");
    assert!(
        numbers.windows(2).any(|pair| pair[1] > pair[0] + 1),
        "{numbers:?}"
    );
    // What comes after the motion is shown next, not after a queue of stale frames.
    client.command(NODE, r#"{"id":"off","state":"OFF"}"#).await;
    assert_eq!(client.result(NODE, "off").await["status"], "shown");
    assert_eq!(node.bus.shown(), piglow_node::light::Frame::DARK);
}

#[tokio::test]
async fn a_command_that_begins_later_is_shown_then_and_not_before() {
    let broker = broker().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let nodes = [
        TestNode::start("left", broker.address(), &[]),
        TestNode::start("right", broker.address(), &[]),
    ];
    for node in &nodes {
        client.online(&node.id).await;
    }
    let since = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock past 1970")
    };
    let start = since() + Duration::from_secs(1);
    let at = timestamp(start);
    for (id, phase) in [("left", 0.0), ("right", 0.5)] {
        let command = format!(
            r#"{{"id":"{id}","effect":"chase","start_at":"{at}","params":{{"phase":{phase}}}}}"#
        );
        client.command(id, command).await;
    }
    let early = client
        .ask("left", "early", r#"{"id":"early","brightness":100}"#)
        .await;
    assert_eq!(early["status"], "shown", "{early}");
    assert_eq!(nodes[0].view.state.borrow().effect_name(), Some("cpu_load"));
    for node in &nodes {
        let result = client.result(&node.id, &node.id).await;
        assert_eq!(result["status"], "shown", "{result}");
        assert!(since() >= start - Duration::from_millis(1));
        assert_eq!(node.view.state.borrow().effect_name(), Some("chase"));
    }
    let state = retained(broker.address(), "piglow/right/light/state")
        .await
        .json();
    assert_eq!(state["params"]["phase"], 0.5, "{state}");
}

/// RFC 3339 with milliseconds, as a sender writes it.
fn timestamp(since_1970: Duration) -> String {
    let millis = i64::try_from(since_1970.as_millis()).expect("a time before the year 292 million");
    let time = jiff::Timestamp::from_millisecond(millis).expect("a time jiff knows");
    format!("{time:.3}")
}

#[tokio::test]
async fn a_scene_of_ones_own_is_offered_shown_and_kept() {
    let broker = broker().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("pi.toml");
    let text = r#"
[scenes.traffic-light]
summary = "stop and go"
keyframes = [
  { leds = { "ring/red" = 255 }, secs = 2, easing = "step" },
  { leds = { "ring/green" = 255 }, secs = 2, easing = "step" },
]
"#;
    std::fs::write(&file, text).expect("a file");
    let url = format!("mqtt://{}", broker.address());
    let kept = format!(
        "light.state_file={}",
        folder.path().join("light.json").display()
    );
    let file = file.display().to_string();
    let arguments = [
        "--config",
        &file,
        "--url",
        &url,
        "--id",
        NODE,
        "--panel",
        "simulated",
        "--set",
        &kept,
    ];
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut node = Program::start(&arguments);
    client.online(NODE).await;
    let info = retained(broker.address(), "piglow/pi/info").await.json();
    let offered = info["effects"]
        .as_array()
        .expect("effects")
        .iter()
        .any(|effect| effect["name"] == "traffic-light");
    assert!(offered, "{info}");
    let result = client
        .ask(NODE, "x", r#"{"id":"x","effect":"traffic-light"}"#)
        .await;
    assert_eq!(result["status"], "shown", "{result}");
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    client.forget();
    let mut again = Program::start(&arguments);
    client.online(NODE).await;
    let state = retained(broker.address(), "piglow/pi/light/state")
        .await
        .json();
    assert_eq!(state["effect"], "traffic-light", "{state}");
    again.signal("TERM");
    assert_eq!(again.ends().await, Some(0));
}
