//! Topics, built and parsed.

use std::fmt;

use crate::light::Setting;
use crate::light::board::{Arm, Ring, Segment};
use crate::units::{GroupName, NodeId, TopicRoot};

/// Whose topic it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// One node's.
    Node(NodeId),
    /// A group's: commands only.
    Group(GroupName),
    /// Every node's: commands only.
    All,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "{id}"),
            Self::Group(name) => write!(f, "group/{name}"),
            Self::All => f.write_str("all"),
        }
    }
}

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// `availability`
    Availability,
    /// `info`
    Info,
    /// `telemetry`
    Telemetry,
    /// `telemetry/history`
    TelemetryHistory,
    /// `health`
    Health,
    /// `frame`
    Frame,
    /// `frame/watch`
    FrameWatch,
    /// `identify`
    Identify,
    /// `light/result`
    LightResult,
    /// `siren/set`
    SirenSet,
    /// `siren/state`
    SirenState,
    /// `event`
    Event,
    /// `setting/<name>/set`
    SettingSet(Setting),
    /// `setting/<name>/state`
    SettingState(Setting),
    /// `light/set` or `light/<segment>/set`
    LightSet(Segment),
    /// `light/state` or `light/<segment>/state`
    LightState(Segment),
}

impl Leaf {
    /// Every topic of a node, those of segments for each.
    pub fn all() -> impl Iterator<Item = Self> {
        let segments = || std::iter::once(Segment::Board).chain(Segment::parts());
        PLAIN
            .iter()
            .map(|(_, leaf)| *leaf)
            .chain(segments().map(Self::LightSet))
            .chain(segments().map(Self::LightState))
            .chain(Setting::ALL.map(Self::SettingSet))
            .chain(Setting::ALL.map(Self::SettingState))
    }
}

/// The leaves without a segment, by their names.
const PLAIN: [(&str, Leaf); 12] = [
    ("availability", Leaf::Availability),
    ("info", Leaf::Info),
    ("telemetry", Leaf::Telemetry),
    ("telemetry/history", Leaf::TelemetryHistory),
    ("health", Leaf::Health),
    ("frame", Leaf::Frame),
    ("frame/watch", Leaf::FrameWatch),
    ("identify", Leaf::Identify),
    ("light/result", Leaf::LightResult),
    ("siren/set", Leaf::SirenSet),
    ("siren/state", Leaf::SirenState),
    ("event", Leaf::Event),
];

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (segment, end) = match self {
            Self::LightSet(segment) => (segment, "set"),
            Self::LightState(segment) => (segment, "state"),
            Self::SettingSet(setting) => return write!(f, "setting/{}/set", setting.name()),
            Self::SettingState(setting) => return write!(f, "setting/{}/state", setting.name()),
            Self::Availability
            | Self::Info
            | Self::Telemetry
            | Self::TelemetryHistory
            | Self::Health
            | Self::Frame
            | Self::FrameWatch
            | Self::Identify
            | Self::LightResult
            | Self::SirenSet
            | Self::SirenState
            | Self::Event => {
                let name = PLAIN.iter().find(|(_, leaf)| leaf == self);
                return f.write_str(name.map_or("", |(name, _)| name));
            }
        };
        match segment {
            Segment::Board => write!(f, "light/{end}"),
            Segment::Ring(_) | Segment::Arm(_) | Segment::Led(_) => {
                write!(f, "light/{segment}/{end}")
            }
        }
    }
}

/// Why a topic is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It lies outside the root or has another shape.
    #[error("is not a topic of this program")]
    Foreign,
    /// It has the shape of a segment's topic, but there is no such segment.
    #[error("names the segment {0:?}; {expected}", expected = crate::light::board::UnknownSegment)]
    UnknownSegment(String),
    /// It has the shape of a setting's topic, but there is no such setting.
    #[error("names the setting {0:?}; expected one of {names}", names = setting_names())]
    UnknownSetting(String),
}

/// The names of all settings, for people.
pub(super) fn setting_names() -> String {
    Setting::ALL.map(Setting::name).join(", ")
}

