//! The message by which Home Assistant finds a node: one device with all its entities.
//!
//! The rules it keeps were found on the program itself. One unknown key at the root or in `device` loses the whole
//! device; a component that is left out stays where it is, and one of nothing but its platform is removed.

mod entities;
mod entity;
mod host;
mod panel;

pub use entities::{Entities, EntityKind, UnknownEntityKind};
pub use host::Known;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use self::entity::Entity;
use super::{Address, Leaf, Message, Qos, Topics};
use crate::light::Scenes;
use crate::units::{NodeId, TopicRoot};

/// The most cores that get a sensor each: the Raspberry Pis have up to four.
const CORES_MAX: usize = 8;

/// What is left out, in this order, when the broker takes no message with all of it.
const EXPENDABLE: [EntityKind; 4] = [
    EntityKind::Leds,
    EntityKind::Rings,
    EntityKind::Arms,
    EntityKind::Sensors,
];

/// What the message tells of a node.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// The topics of the node's root.
    pub topics: &'a Topics,
    /// The node.
    pub node: &'a NodeId,
    /// The first levels of Home Assistant's topics.
    pub prefix: &'a TopicRoot,
    /// Which entities are wanted.
    pub entities: Entities,
    /// Where a person configures or looks at the node.
    pub configuration_url: Option<&'a str>,
    /// The program's version.
    pub version: &'a str,
    /// The host's model.
    pub model: Option<&'a str>,
    /// The scenes it offers beside the effects.
    pub scenes: &'a Scenes,
    /// The brightest any LED may get, in PWM steps.
    pub brightness_max: u8,
    /// Between two samples, in seconds.
    pub telemetry_interval_secs: u64,
    /// What the host tells.
    pub known: Known,
}

/// The message, and what had to be left out of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// The retained message.
    pub message: Message,
    /// The kinds of entities for which there was no room.
    pub left_out: Vec<EntityKind>,
}

/// The message within a limit of bytes for its payload; `None` when not even the smallest fits.
///
/// Entities that the node could have and that are not wanted, not known or left out stand in it by their platform
/// alone, which removes them where they were announced before.
#[must_use]
pub fn discovery(announcement: &Announcement<'_>, payload_max: usize) -> Option<Discovery> {
    let topic = discovery_topic(announcement.prefix, announcement.node);
    let mut wanted = announcement.entities;
    let mut left_out = Vec::new();
    let mut expendable = EXPENDABLE.into_iter();
    loop {
        let payload = document(announcement, wanted);
        if payload.len() <= payload_max {
            return Some(Discovery {
                message: Message::state(topic, payload),
                left_out,
            });
        }
        let kind = expendable.find(|kind| wanted.has(*kind))?;
        wanted = wanted.without(kind);
        left_out.push(kind);
    }
}

/// The empty retained message that removes the device.
///
/// At most once: a broker that does not let this user write there need not say so at every connection.
#[must_use]
pub fn no_discovery(prefix: &TopicRoot, node: &NodeId) -> Message {
    Message {
        qos: Qos::AtMostOnce,
        ..Message::state(discovery_topic(prefix, node), Vec::new())
    }
}

/// The topic of a node's message.
#[must_use]
pub fn discovery_topic(prefix: &TopicRoot, node: &NodeId) -> String {
    format!("{prefix}/device/piglow-{node}/config")
}

/// The topic on which Home Assistant says that it has started.
#[must_use]
pub fn birth_topic(prefix: &TopicRoot) -> String {
    format!("{prefix}/status")
}

/// Whether a message on the birth topic says that Home Assistant has started.
#[must_use]
pub fn is_birth(payload: &[u8]) -> bool {
    payload == b"online"
}

fn document(announcement: &Announcement<'_>, wanted: Entities) -> Vec<u8> {
    let Announcement { node, topics, .. } = *announcement;
    let own = Address::Node(node.clone());
    let mut device = Map::new();
    device.insert("ids".to_owned(), json!([format!("piglow-{node}")]));
    device.insert("name".to_owned(), json!(format!("PiGlow {node}")));
    device.insert("mf".to_owned(), json!("Pimoroni"));
    device.insert(
        "mdl".to_owned(),
        json!(match announcement.model {
            Some(model) => format!("PiGlow on {model}"),
            None => "PiGlow".to_owned(),
        }),
    );
    device.insert("sw".to_owned(), json!(announcement.version));
    if let Some(url) = announcement.configuration_url {
        device.insert("cu".to_owned(), json!(url));
    }
    super::json(&Document {
        dev: device,
        o: json!({"name": "piglow-node", "sw": announcement.version}),
        // A list, because a component overrides it by an empty one; `availability_topic` could not be overridden.
        avty: json!([{"t": topics.build(&own, Leaf::Availability)}]),
        cmps: Components {
            announcement,
            wanted,
        },
    })
}

#[derive(Serialize)]
struct Document<'a> {
    dev: Map<String, Value>,
    o: Value,
    avty: Value,
    cmps: Components<'a>,
}

/// All entities by their ids. They are made and written one by one: together they are ten times as large as what is written.
struct Components<'a> {
    announcement: &'a Announcement<'a>,
    wanted: Entities,
}

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Announcement { node, topics, .. } = *self.announcement;
        let mut map = serializer.serialize_map(None)?;
        let mut written = Ok(());
        every(self.announcement, &mut |entity| {
            if written.is_err() {
                return;
            }
            let id = entity.id.clone();
            let shown = self.wanted.has(entity.kind) && entity.is_known;
            let component = if shown {
                entity.component(node, topics)
            } else {
                entity.removal()
            };
            written = map.serialize_entry(&id, &component);
        });
        written?;
        map.end()
    }
}

/// Every entity that this program can announce, in the order of the documents.
fn every(announcement: &Announcement<'_>, each: &mut dyn FnMut(Entity)) {
    panel::entities(announcement, each);
    host::entities(announcement, each);
}
