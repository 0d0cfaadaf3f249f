//! The discovery message, held to the rules of Home Assistant one by one.

mod rules;
mod table;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::golden::{check, node, sample, topics};
use crate::light::Scenes;
use crate::protocol::{Announcement, Discovery, Entities, EntityKind, Known, discovery};
use crate::telemetry::Sample;
use crate::units::NodeId;
use rules::{Component, expanded};

/// No broker's limit is in the way.
const PLENTY: usize = 256 * 1024;

fn every_kind() -> Entities {
    EntityKind::ALL.into_iter().collect()
}

fn known_of(sample: &Sample) -> Known {
    let mut known = Known::default();
    known.learn(sample);
    known
}

/// The message of a node whose host tells everything.
fn of_node(
    node: &NodeId,
    change: impl FnOnce(&mut Announcement<'_>),
    limit: usize,
) -> Option<Discovery> {
    let topics = topics();
    let prefix = "homeassistant".parse().unwrap();
    let scenes = Scenes::default();
    let mut announcement = Announcement {
        topics: &topics,
        node,
        prefix: &prefix,
        entities: every_kind(),
        configuration_url: Some("http://broker.local:8080"),
        version: "0.1.0",
        model: Some("Raspberry Pi 4 Model B Rev 1.4"),
        scenes: &scenes,
        brightness_max: 48,
        telemetry_interval_secs: 5,
        known: known_of(&sample()),
    };
    change(&mut announcement);
    discovery(&announcement, limit)
}

fn full() -> Discovery {
    of_node(&node(), |_| {}, PLENTY).unwrap()
}

fn document(found: &Discovery) -> Value {
    expanded(&serde_json::from_slice(&found.message.payload).unwrap())
}

fn components(found: &Discovery) -> Vec<Component> {
    Component::all(&document(found))
}

/// The components that are no removals.
fn announced(found: &Discovery) -> Vec<Component> {
    let mut all = components(found);
    all.retain(|component| component.keys.len() > 1);
    all
}

#[test]
fn golden_discovery_is_retained_and_small() {
    let found = full();
    check("discovery.json", &found.message);
    assert!(found.message.retain);
    assert_eq!(
        found.message.topic,
        "homeassistant/device/piglow-attic/config"
    );
    assert!(
        found.message.payload.len() < 18 * 1024,
        "{}",
        found.message.payload.len()
    );
    assert_eq!(found.left_out, []);
}

#[test]
fn root_device_and_origin_have_known_keys_only_and_what_is_needed() {
    let document = document(&full());
    rules::known_keys("the root", &document, &rules::ROOT_KEYS);
    rules::known_keys("the device", &document["device"], &rules::DEVICE_KEYS);
    rules::known_keys("the origin", &document["origin"], &rules::ORIGIN_KEYS);
    assert!(
        !document["device"]["identifiers"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(document["origin"]["name"].is_string());
    assert!(
        document["components"]
            .as_object()
            .is_some_and(|all| !all.is_empty())
    );
    // The list can be overridden by a component, the single topic can't.
    assert!(document["availability"].is_array() && document.get("availability_topic").is_none());
    assert_eq!(
        document["device"]["configuration_url"],
        "http://broker.local:8080"
    );
    let without = of_node(&node(), |a| a.configuration_url = None, PLENTY).unwrap();
    assert!(
        self::document(&without)["device"]
            .get("configuration_url")
            .is_none()
    );
}

#[test]
fn every_component_keeps_the_rules_of_its_platform() {
    for component in components(&full()) {
        component.keeps_the_common_rules();
        match component.platform() {
            "light" => component.keeps_the_rules_of_lights(),
            "sensor" => component.keeps_the_rules_of_sensors(),
            "binary_sensor" => component.keeps_the_rules_of_binary_sensors(),
            "number" => component.keeps_the_rules_of_numbers(),
            "siren" => component.keeps_the_rules_of_sirens(),
            "event" => component.keeps_the_rules_of_events(),
            "button" => component.keeps_the_rules_of_buttons(),
            other => panic!("{}: no rules for {other}", component.id),
        }
    }
}

#[test]
fn ids_are_unique_within_a_node_and_between_nodes() {
    let mut unique = BTreeSet::new();
    let mut entity = BTreeSet::new();
    for id in ["attic", "attic-arm", "Attic_2", "x"] {
        let found = of_node(&id.parse().unwrap(), |_| {}, PLENTY).unwrap();
        for component in announced(&found) {
            assert!(
                unique.insert(component.text("unique_id")),
                "{}",
                component.id
            );
            assert!(
                entity.insert(component.text("default_entity_id")),
                "{}",
                component.id
            );
        }
    }
}

#[test]
fn ids_are_home_assistants_for_any_node() {
    for id in ["-", "_", "A--b__C", "0", "pi-"] {
        let found = of_node(&id.parse().unwrap(), |_| {}, PLENTY).unwrap();
        for component in components(&found) {
            component.has_a_valid_entity_id();
        }
    }
}

#[test]
fn one_entity_bears_the_name_of_the_device_and_the_others_do_not_repeat_it() {
    let document = document(&full());
    let device = document["device"]["name"].as_str().unwrap();
    let all = announced(&full());
    let nameless: Vec<_> = all.iter().filter(|c| c.keys["name"].is_null()).collect();
    assert_eq!(nameless.len(), 1);
    assert_eq!(nameless[0].id, "board");
    for component in all.iter().filter(|c| c.id != "board") {
        assert!(
            !component.text("name").starts_with(device),
            "{}",
            component.id
        );
    }
}

#[test]
fn what_is_not_wanted_or_not_known_is_removed_by_its_platform_alone() {
    let all = components(&full());
    let removed = |found: &Discovery| -> Vec<String> {
        let kept = components(found);
        assert_eq!(
            kept.len(),
            all.len(),
            "nothing may be left out without a word"
        );
        let stubs = kept.iter().filter(|component| component.keys.len() == 1);
        stubs
            .map(|component| {
                let before = all.iter().find(|other| other.id == component.id).unwrap();
                assert_eq!(component.platform(), before.platform());
                component.id.clone()
            })
            .collect()
    };
    assert_eq!(removed(&full()), ["core_5", "core_6", "core_7", "core_8"]);
    let few = of_node(
        &node(),
        |a| a.entities = [EntityKind::Light].into_iter().collect(),
        PLENTY,
    );
    assert_eq!(removed(&few.unwrap()).len(), all.len() - 1);
    let mute = of_node(&node(), |a| a.known = Known::default(), PLENTY).unwrap();
    for id in [
        "temperature",
        "swap",
        "frequency",
        "under_voltage",
        "throttled",
        "core_1",
    ] {
        assert!(removed(&mute).contains(&id.to_owned()), "{id}");
    }
}

#[test]
fn a_host_that_tells_more_is_announced_again() {
    let mut known = Known::default();
    assert!(known.learn(&sample()));
    assert!(!known.learn(&sample()));
    // What is not told for once has not gone.
    assert!(!known.learn(&Sample::default()));
}

#[test]
fn a_broker_of_small_packets_gets_the_leds_last() {
    let whole = full().message.payload.len();
    let mut limit = whole;
    let mut seen = Vec::new();
    while let Some(found) = of_node(&node(), |_| {}, limit) {
        assert!(found.message.payload.len() <= limit);
        for component in components(&found) {
            component.keeps_the_common_rules();
        }
        if seen.last() != Some(&found.left_out) {
            seen.push(found.left_out.clone());
        }
        limit = found.message.payload.len() - 1;
    }
    let names = |kinds: &Vec<EntityKind>| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>();
    assert_eq!(
        json!(seen.iter().map(names).collect::<Vec<_>>()),
        json!([
            [],
            ["leds"],
            ["leds", "rings"],
            ["leds", "rings", "arms"],
            ["leds", "rings", "arms", "sensors"]
        ])
    );
}

#[test]
fn a_slider_with_one_place_is_not_announced() {
    let found = of_node(&node(), |a| a.brightness_max = 1, PLENTY).unwrap();
    let all = components(&found);
    let limit = all
        .iter()
        .find(|component| component.id == "brightness_limit");
    assert_eq!(limit.unwrap().keys.len(), 1);
}
