//! What the shipped Node-RED flow must be, as far as it can be read from the file.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integrations/node-red")
}

fn flow() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("piglow-flow.json")).expect("the flow");
    serde_json::from_str(&text).expect("an array of nodes")
}

fn of_type(kind: &str) -> Vec<Value> {
    flow().into_iter().filter(|n| n["type"] == kind).collect()
}

/// The file and the field with a node's code.
fn part(node: &Value) -> Option<(PathBuf, &'static str)> {
    let name: String = node["name"].as_str()?.replace('\'', "").replace(' ', "-");
    let name = name.trim_start_matches("the-");
    let (end, field) = match node["type"].as_str()? {
        "function" => ("js", "func"),
        "ui-template" if node["templateScope"] == "page:style" => ("css", "format"),
        "ui-template" => ("vue", "format"),
        _ => return None,
    };
    let file = folder().join("parts").join(format!("{name}.{end}"));
    Some((file, field))
}

/// The parts are what people read and change; `UPDATE_FLOW=1 cargo test --test node_red_flow` takes them into the flow.
#[test]
fn the_flow_contains_its_parts() {
    let mut flow = flow();
    let mut files = HashSet::new();
    let mut outdated = Vec::new();
    for node in &mut flow {
        let Some((file, field)) = part(node) else {
            continue;
        };
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        if node[field] != text {
            outdated.push(file.clone());
            node[field] = text.into();
        }
        files.insert(file);
    }
    let all = fs::read_dir(folder().join("parts")).expect("the parts");
    let all: HashSet<PathBuf> = all.map(|file| file.expect("a file").path()).collect();
    assert_eq!(all, files);
    if std::env::var_os("UPDATE_FLOW").is_some() && !outdated.is_empty() {
        let text = serde_json::to_string_pretty(&flow).expect("JSON");
        fs::write(folder().join("piglow-flow.json"), text + "\n").expect("the flow");
        return;
    }
    assert_eq!(
        outdated,
        Vec::<PathBuf>::new(),
        "UPDATE_FLOW=1 takes them in"
    );
}

#[test]
fn the_broker_is_in_one_place_and_without_credentials() {
    let brokers = of_type("mqtt-broker");
    assert_eq!(brokers.len(), 1);
    let broker = &brokers[0];
    assert_eq!(broker["protocolVersion"], "5");
    assert_eq!(broker.get("credentials"), None);
    for node in of_type("mqtt in").iter().chain(&of_type("mqtt out")) {
        assert_eq!(node["broker"], broker["id"], "{node}");
    }
}

#[test]
fn commands_are_never_retained_and_expire() {
    let outputs = of_type("mqtt out");
    assert!(!outputs.is_empty());
    for node in outputs {
        assert_eq!(
            (&node["retain"], &node["expiry"]),
            (&"false".into(), &"10".into())
        );
    }
}

#[test]
fn every_node_has_a_name_and_every_wire_an_end() {
    let flow = flow();
    let ids: HashSet<&str> = flow.iter().filter_map(|node| node["id"].as_str()).collect();
    assert_eq!(ids.len(), flow.len(), "ids are unique");
    for node in &flow {
        let name = node["name"].as_str().or(node["label"].as_str());
        assert!(name.is_some_and(|name| !name.is_empty()), "{node}");
        let outputs = node["wires"].as_array().cloned().unwrap_or_default();
        for end in outputs.iter().filter_map(Value::as_array).flatten() {
            assert!(end.as_str().is_some_and(|end| ids.contains(end)), "{node}");
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let text = fs::read_to_string(folder().join("piglow-flow.json")).expect("the flow");
    assert!(!text.contains("://"));
}
