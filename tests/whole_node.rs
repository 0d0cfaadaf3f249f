//! Whole nodes: the real tasks, a broker in this process, and the register model of the panel's chip.
#![cfg(feature = "demo")]

mod support;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::light::board::Segment;
use piglow_node::light::effect::Kind;
use piglow_node::light::{Frame, Stage};
use piglow_node::mqtt::Link;
use piglow_node::panel::PanelState;
use piglow_node::supervisor::Fault;
use serde_json::{Value, json};
use support::{BRIGHT, Client, LIMIT, NODE, TestNode, all_at, free_port, retained, until};

const RESULT: &str = "piglow/pi/light/result";
const STATE: &str = "piglow/pi/light/state";
const HEALTH: &str = "piglow/pi/health";
const AVAILABILITY: &str = "piglow/pi/availability";

/// Everything a node says but telemetry and frames.
const TALK: [&str; 4] = [AVAILABILITY, HEALTH, "piglow/pi/light/#", "piglow/pi/info"];

async fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts")
}

/// A broker on a port that it can have again.
async fn broker_at(port: u16) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(BrokerOptions { port: Some(port) })
        .await
        .expect("the broker starts");
    assert_eq!(broker.address().port(), port);
    broker
}

/// A broker, a node that is online and shows its first frame, and a client that hears it.
async fn scene(settings: &[(&str, &str)]) -> (EmbeddedBroker, TestNode, Client) {
    let broker = broker().await;
    let mut client = Client::connect(broker.address(), &TALK).await;
    let mut node = TestNode::start(NODE, broker.address(), settings);
    client.online(NODE).await;
    node.shows_anything().await;
    // What is told of the panel from here on is news.
    client
        .hear("that the panel is well", |heard| {
            heard.topic == HEALTH && heard.json()["panel"]["state"] == "ok"
        })
        .await;
    (broker, node, client)
}

/// Still, so that what is latched is what was commanded.
const STILL: [(&str, &str); 1] = [("light.default_effect", "solid")];

#[tokio::test]
async fn a_command_is_latched_kept_as_state_and_answered_with_its_frame() {
    let (broker, mut node, mut client) = scene(&[]).await;

    let result = client.ask(NODE, "bright", BRIGHT).await;

    assert_eq!(result["status"], "shown", "{result}");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
    let receipt = node.view.receipts.borrow_and_update().expect("a receipt");
    assert_eq!(result["frame"], receipt.number);
    assert_eq!(receipt.frame, all_at(LIMIT));
    assert!(result["latency_ms"].is_number(), "{result}");
    let state = retained(broker.address(), STATE).await.json();
    assert_eq!(state["state"], "ON");
    assert_eq!(state["layer"], "remote");
    assert_eq!(state["leds"], json!(vec![255; 18]));
    let part = retained(broker.address(), "piglow/pi/light/arm/top/state").await;
    assert_eq!(part.json()["brightness"], 255);
}

#[tokio::test]
async fn the_answer_goes_to_the_response_topic_with_its_correlation_data_too() {
    let (_broker, _node, mut client) = scene(&STILL).await;
    client.subscribe(&["answers/for/me"]).await;

    client
        .request(
            NODE,
            r#"{"id":"r1","state":"OFF"}"#,
            "answers/for/me",
            b"\x00token",
        )
        .await;

    let answer = client.next("answers/for/me").await;
    assert_eq!(answer.correlation.as_deref(), Some(&b"\x00token"[..]));
    assert_eq!(answer.json()["id"], "r1");
    assert_eq!(answer.json()["status"], "shown");
    assert_eq!(client.result(NODE, "r1").await, answer.json());
}

