//! The AsyncAPI document describes every topic, as the program uses it, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::validator;
use crate::events::Event;
use crate::light::board::Segment;
use crate::light::{Frame, LightState, Settings, Stage};
use crate::protocol::decode::Seconds;
use crate::protocol::{
    Address, Delivery, FRAME_WATCH_SECS, Health, IDENTIFY_SECS, Info, Leaf, Message, Outcome, Qos,
    Reply, Topics, availability, decode_seconds, decode_set, decode_setting, decode_siren, event,
    frame, health, history, info, light_state, result, setting_state, siren_state, telemetry,
};
use crate::telemetry::Sample;
use crate::telemetry::history::Batch;
use crate::units::NodeId;

fn read() -> Value {
    yaml_serde::from_str(include_str!("../../../../docs/asyncapi.yaml")).unwrap()
}

fn topics() -> Topics {
    Topics::new("piglow".parse().unwrap())
}

fn node() -> NodeId {
    "attic".parse().unwrap()
}

/// What a document's `$ref` points to.
fn follow<'a>(document: &'a Value, reference: &'a Value) -> &'a Value {
    let pointer = reference["$ref"]
        .as_str()
        .unwrap_or_else(|| panic!("{reference} is no $ref"));
    let pointer = pointer
        .strip_prefix('#')
        .unwrap_or_else(|| panic!("{pointer} is elsewhere"));
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{pointer} is not there"))
}

/// The topics of a channel: one, or one for each segment.
fn addresses(document: &Value, channel: &Value) -> Vec<String> {
    let address = channel["address"]
        .as_str()
        .unwrap()
        .replace("{node}", node().as_str())
        .replace("{group}", "kitchen");
    if !address.contains('{') {
        return vec![address];
    }
    let segment = follow(document, &channel["parameters"]["segment"]);
    let names = segment["enum"].as_array().unwrap().iter();
    names
        .map(|name| address.replace("{segment}", name.as_str().unwrap()))
        .collect()
}

fn is_command(leaf: Leaf) -> bool {
    matches!(
        leaf,
        Leaf::LightSet(_)
            | Leaf::Identify
            | Leaf::FrameWatch
            | Leaf::SirenSet
            | Leaf::SettingSet(_)
    )
}

#[test]
fn channels_are_the_topics_of_the_program() {
    let document = read();
    let channels = document["channels"].as_object().unwrap();
    let described: BTreeSet<String> = channels
        .values()
        .flat_map(|channel| addresses(&document, channel))
        .collect();
    let to_many = [Address::Group("kitchen".parse().unwrap()), Address::All];
    let shared = [Leaf::LightSet(Segment::Board), Leaf::Identify];
    let spoken: BTreeSet<String> = Leaf::all()
        .map(|leaf| topics().build(&Address::Node(node()), leaf))
        .chain(
            to_many
                .iter()
                .flat_map(|address| shared.map(|leaf| topics().build(address, leaf))),
        )
        .collect();
    assert_eq!(described, spoken);
}

/// What a node publishes on a topic.
fn published(leaf: Leaf) -> Message {
    let (topics, node) = (topics(), node());
    let state: LightState = Stage::new(&Settings::default()).state();
    match leaf {
        Leaf::Availability => availability(&topics, &node, true),
        Leaf::Info => {
            let known = Info {
                telemetry_interval_secs: 5,
                ..Info::default()
            };
            info(&topics, &node, &known)
        }
        Leaf::Telemetry => telemetry(&topics, &node, &Sample::default(), Qos::AtMostOnce),
        Leaf::TelemetryHistory => history(&topics, &node, &Batch::default()),
        Leaf::Health => {
            let known = Health {
                panel_state: "ok",
                ..Health::default()
            };
            health(&topics, &node, &known)
        }
        Leaf::Frame => frame(&topics, &node, 1, &Frame::DARK),
        Leaf::LightResult => {
            let outcome = Outcome::Shown {
                frame: 1,
                latency: Duration::ZERO,
            };
            result(&topics, &node, &Reply::default(), 1, &outcome).remove(0)
        }
        Leaf::SirenState => siren_state(&topics, &node, None),
        Leaf::SettingState(setting) => setting_state(&topics, &node, setting, 40),
        Leaf::Event => event(&topics, &node, &Event::PanelBack, 0, None),
        Leaf::LightState(segment) => light_state(&topics, &node, segment, &state, None),
        Leaf::LightSet(_)
        | Leaf::Identify
        | Leaf::FrameWatch
        | Leaf::SirenSet
        | Leaf::SettingSet(_) => {
            panic!("{leaf} is a command")
        }
    }
}

#[test]
fn operations_have_the_directions_qos_and_retention_of_the_program() {
    let document = read();
    let mut used = BTreeSet::new();
    for (name, operation) in document["operations"].as_object().unwrap() {
        let channel = follow(&document, &operation["channel"]);
        let mqtt = &operation["bindings"]["mqtt"];
        for address in addresses(&document, channel) {
            let (_, leaf) = topics().parse(&address).unwrap();
            if is_command(leaf) {
                assert_eq!(operation["action"], "receive", "{name}");
                assert_eq!(mqtt["retain"], false, "{name}");
            } else {
                let message = published(leaf);
                assert_eq!(operation["action"], "send", "{name}");
                assert_eq!(mqtt["retain"], message.retain, "{name}");
                let qos = match message.qos {
                    Qos::AtMostOnce => 0,
                    Qos::AtLeastOnce => 1,
                };
                assert_eq!(mqtt["qos"], qos, "{name}");
            }
            assert!(used.insert(address), "{name} has a channel twice");
        }
    }
    let channels = document["channels"].as_object().unwrap().values();
    let described: BTreeSet<String> = channels
        .flat_map(|channel| addresses(&document, channel))
        .collect();
    assert_eq!(used, described, "channels without an operation");
}

