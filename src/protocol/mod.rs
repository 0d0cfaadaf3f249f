//! Topics and payloads: the only place where they are spelled.
//!
//! Wire structs are private to this module; what comes in becomes a domain type or a [`Rejection`], and what goes out
//! becomes a [`Message`].

mod command;
mod decode;
mod discovery;
mod event;
#[cfg(feature = "fleet")]
mod fleet;
mod light;
mod observe;
#[cfg(feature = "fleet")]
mod reading;
#[cfg(feature = "fleet")]
mod recording;
mod result;
mod setting;
mod siren;
mod status;
mod telemetry;
mod topics;

pub use command::{
    Delivery, PAYLOAD_MAX, Refused, Reply, Request, Typed, command_json, decode_set,
};
pub use decode::{FRAME_WATCH_SECS, IDENTIFY_SECS, decode_seconds};
pub use discovery::{
    Announcement, Discovery, Entities, EntityKind, Known, UnknownEntityKind, birth_topic,
    discovery, discovery_topic, is_birth, no_discovery,
};
pub use event::event;
#[cfg(feature = "fleet")]
pub use fleet::{FleetFilters, KEPT, OrderKind, frame_watch, order, order_payload};
pub use light::{frame, light_state, recreate};
pub use observe::{
    LightReport, Report, ResultReport, observe, observe_light, observe_outcome, result_line,
};
#[cfg(feature = "fleet")]
pub use reading::{
    Card, CountersReading, HealthReading, LightReading, Reading, read_frame, read_health,
    read_history, read_info, read_light, read_object, read_result_id, read_sample, read_setting,
};
#[cfg(feature = "fleet")]
pub use recording::recorded_sample;
pub use result::{Outcome, Reason, Rejection, result};
pub use setting::{decode_setting, kept_tuning, recall_tuning, setting_state};
pub use siren::{SirenRequest, decode_siren, siren_state};
pub use status::{Counters, Health, Info, availability, health, info};
pub use telemetry::{history, telemetry};
pub use topics::{Address, Leaf, TopicError, Topics};

use std::time::Duration;

/// Delivery guarantee of a message (MQTT 5, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// At most once: the next one replaces it anyway.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
}

/// A message to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// How surely it arrives.
    pub qos: Qos,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// How long it is worth delivering.
    pub expiry: Option<Duration>,
    /// What a requester gave to recognise its answer by (MQTT 5, section 3.3.2.3.6).
    pub correlation: Option<Vec<u8>>,
}

impl Message {
    fn state(topic: String, payload: Vec<u8>) -> Self {
        Self {
            topic,
            payload,
            qos: Qos::AtLeastOnce,
            retain: true,
            expiry: None,
            correlation: None,
        }
    }

    fn event(topic: String, payload: Vec<u8>, qos: Qos) -> Self {
        Self {
            topic,
            payload,
            qos,
            retain: false,
            expiry: None,
            correlation: None,
        }
    }
}

/// The empty retained message that makes the broker forget what it keeps on a topic.
#[must_use]
pub fn cleared(topic: String) -> Message {
    Message::state(topic, Vec::new())
}

/// Serializes one of this module's own wire structs.
///
/// They have string keys and finite numbers only, for which `serde_json` has no error.
fn json(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

/// A number with at most this many decimals, so that payloads stay short; what is not finite becomes `null`.
fn rounded(value: f32, decimals: i32) -> serde_json::Value {
    let factor = 10f64.powi(decimals);
    let rounded = (f64::from(value) * factor).round() / factor;
    serde_json::Number::from_f64(rounded).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

/// A time as RFC 3339 with milliseconds, in UTC; `null` beyond the year 9999.
fn rfc3339(unix_millis: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(unix_millis).ok()?;
    Some(format!("{time:.3}"))
}

#[cfg(test)]
mod tests;
