//! The registry: messages and the time in, the picture and its changes out.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A moment, in milliseconds.
const NOW: i64 = 1_800_000_000_000;

fn registry(nodes_max: usize, is_shared: bool) -> Registry {
    let mut registry = Registry::new(Rules {
        topics: Topics::new("piglow".parse().unwrap()),
        nodes_max,
        is_shared,
        hot_celsius: 75.0,
        cool_celsius: 70.0,
        own_commands: "fleet-1-".to_owned(),
    });
    registry.set_link(NOW, Some(1), "a broker");
    registry
}

fn sample(sequence: u64, celsius: f32) -> String {
    format!(
        r#"{{"run":"a","sequence":{sequence},"cpu":{{"load_percent":12.5}},"memory":{{"used_percent":41.3}},"temperature_celsius":{celsius}}}"#
    )
}

fn with_node() -> Registry {
    with_node_shared(false)
}

/// A node that is there and has sent a sample, to a dashboard that has the samples alone or shares them.
fn with_node_shared(is_shared: bool) -> Registry {
    let mut registry = registry(10, is_shared);
    registry.take(NOW, "piglow/attic/availability", b"online", true);
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(1, 50.0).as_bytes(),
        false,
    );
    registry
}

fn row(registry: &Registry) -> Value {
    let picture: Value = serde_json::from_slice(&registry.picture(NOW, "1.1")).unwrap();
    picture["nodes"][0].clone()
}

/// The data of the delta that is told next.
fn told(registry: &mut Registry) -> Value {
    let text = String::from_utf8(registry.flush(NOW, "1.1").unwrap()).unwrap();
    let (_, delta) = text.split_once("event: delta\ndata: ").unwrap();
    serde_json::from_str(delta).unwrap()
}

#[test]
fn a_node_without_samples_is_stale_after_three_intervals_and_live_with_the_next() {
    let mut registry = with_node();
    registry.look(NOW + 16_000);
    assert_eq!(row(&registry)["stale"], false);
    registry.look(NOW + 16_001);
    assert_eq!(row(&registry)["stale"], true);
    registry.take(
        NOW + 17_000,
        "piglow/attic/telemetry",
        sample(2, 50.0).as_bytes(),
        false,
    );
    assert_eq!(row(&registry)["stale"], false);
}

#[test]
fn where_samples_are_shared_more_patience_is_had_and_none_is_missed() {
    let mut registry = with_node_shared(true);
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(9, 50.0).as_bytes(),
        false,
    );
    registry.look(NOW + 150_000);
    assert_eq!(row(&registry)["stale"], false);
    assert_eq!(registry.tally().missed_samples, 0);
}

#[test]
fn without_the_broker_every_node_is_stale_at_once_also_one_whose_link_came_and_went_unseen() {
    let mut registry = with_node();
    registry.set_link(NOW, None, "a broker");
    assert_eq!(row(&registry)["stale"], true);
    // With the next connection the broker tells what it has: of this node nothing.
    registry.set_link(NOW, Some(2), "a broker");
    registry.look(NOW + FLOOD + CALM - 1);
    assert_eq!(registry.ids(None).len(), 1);
    registry.look(NOW + FLOOD + CALM);
    assert!(registry.ids(None).is_empty());
    assert_eq!(told(&mut registry)["gone"], serde_json::json!(["attic"]));
    registry.take(NOW + 9_000, "piglow/attic/availability", b"online", false);
    let row = row(&registry);
    // It is back, and what it sent before is not of this moment.
    assert_eq!(
        (&row["online"], &row["at"], &row["load"]),
        (&true.into(), &Value::Null, &Value::Null)
    );
    let hour: Value =
        serde_json::from_slice(&registry.history_json("attic", NOW, Window::Hour).unwrap())
            .unwrap();
    assert!(
        hour["load"].as_array().unwrap().contains(&12.5.into()),
        "its history is kept"
    );
}

#[test]
fn only_what_has_changed_is_told() {
    let mut registry = with_node();
    assert_eq!(told(&mut registry)["rows"][0]["id"], "attic");
    assert!(registry.flush(NOW, "1.2").is_none());
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(2, 80.0).as_bytes(),
        false,
    );
    let delta = told(&mut registry);
    assert_eq!(
        delta["samples"],
        serde_json::json!([["attic", 12.5, 80.0, 41.3, NOW]])
    );
    assert_eq!(
        delta["rows"],
        serde_json::json!([{"id": "attic", "hot": true}])
    );
    // Cool is less than not hot.
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(3, 72.0).as_bytes(),
        false,
    );
    assert_eq!(told(&mut registry)["rows"], serde_json::json!([]));
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(4, 70.0).as_bytes(),
        false,
    );
    assert_eq!(
        told(&mut registry)["rows"],
        serde_json::json!([{"id": "attic", "hot": false}])
    );
}

#[test]
fn samples_between_two_that_came_are_missed_and_those_of_another_run_are_not() {
    let mut registry = with_node();
    registry.take(
        NOW,
        "piglow/attic/telemetry",
        sample(5, 50.0).as_bytes(),
        false,
    );
    assert_eq!(registry.tally().missed_samples, 3);
    let restarted = sample(1, 50.0).replace("\"run\":\"a\"", "\"run\":\"b\"");
    registry.take(NOW, "piglow/attic/telemetry", restarted.as_bytes(), false);
    assert_eq!(registry.tally().missed_samples, 3);
}

