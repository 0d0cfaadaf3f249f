//! The outcome of a command.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Address, Leaf, Message, Qos, Reply, Topics, json, rounded};
use crate::units::NodeId;

/// How long an answer is worth delivering to somebody who is away.
const RESULT_EXPIRY: Duration = Duration::from_secs(60);

/// The longest text of a refused value, or of an unknown field's name, that is repeated in an answer, in bytes.
const VALUE_MAX: usize = 80;

/// Why a command is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not JSON, not a known word, or a field of another type.
    Malformed,
    /// A field that no command has.
    UnknownField,
    /// An effect that this node has not.
    UnknownEffect,
    /// A value outside its limits.
    OutOfRange,
    /// A field that has to be there is not.
    MissingField,
    /// Fields that contradict each other.
    Conflict,
    /// Retained, or past its own end.
    Stale,
    /// More bytes than a command may have.
    TooLarge,
    /// The queue is full.
    Busy,
    /// A topic for a part that the board has not.
    UnknownSegment,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::UnknownField,
        Self::UnknownEffect,
        Self::OutOfRange,
        Self::MissingField,
        Self::Conflict,
        Self::Stale,
        Self::TooLarge,
        Self::Busy,
        Self::UnknownSegment,
    ];

    /// The reason's name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownField => "unknown_field",
            Self::UnknownEffect => "unknown_effect",
            Self::OutOfRange => "out_of_range",
            Self::MissingField => "missing_field",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::UnknownSegment => "unknown_segment",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A command that is not carried out, and what would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// What kind of mistake.
    pub reason: Reason,
    /// Where it is, if in one place.
    pub field: Option<String>,
    /// What stood there.
    pub value: Option<Value>,
    /// What is allowed.
    pub expected: String,
}

impl Rejection {
    /// A rejection with no field to blame.
    pub fn new(reason: Reason, expected: impl Into<String>) -> Self {
        Self {
            reason,
            field: None,
            value: None,
            expected: expected.into(),
        }
    }

    /// A rejection of a retained command.
    #[must_use]
    pub fn retained() -> Self {
        Self::at(
            Reason::Stale,
            "retain",
            &Value::Bool(true),
            "a message without the retain flag: the broker would repeat a retained command at every reconnect",
        )
    }

    /// A rejection of what stands in a field.
    pub fn at(
        reason: Reason,
        field: impl Into<String>,
        value: &Value,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            field: Some(excerpt(&field.into()).into_owned()),
            value: Some(shortened(value)),
            expected: expected.into(),
        }
    }
}

/// A value as it was, or the beginning of its text when it is long.
fn shortened(value: &Value) -> Value {
    match excerpt(&value.to_string()) {
        Cow::Borrowed(_) => value.clone(),
        Cow::Owned(text) => Value::String(text),
    }
}

/// A text of somebody else's as it was, or its beginning when it is long: an answer stays short whatever was sent.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= VALUE_MAX {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(VALUE_MAX);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The panel latched the first frame with its effect.
    Shown {
        /// The number of that frame since the node started.
        frame: u64,
        /// From arrival at the node to the latch.
        latency: Duration,
    },
    /// Taken; it will be shown when the panel is back.
    Accepted {
        /// What the panel's trouble is.
        panel: String,
    },
    /// Another command for the same LEDs came before it could be shown.
    Superseded {
        /// That command's `id`, if it had one.
        by: Option<String>,
    },
    /// Not carried out.
    Rejected(Rejection),
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    status: &'static str,
    #[serde(flatten)]
    detail: Detail<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Shown {
        frame: u64,
        latency_ms: Value,
    },
    Accepted {
        panel: &'a str,
    },
    Superseded {
        by: Option<&'a str>,
    },
    Rejected {
        reason: Reason,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a Value>,
        expected: &'a str,
    },
}

/// The answers to a command: one on the node's `light/result`, and one where the sender asked for it.
///
/// Both carry the `sequence`, by which an answer that arrives twice is recognised.
#[must_use]
pub fn result(
    topics: &Topics,
    node: &NodeId,
    reply: &Reply,
    sequence: u64,
    outcome: &Outcome,
) -> Vec<Message> {
    let payload = document(reply.id.as_deref(), Some(sequence), outcome);
    let own = topics.build(&Address::Node(node.clone()), Leaf::LightResult);
    let mut messages = Vec::with_capacity(1 + usize::from(reply.response_topic.is_some()));
    if let Some(topic) = &reply.response_topic {
        messages.push(Message {
            correlation: reply.correlation.clone(),
            ..answer(topic.clone(), payload.clone())
        });
    }
    messages.push(answer(own, payload));
    messages
}

/// The answer as JSON; `None` for the sequence of one that is not published.
#[must_use]
pub(super) fn document(id: Option<&str>, sequence: Option<u64>, outcome: &Outcome) -> Vec<u8> {
    let (status, detail) = match outcome {
        Outcome::Shown { frame, latency } => (
            "shown",
            Detail::Shown {
                frame: *frame,
                latency_ms: rounded(latency.as_secs_f32() * 1000.0, 3),
            },
        ),
        Outcome::Accepted { panel } => ("accepted", Detail::Accepted { panel }),
        Outcome::Superseded { by } => ("superseded", Detail::Superseded { by: by.as_deref() }),
        Outcome::Rejected(rejection) => (
            "rejected",
            Detail::Rejected {
                reason: rejection.reason,
                field: rejection.field.as_deref(),
                value: rejection.value.as_ref(),
                expected: &rejection.expected,
            },
        ),
    };
    json(&Wire {
        id,
        sequence,
        status,
        detail,
    })
}

fn answer(topic: String, payload: Vec<u8>) -> Message {
    Message {
        expiry: Some(RESULT_EXPIRY),
        ..Message::event(topic, payload, Qos::AtLeastOnce)
    }
}
