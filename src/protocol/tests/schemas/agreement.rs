//! Schemas, golden payloads and the decoder say the same.

use std::path::Path;
use std::time::Duration;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::validator;
use crate::light::board::Segment;
use crate::light::{Inputs, Scenes, Settings, Stage};
use crate::protocol::{Delivery, decode_set};

/// Which schema holds for a golden file, by the beginning of its name.
const GOLDEN: [(&str, &str); 11] = [
    ("event", "event"),
    ("siren-state", "siren-state"),
    ("frame", "frame"),
    ("health", "health"),
    ("info", "info"),
    ("light-state-arm", "segment-state"),
    ("light-state", "light-state"),
    ("result", "result"),
    ("telemetry-history", "history"),
    ("telemetry", "sample"),
    ("command", "command"),
];

#[test]
fn golden_payloads_are_valid_and_each_key_is_needed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        // The one is a number; the other is Home Assistant's, and held to its rules.
        if ["setting-state", "discovery"].contains(&name) {
            continue;
        }
        let (_, schema) = GOLDEN
            .iter()
            .find(|(start, _)| name.starts_with(start))
            .unwrap_or_else(|| panic!("no schema is named for {name}"));
        let validator = validator(schema);
        let payload: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if let Err(error) = validator.validate(&payload) {
            panic!(
                "{name} against {schema}: {error} at {}",
                error.instance_path()
            );
        }
        refuses_changes(name, &payload, &validator);
    }
}

/// A schema that lets everything through would be of no use.
fn refuses_changes(name: &str, payload: &Value, validator: &Validator) {
    const OPTIONAL: [&str; 7] = [
        "id",
        "leds",
        "brightness",
        "field",
        "value",
        "reason",
        "expected",
    ];
    let Value::Object(fields) = payload else {
        return;
    };
    for key in fields
        .keys()
        .filter(|key| !OPTIONAL.contains(&key.as_str()))
    {
        let mut less = fields.clone();
        less.remove(key);
        assert!(
            !validator.is_valid(&Value::Object(less)),
            "{name} without {key}"
        );
    }
    let mut more = fields.clone();
    more.insert("surprise".to_owned(), json!(1));
    assert!(
        !validator.is_valid(&Value::Object(more)),
        "{name} with a surprise"
    );
}

/// Whether a node carries it out; its answer to a stale command is none of a schema's business.
fn is_taken(segment: Segment, payload: &Value) -> bool {
    let delivery = Delivery {
        retained: false,
        unix_millis: 1_769_860_800_000,
        allow_fast_flashes: true,
    };
    let scenes = Scenes::default();
    let text = payload.to_string();
    let settings = Settings {
        allow_fast_flashes: true,
        ..Settings::default()
    };
    decode_set(segment, text.as_bytes(), delivery, &scenes).is_ok_and(|request| {
        Stage::new(&settings)
            .apply(Duration::ZERO, &Inputs::default(), &request.command)
            .is_ok()
    })
}

