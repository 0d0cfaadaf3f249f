//! Where the socket is.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::units::NodeId;

/// The longest name of a Unix socket, in bytes (`sun_path`, unix(7)).
const NAME_MAX: usize = 107;

/// The address of a node's health socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A name without a file (unix(7), "abstract"): it is gone with its process, and needs no folder to write to.
    Name(String),
    /// A file.
    File(PathBuf),
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not fit.
    #[error("it has {0} bytes; expected at most {NAME_MAX}")]
    TooLong(usize),
    /// It is neither.
    #[error("expected \"auto\", a path that begins with `/`, or a name after `@`")]
    Neither,
}

impl Address {
    /// A node's own: `@piglow-node/<id>`.
    #[must_use]
    pub fn of_node(node: &NodeId) -> Self {
        Self::Name(format!("piglow-node/{node}"))
    }

    /// What the library takes: a path, or a name behind a zero byte.
    pub(super) fn as_path(&self) -> PathBuf {
        match self {
            Self::Name(name) => PathBuf::from(format!("\0{name}")),
            Self::File(path) => path.clone(),
        }
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = match text.strip_prefix('@') {
            Some(name) if !name.is_empty() => Self::Name(name.to_owned()),
            None if Path::new(text).is_absolute() => Self::File(PathBuf::from(text)),
            Some(_) | None => return Err(AddressError::Neither),
        };
        if text.len() > NAME_MAX {
            return Err(AddressError::TooLong(text.len()));
        }
        Ok(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "@{name}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_addresses_and_print_as_they_are_written() {
        for text in ["@piglow-node/pi", "/run/piglow-node/health"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "@", "health.sock", "./health"] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Neither));
        }
        let long = format!("/{}", "x".repeat(NAME_MAX));
        assert_eq!(long.parse::<Address>(), Err(AddressError::TooLong(108)));
    }

    #[test]
    fn the_longest_node_id_has_an_address() {
        let node: NodeId = "n".repeat(64).parse().unwrap();
        let address = Address::of_node(&node);
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}
