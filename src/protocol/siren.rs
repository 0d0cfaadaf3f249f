//! The siren: alerts by name, as Home Assistant raises them.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::command::{FROM_MAX, LEASE_SECS_MAX, read_id};
use super::decode::{self, Fields};
use super::result::{Reason, Rejection};
use super::{Address, Delivery, Leaf, Message, PAYLOAD_MAX, Refused, Topics, json};
use crate::light::{Siren, Tone};
use crate::units::NodeId;

/// The shortest siren: Home Assistant counts in whole seconds.
pub(super) const DURATION_SECS_MIN: f64 = 1.0;

const FIELDS: [&str; 5] = ["state", "tone", "duration", "from", "id"];

/// What is asked of the siren.
#[derive(Debug, Clone, PartialEq)]
pub struct SirenRequest {
    /// The siren to raise; `None` ends it.
    pub siren: Option<Siren>,
    /// Who asks.
    pub from: Option<String>,
    /// What comes back in the result.
    pub id: Option<String>,
}

/// Reads a command for the siren: `ON`, `OFF`, a tone, or an object.
///
/// # Errors
///
/// Rejects with the first mistake: the field, its value and what is allowed.
pub fn decode_siren(payload: &[u8], delivery: Delivery) -> Result<SirenRequest, Refused> {
    let anonymous = |rejection| Refused {
        id: None,
        rejection,
    };
    if payload.len() > PAYLOAD_MAX {
        return Err(anonymous(Rejection::at(
            Reason::TooLarge,
            "payload",
            &payload.len().into(),
            format!("at most {PAYLOAD_MAX} bytes"),
        )));
    }
    let Fields(fields) = read_fields(payload.trim_ascii()).map_err(anonymous)?;
    let id = read_id(&fields).map_err(anonymous)?;
    let read = if delivery.retained {
        Err(Rejection::retained())
    } else {
        read_siren(&fields)
    };
    match read {
        Ok((siren, from)) => Ok(SirenRequest { siren, from, id }),
        Err(rejection) => Err(Refused { id, rejection }),
    }
}

fn read_fields(payload: &[u8]) -> Result<Fields, Rejection> {
    if payload.starts_with(b"{") {
        return serde_json::from_slice(payload)
            .map_err(|error| Rejection::new(Reason::Malformed, format!("a JSON object: {error}")));
    }
    let text = String::from_utf8_lossy(payload).into_owned();
    let field = match text.to_ascii_lowercase().as_str() {
        "on" | "off" => ("state", Value::String(text.to_ascii_uppercase())),
        tone if Tone::from_name(tone).is_some() => ("tone", Value::String(tone.to_owned())),
        _ => {
            let expected = format!("a JSON object, ON, OFF, {}", tone_names());
            let value = Value::String(text);
            return Err(Rejection::at(
                Reason::Malformed,
                "payload",
                &value,
                expected,
            ));
        }
    };
    Ok(Fields(vec![(field.0.to_owned(), field.1)]))
}

fn read_siren(fields: &[(String, Value)]) -> Result<(Option<Siren>, Option<String>), Rejection> {
    let mut on = None;
    let mut tone = None;
    let mut duration = None;
    let mut from = None;
    for (name, value) in fields {
        match name.as_str() {
            "state" => on = Some(decode::word(name, value, &[("ON", true), ("OFF", false)])?),
            "tone" => {
                let tones = Tone::ALL.map(|tone| (tone.name(), tone));
                tone = Some(decode::word(name, value, &tones)?);
            }
            "duration" => {
                duration = Some(decode::seconds(
                    name,
                    value,
                    DURATION_SECS_MIN,
                    LEASE_SECS_MAX,
                )?);
            }
            "from" => from = Some(decode::text(name, value, FROM_MAX)?.to_owned()),
            // Read on its own.
            "id" => {}
            unknown => {
                return Err(Rejection::at(
                    Reason::UnknownField,
                    unknown,
                    value,
                    decode::one_of(unknown, FIELDS.into_iter()),
                ));
            }
        }
    }
    if on.is_none() && tone.is_none() {
        return Err(Rejection::new(
            Reason::MissingField,
            "at least one of state, tone",
        ));
    }
    let siren = (on != Some(false)).then(|| Siren {
        tone: tone.unwrap_or(Siren::TONE),
        duration: duration.unwrap_or(Siren::DURATION),
    });
    Ok((siren, from))
}

fn tone_names() -> String {
    Tone::ALL.map(Tone::name).join(", ")
}

/// Home Assistant takes these keys and no other.
#[derive(Serialize)]
struct Wire {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tone: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
}

/// The retained state of the siren.
#[must_use]
pub fn siren_state(topics: &Topics, node: &NodeId, siren: Option<Siren>) -> Message {
    let whole = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let payload = json(&Wire {
        state: if siren.is_some() { "ON" } else { "OFF" },
        tone: siren.map(|siren| siren.tone.name()),
        duration: siren.map(|siren| whole(siren.duration)),
    });
    let topic = topics.build(&Address::Node(node.clone()), Leaf::SirenState);
    Message::state(topic, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(payload: &str) -> Result<SirenRequest, Refused> {
        decode_siren(payload.as_bytes(), Delivery::default())
    }

    fn raised(payload: &str) -> Option<(Tone, u64)> {
        let siren = decode(payload).expect(payload).siren?;
        Some((siren.tone, siren.duration.as_secs()))
    }

    #[test]
    fn home_assistants_objects_and_bare_words_are_understood() {
        let full = r#"{"state":"ON","tone":"critical","duration":20}"#;
        assert_eq!(raised(full), Some((Tone::Critical, 20)));
        assert_eq!(raised(r#"{"state":"ON"}"#), Some((Tone::Warning, 300)));
        assert_eq!(raised("ON"), Some((Tone::Warning, 300)));
        assert_eq!(raised(" info\n"), Some((Tone::Info, 300)));
        assert_eq!(raised(r#"{"tone":"info"}"#), Some((Tone::Info, 300)));
        assert_eq!(raised(r#"{"state":"OFF"}"#), None);
        assert_eq!(raised("off"), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (payload, reason, field) in [
            (
                r#"{"state":"ON","tone":"loud"}"#,
                Reason::OutOfRange,
                Some("tone"),
            ),
            (
                r#"{"state":"ON","duration":0}"#,
                Reason::OutOfRange,
                Some("duration"),
            ),
            (
                r#"{"state":"ON","volume_level":1}"#,
                Reason::UnknownField,
                Some("volume_level"),
            ),
            (r#"{"duration":5}"#, Reason::MissingField, None),
            ("loud", Reason::Malformed, Some("payload")),
        ] {
            let rejection = decode(payload).expect_err(payload).rejection;
            assert_eq!(rejection.reason, reason, "{payload}");
            assert_eq!(rejection.field.as_deref(), field, "{payload}");
        }
        let retained = Delivery {
            retained: true,
            ..Delivery::default()
        };
        let refused = decode_siren(br#"{"state":"ON","id":"a"}"#, retained).expect_err("stale");
        assert_eq!(refused.rejection.reason, Reason::Stale);
        assert_eq!(refused.id.as_deref(), Some("a"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(payload: Vec<u8>) {
            if let Ok(SirenRequest { siren: Some(siren), .. }) = decode_siren(&payload, Delivery::default()) {
                prop_assert!(siren.duration.as_secs_f64() <= LEASE_SECS_MAX);
            }
        }
    }
}
