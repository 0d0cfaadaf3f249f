//! Reading JSON field by field, so that each mistake is named with its place, its value and what is allowed.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::command::PAYLOAD_MAX;
use super::result::{Reason, Rejection, excerpt};

/// The seconds for which `identify` may blink.
pub const IDENTIFY_SECS: Seconds = Seconds {
    field: "seconds",
    max: 600.0,
    default: 10.0,
};

/// The seconds for which `frame/watch` mirrors frames.
pub const FRAME_WATCH_SECS: Seconds = Seconds {
    field: "seconds",
    max: 60.0,
    default: 60.0,
};

/// A payload that is a number of seconds.
#[derive(Debug, Clone, Copy)]
pub struct Seconds {
    field: &'static str,
    max: f64,
    default: f64,
}

/// Reads a payload that is a number of seconds; empty is the default.
///
/// # Errors
///
/// Rejects what is no number from 0 to the limit.
pub fn decode_seconds(payload: &[u8], limits: Seconds) -> Result<Duration, Rejection> {
    check_size(payload)?;
    let text = payload.trim_ascii();
    if text.is_empty() {
        return Ok(Duration::from_secs_f64(limits.default));
    }
    let value: Value = serde_json::from_slice(text)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(text).into_owned()));
    seconds(limits.field, &value, 0.0, limits.max)
}

/// Looks at the length before anything else, so that nobody can make the node read for long.
pub(super) fn check_size(payload: &[u8]) -> Result<(), Rejection> {
    if payload.len() > PAYLOAD_MAX {
        return Err(Rejection::at(
            Reason::TooLarge,
            "payload",
            &payload.len().into(),
            format!("at most {PAYLOAD_MAX} bytes"),
        ));
    }
    Ok(())
}

/// The fields of a JSON object in their order; a repeated key is an error, at any depth.
pub(super) struct Fields(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Value)> = Vec::with_capacity(4);
                while let Some((key, Distinct(value))) = map.next_entry::<String, Distinct>()? {
                    if fields.iter().any(|(known, _)| *known == key) {
                        return Err(stands_twice(&key));
                    }
                    fields.push((key, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A JSON value in which no object has a key twice: of two values, nobody could say which was meant.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Distinct;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E: Error>(self) -> Result<Distinct, E> {
                Ok(Distinct(Value::Null))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Distinct, E> {
                Ok(Distinct(Value::Bool(value)))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Distinct, E> {
                Ok(Distinct(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Distinct, E> {
                Ok(Distinct(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Distinct, E> {
                let number = Number::from_f64(value);
                number
                    .map(|number| Distinct(Value::Number(number)))
                    .ok_or_else(|| E::custom("number out of range"))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Distinct, E> {
                Ok(Distinct(value.into()))
            }

            fn visit_string<E: Error>(self, value: String) -> Result<Distinct, E> {
                Ok(Distinct(Value::String(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Distinct, A::Error> {
                let mut values = Vec::new();
                while let Some(Distinct(value)) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Distinct(Value::Array(values)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distinct, A::Error> {
                let mut fields = Map::new();
                while let Some((key, Distinct(value))) = map.next_entry::<String, Distinct>()? {
                    if fields.contains_key(&key) {
                        return Err(stands_twice(&key));
                    }
                    fields.insert(key, value);
                }
                Ok(Distinct(Value::Object(fields)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

fn stands_twice<E: Error>(key: &str) -> E {
    E::custom(format_args!(
        "the field {:?} stands there twice",
        excerpt(key)
    ))
}

/// A whole number from 0 to 255; `128.0` is one as well.
pub(super) fn byte(field: &str, value: &Value) -> Result<u8, Rejection> {
    const EXPECTED: &str = "a whole number, 0 to 255";
    let number = number(field, value, EXPECTED)?;
    if number.fract() != 0.0 || !(0.0..=255.0).contains(&number) {
        return Err(Rejection::at(
            Reason::OutOfRange,
            field,
            value,
            "0 to 255, whole",
        ));
    }
    Ok(number as u8)
}

pub(super) fn number(field: &str, value: &Value, expected: &str) -> Result<f64, Rejection> {
    value
        .as_f64()
        .ok_or_else(|| Rejection::at(Reason::Malformed, field, value, expected))
}

pub(super) fn seconds(
    field: &str,
    value: &Value,
    min: f64,
    max: f64,
) -> Result<Duration, Rejection> {
    let expected = format!("seconds, {min} to {max}");
    let seconds = number(field, value, &expected)?;
    if !(min..=max).contains(&seconds) {
        return Err(Rejection::at(Reason::OutOfRange, field, value, expected));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A text of 1 to `max` bytes without control characters.
pub(super) fn text<'a>(field: &str, value: &'a Value, max: usize) -> Result<&'a str, Rejection> {
    let expected = || format!("a text of 1 to {max} bytes without control characters");
    let Some(text) = value.as_str() else {
        return Err(Rejection::at(Reason::Malformed, field, value, expected()));
    };
    if text.is_empty() || text.len() > max || text.chars().any(char::is_control) {
        return Err(Rejection::at(Reason::OutOfRange, field, value, expected()));
    }
    Ok(text)
}

/// One of several words.
pub(super) fn word<T: Copy>(
    field: &str,
    value: &Value,
    words: &[(&str, T)],
) -> Result<T, Rejection> {
    let found = value
        .as_str()
        .and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let reason = if value.is_string() {
            Reason::OutOfRange
        } else {
            Reason::Malformed
        };
        Rejection::at(reason, field, value, known.join(", "))
    })
}

/// The known names, and the one that is near enough to be meant.
pub(super) fn one_of<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    /// As in the command line's own suggestions.
    const NEAR: f64 = 0.7;
    let list = known.clone().collect::<Vec<_>>().join(", ");
    let near = known
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .filter(|(similarity, _)| *similarity > NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, name)) => format!("one of {list}; did you mean {name}?"),
        None => format!("one of {list}"),
    }
}