/// Values that are right or wrong for each field, near the limits above all.
fn candidates(field: &str) -> Vec<Value> {
    match field {
        "state" => vec![
            json!("ON"),
            json!("OFF"),
            json!("TOGGLE"),
            json!("on"),
            json!(1),
        ],
        "brightness" => [0.0, 1.0, 128.0, 255.0, 255.5, 256.0, -1.0]
            .map(|level| json!(level))
            .into_iter()
            .chain([json!(7), json!("7"), Value::Null])
            .collect(),
        "color" => vec![
            json!("red"),
            json!("#00fF7a"),
            json!("#00ff7"),
            json!("pink"),
            json!({ "r": 1, "g": 2, "b": 255 }),
            json!({ "r": 1, "g": 2 }),
            json!({ "r": 1, "g": 2, "b": 256 }),
            json!({ "r": 1, "g": 2, "b": 3, "w": 4 }),
            json!([1, 2, 3]),
        ],
        "effect" => ["cpu_load", "breathe", "spin", "morse", "strobe", "solid"]
            .map(|name| json!(name))
            .into_iter()
            .chain([json!(3), Value::Null])
            .collect(),
        "params" => vec![
            json!({}),
            json!({ "breaths_per_minute": 12 }),
            json!({ "breaths_per_minute": 61 }),
            json!({ "turns_per_minute": 20, "direction": "anticlockwise", "phase": 0.25 }),
            json!({ "direction": "up" }),
            json!({ "phase": 1.5 }),
            json!({ "text": "sos (now)" }),
            json!({ "text": "" }),
            json!({ "text": "€" }),
            json!({ "text": "x".repeat(33) }),
            json!({ "flashes_per_minute": 181 }),
            json!({ "text": true }),
            json!([]),
        ],
        "leds" => vec![
            json!(vec![0; 18]),
            json!(vec![255; 17]),
            json!(vec![256; 18]),
            json!({ "ring/red": 200, "led/18": 1 }),
            json!({ "ring/pink": 1 }),
            json!("all"),
        ],
        "transition" => [0.0, 0.5, 60.0, 60.1, -0.1]
            .map(|secs| json!(secs))
            .to_vec(),
        "flash" => vec![json!("short"), json!("long"), json!("medium")],
        "layer" => vec![json!("remote"), json!("alert"), json!("base")],
        "for_secs" => [0.1, 30.0, 86_400.0, 86_400.5, 0.0]
            .map(|secs| json!(secs))
            .to_vec(),
        "from" => vec![json!("me"), json!(""), json!("x".repeat(65)), json!(5)],
        "expires_at" => vec![json!("2026-01-31T13:00:00Z"), json!("soon"), json!(5)],
        "start_at" => vec![json!("2026-01-31T12:30:00+00:00"), json!("noon")],
        "id" => vec![json!("a1"), json!(""), json!("x".repeat(129)), json!(1)],
        unknown => panic!("{unknown} has no candidates yet"),
    }
}

fn commands() -> impl Strategy<Value = Value> {
    let field = |name: &'static str| {
        let values = candidates(name);
        // Most fields are left out, or hardly any command would be right.
        prop_oneof![
            3 => Just(None),
            1 => proptest::sample::select(values).prop_map(move |value| Some((name, value))),
        ]
    };
    let fields: Vec<_> = crate::protocol::command::FIELDS
        .into_iter()
        .map(field)
        .collect();
    fields.prop_map(|fields| {
        let fields: Map<String, Value> = fields
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Value::Object(fields)
    })
}

fn agree(schema: &Validator, segment: &str, command: &Value) -> Result<(), TestCaseError> {
    let segment = segment.parse().unwrap_or(Segment::Board);
    let valid = schema.validate(command).map_err(|error| error.to_string());
    let taken = is_taken(segment, command);
    prop_assert_eq!(valid.is_ok(), taken, "{}: {:?}", command, valid);
    Ok(())
}

#[test]
fn each_candidate_alone_is_judged_alike() {
    let schema = validator("command");
    for field in crate::protocol::command::FIELDS {
        for value in candidates(field) {
            // With what the field may need beside it.
            for beside in [
                "{}",
                r#"{"state":"ON"}"#,
                r#"{"effect":"breathe"}"#,
                r#"{"effect":"morse"}"#,
            ] {
                let mut command: Map<String, Value> = serde_json::from_str(beside).unwrap();
                command.insert(field.to_owned(), value.clone());
                agree(&schema, "", &Value::Object(command)).unwrap();
            }
        }
    }
}

proptest! {
    #[test]
    fn decoder_and_schema_take_the_same_commands(command in commands()) {
        agree(&validator("command"), "", &command)?;
    }

    #[test]
    fn segments_and_their_schema_take_the_same_commands(command in commands()) {
        agree(&validator("segment-command"), "ring/red", &command)?;
    }
}
