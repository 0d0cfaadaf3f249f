//! Many nodes from one process, to try a dashboard with and to load a broker on the same machine.
//!
//! Each has a connection, a will, a birth and telemetry of its own, and obeys commands through the decoder and the stage of a
//! real node; what it lacks is a host and a panel. A frame is painted when something is commanded, and while somebody watches.

mod crowd;
mod files;
mod puppet;
mod recording;
mod workload;

pub use crowd::{Crowd, CrowdError, Progress};
pub use files::TooFewFiles;
pub use recording::{Recording, RecordingError};

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Discovery};
use crate::units::{GroupName, NameError, NodeId};

/// The most nodes in one process.
///
/// 100,000: one address has some 28,000 ports to connect to one broker from (`net.ipv4.ip_local_port_range`); more need several
/// brokers or addresses.
pub const NODES_MAX: u32 = 100_000;

/// How the nodes are.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How many, 1 to [`NODES_MAX`].
    pub nodes: u32,
    /// What their ids begin with, before `-` and a number.
    pub prefix: String,
    /// How many groups, `rack-1` and so on, they are spread over.
    pub groups: u16,
    /// Between two samples of a node.
    pub interval: Duration,
    /// How many connect in a second.
    pub rate: NonZeroU16,
    /// What the nodes tell of their hosts; `None`: what is made up.
    pub recording: Option<Arc<Recording>>,
    /// What the made-up load grows from: the same seed gives the same nodes.
    pub seed: u64,
    /// How fast the nodes' time passes, 1 is as it is; the interval between messages stays.
    pub speed: f64,
    /// How many of a hundred nodes go away in a minute, half of them without a word, and come back within one.
    pub churn_percent: f64,
    /// What Home Assistant is told; `None`: nothing.
    pub discovery: Option<Discovery>,
    /// The node's own settings: brokers, root, light.
    pub config: Config,
}

impl Settings {
    /// The id of the n-th node, counted from 1; as many digits for each, so that they sort.
    ///
    /// # Errors
    ///
    /// When the prefix makes no id.
    pub fn id(&self, number: u32) -> Result<NodeId, NameError> {
        let digits = self.nodes.to_string().len();
        format!("{}-{number:0digits$}", self.prefix).parse()
    }

    /// The group of the n-th node; `None` without groups.
    fn group(&self, number: u32) -> Option<GroupName> {
        let rack = number.checked_sub(1)?.checked_rem(self.groups.into())? + 1;
        format!("rack-{rack}").parse().ok()
    }
}