/// The payload schema of a channel's message, and its examples.
fn messages<'a>(document: &'a Value, channel: &'a Value) -> Vec<&'a Value> {
    let messages = channel["messages"].as_object().unwrap().values();
    messages.map(|message| follow(document, message)).collect()
}

#[test]
fn what_is_published_fits_the_message_of_its_channel() {
    let document = read();
    for channel in document["channels"].as_object().unwrap().values() {
        for address in addresses(&document, channel) {
            let (_, leaf) = topics().parse(&address).unwrap();
            if is_command(leaf) {
                continue;
            }
            let message = published(leaf);
            let [described] = messages(&document, channel)[..] else {
                panic!("{address} has several messages");
            };
            if let Leaf::SettingState(_) = leaf {
                let value: u64 = std::str::from_utf8(&message.payload)
                    .unwrap()
                    .parse()
                    .unwrap();
                assert!(value <= described["payload"]["maximum"].as_u64().unwrap());
                continue;
            }
            if described["contentType"] == "text/plain" {
                let words = described["payload"]["enum"].as_array().unwrap();
                let word = String::from_utf8(message.payload).unwrap();
                assert!(
                    words.iter().any(|known| *known == word.as_str()),
                    "{address}: {word}"
                );
                continue;
            }
            let payload: Value = serde_json::from_slice(&message.payload).unwrap();
            let file = described["payload"]["$ref"].as_str().unwrap();
            let name = file
                .strip_prefix("schemas/")
                .and_then(|f| f.strip_suffix(".json"));
            if let Err(error) = validator(name.unwrap()).validate(&payload) {
                panic!("{address}: {error}");
            }
        }
    }
}

/// The examples of a message, as they go over the wire.
fn examples_of(message: &Value) -> Vec<String> {
    let examples = message["examples"].as_array().unwrap().iter();
    let payloads = examples.map(|example| &example["payload"]);
    payloads
        .map(|payload| {
            payload
                .as_str()
                .map_or_else(|| payload.to_string(), str::to_owned)
        })
        .collect()
}

#[test]
fn examples_and_limits_are_those_of_the_decoder() {
    let document = read();
    let mut examples = 0;
    for channel in document["channels"].as_object().unwrap().values() {
        for address in addresses(&document, channel) {
            let (_, leaf) = topics().parse(&address).unwrap();
            for message in messages(&document, channel) {
                match leaf {
                    Leaf::LightSet(segment) => {
                        for payload in examples_of(message) {
                            examples += 1;
                            let taken = decode_set(
                                segment,
                                payload.as_bytes(),
                                Delivery::default(),
                                &crate::light::Scenes::default(),
                            );
                            assert!(taken.is_ok(), "{address}: {payload}: {taken:?}");
                        }
                    }
                    Leaf::SirenSet => {
                        for example in examples_of(message) {
                            examples += 1;
                            let taken = decode_siren(example.as_bytes(), Delivery::default());
                            assert!(taken.is_ok(), "{address}: {example}: {taken:?}");
                        }
                    }
                    Leaf::SettingSet(setting) => {
                        let bound = |name: &str| message["payload"][name].as_u64().unwrap();
                        let (min, max) = (bound("minimum"), bound("maximum"));
                        for (value, fits) in
                            [(min - 1, false), (min, true), (max, true), (max + 1, false)]
                        {
                            let text = value.to_string();
                            let taken = decode_setting(setting, text.as_bytes(), u8::MAX);
                            assert_eq!(taken.is_ok(), fits, "{address}: {text}: {taken:?}");
                        }
                    }
                    Leaf::Identify => limits(message, IDENTIFY_SECS),
                    Leaf::FrameWatch => limits(message, FRAME_WATCH_SECS),
                    Leaf::Availability
                    | Leaf::Info
                    | Leaf::Telemetry
                    | Leaf::TelemetryHistory
                    | Leaf::Health
                    | Leaf::Frame
                    | Leaf::LightResult
                    | Leaf::LightState(_)
                    | Leaf::SirenState
                    | Leaf::SettingState(_)
                    | Leaf::Event => {}
                }
            }
        }
    }
    assert!(examples > 0);
}

fn limits(message: &Value, seconds: Seconds) {
    let max = message["payload"]["maximum"].as_u64().unwrap();
    assert!(decode_seconds(max.to_string().as_bytes(), seconds).is_ok());
    assert!(decode_seconds((max + 1).to_string().as_bytes(), seconds).is_err());
    let default = decode_seconds(b"", seconds).unwrap().as_secs();
    let summary = message["summary"].as_str().unwrap();
    assert!(
        summary.contains(&format!("empty means {default} seconds")),
        "{summary}"
    );
}
