//! Topics: a root on the first line, a topic on the second.

use piglow_node::light::Setting;
use piglow_node::light::board::Segment;
use piglow_node::protocol::{Address, Leaf, TopicError, Topics};
use piglow_node::units::{GroupName, NodeId, SceneName, TopicRoot};

/// Parses a topic, and builds it again.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (root, topic) = text.split_once('\n').unwrap_or(("piglow", text));
    names(topic);
    let root: TopicRoot = match root.parse() {
        Ok(root) => root,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "{error:?}");
            return;
        }
    };
    let topics = Topics::new(root);
    match topics.parse(topic) {
        Ok((address, leaf)) => {
            assert_eq!(topics.build(&address, leaf), topic, "built again");
            heard(&topics, &address, leaf, topic);
        }
        Err(TopicError::UnknownSegment(name)) => {
            assert!(topic.contains(&name), "{name:?} is not in {topic:?}");
            assert!(name.parse::<Segment>().is_err(), "{name:?} is a segment");
        }
        Err(TopicError::UnknownSetting(name)) => {
            assert!(topic.contains(&name), "{name:?} is not in {topic:?}");
            assert!(
                Setting::ALL.iter().all(|setting| setting.name() != name),
                "{name:?} is a setting"
            );
        }
        Err(TopicError::Foreign) => {}
    }
}

/// A node subscribes to all of its own commands, and to nothing that is no command.
fn heard(topics: &Topics, address: &Address, leaf: Leaf, topic: &str) {
    let stranger: NodeId = "stranger".parse().expect("a node");
    let (node, groups) = match address {
        Address::Node(node) => (node.clone(), Vec::new()),
        Address::Group(group) => (stranger, vec![group.clone()]),
        Address::All => (stranger, Vec::new()),
    };
    let name = leaf.to_string();
    let is_command = name.ends_with("/set") || name == "identify" || name == "frame/watch";
    let filters = topics.subscriptions(&node, &groups);
    let is_heard = filters.iter().any(|filter| takes(filter, topic));
    if matches!(address, Address::Node(_)) {
        assert_eq!(is_heard, is_command, "{topic} under {filters:?}");
    } else {
        // To several nodes there are fewer commands than to one.
        assert!(is_command || !is_heard, "{topic} under {filters:?}");
    }
}

/// Whether a filter without `#` takes a topic (MQTT 5, section 4.7).
fn takes(filter: &str, topic: &str) -> bool {
    let mut levels = topic.split('/');
    filter.split('/').all(|wanted| {
        levels
            .next()
            .is_some_and(|level| wanted == "+" || wanted == level)
    }) && levels.next().is_none()
}

/// Names are what they were, and a host of any name has an id.
fn names(text: &str) {
    if let Ok(name) = text.parse::<NodeId>() {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(name) = text.parse::<GroupName>() {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(name) = text.parse::<SceneName>() {
        assert_eq!(name.as_str(), text);
    }
    let id = NodeId::from_host_name(text);
    assert_eq!(
        id.as_str().parse(),
        Ok(id.clone()),
        "the id of the host {text:?}"
    );
}