/// Builds and parses the topics below one root.
#[derive(Debug, Clone)]
pub struct Topics {
    root: TopicRoot,
}

impl Topics {
    /// The topics below this root.
    #[must_use]
    pub fn new(root: TopicRoot) -> Self {
        Self { root }
    }

    /// The first level or levels of every topic.
    #[must_use]
    pub fn root(&self) -> &str {
        self.root.as_str()
    }

    /// The topic of an address and a leaf.
    #[must_use]
    pub fn build(&self, address: &Address, leaf: Leaf) -> String {
        format!("{}/{address}/{leaf}", self.root)
    }

    /// A filter for this leaf of every node.
    #[must_use]
    pub fn of_every_node(&self, leaf: Leaf) -> String {
        format!("{}/+/{leaf}", self.root)
    }

    /// Everything a node listens to: its own commands, its groups' and everybody's.
    #[must_use]
    pub fn subscriptions(&self, node: &NodeId, groups: &[GroupName]) -> Vec<String> {
        let own = Address::Node(node.clone());
        let shared = groups
            .iter()
            .map(|group| Address::Group(group.clone()))
            .chain([Address::All]);
        let mut filters = vec![
            self.build(&own, Leaf::LightSet(Segment::Board)),
            format!("{}/{own}/light/+/+/set", self.root),
            // No segment has a name of one level, but who sends there is to hear that.
            format!("{}/{own}/light/+/set", self.root),
            self.build(&own, Leaf::Identify),
            self.build(&own, Leaf::FrameWatch),
            self.build(&own, Leaf::SirenSet),
            // Here as well.
            format!("{}/{own}/setting/+/set", self.root),
        ];
        for address in shared {
            filters.push(self.build(&address, Leaf::LightSet(Segment::Board)));
            filters.push(self.build(&address, Leaf::Identify));
        }
        filters
    }

    /// A filter for everything of a node.
    #[must_use]
    pub fn everything_of(&self, node: &NodeId) -> String {
        format!("{}/{node}/#", self.root)
    }

    /// A topic of each kind that a node writes to: who may write these may write all of its.
    #[must_use]
    pub fn written(&self, node: &NodeId) -> Vec<String> {
        let own = Address::Node(node.clone());
        let plain = [
            Leaf::Availability,
            Leaf::Info,
            Leaf::Health,
            Leaf::Telemetry,
            Leaf::TelemetryHistory,
            Leaf::Event,
            Leaf::Frame,
            Leaf::LightResult,
            Leaf::SirenState,
        ];
        // A part of each kind: all rings, arms and LEDs have topics of one shape.
        let parts = [Segment::Ring(Ring::Red), Segment::Arm(Arm::Top)];
        plain
            .into_iter()
            .chain(Setting::ALL.map(Leaf::SettingState))
            .chain([Leaf::LightState(Segment::Board)])
            .chain(parts.map(Leaf::LightState))
            .map(|leaf| self.build(&own, leaf))
            .collect()
    }

    /// The topics on which the broker keeps what a node says of itself.
    #[must_use]
    pub fn retained(&self, node: &NodeId) -> Vec<String> {
        let own = Address::Node(node.clone());
        let said = [
            Leaf::Availability,
            Leaf::Info,
            Leaf::Health,
            Leaf::SirenState,
        ];
        let lights = std::iter::once(Segment::Board)
            .chain(Segment::parts())
            .map(Leaf::LightState);
        let settings = Setting::ALL.map(Leaf::SettingState);
        said.into_iter()
            .chain(lights)
            .chain(settings)
            .map(|leaf| self.build(&own, leaf))
            .collect()
    }

