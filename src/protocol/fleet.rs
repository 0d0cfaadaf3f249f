//! What a watcher of many nodes listens to, and what it sends.

use std::time::Duration;

use serde_json::Value;

use super::result::{Reason, Rejection};
use super::{Address, Leaf, Message, PAYLOAD_MAX, Qos, Topics};
use crate::light::Setting;
use crate::light::board::Segment;
use crate::units::NodeId;

/// How long a command is worth delivering: whoever clicked has seen by then that nothing came of it.
const ORDER_EXPIRY: Duration = Duration::from_secs(30);

/// What the broker keeps of a node and a watcher wants to know. First whether the node is there: by that the rest is judged.
pub const KEPT: [Leaf; 6] = [
    Leaf::Availability,
    Leaf::LightState(Segment::Board),
    Leaf::Health,
    Leaf::SettingState(Setting::EffectSpeed),
    Leaf::SettingState(Setting::BrightnessLimit),
    Leaf::Info,
];

/// The filters of a watcher of many nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetFilters {
    /// What matters each time: states that the broker keeps, and what is told once.
    pub surely: Vec<String>,
    /// What the next message replaces.
    pub at_most_once: Vec<String>,
}

impl Topics {
    /// The node and the leaf of a topic; the node's name is not checked, and `None` for topics of groups and of others.
    #[must_use]
    pub fn of_node<'t>(&self, topic: &'t str) -> Option<(&'t str, Leaf)> {
        let below = topic.strip_prefix(self.root())?.strip_prefix('/')?;
        let (node, leaf) = below.split_once('/')?;
        Some((node, super::topics::parse_leaf(leaf).ok()?))
    }

    /// What a watcher of many nodes subscribes to; in a group, the samples are shared among its members (MQTT 5, section 4.8.2).
    #[must_use]
    pub fn fleet(&self, share_group: Option<&str>) -> FleetFilters {
        let shared = |filter: String| match share_group {
            Some(group) => format!("$share/{group}/{filter}"),
            None => filter,
        };
        let every = |leaf| self.of_every_node(leaf);
        FleetFilters {
            surely: vec![
                every(Leaf::LightResult),
                every(Leaf::Event),
                shared(every(Leaf::TelemetryHistory)),
            ],
            // What is retained comes all at once for a fleet: with QoS 1 Mosquitto drops what is more than its
            // `max_queued_messages`, 1,000 by default, which 170 nodes have.
            at_most_once: KEPT
                .map(every)
                .into_iter()
                .chain([shared(every(Leaf::Telemetry)), every(Leaf::Frame)])
                .collect(),
        }
    }
}

/// Asks a node to mirror its frames for so many seconds.
#[must_use]
pub fn frame_watch(topics: &Topics, node: &NodeId, secs: u64) -> Message {
    let topic = topics.build(&Address::Node(node.clone()), Leaf::FrameWatch);
    Message::event(topic, secs.to_string().into_bytes(), Qos::AtMostOnce)
}

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// The board, or a part of it.
    Light(Segment),
    /// An alert by its tone.
    Siren,
    /// So that a person finds the Pi.
    Identify,
    /// What can be adjusted while the node runs.
    Setting(Setting),
}

impl OrderKind {
    /// Whether groups and all nodes have a topic for it; other commands go to each node.
    #[must_use]
    pub fn is_for_many(self) -> bool {
        matches!(self, Self::Light(Segment::Board) | Self::Identify)
    }

    const fn leaf(self) -> Leaf {
        match self {
            Self::Light(segment) => Leaf::LightSet(segment),
            Self::Siren => Leaf::SirenSet,
            Self::Identify => Leaf::Identify,
            Self::Setting(setting) => Leaf::SettingSet(setting),
        }
    }
}

