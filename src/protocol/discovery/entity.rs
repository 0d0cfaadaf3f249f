//! One entity of the device.

use serde_json::{Map, Value, json};

use super::EntityKind;
use crate::protocol::{Address, Leaf, Topics};
use crate::units::NodeId;

/// Something that Home Assistant shows as an entity.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    /// Its id within the device; it never changes its meaning, since people's automations hang on it.
    pub(super) id: String,
    /// Whether it is wanted is decided by kind.
    pub(super) kind: EntityKind,
    /// Whether the node can tell anything by it.
    pub(super) is_known: bool,
    platform: &'static str,
    name: Option<String>,
    command: Option<Leaf>,
    state: Option<Leaf>,
    has_attributes: bool,
    keys: Map<String, Value>,
}

impl Entity {
    /// An entity of a platform, with an id and a name; without a name it bears the device's.
    pub(super) fn new(
        kind: EntityKind,
        platform: &'static str,
        id: impl Into<String>,
        name: Option<&str>,
    ) -> Self {
        Self {
            id: id.into(),
            kind,
            is_known: true,
            platform,
            name: name.map(str::to_owned),
            command: None,
            state: None,
            has_attributes: false,
            keys: Map::new(),
        }
    }

    /// The same with a key of its own.
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.keys.insert(key.to_owned(), value.into());
        self
    }

    /// The same with the topic of its state.
    pub(super) fn telling(mut self, leaf: Leaf) -> Self {
        self.state = Some(leaf);
        self
    }

    /// The same with the topic of its commands.
    pub(super) fn obeying(mut self, leaf: Leaf) -> Self {
        self.command = Some(leaf);
        self
    }

    /// The same with attributes out of the message that tells its state.
    pub(super) fn attributes_of_state(mut self) -> Self {
        self.has_attributes = true;
        self
    }

    /// The same, announced only if the node can tell anything by it.
    pub(super) fn if_known(mut self, is_known: bool) -> Self {
        self.is_known = is_known;
        self
    }

    /// The same among what people look at only when something is odd.
    pub(super) fn diagnostic(self) -> Self {
        self.with("ent_cat", "diagnostic")
    }

    /// The same, there but disabled until somebody enables it.
    pub(super) fn disabled(self) -> Self {
        self.with("en", false)
    }

    /// The component that announces it.
    pub(super) fn component(self, node: &NodeId, topics: &Topics) -> Value {
        let own = Address::Node(node.clone());
        let mut keys = Map::new();
        keys.insert("p".to_owned(), json!(self.platform));
        keys.insert(
            "uniq_id".to_owned(),
            json!(format!("piglow-{node}-{}", self.id)),
        );
        let place = if self.name.is_none() { "" } else { &self.id };
        keys.insert(
            "default_entity_id".to_owned(),
            json!(format!("{}.{}", self.platform, slug(node, place))),
        );
        keys.insert("name".to_owned(), json!(self.name));
        // The node publishes telemetry once, and everything else until it arrives.
        if self.state != Some(Leaf::Telemetry) {
            keys.insert("qos".to_owned(), json!(1));
        }
        if let Some(leaf) = self.command {
            keys.insert("cmd_t".to_owned(), json!(topics.build(&own, leaf)));
        }
        if let Some(leaf) = self.state {
            let topic = topics.build(&own, leaf);
            if self.has_attributes {
                keys.insert("json_attr_t".to_owned(), json!(topic));
            }
            keys.insert("stat_t".to_owned(), json!(topic));
        }
        keys.extend(self.keys);
        Value::Object(keys)
    }

    /// The component that removes it.
    pub(super) fn removal(&self) -> Value {
        json!({ "p": self.platform })
    }
}

/// The part of an entity's id behind the dot: lower-case letters, digits and single underscores.
fn slug(node: &NodeId, place: &str) -> String {
    let text = format!("piglow_{node}_{place}").to_lowercase();
    let words = text.split(['-', '_']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}
