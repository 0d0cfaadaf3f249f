//! Names and quantities that are valid by construction.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest accepted node id, group name, in bytes.
///
/// 64: it must leave room in a topic and in a Home Assistant id.
pub const NAME_MAX: usize = 64;

/// The longest accepted topic root, in bytes.
pub const ROOT_MAX: usize = 128;

/// Names below the topic root that no node may take, because topics use them.
const RESERVED: [&str; 2] = ["all", "group"];

/// Why a name is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("is empty; expected letters, digits, `-` or `_`")]
    Empty,
    /// The name is longer than allowed.
    #[error("has {length} characters; expected at most {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// The name has a character that topics or Home Assistant ids cannot carry.
    #[error("contains {character:?}; expected letters, digits, `-` or `_`")]
    Character {
        /// The first offending character.
        character: char,
    },
    /// The name is taken by the topic layout.
    #[error("is reserved by the topics; choose another name")]
    Reserved,
}

fn check_name(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_MAX {
        return Err(NameError::TooLong {
            length: text.len(),
            max: NAME_MAX,
        });
    }
    match text.chars().find(|c| !is_name_char(*c)) {
        Some(character) => Err(NameError::Character { character }),
        None => Ok(()),
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// A node's id: 1 to 64 letters, digits, `-` or `_`, and neither `all` nor `group`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(String);

impl NodeId {
    /// Makes an id of a host's name: what is not allowed becomes `-`; `node` when nothing is left.
    #[must_use]
    pub fn from_host_name(name: &str) -> Self {
        let safe: String = name
            .split('.')
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| if is_name_char(c) { c } else { '-' })
            .take(NAME_MAX)
            .collect();
        let safe = safe.trim_matches('-');
        safe.parse().unwrap_or_else(|_| Self(format!("node{safe}")))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_name(text)?;
        if RESERVED.contains(&text) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A group's name: 1 to 64 letters, digits, `-` or `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(String);

impl GroupName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A scene's name: 1 to 64 letters, digits, `-` or `_`; cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SceneName(Arc<str>);

impl SceneName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SceneName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_name(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for SceneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a topic root is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// The root has no characters.
    #[error("is empty; expected a topic such as `piglow` or `home/lights`")]
    Empty,
    /// The root is longer than allowed.
    #[error("has {0} bytes; expected at most {ROOT_MAX}")]
    TooLong(usize),
    /// The root has a wildcard or a control character.
    #[error("contains {0:?}; expected a topic without wildcards or control characters")]
    Character(char),
    /// The root has an empty level: `/` at an end, or `//`.
    #[error("has an empty level; expected no `/` at either end and no `//`")]
    EmptyLevel,
    /// The root lies in the broker's own space (MQTT 5, section 4.7.2).
    #[error("starts with `$`, which belongs to the broker; choose another root")]
    Dollar,
}

/// The first levels of every topic, such as `piglow` or `home/lights`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicRoot(String);

impl TopicRoot {
    /// The root as text, without a `/` at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicRoot {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        if text.is_empty() {
            return Err(RootError::Empty);
        }
        if text.len() > ROOT_MAX {
            return Err(RootError::TooLong(text.len()));
        }
        if let Some(c) = text
            .chars()
            .find(|c| matches!(c, '+' | '#') || c.is_control())
        {
            return Err(RootError::Character(c));
        }
        if text.starts_with('$') {
            return Err(RootError::Dollar);
        }
        if text.split('/').any(str::is_empty) {
            return Err(RootError::EmptyLevel);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TopicRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A share of a whole, 0 to 100, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(f32);

impl Percent {
    /// Nothing of the whole.
    pub const ZERO: Self = Self(0.0);

    /// Takes the nearest value within 0 to 100; `None` for NaN.
    #[must_use]
    pub fn saturating(value: f32) -> Option<Self> {
        (!value.is_nan()).then(|| Self(value.clamp(0.0, 100.0)))
    }

    /// The share of `part` in `whole`; `None` when the whole is zero.
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        if whole == 0 {
            return None;
        }
        Self::saturating((part as f64 / whole as f64 * 100.0) as f32)
    }

    /// The value, 0 to 100.
    #[must_use]
    pub fn get(self) -> f32 {
        self.0
    }

    /// The value as a fraction, 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f32 {
        self.0 / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_names_become_ids() {
        for (host, id) in [
            ("raspberrypi", "raspberrypi"),
            ("pi.example.org", "pi"),
            ("küche 2", "k-che-2"),
            ("all", "nodeall"),
            ("", "node"),
            ("...", "node"),
        ] {
            assert_eq!(NodeId::from_host_name(host).as_str(), id, "{host}");
        }
    }

    #[test]
    fn reserved_and_wild_names_are_refused() {
        assert_eq!("all".parse::<NodeId>(), Err(NameError::Reserved));
        assert_eq!("group".parse::<NodeId>(), Err(NameError::Reserved));
        assert_eq!(
            "a+b".parse::<NodeId>(),
            Err(NameError::Character { character: '+' })
        );
        assert!("all".parse::<GroupName>().is_ok());
    }

    #[test]
    fn roots_with_wildcards_or_empty_levels_are_refused() {
        assert!("home/lights".parse::<TopicRoot>().is_ok());
        assert_eq!("/piglow".parse::<TopicRoot>(), Err(RootError::EmptyLevel));
        assert_eq!("a//b".parse::<TopicRoot>(), Err(RootError::EmptyLevel));
        assert_eq!("a/#".parse::<TopicRoot>(), Err(RootError::Character('#')));
        assert_eq!("$SYS".parse::<TopicRoot>(), Err(RootError::Dollar));
    }

    proptest! {
        #[test]
        fn every_host_name_gives_a_valid_id(name in ".*") {
            let id = NodeId::from_host_name(&name);
            prop_assert!(id.as_str().parse::<NodeId>().is_ok(), "{id}");
        }

        #[test]
        fn percent_stays_within_its_range(value in proptest::num::f32::ANY) {
            if let Some(percent) = Percent::saturating(value) {
                prop_assert!((0.0..=100.0).contains(&percent.get()));
            }
        }
    }
}