#[test]
fn nodes_beyond_the_most_are_counted_and_not_kept() {
    let mut registry = registry(2, false);
    for node in ["a", "b", "c", "all", "group", "no name"] {
        registry.take(NOW, &format!("piglow/{node}/availability"), b"online", true);
    }
    assert_eq!(registry.ids(None).len(), 2);
    assert_eq!(registry.tally().refused, 4);
}

#[test]
fn where_all_places_are_taken_those_that_never_said_that_they_are_there_give_way() {
    let mut registry = registry(3, false);
    registry.take(NOW, "piglow/attic/availability", b"offline", true);
    for (ago, node) in [(20, "made-up-1"), (30, "made-up-2")] {
        let topic = format!("piglow/{node}/telemetry");
        registry.take(NOW - ago, &topic, sample(1, 50.0).as_bytes(), false);
    }
    let shown = |registry: &Registry| {
        let mut ids = registry.ids(None);
        ids.sort();
        ids.join(",")
    };
    registry.take(NOW, "piglow/cellar/availability", b"online", true);
    assert_eq!(shown(&registry), "attic,cellar,made-up-1");
    // Only once a second, or who sends many names would make it look all the time.
    registry.take(NOW + 999, "piglow/hall/availability", b"online", true);
    assert_eq!(shown(&registry), "attic,cellar,made-up-1");
    registry.take(NOW + 1_000, "piglow/hall/availability", b"online", true);
    assert_eq!(shown(&registry), "attic,cellar,hall");
    registry.take(NOW + 2_000, "piglow/loft/availability", b"online", true);
    assert_eq!(shown(&registry), "attic,cellar,hall");
    assert_eq!(registry.tally().refused, 2);
}

#[test]
fn a_node_of_which_only_the_past_is_known_gives_way_before_one_that_is_shown() {
    let mut registry = registry(2, false);
    // Not shown: nobody has said whether it is there.
    registry.take(NOW, "piglow/past/info", br#"{"version":"1"}"#, true);
    registry.take(
        NOW - 10,
        "piglow/attic/telemetry",
        sample(1, 50.0).as_bytes(),
        false,
    );
    registry.take(NOW, "piglow/cellar/availability", b"online", true);
    assert_eq!(registry.ids(None).len(), 2);
    assert!(registry.id("attic").is_some());
}

#[test]
fn a_node_that_goes_while_somebody_listens_tells_since_when_and_one_that_was_gone_does_not() {
    let mut registry = with_node();
    assert_eq!(row(&registry)["since"], Value::Null);
    registry.take(NOW + 5_000, "piglow/attic/availability", b"offline", false);
    assert_eq!(row(&registry)["since"], NOW + 5_000);
    registry.set_link(NOW + 6_000, None, "a broker");
    registry.set_link(NOW + 7_000, Some(2), "a broker");
    registry.take(NOW + 7_000, "piglow/attic/availability", b"offline", true);
    assert_eq!(row(&registry)["since"], NOW + 5_000);
}

proptest! {
    #[test]
    fn any_message_is_taken_and_what_is_told_is_json_on_one_line(
        messages in proptest::collection::vec((0..16usize, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
    ) {
        let leaves: Vec<Leaf> = Leaf::all().collect();
        let mut registry = with_node();
        for (leaf, retained, payload) in messages {
            let topic = format!("piglow/attic/{}", leaves[leaf % leaves.len()]);
            registry.take(NOW, &topic, &payload, retained);
            let object = format!("{{\"id\":\"fleet-1-x\",\"status\":\"shown\",\n\"x\":{:?}}}", String::from_utf8_lossy(&payload));
            registry.take(NOW, &topic, object.as_bytes(), retained);
            registry.look(NOW);
        }
        if let Some(text) = registry.flush(NOW, "1.1") {
            let text = String::from_utf8(text).unwrap();
            for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
                prop_assert!(serde_json::from_str::<Value>(data).is_ok(), "{data}");
            }
            let fields = ["", "id: ", "event: ", "data: "];
            prop_assert!(text.lines().all(|line| fields.iter().any(|field| line.starts_with(field) && (!field.is_empty() || line.is_empty()))));
        }
        if let Some(node) = registry.node_json("attic") {
            prop_assert!(serde_json::from_slice::<Value>(&node).is_ok());
        }
    }
}

#[test]
fn settings_are_told_also_where_they_come_before_everything_else() {
    let mut registry = registry(10, false);
    registry.take(NOW, "piglow/attic/setting/effect_speed/state", b"150", true);
    registry.take(NOW, "piglow/attic/availability", b"online", true);
    let settings = |registry: &Registry| {
        let node: Value = serde_json::from_slice(&registry.node_json("attic").unwrap()).unwrap();
        node["settings"].clone()
    };
    assert_eq!(
        settings(&registry),
        json!({"effect_speed": 150, "brightness_limit": null})
    );
    registry.take(NOW, "piglow/attic/setting/effect_speed/state", b"", true);
    assert_eq!(settings(&registry)["effect_speed"], Value::Null);
}
