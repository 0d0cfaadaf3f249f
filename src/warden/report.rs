//! What a node answers when it is asked for its health.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A node's health, one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether every loop turns. A broker or a panel that is away is a state to live with, and no reason for a restart.
    pub healthy: bool,
    /// The node's id.
    pub node: String,
    /// The program's version.
    pub version: String,
    /// Seconds since the node started.
    pub uptime_secs: u64,
    /// Whether it is on its way out.
    pub stopping: bool,
    /// Its loops, by name.
    pub loops: Loops,
    /// Its link to the broker.
    pub broker: Broker,
    /// Its panel.
    pub panel: Panel,
}

/// The loops of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loops {
    /// Those that gave a sign of life.
    pub turning: Vec<String>,
    /// Those that gave none in time.
    pub stuck: Vec<String>,
}

/// The link to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// Whether the broker is there.
    pub connected: bool,
    /// Connections since the start, while it is.
    pub connections: Option<u64>,
}

/// The panel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panel {
    /// Its state, by the names of the `health` topic.
    pub state: String,
    /// What is wrong and what to do about it.
    pub detail: Option<String>,
}

impl Panel {
    /// Whether the last transfer was acknowledged.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.state == crate::panel::PanelState::Ok.name()
    }
}

impl Report {
    /// Broker and panel in words, for people.
    #[must_use]
    pub fn surroundings(&self) -> String {
        let broker = if self.broker.connected {
            "broker connected"
        } else {
            "broker away"
        };
        match &self.panel.detail {
            Some(detail) => format!("{broker}, panel {}: {detail}", self.panel.state),
            None => format!("{broker}, panel {}", self.panel.state),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, version, .. } = self;
        if self.loops.stuck.is_empty() {
            write!(f, "{node}: all {} loops turn", self.loops.turning.len())?;
        } else {
            write!(f, "{node}: stuck: {}", self.loops.stuck.join(", "))?;
        }
        if self.stopping {
            write!(f, "; stopping")?;
        }
        let up = self.uptime_secs;
        write!(f, "; {}; up {up} s, version {version}", self.surroundings())
    }
}