    /// Reads a topic.
    ///
    /// # Errors
    ///
    /// Tells topics of others from misspelt segments.
    pub fn parse(&self, topic: &str) -> Result<(Address, Leaf), TopicError> {
        let below = topic
            .strip_prefix(self.root.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(TopicError::Foreign)?;
        let (address, leaf) = split_address(below).ok_or(TopicError::Foreign)?;
        Ok((address, parse_leaf(leaf)?))
    }
}

fn split_address(below: &str) -> Option<(Address, &str)> {
    let (first, rest) = below.split_once('/')?;
    match first {
        "all" => Some((Address::All, rest)),
        "group" => {
            let (name, leaf) = rest.split_once('/')?;
            Some((Address::Group(name.parse().ok()?), leaf))
        }
        id => Some((Address::Node(id.parse().ok()?), rest)),
    }
}

pub(super) fn parse_leaf(text: &str) -> Result<Leaf, TopicError> {
    if let Some((_, leaf)) = PLAIN.iter().find(|(name, _)| *name == text) {
        return Ok(*leaf);
    }
    if let Some(setting) = text.strip_prefix("setting/") {
        return parse_setting(setting);
    }
    let light = text.strip_prefix("light/").ok_or(TopicError::Foreign)?;
    let (segment, end) = match light.rsplit_once('/') {
        None => (Segment::Board, light),
        Some((name, end)) => {
            let segment = name
                .parse()
                .map_err(|_| TopicError::UnknownSegment(name.to_owned()))?;
            (segment, end)
        }
    };
    match end {
        "set" => Ok(Leaf::LightSet(segment)),
        "state" => Ok(Leaf::LightState(segment)),
        _ => Err(TopicError::Foreign),
    }
}

fn parse_setting(text: &str) -> Result<Leaf, TopicError> {
    let (name, end) = text.split_once('/').ok_or(TopicError::Foreign)?;
    let leaf = match end {
        "set" => Leaf::SettingSet,
        "state" => Leaf::SettingState,
        _ => return Err(TopicError::Foreign),
    };
    Setting::from_name(name)
        .map(leaf)
        .ok_or_else(|| TopicError::UnknownSetting(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topics(root: &str) -> Topics {
        Topics::new(root.parse().unwrap())
    }

    #[test]
    fn topics_are_spelled_as_documented() {
        let topics = topics("piglow");
        let node = Address::Node("pi-1".parse().unwrap());
        assert_eq!(
            topics.build(&node, Leaf::LightSet(Segment::Board)),
            "piglow/pi-1/light/set"
        );
        assert_eq!(
            topics.build(&node, Leaf::LightState("ring/red".parse().unwrap())),
            "piglow/pi-1/light/ring/red/state"
        );
        assert_eq!(
            topics.build(&Address::All, Leaf::Identify),
            "piglow/all/identify"
        );
        assert_eq!(
            topics.build(&Address::Group("attic".parse().unwrap()), Leaf::Identify),
            "piglow/group/attic/identify"
        );
    }

    #[test]
    fn unknown_segments_are_told_from_foreign_topics() {
        let topics = topics("piglow");
        assert_eq!(
            topics.parse("piglow/pi/light/ring/pink/set"),
            Err(TopicError::UnknownSegment("ring/pink".into()))
        );
        assert_eq!(
            topics.parse("piglow/pi/setting/volume/set"),
            Err(TopicError::UnknownSetting("volume".into()))
        );
        for foreign in [
            "piglow/pi/setting/effect_speed",
            "piglow/pi/setting/effect_speed/x",
            "piglow",
            "piglow/pi",
            "other/pi/info",
            "piglowy/pi/info",
            "piglow/pi/light/x",
        ] {
            assert_eq!(topics.parse(foreign), Err(TopicError::Foreign), "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_the_inverse_of_building(
            root in "[a-z]{1,5}(/[a-z]{1,5}){0,2}", name in "[A-Za-z0-9_-]{1,12}", kind in 0..3, leaf in 0..64usize,
        ) {
            let topics = topics(&root);
            let leaves: Vec<Leaf> = Leaf::all().collect();
            let leaf = leaves[leaf % leaves.len()];
            let address = match kind {
                0 => Address::Node(NodeId::from_host_name(&name)),
                1 => Address::Group(name.parse().unwrap()),
                _ => Address::All,
            };
            prop_assert_eq!(topics.parse(&topics.build(&address, leaf)), Ok((address, leaf)));
        }

        #[test]
        fn parsing_any_text_never_panics(topic in ".*") {
            let _ignored: Result<_, TopicError> = topics("piglow").parse(&topic);
        }
    }
}
