//! From a payload on a `set` topic to a command.

use std::time::Duration;

use serde_json::{Value, json};

use super::decode::{self, Fields};
use super::result::{Reason, Rejection};
use crate::light::board::{LEDS, Segment};
use crate::light::effect::{EFFECTS, Kind, ParamError, ParamValue, Params, takes_phase};
use crate::light::{Command, Flash, Levels, Power, Rgb, Scenes, Target};

/// The largest command, in bytes: a picture with every field takes less than 1 KiB.
pub const PAYLOAD_MAX: usize = 4096;

/// The longest `id`, in bytes.
pub(super) const ID_MAX: usize = 128;

/// The longest `from`, in bytes.
pub(super) const FROM_MAX: usize = 64;

/// The longest lease: a day.
pub(super) const LEASE_SECS_MAX: f64 = 86_400.0;

/// The shortest lease: one of no time would be no command.
pub(super) const LEASE_SECS_MIN: f64 = 0.1;

/// The longest cross-fade: a minute.
pub(super) const TRANSITION_SECS_MAX: f64 = 60.0;

/// Home Assistant's name for no effect: the board in one colour.
const NO_EFFECT: &str = "off";

/// How far ahead a start may lie: an hour.
const START_AHEAD_MILLIS: i64 = 3_600_000;

/// How far back a start may lie: a minute, for what comes late.
const START_BACK_MILLIS: i64 = 60_000;

/// The fields of a command, in the order of the documents.
pub(super) const FIELDS: [&str; 14] = [
    "state",
    "brightness",
    "color",
    "effect",
    "params",
    "leds",
    "transition",
    "flash",
    "layer",
    "for_secs",
    "from",
    "expires_at",
    "start_at",
    "id",
];

/// How a message arrived.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivery {
    /// Whether it carries the retain flag.
    pub retained: bool,
    /// The wall clock at its arrival, in milliseconds since 1970.
    pub unix_millis: i64,
    /// Whether the node that it arrived at allows fast flashes.
    pub allow_fast_flashes: bool,
}

/// Where the answer goes and by what it is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The command's `id`.
    pub id: Option<String>,
    /// The MQTT 5 response topic.
    pub response_topic: Option<String>,
    /// The MQTT 5 correlation data.
    pub correlation: Option<Vec<u8>>,
    /// Whether the command came with QoS 1: its sender wants to be sure of the answer.
    pub assured: bool,
}

/// A command and the `id` its answer carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked.
    pub command: Command,
    /// What comes back in the result.
    pub id: Option<String>,
    /// The wall clock's time at which it begins, in milliseconds since 1970; `None`: at once.
    pub start_unix_millis: Option<i64>,
}

/// A command as a person typed it, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// What comes back in the result; `None` when it is no text.
    pub id: Option<String>,
    /// When it begins.
    pub start_unix_millis: Option<i64>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A rejected payload and its `id`, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// What comes back in the result.
    pub id: Option<String>,
    /// Why.
    pub rejection: Rejection,
}

/// Reads a command for a segment; `effect` names an effect, or a scene of this catalogue.
///
/// # Errors
///
/// Rejects with the first mistake: the field, its value and what is allowed.
pub fn decode_set(
    segment: Segment,
    payload: &[u8],
    delivery: Delivery,
    scenes: &Scenes,
) -> Result<Request, Refused> {
    let anonymous = |rejection| Refused {
        id: None,
        rejection,
    };
    decode::check_size(payload).map_err(anonymous)?;
    let Fields(fields) = read_fields(payload, scenes).map_err(anonymous)?;
    let id = read_id(&fields).map_err(anonymous)?;
    let refuse = |rejection| Refused {
        id: id.clone(),
        rejection,
    };
    if delivery.retained {
        return Err(refuse(Rejection::retained()));
    }
    let start_unix_millis = read_start(&fields, delivery.unix_millis).map_err(refuse)?;
    let command = read_command(segment, &fields, delivery, scenes).map_err(refuse)?;
    Ok(Request {
        command,
        id,
        start_unix_millis,
    })
}

