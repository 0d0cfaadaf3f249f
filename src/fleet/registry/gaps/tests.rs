//! What is asked for, what is not, and what is believed.

use super::super::{CALM, FLOOD, Registry, Rules};
use super::*;
use serde_json::Value;

/// A moment, in milliseconds.
const NOW: i64 = 1_800_000_000_000;
const LIGHT: &str = r#"{"state":"ON","brightness":255,"effect":"fire","layer":"command"}"#;
const HEALTH: &str = r#"{"panel":{"state":"ok"},"command_latency_ms":{"last":null},"estimated_current":{"milliamps":1.0},"counters":{}}"#;
const SAMPLE: &str = r#"{"cpu":{"load_percent":50.0},"memory":{"used_percent":40.0}}"#;

struct Scene {
    registry: Registry,
    now: i64,
}

impl Scene {
    fn new() -> Self {
        let rules = Rules {
            topics: Topics::new("piglow".parse().unwrap()),
            nodes_max: 10,
            is_shared: false,
            hot_celsius: 75.0,
            cool_celsius: 70.0,
            own_commands: "fleet-1-".to_owned(),
        };
        let mut scene = Self {
            registry: Registry::new(rules),
            now: NOW,
        };
        scene.connect(1);
        scene
    }

    fn connect(&mut self, connection: u64) {
        self.registry.set_link(self.now, None, "a broker");
        self.registry
            .set_link(self.now, Some(connection), "a broker");
    }

    /// The broker sends what it keeps.
    fn keeps(&mut self, leaf: &str, payload: &str) {
        let topic = format!("piglow/attic/{leaf}");
        self.registry
            .take(self.now, &topic, payload.as_bytes(), true);
    }

    fn keeps_all(&mut self) {
        for (leaf, payload) in [
            ("availability", "online"),
            ("light/state", LIGHT),
            ("health", HEALTH),
            ("setting/effect_speed/state", "100"),
            ("setting/brightness_limit/state", "48"),
            ("info", r#"{"version":"1"}"#),
        ] {
            self.keeps(leaf, payload);
        }
    }

    /// The node says it.
    fn says(&mut self, leaf: &str, payload: &str) {
        let topic = format!("piglow/attic/{leaf}");
        self.registry
            .take(self.now, &topic, payload.as_bytes(), false);
    }

    /// What is asked for after so many milliseconds.
    fn asked_after(&mut self, millis: i64) -> Vec<String> {
        self.now += millis;
        self.registry.look(self.now);
        let topics = self.registry.missing(self.now, 64);
        let leaf = |topic: &String| topic.trim_start_matches("piglow/attic/").to_owned();
        topics.iter().map(leaf).collect()
    }

    fn row(&self) -> Value {
        let picture: Value =
            serde_json::from_slice(&self.registry.picture(self.now, "1.1")).unwrap();
        picture["nodes"][0].clone()
    }
}

const FIRST: [&str; 1] = ["availability"];
const REST: [&str; 5] = [
    "light/state",
    "health",
    "setting/effect_speed/state",
    "setting/brightness_limit/state",
    "info",
];

#[test]
fn nothing_is_asked_for_where_all_has_come() {
    let mut scene = Scene::new();
    scene.keeps_all();
    scene.says("telemetry", SAMPLE);
    assert!(scene.asked_after(FLOOD).is_empty());
    assert!(scene.asked_after(600_000).is_empty());
    assert_eq!(scene.registry.tally().asked, 0);
}

#[test]
fn what_has_not_come_is_asked_for_when_the_flood_is_over() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    scene.keeps("light/state", LIGHT);
    assert!(scene.asked_after(FLOOD - 1).is_empty());
    // It is still sending.
    scene.keeps("health", HEALTH);
    assert!(scene.asked_after(CALM - 1).is_empty());
    assert_eq!(scene.asked_after(1), FIRST);
    scene.keeps("availability", "online");
    // Without a pause: the broker has an answer.
    let rest = [
        "setting/effect_speed/state",
        "setting/brightness_limit/state",
        "info",
    ];
    assert_eq!(scene.asked_after(0), rest);
    assert_eq!(scene.registry.tally().asked, 4);
}

