//! Events: told once, to whoever listens.

use serde_json::{Map, Value};

use super::{Address, Leaf, Message, Qos, Rejection, Topics, json, rfc3339, rounded};
use crate::events::Event;
use crate::units::NodeId;

/// An event with its time; `last` is the newest refusal, for the event that tells of refusals.
#[must_use]
pub fn event(
    topics: &Topics,
    node: &NodeId,
    event: &Event,
    unix_millis: i64,
    last: Option<&Rejection>,
) -> Message {
    let mut fields = Map::new();
    let mut tell = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    tell("event_type", event.name().into());
    tell("time", rfc3339(unix_millis).into());
    match event {
        Event::LoadHigh(percent) | Event::LoadNormal(percent) => {
            tell("load_percent", rounded(*percent, 1));
        }
        Event::Hot(celsius) | Event::Cool(celsius) => {
            tell("temperature_celsius", rounded(*celsius, 1));
        }
        Event::PanelLost(detail) => {
            tell("detail", detail.as_str().into());
        }
        Event::CommandRejected { count } => {
            tell("count", (*count).into());
            if let Some(last) = last {
                tell("reason", last.reason.name().into());
                tell("field", last.field.as_deref().into());
                tell("expected", last.expected.as_str().into());
            }
        }
        Event::UnderVoltage | Event::VoltageNormal | Event::PanelBack => {}
    }
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Event);
    Message::event(topic, json(&fields), Qos::AtLeastOnce)
}