/// Makes a JSON command of what a person types: a bare word or an object, with this `id` and `from` unless it has its own;
/// gives the `id` and the time of its start as well.
///
/// # Errors
///
/// Tells what is wrong with an object that is no JSON.
pub fn command_json(text: &str, id: &str, from: &str) -> Result<Typed, Rejection> {
    let text = text.trim();
    let Fields(mut fields) = if text.starts_with('{') {
        read_object(text.as_bytes())?
    } else {
        // An unknown word may be an effect that this program does not know, but the node does.
        read_word(text, &Scenes::default())
            .unwrap_or_else(|| Fields(vec![("effect".to_owned(), json!(text))]))
    };
    for (name, value) in [("id", id), ("from", from)] {
        if !fields.iter().any(|(known, _)| known == name) {
            fields.push((name.to_owned(), json!(value)));
        }
    }
    let text = |name: &str| {
        let field = fields.iter().find(|(known, _)| known == name);
        field
            .and_then(|(_, value)| value.as_str())
            .map(str::to_owned)
    };
    let start: Option<jiff::Timestamp> = text("start_at").and_then(|text| text.parse().ok());
    Ok(Typed {
        id: text("id"),
        start_unix_millis: start.map(jiff::Timestamp::as_millisecond),
        payload: Value::Object(fields.into_iter().collect())
            .to_string()
            .into_bytes(),
    })
}

fn read_fields(payload: &[u8], scenes: &Scenes) -> Result<Fields, Rejection> {
    let payload = payload.trim_ascii();
    if payload.starts_with(b"{") {
        return read_object(payload);
    }
    let text = std::str::from_utf8(payload)
        .map_err(|error| Rejection::new(Reason::Malformed, format!("UTF-8 text: {error}")))?;
    read_word(text, scenes).ok_or_else(|| {
        let words = ["on", "off", "toggle"].into_iter();
        let names = words.chain(effect_names(scenes));
        Rejection::at(
            Reason::Malformed,
            "payload",
            &Value::String(text.to_owned()),
            format!(
                "a JSON object, a number 0 to 255, a colour, or {}",
                decode::one_of(text, names)
            ),
        )
    })
}

fn read_object(payload: &[u8]) -> Result<Fields, Rejection> {
    serde_json::from_slice(payload)
        .map_err(|error| Rejection::new(Reason::Malformed, format!("a JSON object: {error}")))
}

/// Bare words for people at a shell, as the field they stand for.
fn read_word(text: &str, scenes: &Scenes) -> Option<Fields> {
    let field = match text.to_ascii_lowercase().as_str() {
        "on" | "off" | "toggle" => ("state", json!(text.to_ascii_uppercase())),
        lower if Kind::from_name(lower).is_some() => ("effect", json!(lower)),
        lower if Rgb::from_text(lower).is_some() => ("color", json!(lower)),
        lower => match lower.parse() {
            Ok(level) => ("brightness", Value::Number(level)),
            // A scene may be called as it likes; the words above keep their meaning.
            Err(_) => scenes.find(text).map(|_| ("effect", json!(text)))?,
        },
    };
    Some(Fields(vec![(field.0.to_owned(), field.1)]))
}

pub(super) fn read_id(fields: &[(String, Value)]) -> Result<Option<String>, Rejection> {
    let id = fields.iter().find(|(name, _)| name == "id");
    id.map(|(name, value)| Ok(decode::text(name, value, ID_MAX)?.to_owned()))
        .transpose()
}

