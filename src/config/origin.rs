//! Where a value comes from.

use std::fmt;

use config::Value;

/// The layer, and the place in it, that a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The documented defaults, built into the program.
    Default,
    /// Worked out from something else, such as the host's name.
    Derived(&'static str),
    /// A configuration file, by the path it was given as.
    File(String),
    /// An environment variable, by its name.
    Variable(String),
    /// A flag of the command line, such as `--url`.
    Flag(String),
}

impl Origin {
    /// Whether values from here are text whatever the key's kind.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::Flag(_))
    }

    /// The text that stands for this origin in a [`Value`].
    pub(super) fn tag(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::Derived(from) => format!("derived:{from}"),
            Self::File(path) => format!("file:{path}"),
            Self::Variable(name) => format!("variable:{name}"),
            Self::Flag(name) => format!("flag:{name}"),
        }
    }

    /// The origin of a value that carries a [`tag`](Self::tag).
    pub(super) fn of(value: &Value) -> Self {
        match value.origin().and_then(|tag| tag.split_once(':')) {
            Some(("file", path)) => Self::File(path.to_owned()),
            Some(("variable", name)) => Self::Variable(name.to_owned()),
            Some(("flag", name)) => Self::Flag(name.to_owned()),
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(from) => write!(f, "default, from {from}"),
            Self::File(path) => f.write_str(path),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_survives_its_tag() {
        for origin in [
            Origin::Default,
            Origin::File("C:/odd:path.toml".to_owned()),
            Origin::Variable("PIGLOW_MQTT__URL".to_owned()),
            Origin::Flag("--url".to_owned()),
        ] {
            let value = Value::new(Some(&origin.tag()), "text");
            assert_eq!(Origin::of(&value), origin);
        }
    }
}