#[tokio::test]
async fn an_impossible_response_topic_costs_nothing_but_that_answer() {
    let (_broker, mut node, mut client) = scene(&STILL).await;

    for topic in ["piglow/pi/light/set", "$SYS/answers"] {
        client
            .request(NODE, r#"{"id":"odd","state":"OFF"}"#, topic, b"x")
            .await;
        assert_eq!(
            client.result(NODE, "odd").await["status"],
            "shown",
            "{topic}"
        );
    }

    assert_eq!(*node.view.link.borrow_and_update(), Link::Up(1));
}

#[tokio::test]
async fn bare_words_are_commands() {
    let (_broker, node, mut client) = scene(&STILL).await;
    for (word, field, value) in [
        ("off", "state", json!("OFF")),
        ("on", "state", json!("ON")),
        ("toggle", "state", json!("OFF")),
        ("100", "brightness", json!(100)),
        ("red", "color", json!({"r": 255, "g": 0, "b": 0})),
        ("breathe", "effect", json!("breathe")),
    ] {
        client.forget();
        client.command(NODE, word).await;
        assert_eq!(
            client.next(RESULT).await.json()["status"],
            "shown",
            "{word}"
        );
        client
            .hear(&format!("the state after {word}"), |heard| {
                heard.topic == STATE && heard.json()[field] == value
            })
            .await;
    }
    drop(node);
}

#[tokio::test]
async fn a_segment_command_paints_its_leds_on_a_dark_canvas() {
    let (broker, node, mut client) = scene(&[]).await;

    client
        .publish(
            "piglow/pi/light/ring/red/set",
            r#"{"id":"ring","brightness":255}"#,
            false,
        )
        .await;

    assert_eq!(client.result(NODE, "ring").await["status"], "shown");
    let frame = node.bus.shown();
    assert_eq!(frame.0.iter().filter(|level| **level == LIMIT).count(), 3);
    assert_eq!(frame.0.iter().filter(|level| **level == 0).count(), 15);
    let ring = retained(broker.address(), "piglow/pi/light/ring/red/state").await;
    assert_eq!(ring.json()["state"], "ON");
    let other = retained(broker.address(), "piglow/pi/light/ring/blue/state").await;
    assert_eq!(other.json()["state"], "OFF");
}

#[tokio::test]
async fn off_is_dark_and_cpu_load_gives_the_board_back() {
    let (_broker, mut node, mut client) = scene(&[]).await;

    let off = client.ask(NODE, "off", r#"{"state":"OFF"}"#).await;
    assert_eq!(off["status"], "shown");
    assert_eq!(node.bus.shown(), Frame::DARK);

    let back = client.ask(NODE, "back", r#"{"effect":"cpu_load"}"#).await;
    assert_eq!(back["status"], "shown");
    client
        .hear("the base's state", |heard| {
            heard.topic == STATE && heard.json()["layer"] == "base"
        })
        .await;
    shows_the_load(&mut node).await;
}

/// Waits until the board shows the load that was measured last.
async fn shows_the_load(node: &mut TestNode) {
    let stage = Stage::new(&piglow_node::light::Settings {
        default_effect: Kind::CpuLoad,
        brightness_limit: LIMIT,
        gamma: 2.2,
        frames_per_second: 50,
        ..piglow_node::light::Settings::default()
    });
    until("a load", &mut node.view.measured.inputs, |inputs| {
        inputs.cpu_load.is_some()
    })
    .await;
    let inputs = node.view.measured.inputs.clone();
    node.shows("the measured load", |board| {
        board.frame == stage.frame(std::time::Duration::ZERO, &inputs.borrow())
    })
    .await;
}

#[tokio::test]
async fn a_lease_ends_and_what_lay_below_returns() {
    let (_broker, node, mut client) = scene(&STILL).await;
    let below = node.bus.shown();

    let leased = client
        .ask(NODE, "leased", r#"{"state":"OFF","for_secs":0.2}"#)
        .await;

    assert_eq!(leased["status"], "shown");
    client
        .hear("the leased state", |heard| {
            heard.topic == STATE && heard.json()["until"].is_string()
        })
        .await;
    client
        .hear("the base's state", |heard| {
            heard.topic == STATE
                && heard.json()["layer"] == "base"
                && heard.json()["until"].is_null()
        })
        .await;
    node.shows("the picture below", |board| board.frame == below)
        .await;
}

#[tokio::test]
async fn a_transition_passes_through_frames_in_between() {
    let (_broker, node, mut client) = scene(&STILL).await;
    client.ask(NODE, "dark", r#"{"state":"OFF"}"#).await;
    let mut board = node.bus.subscribe();

    let mut fade: Value = serde_json::from_str(BRIGHT).expect("JSON");
    fade["transition"] = json!(1);
    fade["state"] = json!("ON");
    client.command(NODE, fade.to_string()).await;

    until("a frame in between", &mut board, |board| {
        (1..LIMIT).contains(&board.frame.0[0])
    })
    .await;
    assert_eq!(client.result(NODE, "bright").await["status"], "shown");
    until("the last frame", &mut board, |board| {
        board.frame == all_at(LIMIT)
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_command_is_said_and_the_node_obeys_the_next() {
    let (_broker, node, mut client) = scene(&STILL).await;
    let long = format!(
        r#"{{"id":"long","state":"ON","from":"{}"}}"#,
        "x".repeat(4096)
    );
    let size = long.len();
    let cases: [(&str, &str, Value); 9] = [
        (r#"{"state":"#, "malformed", json!({})),
        (
            "lights please",
            "malformed",
            json!({"field": "payload", "value": "lights please"}),
        ),
        (
            r#"{"id":"a","brightnes":3}"#,
            "unknown_field",
            json!({"id": "a", "field": "brightnes", "value": 3}),
        ),
        (
            r#"{"id":"b","effect":"cpu_laod"}"#,
            "unknown_effect",
            json!({"id": "b", "field": "effect", "value": "cpu_laod"}),
        ),
        (
            r#"{"id":"c","brightness":300}"#,
            "out_of_range",
            json!({"id": "c", "field": "brightness", "value": 300}),
        ),
        (
            r#"{"id":"d","state":"ON","expires_at":"2020-01-01T00:00:00Z"}"#,
            "stale",
            json!({"id": "d", "field": "expires_at", "value": "2020-01-01T00:00:00Z"}),
        ),
        (
            &long,
            "too_large",
            json!({"field": "payload", "value": size}),
        ),
        (r#"{"id":"e"}"#, "missing_field", json!({"id": "e"})),
        (
            r#"{"id":"f","leds":{"ring/pink":9}}"#,
            "unknown_segment",
            json!({"id": "f", "field": "leds.ring/pink", "value": 9}),
        ),
    ];
    for (payload, reason, said) in cases {
        let before = node.bus.shown();
        client.command(NODE, payload).await;
        let answer = client.next(RESULT).await.json();
        assert_eq!(answer["status"], "rejected", "{payload}: {answer}");
        assert_eq!(answer["reason"], reason, "{answer}");
        for (key, value) in said.as_object().expect("an object") {
            assert_eq!(&answer[key], value, "{answer}");
        }
        assert!(
            answer["expected"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{answer}"
        );
        assert_eq!(node.bus.shown(), before);
    }
    let bright = client.ask(NODE, "bright", BRIGHT).await;
    assert_eq!(bright["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
}

#[tokio::test]
async fn a_topic_of_an_unknown_segment_is_answered() {
    let (_broker, _node, mut client) = scene(&STILL).await;

    client
        .publish("piglow/pi/light/ring/pink/set", "on", false)
        .await;

    let answer = client.next(RESULT).await.json();
    assert_eq!(answer["reason"], "unknown_segment");
    assert_eq!(answer["value"], "ring/pink");
    assert!(answer["expected"].to_string().contains("led/1"), "{answer}");
}

#[tokio::test]
async fn a_retained_command_is_stale_live_and_when_it_is_replayed() {
    let (broker, node, mut client) = scene(&STILL).await;
    let before = node.bus.shown();

    client
        .publish(
            "piglow/pi/light/set",
            r#"{"id":"kept","state":"OFF"}"#,
            true,
        )
        .await;
    let live = client.result(NODE, "kept").await;
    assert_eq!(live["reason"], "stale", "{live}");
    assert!(live["expected"].to_string().contains("retain"), "{live}");
    assert_eq!(node.bus.shown(), before);

    node.stop().await.expect("a clean stop");
    let mut node = TestNode::start(NODE, broker.address(), &STILL);
    let replayed = client.result(NODE, "kept").await;
    assert_eq!(replayed["reason"], "stale", "{replayed}");
    node.shows_anything().await;
    assert_eq!(node.bus.shown(), before);
    let bright = client.ask(NODE, "bright", BRIGHT).await;
    assert_eq!(bright["status"], "shown");

    // Who clears the topic is not told that an empty message is no command.
    client.forget();
    client.publish("piglow/pi/light/set", "", true).await;
    client.ask(NODE, "after", BRIGHT).await;
    assert!(client.heard_on(RESULT).is_empty());
}

#[tokio::test]
async fn identify_blinks_and_ends() {
    let (_broker, _node, mut client) = scene(&STILL).await;

    client.publish("piglow/pi/identify", "600", false).await;
    assert_eq!(client.next(RESULT).await.json()["status"], "shown");
    client
        .hear("the blink's state", |heard| {
            heard.topic == STATE && heard.json()["layer"] == "identify"
        })
        .await;

    client.publish("piglow/pi/identify", "0", false).await;
    assert_eq!(client.next(RESULT).await.json()["status"], "shown");
    client
        .hear("the base's state", |heard| {
            heard.topic == STATE && heard.json()["layer"] == "base"
        })
        .await;

    client.publish("piglow/pi/identify", "soon", false).await;
    assert_eq!(client.next(RESULT).await.json()["reason"], "malformed");
}

#[tokio::test]
async fn a_command_before_the_panels_first_transfer_is_answered_when_it_is_shown() {
    let broker = broker().await;
    let bus = piglow_node::panel::SimBus::new();
    bus.hold();
    let node = TestNode::start_on(NODE, broker.address(), &[], bus.clone());
    let mut client = Client::connect(broker.address(), &TALK).await;
    client.online(NODE).await;
    client.command(NODE, BRIGHT).await;
    client
        .hear("the state", |heard| {
            heard.topic == STATE && heard.json()["layer"] == "remote"
        })
        .await;
    bus.release();
    assert_eq!(client.result(NODE, "bright").await["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
}

#[tokio::test]
async fn each_command_of_a_flood_is_answered_once() {
    const FLOOD: usize = 200;
    let (_broker, node, mut client) = scene(&STILL).await;

    for number in 0..FLOOD {
        let command = json!({"id": format!("flood-{number}"), "brightness": 1 + number % 255});
        client.command(NODE, command.to_string()).await;
    }

    let mut answered = std::collections::BTreeMap::new();
    for _ in 0..FLOOD {
        let answer = client.next(RESULT).await.json();
        let status = answer["status"].as_str().expect("a status").to_owned();
        assert!(
            ["shown", "superseded"].contains(&status.as_str()) || answer["reason"] == "busy",
            "{answer}"
        );
        let id = answer["id"].as_str().expect("an id").to_owned();
        assert_eq!(answered.insert(id, status), None, "answered twice");
    }
    assert_eq!(answered.len(), FLOOD);
    assert_eq!(answered[&format!("flood-{}", FLOOD - 1)], "shown");

    // A change of the panel's state publishes the counters.
    client.forget();
    node.bus.unplug();
    client.ask(NODE, "last", BRIGHT).await;
    let health = client
        .hear("that the panel is missing", |heard| {
            heard.topic == HEALTH && heard.json()["panel"]["state"] == "missing"
        })
        .await
        .json();
    assert_eq!(health["counters"]["commands_received"], FLOOD + 1);
    assert_eq!(health["counters"]["messages_dropped"], 0);
}

#[tokio::test]
async fn a_flood_beyond_all_queues_is_survived_and_counted() {
    const FLOOD: u64 = 1000;
    let (_broker, node, mut client) = scene(&STILL).await;

    for number in 0..FLOOD {
        let command = json!({"id": "flood", "brightness": 1 + number % 255});
        client.command(NODE, command.to_string()).await;
    }
    // Answers may be dropped while the queue out is full; whoever asks again is heard in the end.
    let mut shown = false;
    while !shown {
        client.command(NODE, r#"{"id":"end","state":"OFF"}"#).await;
        let answer = client
            .hear("an answer after the flood", |heard| heard.topic == RESULT)
            .await
            .json();
        shown = answer["id"] == "end" && answer["status"] == "shown";
    }
    assert_eq!(node.bus.shown(), Frame::DARK);
    assert_eq!(*node.view.link.borrow(), Link::Up(1));
    // What is retained is what is shown, whatever was dropped on the way.
    for part in Segment::parts() {
        let topic = format!("piglow/pi/light/{part}/state");
        client
            .hear(&format!("{topic} OFF"), |heard| {
                heard.topic == topic && heard.json()["state"] == "OFF"
            })
            .await;
    }
}

#[tokio::test]
async fn after_the_brokers_return_the_node_is_born_again_and_obeys() {
    let port = free_port();
    let broker = broker_at(port).await;
    let mut client = Client::connect(broker.address(), &TALK).await;
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    client.ask(NODE, "before", r#"{"effect":"breathe"}"#).await;

    broker.stop().await.expect("the broker stops");
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
    // The LEDs owe nothing to the network.
    node.latches(5).await;

    let broker = broker_at(port).await;
    let mut client = Client::connect(broker.address(), &TALK).await;
    client.online(NODE).await;
    assert_eq!(*node.view.link.borrow_and_update(), Link::Up(2));
    let info = retained(broker.address(), "piglow/pi/info").await.json();
    assert_eq!(info["id"], NODE);
    let state = retained(broker.address(), STATE).await.json();
    assert_eq!(state["effect"], "breathe");
    assert_eq!(state["layer"], "remote");
    let parts = info["segments"].as_array().expect("segments");
    for part in parts {
        let topic = format!("piglow/pi/light/{}/state", part.as_str().expect("a name"));
        let kept = client.next(&topic).await.json();
        assert_eq!(kept["state"], "ON", "{topic}");
    }
    let health = retained(broker.address(), HEALTH).await.json();
    assert_eq!(health["counters"]["connections"], 2);
    let bright = client.ask(NODE, "bright", BRIGHT).await;
    assert_eq!(bright["status"], "shown");
    client
        .publish(
            "piglow/all/light/set",
            r#"{"id":"all","state":"OFF"}"#,
            false,
        )
        .await;
    assert_eq!(client.result(NODE, "all").await["status"], "shown");
}

#[tokio::test]
async fn the_leds_follow_the_load_while_the_broker_is_away() {
    let (broker, mut node, client) = scene(&[]).await;
    drop(client);
    broker.stop().await.expect("the broker stops");
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;

    let sequence = |node: &TestNode| {
        let sample = node.view.measured.sample.borrow();
        sample.as_ref().map(|sample| sample.stamp.sequence)
    };
    let before = sequence(&node);
    until(
        "a sample",
        &mut node.view.measured.sample.clone(),
        |sample| sample.as_ref().map(|sample| sample.stamp.sequence) > before,
    )
    .await;
    shows_the_load(&mut node).await;
}

#[tokio::test]
async fn a_node_whose_broker_is_absent_shows_the_load_and_connects_when_it_appears() {
    let port = free_port();
    let mut node = TestNode::start(NODE, ([127, 0, 0, 1], port).into(), &[]);
    shows_the_load(&mut node).await;
    assert_eq!(*node.view.link.borrow(), Link::Down);

    let broker = broker_at(port).await;
    let mut client = Client::connect(broker.address(), &TALK).await;
    client.online(NODE).await;
    let bright = client.ask(NODE, "bright", BRIGHT).await;
    assert_eq!(bright["status"], "shown");
}

#[tokio::test]
async fn the_broker_says_offline_for_a_node_that_vanishes() {
    let (broker, node, mut client) = scene(&[]).await;

    node.vanish().await;

    assert_eq!(client.next(AVAILABILITY).await.text(), "offline");
    let kept = retained(broker.address(), AVAILABILITY).await;
    assert_eq!(kept.text(), "offline");
}

#[tokio::test]
async fn a_clean_stop_leaves_the_board_dark_and_offline_retained() {
    let (broker, node, mut client) = scene(&[]).await;
    client.ask(NODE, "bright", BRIGHT).await;
    let bus = node.bus.clone();

    node.stop().await.expect("a clean stop");

    assert_eq!(bus.shown(), Frame::DARK);
    assert_eq!(client.next(AVAILABILITY).await.text(), "offline");
    let kept = retained(broker.address(), AVAILABILITY).await;
    assert_eq!(kept.text(), "offline");
}

#[tokio::test]
async fn a_stop_while_the_broker_is_away_is_clean_too() {
    let (broker, mut node, client) = scene(&STILL).await;
    drop(client);
    broker.stop().await.expect("the broker stops");
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
    let bus = node.bus.clone();
    node.stop().await.expect("a clean stop");
    assert_eq!(bus.shown(), Frame::DARK);
}

#[tokio::test]
async fn keep_leaves_the_last_picture_lit() {
    let (_broker, node, mut client) = scene(&[("light.on_stop", "keep")]).await;
    client.ask(NODE, "bright", BRIGHT).await;
    let bus = node.bus.clone();
    node.stop().await.expect("a clean stop");
    assert_eq!(bus.shown(), all_at(LIMIT));
}

#[tokio::test]
async fn a_task_that_ends_by_itself_darkens_the_board_and_stops_the_node() {
    let (_broker, mut node, mut client) = scene(&[("light.on_stop", "keep")]).await;
    client.ask(NODE, "bright", BRIGHT).await;

    node.bus.panic_once();
    client.command(NODE, "off").await;

    assert_eq!(node.ended().await, Err(Fault::Ended("panel")));
    assert_eq!(node.bus.shown(), Frame::DARK);
    assert_eq!(client.next(AVAILABILITY).await.text(), "offline");
}

#[tokio::test]
async fn an_unplugged_panel_is_told_and_shows_the_last_frame_when_it_is_back() {
    let (broker, mut node, mut client) = scene(&STILL).await;
    client.forget();

    node.bus.unplug();
    let accepted = client.ask(NODE, "bright", BRIGHT).await;

    assert_eq!(accepted["status"], "accepted", "{accepted}");
    let reason = accepted["panel"].as_str().expect("a reason");
    assert!(reason.starts_with("missing: "), "{reason}");
    let missing = client.next(HEALTH).await.json();
    assert_eq!(missing["panel"]["state"], "missing");
    assert!(missing["panel"]["detail"].is_string(), "{missing}");
    assert_eq!(retained(broker.address(), HEALTH).await.json(), missing);
    // As long as it is away, the answer is the same.
    let again = client.ask(NODE, "again", BRIGHT).await;
    assert_eq!(again["status"], "accepted");

    node.bus.replug();
    node.shows("the last frame", |board| board.frame == all_at(LIMIT))
        .await;
    until("the panel", &mut node.view.panel, |panel| {
        panel.state == PanelState::Ok
    })
    .await;
    let ok = client.next(HEALTH).await.json();
    assert_eq!(ok["panel"], json!({"state": "ok", "detail": null}));
    assert_eq!(ok["counters"]["panel_faults"], 1);
    assert_eq!(ok["counters"]["panel_recoveries"], 1);
    let shown = client.ask(NODE, "off", r#"{"state":"OFF"}"#).await;
    assert_eq!(shown["status"], "shown");
}

#[tokio::test]
async fn a_node_without_a_panel_accepts_commands_and_shows_them_later() {
    let broker = broker().await;
    let mut client = Client::connect(broker.address(), &TALK).await;
    let bus = piglow_node::panel::SimBus::new();
    bus.unplug();
    let node = TestNode::start_on(NODE, broker.address(), &STILL, bus);
    client.online(NODE).await;
    let accepted = client.ask(NODE, "bright", BRIGHT).await;
    assert_eq!(accepted["status"], "accepted", "{accepted}");
    node.bus.replug();
    node.shows("the last frame", |board| board.frame == all_at(LIMIT))
        .await;
}

#[tokio::test]
async fn telemetry_has_every_key_and_counts_on() {
    let (_broker, _node, mut client) = scene(&[]).await;
    client.subscribe(&["piglow/pi/telemetry"]).await;

    let first = client.next("piglow/pi/telemetry").await.json();
    let second = client.next("piglow/pi/telemetry").await.json();

    for sample in [&first, &second] {
        let keys = [
            "/time",
            "/sequence",
            "/cpu/load_percent",
            "/cpu/core_percent",
            "/cpu/frequency_mhz",
            "/load_average",
            "/memory/used_percent",
            "/memory/total_bytes",
            "/swap/used_percent",
            "/swap/total_bytes",
            "/temperature_celsius",
            "/uptime_secs",
            "/disk/used_percent",
            "/disk/total_bytes",
            "/network/receive_bytes_per_sec",
            "/network/transmit_bytes_per_sec",
            "/throttled/under_voltage",
            "/throttled/now",
            "/throttled/since_boot",
        ];
        for key in keys {
            assert!(
                sample.pointer(key).is_some(),
                "{key} is missing in {sample}"
            );
        }
        let load = sample["cpu"]["load_percent"].as_f64().expect("a load");
        assert!((0.0..=100.0).contains(&load), "{load}");
        for core in sample["cpu"]["core_percent"].as_array().expect("cores") {
            assert!((0.0..=100.0).contains(&core.as_f64().expect("a load")));
        }
    }
    assert!(second["sequence"].as_u64() > first["sequence"].as_u64());
    assert!(second["time"].as_str() > first["time"].as_str());
}

#[tokio::test]
async fn frames_are_mirrored_while_they_are_watched_and_only_then() {
    const FRAME: &str = "piglow/pi/frame";
    let (_broker, node, mut client) = scene(&[("light.default_effect", "breathe")]).await;
    client.subscribe(&[FRAME]).await;
    node.latches(10).await;
    client.ask(NODE, "sync", r#"{"effect":"chase"}"#).await;
    assert!(client.heard_on(FRAME).is_empty());

    client.publish("piglow/pi/frame/watch", "60", false).await;
    let first = client.next(FRAME).await.json();
    let second = client.next(FRAME).await.json();
    assert_eq!(first["leds"].as_array().map(Vec::len), Some(18));
    assert!(second["frame"].as_u64() > first["frame"].as_u64());

    client.publish("piglow/pi/frame/watch", "0", false).await;
    client.ask(NODE, "stopped", r#"{"effect":"breathe"}"#).await;
    client.forget();
    node.latches(10).await;
    client.ask(NODE, "after", r#"{"effect":"chase"}"#).await;
    assert!(client.heard_on(FRAME).is_empty());

    // Nobody watches: to stop watching mirrors nothing.
    client.publish("piglow/pi/frame/watch", "0", false).await;
    client.ask(NODE, "still", r#"{"effect":"breathe"}"#).await;
    assert!(client.heard_on(FRAME).is_empty());

    // A watch ends by itself.
    client.publish("piglow/pi/frame/watch", "0.2", false).await;
    client.next(FRAME).await;
    client.publish("piglow/pi/frame/watch", "61", false).await;
    let rejected = client
        .hear("the rejection of 61 seconds", |heard| {
            heard.topic == RESULT && heard.json()["status"] == "rejected"
        })
        .await;
    assert_eq!(rejected.json()["reason"], "out_of_range");
}

#[tokio::test]
async fn groups_and_all_reach_the_right_nodes() {
    let broker = broker().await;
    let mut client = Client::connect(
        broker.address(),
        &["piglow/+/availability", "piglow/+/light/result"],
    )
    .await;
    let settings = |groups: &'static str| [("node.groups", groups), STILL[0]];
    let mut one = TestNode::start("one", broker.address(), &settings("kitchen"));
    let mut two = TestNode::start("two", broker.address(), &settings("kitchen,attic"));
    for (name, node) in [("one", &mut one), ("two", &mut two)] {
        client.online(name).await;
        node.shows_anything().await;
    }
    let before = one.bus.shown();

    client
        .publish(
            "piglow/group/attic/light/set",
            r#"{"id":"attic","state":"OFF"}"#,
            false,
        )
        .await;
    assert_eq!(client.result("two", "attic").await["status"], "shown");
    // A later command that it obeys tells that it did not obey the earlier one.
    client.ask("one", "sync", r#"{"state":"ON"}"#).await;
    assert_eq!(one.bus.shown(), before);
    assert_eq!(two.bus.shown(), Frame::DARK);

    for (topic, id, frame) in [
        ("piglow/group/kitchen/light/set", "kitchen", all_at(LIMIT)),
        ("piglow/all/light/set", "all", Frame::DARK),
    ] {
        let mut command: Value = serde_json::from_str(BRIGHT).expect("JSON");
        command["id"] = json!(id);
        command["state"] = json!(if frame == Frame::DARK { "OFF" } else { "ON" });
        client.publish(topic, command.to_string(), false).await;
        for (name, node) in [("one", &one), ("two", &two)] {
            assert_eq!(client.result(name, id).await["status"], "shown");
            assert_eq!(node.bus.shown(), frame, "{name}");
        }
    }
    assert!(client.heard_on("piglow/one/light/result").is_empty());
}

#[tokio::test]
async fn a_still_picture_costs_no_transfer() {
    let (_broker, node, mut client) = scene(&[]).await;
    client.subscribe(&["piglow/pi/telemetry"]).await;
    let shown = client
        .ask(NODE, "still", r#"{"effect":"solid","color":"blue"}"#)
        .await;
    assert_eq!(shown["status"], "shown");
    let transfers = node.bus.transfers();

    for _ in 0..3 {
        client.next("piglow/pi/telemetry").await;
    }

    assert_eq!(node.bus.transfers(), transfers);
    // The same once more is answered by the frame that is there.
    let same = client
        .ask(NODE, "same", r#"{"effect":"solid","color":"blue"}"#)
        .await;
    assert_eq!(same["frame"], shown["frame"], "{same}");
    assert_eq!(node.bus.transfers(), transfers);
}
