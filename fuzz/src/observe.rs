//! What `send` and `watch` read: a topic and a payload of any node, and a command as a person types it.

use piglow_node::protocol::{self, Report, Topics};
use piglow_node::units::NodeId;

use super::{BETWEEN, part};

/// Reads a message as a client does, and its payload as something typed.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == BETWEEN);
    let (topic, payload) = (part(&mut parts), part(&mut parts));
    if let Ok(topic) = std::str::from_utf8(topic) {
        message(topic, payload);
    }
    if let Ok(text) = std::str::from_utf8(payload) {
        typed(text);
    }
}

fn message(topic: &str, payload: &[u8]) {
    let topics = Topics::new("piglow".parse().expect("a root"));
    let Ok((_, leaf)) = topics.parse(topic) else {
        return;
    };
    if let Some(Report::Result(result)) = protocol::observe(leaf, payload) {
        assert!(
            !result.text.is_empty() || result.json["status"] == "",
            "{result:?}"
        );
        let node: NodeId = "pi".parse().expect("a node");
        let line = protocol::result_line(&node, &result);
        assert!(!line.contains('\n'), "more than a line: {line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        assert!(read.is_object(), "{line}");
    }
}

fn typed(text: &str) {
    match protocol::command_json(text, "id", "me") {
        Ok(typed) => {
            let read: serde_json::Value =
                serde_json::from_slice(&typed.payload).expect("a command is JSON");
            assert_eq!(read["id"].as_str(), typed.id.as_deref(), "{text:?}");
        }
        Err(rejection) => assert!(!rejection.expected.is_empty(), "{text:?}"),
    }
}
