//! The JSON Schemas of the documentation: written from the tables that the decoder and the encoders use, and held against
//! both.

mod agreement;
mod asyncapi;
mod command;
mod reports;

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

/// Every schema, by the name of its file.
fn all() -> Vec<(&'static str, Value)> {
    [command::all(), reports::all()].concat()
}

/// A schema of its own with a title and a description.
fn document(title: &str, description: &str, schema: Value) -> Value {
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
    });
    merge(&mut document, schema);
    document
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn described(description: &str, mut schema: Value) -> Value {
    merge(&mut schema, json!({ "description": description }));
    schema
}

/// An object that has all of these keys and no others: what the node publishes.
fn complete(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The same, with `null` for what is not known.
fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn byte() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 255 })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

fn validator(name: &str) -> Validator {
    let (_, schema) = all()
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("there is no schema {name}"));
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn published_schemas_are_those_of_the_code() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, schema) in all() {
        let path = folder().join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "{} is stale; UPDATE_GOLDEN=1 cargo test --lib schemas writes it",
            path.display()
        );
    }
    let known: Vec<String> = all()
        .iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(&name),
            "docs/schemas/{name} belongs to nothing"
        );
    }
}

#[test]
fn schemas_are_valid_by_the_specification() {
    for (name, schema) in all() {
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