#[test]
fn the_same_is_asked_for_three_times_with_growing_pauses_and_anew_after_a_reconnect() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    let thrice = |scene: &mut Scene, wait, wanted: &[&str]| {
        assert_eq!(scene.asked_after(wait), wanted);
        for pause in PAUSES {
            assert!(scene.asked_after(pause - 1).is_empty());
            assert_eq!(scene.asked_after(1), wanted);
        }
        scene.says("telemetry", SAMPLE);
        assert!(scene.asked_after(600_000).is_empty());
    };
    thrice(&mut scene, FLOOD, &FIRST);
    scene.keeps("availability", "online");
    thrice(&mut scene, 0, &REST);
    scene.connect(2);
    thrice(&mut scene, FLOOD, &FIRST);
}

#[test]
fn a_node_that_comes_later_has_a_moment_to_tell_the_rest() {
    let mut scene = Scene::new();
    assert!(scene.asked_after(60_000).is_empty());
    scene.says("telemetry", SAMPLE);
    assert!(scene.asked_after(GRACE - 1).is_empty());
    assert_eq!(scene.asked_after(1), FIRST);
}

#[test]
fn a_round_takes_no_more_than_it_may_and_the_next_goes_on() {
    let mut scene = Scene::new();
    for node in 0..10 {
        let topic = format!("piglow/node-{node}/availability");
        scene.registry.take(NOW, &topic, b"online", true);
    }
    scene.registry.look(NOW + FLOOD);
    let mut asked = Vec::new();
    for _ in 0..4 {
        let topics = scene.registry.missing(NOW + FLOOD, 20);
        assert!(topics.len() <= 20);
        asked.extend(topics);
    }
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 50);
    assert!(scene.registry.missing(NOW + FLOOD, 20).is_empty());
}

#[test]
fn without_a_broker_nothing_is_asked_for() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    scene.registry.set_link(NOW, None, "a broker");
    assert!(scene.asked_after(60_000).is_empty());
}

#[test]
fn what_was_said_before_a_reconnect_is_not_shown_as_live_until_it_comes_again() {
    let mut scene = Scene::new();
    scene.keeps_all();
    scene.says("telemetry", SAMPLE);
    scene.connect(2);
    let before = scene.row();
    // As it was, and stale.
    assert_eq!(
        (&before["stale"], &before["panel"]),
        (&true.into(), &"ok".into())
    );
    scene.says("telemetry", SAMPLE);
    let live = scene.row();
    assert_eq!(
        (&live["stale"], &live["light"], &live["panel"]),
        (&false.into(), &Value::Null, &Value::Null)
    );
    assert!(live["version"].is_string(), "{live}");
    scene.keeps("light/state", LIGHT);
    assert_eq!(scene.row()["light"]["effect"], "fire");
}

#[test]
fn what_comes_before_the_first_sample_of_a_connection_is_never_dark() {
    let mut scene = Scene::new();
    scene.keeps_all();
    scene.says("telemetry", SAMPLE);
    scene.connect(2);
    scene.keeps_all();
    scene.says("telemetry", SAMPLE);
    assert_eq!(scene.row()["light"]["effect"], "fire");
    assert_eq!(scene.row()["panel"], "ok");
}

#[test]
fn a_node_whose_word_that_it_is_there_was_lost_is_asked_for_before_it_vanishes() {
    let mut scene = Scene::new();
    scene.keeps_all();
    scene.connect(2);
    scene.keeps("light/state", LIGHT);
    assert!(
        scene
            .asked_after(FLOOD)
            .contains(&"availability".to_owned())
    );
    assert_eq!(scene.registry.ids(None).len(), 1);
    scene.keeps("availability", "offline");
    scene.registry.look(scene.now + CALM);
    assert_eq!(scene.row()["online"], false);
}

