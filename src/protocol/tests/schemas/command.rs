//! What a node takes.

use serde_json::{Map, Value, json};

use super::{byte, described, document, text, time};
use crate::light::Tone;
use crate::light::board::{Ring, Segment};
use crate::light::effect::{EFFECTS, PHASE, Param, ParamKind, takes_phase};
use crate::protocol::command::{
    FIELDS, FROM_MAX, ID_MAX, LEASE_SECS_MAX, LEASE_SECS_MIN, TRANSITION_SECS_MAX,
};
use crate::protocol::siren;

/// What has to be there, one of it at least.
const CONTENT: [&str; 6] = ["state", "brightness", "color", "effect", "leds", "flash"];

/// What commands to a segment may not have: it takes its place in a picture.
pub(super) const BOARD_ONLY: [&str; 3] = ["effect", "params", "leds"];

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("command", board()),
        ("segment-command", segment()),
        ("siren-command", siren()),
    ]
}

fn siren() -> Value {
    let tones = Tone::ALL.map(Tone::name);
    document(
        "Command to the siren",
        "JSON on piglow/<id>/siren/set: an alert by its tone.",
        json!({
            "type": "object",
            "properties": {
                "state": { "enum": ["ON", "OFF"] },
                "tone": { "enum": tones },
                "duration": described("in seconds", json!({
                    "type": "number", "minimum": siren::DURATION_SECS_MIN, "maximum": LEASE_SECS_MAX,
                })),
                "from": field("from"),
                "id": field("id"),
            },
            "additionalProperties": false,
            "anyOf": [{ "required": ["state"] }, { "required": ["tone"] }],
        }),
    )
}

fn board() -> Value {
    let fields: Map<String, Value> = FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), field(name)))
        .collect();
    let mut rules = vec![
        json!({
            "if": { "properties": { "layer": { "const": "alert" } }, "required": ["layer"] },
            "then": { "required": ["for_secs"] },
        }),
        json!({
            "if": { "required": ["leds"] },
            "then": { "properties": { "effect": false, "color": false } },
        }),
    ];
    rules.extend(EFFECTS.iter().map(|effect| {
        json!({
            "if": { "properties": { "effect": { "const": effect.name } }, "required": ["effect"] },
            "then": { "properties": { "params": params(effect.kind.params(true)) } },
        })
    }));
    document(
        "Command to the whole board",
        "JSON on piglow/<id>/light/set, at most 4096 bytes. Which effects and scenes a node has, and the limits of their \
         parameters there, stand in its info; the limits here are the widest.",
        json!({
            "type": "object",
            "properties": fields,
            "additionalProperties": false,
            "anyOf": CONTENT.map(|name| json!({ "required": [name] })),
            "dependentRequired": { "params": ["effect"] },
            "allOf": rules,
        }),
    )
}

fn segment() -> Value {
    let kept = |name: &&str| !BOARD_ONLY.contains(name);
    let fields: Map<String, Value> = FIELDS
        .iter()
        .filter(|name| kept(name) && **name != "layer")
        .map(|name| ((*name).to_owned(), field(name)))
        .chain([("layer".to_owned(), json!({ "const": "remote" }))])
        .collect();
    document(
        "Command to a segment",
        "JSON on piglow/<id>/light/<segment>/set, at most 4096 bytes: it paints on the picture of the remote layer.",
        json!({
            "type": "object",
            "properties": fields,
            "additionalProperties": false,
            "anyOf": CONTENT
                .iter()
                .filter(|name| kept(name))
                .map(|name| json!({ "required": [name] }))
                .collect::<Vec<_>>(),
        }),
    )
}

fn field(name: &str) -> Value {
    let seconds = |min: f64, max: f64| json!({ "type": "number", "minimum": min, "maximum": max });
    let short = |max: usize| json!({ "type": "string", "minLength": 1, "maxLength": max });
    match name {
        "state" => described(
            "on, off, or the other of both",
            json!({ "enum": ["ON", "OFF", "TOGGLE"] }),
        ),
        "brightness" => described("the master level; 0 is off", byte()),
        "color" => described("mixed onto the rings", colour()),
        "effect" => described(
            "the name of an effect or of a scene of the node's own",
            text(),
        ),
        "params" => described(
            "the effect's parameters",
            json!({ "type": "object", "additionalProperties": { "type": ["number", "string"] } }),
        ),
        "leds" => described("a raw picture", picture()),
        "transition" => described("seconds of cross-fade", seconds(0.0, TRANSITION_SECS_MAX)),
        "flash" => described(
            "the board blinks twice a second, for 2 or for 10 seconds",
            json!({ "enum": ["short", "long"] }),
        ),
        "layer" => described(
            "where it goes; alert lies above remote and needs for_secs",
            json!({ "enum": ["remote", "alert"] }),
        ),
        "for_secs" => described(
            "a lease in seconds; then what lies below returns",
            seconds(LEASE_SECS_MIN, LEASE_SECS_MAX),
        ),
        "from" => described("who asks; shown in the state", short(FROM_MAX)),
        "expires_at" => described("later than that it is rejected as stale", time()),
        "start_at" => described(
            "when it begins, up to an hour ahead and a minute back by the node's clock",
            time(),
        ),
        "id" => described("comes back in the result", short(ID_MAX)),
        unknown => panic!("the field {unknown} has no schema yet"),
    }
}

fn colour() -> Value {
    json!({ "oneOf": [
        { "type": "string", "pattern": "^#[0-9A-Fa-f]{6}$" },
        { "enum": Ring::ALL.map(Ring::name) },
        {
            "type": "object",
            "required": ["r", "g", "b"],
            "properties": { "r": byte(), "g": byte(), "b": byte() },
            "additionalProperties": false,
        },
    ] })
}

fn picture() -> Value {
    let segments: Vec<String> = Segment::parts().map(|part| part.to_string()).collect();
    json!({ "oneOf": [
        { "type": "array", "minItems": 18, "maxItems": 18, "items": byte() },
        {
            "type": "object",
            "propertyNames": { "enum": segments },
            "additionalProperties": byte(),
        },
    ] })
}

fn params(declared: &'static [Param]) -> Value {
    let phase = takes_phase(declared).then_some(&PHASE);
    let fields: Map<String, Value> = declared
        .iter()
        .chain(phase)
        .map(|param| {
            (
                param.name.to_owned(),
                described(param.summary, value(param)),
            )
        })
        .collect();
    json!({ "type": "object", "properties": fields, "additionalProperties": false })
}

fn value(param: &Param) -> Value {
    match param.kind {
        ParamKind::Number { min, max, .. } => {
            json!({ "type": "number", "minimum": min, "maximum": max })
        }
        ParamKind::Choice { names, .. } => json!({ "enum": names }),
        ParamKind::Text { max, allowed, .. } => {
            let class: String = allowed
                .chars()
                .map(|c| match c {
                    '-' | '/' | '.' | '(' | ')' | '?' | '+' => format!("\\{c}"),
                    plain => plain.to_string(),
                })
                .collect();
            let lower = if allowed.contains('A') { "a-z" } else { "" };
            json!({
                "type": "string",
                "pattern": format!("^ *[{class}{lower}]{{1,{max}}} *$"),
            })
        }
    }
}