/// What is sent for a command: with this `id`, and `from` unless it has its own, where the payload has a place for them.
///
/// The node checks the rest, and answers.
///
/// # Errors
///
/// Rejects what has not the form of such a command.
pub fn order_payload(
    kind: OrderKind,
    payload: &Value,
    id: &str,
    from: &str,
) -> Result<Vec<u8>, Rejection> {
    let malformed = |expected: &str| Rejection::at(Reason::Malformed, "payload", payload, expected);
    let bytes = match kind {
        OrderKind::Light(_) | OrderKind::Siren => {
            let fields = payload.as_object();
            let mut fields = fields
                .ok_or_else(|| malformed("an object, as in docs/mqtt.md"))?
                .clone();
            fields.insert("id".to_owned(), id.into());
            fields.entry("from").or_insert_with(|| from.into());
            Value::Object(fields).to_string()
        }
        // The node's own default.
        OrderKind::Identify if payload.is_null() => String::new(),
        OrderKind::Identify | OrderKind::Setting(_) => {
            let number = payload.as_u64();
            number
                .ok_or_else(|| malformed("a whole number, not negative"))?
                .to_string()
        }
    };
    if bytes.len() > PAYLOAD_MAX {
        let expected = format!("at most {PAYLOAD_MAX} bytes");
        return Err(Rejection::at(
            Reason::TooLarge,
            "payload",
            &bytes.len().into(),
            expected,
        ));
    }
    Ok(bytes.into_bytes())
}

/// A command to a node, a group or all.
#[must_use]
pub fn order(topics: &Topics, address: &Address, kind: OrderKind, payload: Vec<u8>) -> Message {
    Message {
        expiry: Some(ORDER_EXPIRY),
        ..Message::event(
            topics.build(address, kind.leaf()),
            payload,
            Qos::AtLeastOnce,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_command_is_marked_as_its_senders_whatever_id_it_brings() {
        let light = OrderKind::Light(Segment::Board);
        let sent = order_payload(
            light,
            &json!({"effect": "breathe", "id": "odd"}),
            "f-1",
            "wall",
        );
        let sent: Value = serde_json::from_slice(&sent.unwrap()).unwrap();
        assert_eq!(
            sent,
            json!({"effect": "breathe", "id": "f-1", "from": "wall"})
        );
        let own = order_payload(light, &json!({"state": "ON", "from": "ada"}), "f-2", "wall");
        let own: Value = serde_json::from_slice(&own.unwrap()).unwrap();
        assert_eq!(own["from"], "ada");
    }

    #[test]
    fn what_has_not_the_form_of_a_command_is_rejected() {
        let speed = OrderKind::Setting(Setting::EffectSpeed);
        for (kind, payload, reason) in [
            (OrderKind::Siren, json!("ON"), Reason::Malformed),
            (OrderKind::Identify, json!(-1), Reason::Malformed),
            (speed, json!(1.5), Reason::Malformed),
            (
                OrderKind::Siren,
                json!({"from": "x".repeat(5000)}),
                Reason::TooLarge,
            ),
        ] {
            let refused = order_payload(kind, &payload, "f", "wall").unwrap_err();
            assert_eq!(
                (refused.reason, refused.field.as_deref()),
                (reason, Some("payload"))
            );
        }
        assert_eq!(
            order_payload(OrderKind::Identify, &json!(5), "f", "w"),
            Ok(b"5".to_vec())
        );
        assert_eq!(
            order_payload(OrderKind::Identify, &Value::Null, "f", "w"),
            Ok(Vec::new())
        );
    }

    #[test]
    fn only_samples_are_shared() {
        let topics = Topics::new("piglow".parse().unwrap());
        let (alone, shared) = (topics.fleet(None), topics.fleet(Some("wall")));
        let differ: Vec<&String> = shared
            .surely
            .iter()
            .chain(&shared.at_most_once)
            .filter(|filter| !alone.surely.contains(filter) && !alone.at_most_once.contains(filter))
            .collect();
        assert_eq!(
            differ,
            [
                "$share/wall/piglow/+/telemetry/history",
                "$share/wall/piglow/+/telemetry"
            ]
        );
    }
}