fn read_command(
    segment: Segment,
    fields: &[(String, Value)],
    delivery: Delivery,
    scenes: &Scenes,
) -> Result<Command, Rejection> {
    let mut command = Command {
        segment,
        ..Command::to_board()
    };
    let mut params = None;
    let mut brightness = None;
    for (name, value) in fields {
        match name.as_str() {
            "state" => command.power = Some(decode::word(name, value, &POWERS)?),
            "brightness" => brightness = Some(decode::byte(name, value)?),
            "color" => command.colour = Some(read_colour(value)?),
            "effect" => read_effect(&mut command, value, scenes)?,
            "params" => params = Some(value),
            "leds" => command.levels = Some(read_leds(value)?),
            "transition" => {
                command.transition = decode::seconds(name, value, 0.0, TRANSITION_SECS_MAX)?
            }
            "flash" => command.flash = Some(read_flash(value)?),
            "layer" => command.target = decode::word(name, value, &TARGETS)?,
            "for_secs" => command.lease = Some(read_lease(value)?),
            "from" => command.from = Some(decode::text(name, value, FROM_MAX)?.to_owned()),
            "expires_at" => check_expiry(value, delivery.unix_millis)?,
            // Read on their own.
            "id" | "start_at" => {}
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
    match brightness {
        // Off, whatever `state` says, and the level before it is kept for the next on.
        Some(0) => command.power = Some(Power::Off),
        level => command.brightness = level,
    }
    if let Some(params) = params {
        read_params(&mut command, params, delivery.allow_fast_flashes, scenes)?;
    }
    check_whole(&command)?;
    Ok(command)
}

const POWERS: [(&str, Power); 3] = [
    ("ON", Power::On),
    ("OFF", Power::Off),
    ("TOGGLE", Power::Toggle),
];
const FLASHES: [(&str, Flash); 2] = [("short", Flash::Short), ("long", Flash::Long)];
const TARGETS: [(&str, Target); 2] = [("remote", Target::Remote), ("alert", Target::Alert)];

/// A word, or the seconds by which Home Assistant says the same.
fn read_flash(value: &Value) -> Result<Flash, Rejection> {
    let seconds = value.as_f64().map(Duration::try_from_secs_f64);
    let found = match seconds {
        Some(seconds) => FLASHES
            .into_iter()
            .map(|(_, flash)| flash)
            .find(|flash| seconds.as_ref() == Ok(&flash.duration())),
        None => return decode::word("flash", value, &FLASHES),
    };
    found.ok_or_else(|| {
        let expected = r#""short" or 2 (seconds), "long" or 10"#;
        Rejection::at(Reason::OutOfRange, "flash", value, expected)
    })
}

fn read_colour(value: &Value) -> Result<Rgb, Rejection> {
    const EXPECTED: &str = r##"{"r":0-255,"g":0-255,"b":0-255}, "#rrggbb", red, orange, yellow, green, blue or white"##;
    let malformed = || Rejection::at(Reason::Malformed, "color", value, EXPECTED);
    match value {
        Value::String(text) => Rgb::from_text(text).ok_or_else(malformed),
        Value::Object(channels) => {
            let channel = |name: &str| {
                let field = format!("color.{name}");
                let value = channels.get(name).ok_or_else(|| Rejection {
                    field: Some(field.clone()),
                    ..Rejection::new(Reason::MissingField, EXPECTED)
                })?;
                decode::byte(&field, value)
            };
            let rgb = Rgb([channel("r")?, channel("g")?, channel("b")?]);
            match channels
                .iter()
                .find(|(name, _)| !["r", "g", "b"].contains(&name.as_str()))
            {
                Some((name, value)) => Err(Rejection::at(
                    Reason::UnknownField,
                    format!("color.{name}"),
                    value,
                    "r, g, b",
                )),
                None => Ok(rgb),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(malformed()),
    }
}

fn effect_names(scenes: &Scenes) -> impl Iterator<Item = &str> + Clone {
    let effects = EFFECTS.iter().map(|info| info.name);
    effects.chain(scenes.iter().map(|scene| scene.name().as_str()))
}

fn read_effect(command: &mut Command, value: &Value, scenes: &Scenes) -> Result<(), Rejection> {
    let names = effect_names(scenes);
    let Some(name) = value.as_str() else {
        return Err(Rejection::at(
            Reason::Malformed,
            "effect",
            value,
            decode::one_of("", names),
        ));
    };
    command.effect = Kind::from_name(name).map(|kind| (kind, Params::defaults(kind.info().params)));
    command.scene = scenes.find(name);
    command.takes_speed = Kind::from_name(name).is_some_and(|kind| takes_phase(kind.info().params));
    // A scene may be called like this.
    if name == NO_EFFECT && command.scene.is_none() {
        command.effect = Some((Kind::Solid, Params::default()));
        command.keeps_colour = true;
    }
    if command.effect.is_none() && command.scene.is_none() {
        return Err(Rejection::at(
            Reason::UnknownEffect,
            "effect",
            value,
            decode::one_of(name, names),
        ));
    }
    Ok(())
}

fn read_params(
    command: &mut Command,
    value: &Value,
    allow_fast_flashes: bool,
    scenes: &Scenes,
) -> Result<(), Rejection> {
    let mut none = Params::default();
    let scene = command.scene.and_then(|scene| scenes.get(scene));
    let (taker, declared, params) = match (&mut command.effect, scene) {
        (Some((kind, params)), _) => (kind.name(), kind.params(allow_fast_flashes), params),
        (None, Some(scene)) => (scene.name().as_str(), [].as_slice(), &mut none),
        (None, None) => {
            return Err(Rejection::at(
                Reason::MissingField,
                "effect",
                value,
                "an `effect` beside `params`",
            ));
        }
    };
    let Some(fields) = value.as_object() else {
        return Err(Rejection::at(
            Reason::Malformed,
            "params",
            value,
            "a JSON object",
        ));
    };
    let rate = declared.first().filter(|_| takes_phase(declared));
    command.takes_speed = rate.is_some_and(|rate| !fields.contains_key(rate.name));
    for (name, value) in fields {
        let field = format!("params.{name}");
        let given = match value {
            Value::Number(number) => ParamValue::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => ParamValue::Text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(Rejection::at(
                    Reason::Malformed,
                    field,
                    value,
                    "a number or a text",
                ));
            }
        };
        params
            .set(declared, name, given)
            .map_err(|error| match error {
                ParamError::Unknown => Rejection::at(
                    Reason::UnknownField,
                    field,
                    value,
                    match declared {
                        [] => format!("no parameters: {taker} takes none"),
                        [..] => decode::one_of(name, declared.iter().map(|param| param.name)),
                    },
                ),
                ParamError::WrongKind(param) => Rejection::at(
                    Reason::Malformed,
                    field,
                    value,
                    param.expected().to_string(),
                ),
                ParamError::OutOfRange(param) => Rejection::at(
                    Reason::OutOfRange,
                    field,
                    value,
                    param.expected().to_string(),
                ),
            })?;
    }
    Ok(())
}

fn read_leds(value: &Value) -> Result<Levels, Rejection> {
    let expected = "18 levels, 0 to 255, in LED order, or an object of segments to levels";
    let mut levels = [0; LEDS];
    match value {
        Value::Array(items) if items.len() == LEDS => {
            for (index, (level, item)) in levels.iter_mut().zip(items).enumerate() {
                // The name is made for a mistake alone: most pictures have none.
                *level = decode::byte("leds", item).map_err(|rejection| Rejection {
                    field: Some(format!("leds[{index}]")),
                    ..rejection
                })?;
            }
        }
        Value::Object(parts) => {
            for (name, item) in parts {
                let field = format!("leds.{name}");
                let segment: Segment = name.parse().map_err(|error| {
                    Rejection::at(Reason::UnknownSegment, &field, item, format!("{error}"))
                })?;
                let painted = decode::byte(&field, item)?;
                for (index, level) in levels.iter_mut().enumerate() {
                    if segment.contains(index) {
                        *level = painted;
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Rejection::at(Reason::Malformed, "leds", value, expected));
        }
    }
    Ok(levels)
}

fn read_lease(value: &Value) -> Result<Duration, Rejection> {
    decode::seconds("for_secs", value, LEASE_SECS_MIN, LEASE_SECS_MAX)
}

fn read_time(field: &str, value: &Value) -> Result<i64, Rejection> {
    const EXPECTED: &str = "a time as RFC 3339, such as 2026-01-31T12:00:00Z";
    let time: Option<jiff::Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    time.map(jiff::Timestamp::as_millisecond)
        .ok_or_else(|| Rejection::at(Reason::Malformed, field, value, EXPECTED))
}

/// This node's time, for those whose clock differs.
fn clock_text(unix_millis: i64) -> String {
    super::rfc3339(unix_millis).unwrap_or_default()
}

fn check_expiry(value: &Value, unix_millis: i64) -> Result<(), Rejection> {
    if read_time("expires_at", value)? < unix_millis {
        let expected = format!(
            "a time after {}, this node's clock",
            clock_text(unix_millis)
        );
        return Err(Rejection::at(Reason::Stale, "expires_at", value, expected));
    }
    Ok(())
}

fn read_start(fields: &[(String, Value)], unix_millis: i64) -> Result<Option<i64>, Rejection> {
    let Some((name, value)) = fields.iter().find(|(name, _)| name == "start_at") else {
        return Ok(None);
    };
    let start = read_time(name, value)?;
    let ahead = start.saturating_sub(unix_millis);
    if !(-START_BACK_MILLIS..=START_AHEAD_MILLIS).contains(&ahead) {
        let expected = format!(
            "a time up to an hour after and a minute before {}, this node's clock",
            clock_text(unix_millis)
        );
        return Err(Rejection::at(Reason::OutOfRange, name, value, expected));
    }
    Ok(Some(start))
}

/// What holds between fields.
fn check_whole(command: &Command) -> Result<(), Rejection> {
    if !command.has_content() {
        return Err(Rejection::new(
            Reason::MissingField,
            "at least one of state, brightness, color, effect, leds, flash",
        ));
    }
    let has_effect = command.effect.is_some() || command.scene.is_some();
    if command.levels.is_some() && (has_effect || command.colour.is_some()) {
        return Err(Rejection {
            field: Some("leds".to_owned()),
            ..Rejection::new(
                Reason::Conflict,
                "`leds` without `effect` and `color`: it is the whole picture",
            )
        });
    }
    if command.target == Target::Alert && command.lease.is_none() {
        return Err(Rejection {
            field: Some("for_secs".to_owned()),
            ..Rejection::new(
                Reason::MissingField,
                format!("seconds, up to {LEASE_SECS_MAX}: an alert has to end"),
            )
        });
    }
    Ok(())
}
