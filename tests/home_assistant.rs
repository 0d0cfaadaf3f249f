//! Home Assistant and a node: what it sends changes the LEDs, and what it reads follows.
#![cfg(feature = "demo")]

mod support;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::panel::PanelState;
use serde_json::{Value, json};
use support::{BRIGHT, Client, Heard, LIMIT, NODE, TestNode, all_at, free_port, retained, until};

const DISCOVERY: &str = "homeassistant/device/piglow-pi/config";
const STATUS: &str = "homeassistant/status";
const STATE: &str = "piglow/pi/light/state";
const SIREN: &str = "piglow/pi/siren/state";
const EVENT: &str = "piglow/pi/event";
const HEALTH: &str = "piglow/pi/health";

/// Still, so that what is latched is what was commanded.
const STILL: (&str, &str) = ("light.default_effect", "solid");

async fn broker_on(port: Option<u16>) -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port })
        .await
        .expect("the broker starts")
}

/// What Home Assistant subscribes.
async fn home_assistant(broker: &EmbeddedBroker) -> Client {
    Client::connect(broker.address(), &["homeassistant/#", "piglow/pi/#"]).await
}

async fn scene(settings: &[(&str, &str)]) -> (EmbeddedBroker, TestNode, Client) {
    let broker = broker_on(None).await;
    let mut home = home_assistant(&broker).await;
    let mut node = TestNode::start(NODE, broker.address(), settings);
    home.online(NODE).await;
    node.shows_anything().await;
    (broker, node, home)
}

/// The components of the message, by their ids.
fn components(heard: &Heard) -> serde_json::Map<String, Value> {
    heard.json()["cmps"]
        .as_object()
        .expect("components")
        .clone()
}

/// Sends to the command topic of an entity as it is announced.
async fn send(home: &Client, message: &Heard, id: &str, payload: &str) {
    let topic = components(message)[id]["cmd_t"]
        .as_str()
        .expect("a topic")
        .to_owned();
    home.publish(&topic, payload, false).await;
}

/// Waits for a state on the state topic of an entity as it is announced.
async fn reads(
    home: &mut Client,
    message: &Heard,
    id: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let topic = components(message)[id]["stat_t"]
        .as_str()
        .expect("a topic")
        .to_owned();
    let what = format!("the state of {id}");
    let found = home.hear(&what, |heard| heard.topic == topic && wanted(&heard.json()));
    found.await.json()
}