#[test]
fn an_old_word_of_a_broker_of_a_cluster_is_not_believed_once_the_node_was_heard() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    assert_eq!(scene.asked_after(FLOOD), FIRST);
    scene.keeps("availability", "offline");
    scene.keeps("light/state", LIGHT);
    let row = scene.row();
    assert_eq!(
        (&row["online"], &row["light"]),
        (&true.into(), &Value::Null)
    );
    assert!(scene.asked_after(60_000).is_empty());
    // What the node itself says is.
    scene.says("light/state", LIGHT);
    assert_eq!(scene.row()["light"]["effect"], "fire");
}

#[test]
fn a_sample_after_a_kept_offline_is_believed_and_what_was_kept_with_it_is_asked_for_again() {
    let mut scene = Scene::new();
    scene.keeps("availability", "offline");
    scene.keeps("light/state", LIGHT);
    scene.says("telemetry", SAMPLE);
    let row = scene.row();
    assert_eq!(
        (&row["online"], &row["light"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(scene.asked_after(FLOOD), FIRST);
    scene.keeps_all();
    assert_eq!(scene.row()["light"]["effect"], "fire");
    assert!(scene.asked_after(60_000).is_empty());
}

#[test]
fn a_sample_that_was_under_way_when_its_node_went_changes_nothing() {
    let mut scene = Scene::new();
    scene.keeps_all();
    scene.says("availability", "offline");
    scene.says("telemetry", SAMPLE);
    assert_eq!(scene.row()["online"], false);
}

impl Scene {
    /// Another broker sends what it keeps.
    fn other_keeps(&mut self, leaf: &str, payload: &str) {
        let topic = format!("piglow/attic/{leaf}");
        self.registry
            .take_elsewhere(self.now, &topic, payload.as_bytes());
    }
}

#[test]
fn other_brokers_are_asked_once_for_what_a_node_that_is_heard_said_there() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    assert_eq!(scene.asked_after(FLOOD), FIRST);
    assert!(scene.registry.missing_elsewhere(64).is_empty());
    assert_eq!(scene.asked_after(PAUSES[0]), FIRST);
    let availability = ["piglow/attic/availability"];
    assert_eq!(scene.registry.missing_elsewhere(64), availability);
    // One that it has left.
    scene.other_keeps("availability", "offline");
    assert!(scene.registry.missing_there().is_empty());
    scene.other_keeps("light/state", LIGHT);
    assert_eq!(scene.row()["light"], Value::Null);
    scene.registry.leave_elsewhere();
    // The one that it is at.
    scene.other_keeps("availability", "online");
    scene.says("health", HEALTH);
    let rest = scene.registry.missing_there();
    assert_eq!(rest.len(), 4, "{rest:?}");
    scene.other_keeps("light/state", LIGHT);
    assert_eq!(scene.row()["light"]["effect"], "fire");
    // What came first is newer, or of a nearer broker.
    scene.other_keeps("light/state", &LIGHT.replace("fire", "spin"));
    assert_eq!(scene.row()["light"]["effect"], "fire");
    scene.registry.leave_elsewhere();
    assert!(scene.registry.missing_there().is_empty());
    scene.asked_after(PAUSES[1]);
    assert!(scene.registry.missing_elsewhere(64).is_empty());
}

#[test]
fn a_node_of_which_the_broker_keeps_an_old_word_is_looked_for_at_others() {
    let mut scene = Scene::new();
    scene.says("telemetry", SAMPLE);
    assert_eq!(scene.asked_after(FLOOD), FIRST);
    scene.keeps("availability", "offline");
    assert_eq!(scene.registry.missing_elsewhere(64).len(), 1);
    scene.other_keeps("availability", "online");
    scene.other_keeps("light/state", LIGHT);
    assert_eq!(scene.row()["light"]["effect"], "fire");
}

#[test]
fn a_node_that_is_not_heard_or_lives_here_is_not_looked_for_at_other_brokers() {
    for (leaf, payload) in [("availability", "offline"), ("availability", "online")] {
        let mut scene = Scene::new();
        scene.keeps(leaf, payload);
        if payload == "online" {
            scene.says("telemetry", SAMPLE);
        }
        for pause in [FLOOD, PAUSES[0], PAUSES[1]] {
            assert_eq!(scene.asked_after(pause), REST);
            assert!(scene.registry.missing_elsewhere(64).is_empty());
        }
    }
}