#[tokio::test]
async fn every_light_that_is_announced_changes_its_leds_and_its_state_follows() {
    let (_broker, node, mut home) = scene(&[STILL]).await;
    let message = home.next(DISCOVERY).await;
    let all = components(&message);
    let lights = all
        .iter()
        .filter(|(id, keys)| keys["p"] == "light" && *id != "board");
    let mut count = 0;
    for (id, _) in lights {
        send(&home, &message, "board", r#"{"state":"OFF"}"#).await;
        node.shows("a dark board", |board| board.frame == all_at(0))
            .await;
        home.forget();
        send(&home, &message, id, r#"{"state":"ON","brightness":255}"#).await;
        let lit = node.shows(id, |board| board.frame != all_at(0)).await;
        let expected = match id.split('_').next() {
            Some("arm") => 6,
            Some("ring") => 3,
            _ => 1,
        };
        assert_eq!(
            lit.frame.0.iter().filter(|pwm| **pwm == LIMIT).count(),
            expected,
            "{id}"
        );
        let state = reads(&mut home, &message, id, |state| state["state"] == "ON").await;
        assert_eq!(
            state,
            json!({"state":"ON","brightness":255,"color_mode":"brightness"}),
            "{id}"
        );
        send(&home, &message, id, r#"{"state":"OFF"}"#).await;
        let state = reads(&mut home, &message, id, |state| state["state"] == "OFF").await;
        assert_eq!(state["color_mode"], "brightness", "{id}");
        count += 1;
    }
    assert_eq!(count, 3 + 6 + 18);
}

#[tokio::test]
async fn the_board_does_what_a_light_does_and_says_so() {
    let (_broker, node, mut home) = scene(&[STILL]).await;
    let message = home.next(DISCOVERY).await;

    send(
        &home,
        &message,
        "board",
        r#"{"state":"ON","color":{"r":255,"g":0,"b":0},"brightness":255}"#,
    )
    .await;
    let state = reads(&mut home, &message, "board", |state| {
        state["color"]["g"] == 0
    })
    .await;
    assert_eq!(
        (&state["state"], &state["color_mode"], &state["brightness"]),
        (&json!("ON"), &json!("rgb"), &json!(255))
    );
    let red = node
        .shows("red", |board| {
            board.frame.0[0] == LIMIT && board.frame.0[5] == 0
        })
        .await;

    send(
        &home,
        &message,
        "board",
        r#"{"state":"ON","brightness":100}"#,
    )
    .await;
    node.shows("dimmer", |board| {
        board.frame.0[0] < red.frame.0[0] && board.frame != all_at(0)
    })
    .await;
    let state = reads(&mut home, &message, "board", |state| {
        state["brightness"] == 100
    })
    .await;
    assert_eq!(state["color"], json!({"r":255,"g":0,"b":0}));

    send(
        &home,
        &message,
        "board",
        r#"{"state":"ON","effect":"breathe","color":{"r":0,"g":0,"b":255}}"#,
    )
    .await;
    let state = reads(&mut home, &message, "board", |state| {
        state["effect"] == "breathe"
    })
    .await;
    assert_eq!(state["color_mode"], "rgb", "also while an effect runs");

    send(&home, &message, "board", r#"{"state":"ON","effect":"off"}"#).await;
    // The colour stays.
    reads(&mut home, &message, "board", |state| {
        state["effect"] == "solid" && state["color"] == json!({"r":0,"g":0,"b":255})
    })
    .await;

    send(
        &home,
        &message,
        "board",
        r#"{"state":"OFF","transition":0.1}"#,
    )
    .await;
    let state = reads(&mut home, &message, "board", |state| {
        state["state"] == "OFF"
    })
    .await;
    assert_ne!(state["brightness"], 0);
    node.shows("a dark board", |board| board.frame == all_at(0))
        .await;
    send(&home, &message, "board", r#"{"state":"ON","flash":2}"#).await;
    reads(&mut home, &message, "board", |state| state["state"] == "ON").await;
    node.shows("a blink", |board| board.frame != all_at(0))
        .await;
}

#[tokio::test]
async fn a_siren_is_on_until_its_time_is_over_or_another_alert_takes_its_place() {
    let (_broker, node, mut home) = scene(&[STILL]).await;
    let message = home.next(DISCOVERY).await;
    assert_eq!(home.next(SIREN).await.json(), json!({"state":"OFF"}));

    send(
        &home,
        &message,
        "siren",
        r#"{"state":"ON","tone":"critical","duration":1}"#,
    )
    .await;
    let on = home.next(SIREN).await.json();
    assert_eq!(on, json!({"state":"ON","tone":"critical","duration":1}));
    node.shows("red alone", |board| {
        board.frame.0[0] > 0 && board.frame.0[5] == 0
    })
    .await;
    let result = home.next("piglow/pi/light/result").await.json();
    assert_eq!(result["status"], "shown", "{result}");
    assert_eq!(
        home.next(SIREN).await.json(),
        json!({"state":"OFF"}),
        "its time is over"
    );
    reads(&mut home, &message, "board", |state| {
        state["layer"] == "base"
    })
    .await;

    send(&home, &message, "siren", r#"{"state":"ON"}"#).await;
    assert_eq!(home.next(SIREN).await.json()["tone"], "warning");
    home.command(NODE, r#"{"color":"green","layer":"alert","for_secs":60}"#)
        .await;
    assert_eq!(
        home.next(SIREN).await.json(),
        json!({"state":"OFF"}),
        "another took its place"
    );
    send(&home, &message, "siren", "OFF").await;
    home.command(
        NODE,
        r#"{"id":"after","state":"ON","layer":"alert","for_secs":60,"color":"blue"}"#,
    )
    .await;
    assert_eq!(home.result(NODE, "after").await["status"], "shown");

    send(&home, &message, "siren", "info").await;
    assert_eq!(home.next(SIREN).await.json()["tone"], "info");
    send(&home, &message, "siren", r#"{"state":"OFF"}"#).await;
    assert_eq!(home.next(SIREN).await.json(), json!({"state":"OFF"}));
    reads(&mut home, &message, "board", |state| {
        state["layer"] == "base"
    })
    .await;
    send(&home, &message, "siren", r#"{"state":"ON","tone":"loud"}"#).await;
    let refused = home
        .hear("a refusal", |heard| heard.json()["status"] == "rejected")
        .await;
    assert_eq!(refused.json()["field"], "tone");
}

#[tokio::test]
async fn the_brightness_limit_is_seen_at_once_within_its_limits_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("light.json");
    let settings = [STILL, ("light.state_file", file.to_str().unwrap())];
    let (broker, node, mut home) = scene(&settings).await;
    let message = home.next(DISCOVERY).await;
    let state = "piglow/pi/setting/brightness_limit/state";
    assert_eq!(home.next(state).await.text(), "48");
    home.command(NODE, BRIGHT).await;
    node.shows("a bright board", |board| board.frame == all_at(LIMIT))
        .await;

    send(&home, &message, "brightness_limit", "10").await;
    assert_eq!(home.next(state).await.text(), "10");
    node.shows("a dimmer board", |board| board.frame == all_at(10))
        .await;
    send(&home, &message, "brightness_limit", "200").await;
    let refused = home
        .hear("a refusal", |heard| heard.json()["status"] == "rejected")
        .await;
    assert_eq!(refused.json()["expected"], "1 to 48 PWM steps, whole");
    send(&home, &message, "effect_speed", "200").await;
    home.hear("the speed", |heard| {
        heard.topic == "piglow/pi/setting/effect_speed/state" && heard.text() == "200"
    })
    .await;
    node.stop().await.unwrap();
    home.forget();

    let node = TestNode::start(NODE, broker.address(), &settings);
    assert_eq!(home.next(state).await.text(), "10");
    assert_eq!(
        home.next("piglow/pi/setting/effect_speed/state")
            .await
            .text(),
        "200"
    );
    node.shows("as dim as before", |board| board.frame == all_at(10))
        .await;
}

#[tokio::test]
async fn the_effect_speed_changes_the_effect_that_runs_and_those_that_come() {
    let (_broker, _node, mut home) = scene(&[STILL]).await;
    let message = home.next(DISCOVERY).await;
    send(
        &home,
        &message,
        "board",
        r#"{"state":"ON","effect":"breathe"}"#,
    )
    .await;
    reads(&mut home, &message, "board", |state| {
        state["params"]["breaths_per_minute"] == 12.0
    })
    .await;
    send(&home, &message, "effect_speed", "200").await;
    reads(&mut home, &message, "board", |state| {
        state["params"]["breaths_per_minute"] == 24.0
    })
    .await;
    // As fast as it may be, not faster.
    send(&home, &message, "effect_speed", "400").await;
    send(
        &home,
        &message,
        "board",
        r#"{"state":"ON","effect":"strobe"}"#,
    )
    .await;
    reads(&mut home, &message, "board", |state| {
        state["params"]["flashes_per_minute"] == 180.0
    })
    .await;
    // Who says how fast gets that.
    home.command(
        NODE,
        r#"{"effect":"breathe","params":{"breaths_per_minute":5}}"#,
    )
    .await;
    reads(&mut home, &message, "board", |state| {
        state["params"]["breaths_per_minute"] == 5.0
    })
    .await;
}

#[tokio::test]
async fn the_button_makes_the_board_swell() {
    let (_broker, _node, mut home) = scene(&[STILL]).await;
    let message = home.next(DISCOVERY).await;
    let press = components(&message)["identify"]["pl_prs"]
        .as_str()
        .unwrap()
        .to_owned();
    send(&home, &message, "identify", &press).await;
    reads(&mut home, &message, "board", |state| {
        state["layer"] == "identify"
    })
    .await;
}

#[tokio::test]
async fn a_start_of_home_assistant_is_answered_with_everything() {
    let (broker, _node, mut home) = scene(&[STILL]).await;
    home.next(DISCOVERY).await;
    home.forget();
    // What the broker kept from an earlier start, or its end, is no start.
    home.publish(STATUS, "offline", false).await;
    home.publish(STATUS, "online", false).await;
    let again = home.next(DISCOVERY).await;
    assert!(!components(&again).is_empty());
    home.next(STATE).await;
    home.next(SIREN).await;
    home.next("piglow/pi/setting/effect_speed/state").await;
    home.next(HEALTH).await;
    home.online(NODE).await;
    assert!(retained(broker.address(), DISCOVERY).await.retained);
}

#[tokio::test]
async fn home_assistant_that_comes_last_finds_everything_kept() {
    let (broker, _node, mut first) = scene(&[STILL]).await;
    let message = first.next(DISCOVERY).await;
    let mut late = home_assistant(&broker).await;
    assert_eq!(late.next(DISCOVERY).await.json(), message.json());
    for (id, keys) in components(&message) {
        let Some(topic) = keys["stat_t"].as_str() else {
            continue;
        };
        if topic.ends_with("/telemetry") || topic.ends_with("/event") {
            continue;
        }
        let topic = topic.to_owned();
        let kept = late
            .hear(&id, |heard| heard.topic == topic && heard.retained)
            .await;
        assert!(!kept.payload.is_empty(), "{id}");
        // Several entities may read one topic.
        late.subscribe(&[&topic]).await;
    }
}

#[tokio::test]
async fn a_broker_that_forgot_everything_is_told_everything() {
    let port = free_port();
    let broker = broker_on(Some(port)).await;
    let mut node = TestNode::start(NODE, broker.address(), &[STILL]);
    let mut home = home_assistant(&broker).await;
    home.next(DISCOVERY).await;
    broker.stop().await.unwrap();
    until("the loss", &mut node.view.link, |link| {
        *link == piglow_node::mqtt::Link::Down
    })
    .await;
    let broker = broker_on(Some(port)).await;
    let mut home = home_assistant(&broker).await;
    home.online(NODE).await;
    home.next(DISCOVERY).await;
    home.next(STATE).await;
}

#[tokio::test]
async fn entities_that_the_configuration_drops_are_removed_and_with_them_the_device() {
    let (broker, node, mut home) = scene(&[STILL]).await;
    let before = components(&home.next(DISCOVERY).await);
    node.stop().await.unwrap();

    let node = TestNode::start(
        NODE,
        broker.address(),
        &[STILL, ("discovery.entities", "light,siren")],
    );
    let after = components(&home.next(DISCOVERY).await);
    assert_eq!(after.len(), before.len());
    for (id, keys) in after {
        let kept = ["board", "siren"].contains(&id.as_str());
        let expected = if kept {
            before[&id].clone()
        } else {
            json!({"p": before[&id]["p"]})
        };
        assert_eq!(keys, expected, "{id}");
    }
    node.stop().await.unwrap();

    let _node = TestNode::start(
        NODE,
        broker.address(),
        &[STILL, ("discovery.enabled", "false")],
    );
    assert_eq!(home.next(DISCOVERY).await.payload, b"");
}

#[tokio::test]
async fn refused_commands_are_one_event_that_counts_and_one_more_for_the_rest() {
    let (_broker, _node, mut home) = scene(&[STILL, ("events.rejected_interval_secs", "1")]).await;
    for _ in 0..50 {
        home.command(NODE, r#"{"brightness":300}"#).await;
    }
    let mut counted = 0;
    let mut events = 0;
    while counted < 50 {
        let event = home.next(EVENT).await;
        assert!(!event.retained);
        let event = event.json();
        assert_eq!(event["event_type"], "command_rejected");
        assert_eq!(event["field"], "brightness");
        counted += event["count"].as_u64().unwrap();
        events += 1;
    }
    assert_eq!(counted, 50);
    assert!(events <= 5, "{events} events");
}

#[tokio::test]
async fn a_panel_that_goes_and_comes_is_two_events_and_a_problem_between() {
    let (_broker, node, mut home) = scene(&[STILL, ("events.settle_secs", "0")]).await;
    node.bus.unplug();
    home.command(NODE, r#"{"id":"away","color":"red"}"#).await;
    let lost = home.next(EVENT).await.json();
    assert_eq!(lost["event_type"], "panel_lost");
    assert!(
        lost["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("missing")),
        "{lost}"
    );
    home.hear("a problem", |heard| {
        heard.topic == HEALTH && heard.json()["panel"]["state"] == "missing"
    })
    .await;
    // The state says what will be shown, and the answer that it is not yet.
    assert_eq!(home.result(NODE, "away").await["status"], "accepted");
    home.hear("red", |heard| {
        heard.topic == STATE && heard.json()["color"]["g"] == 0
    })
    .await;
    node.bus.replug();
    assert_eq!(home.next(EVENT).await.json()["event_type"], "panel_back");
    let mut panel = node.view.panel.clone();
    until("the panel", &mut panel, |panel| {
        panel.state == PanelState::Ok
    })
    .await;
    node.shows("red", |board| board.frame.0[0] > 0 && board.frame.0[5] == 0)
        .await;
}
