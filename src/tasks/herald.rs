//! The herald: makes the node known to Home Assistant, and again whenever that has started.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use crate::config;
use crate::mqtt::{Inbound, Outbox};
use crate::protocol::{self, Announcement, EntityKind, Info, Known, Message, Topics};
use crate::telemetry::Sample;
use crate::units::NodeId;

/// The least and the most time between Home Assistant's start and the announcement, in milliseconds: a house full of nodes must
/// not speak at once while it loads.
const DELAY_MILLIS: std::ops::Range<u64> = 100..3000;

/// Composes the discovery message.
pub struct Herald {
    settings: config::Discovery,
    brightness_max: u8,
    known: Option<Known>,
    left_out: Option<Vec<EntityKind>>,
}

impl Herald {
    /// Makes a herald with the settings of the configuration and the brightest that any LED may get.
    #[must_use]
    pub fn new(settings: config::Discovery, brightness_max: u8) -> Self {
        Self {
            settings,
            brightness_max,
            known: None,
            left_out: Some(Vec::new()),
        }
    }

    /// Looks at a sample; true when there is more to announce than before.
    pub(super) fn learn(&mut self, sample: &Sample) -> bool {
        let is_first = self.known.is_none();
        let more = self.known.get_or_insert_default().learn(sample);
        self.settings.enabled && (is_first || more)
    }

    /// Whether there is anything to say: what the host can tell is known from its first sample.
    pub(super) fn is_ready(&self) -> bool {
        !self.settings.enabled || self.known.is_some()
    }

    /// What is to be published; `None` before the first sample, which tells what the host can, and when the broker takes no
    /// message that large.
    pub(super) fn message(
        &mut self,
        topics: &Topics,
        node: &NodeId,
        info: &Info,
        outbox: &Outbox,
    ) -> Option<Message> {
        let settings = &self.settings;
        if !settings.enabled {
            return Some(protocol::no_discovery(&settings.prefix, node));
        }
        let announcement = Announcement {
            topics,
            node,
            prefix: &settings.prefix,
            entities: settings.entities,
            configuration_url: settings.configuration_url.as_deref(),
            version: info.version,
            model: info.model.as_deref(),
            scenes: &info.scenes,
            brightness_max: self.brightness_max,
            telemetry_interval_secs: info.telemetry_interval_secs,
            known: self.known?,
        };
        let limit = outbox.payload_max(&protocol::discovery_topic(&settings.prefix, node));
        let found = protocol::discovery(&announcement, limit);
        let (message, left_out) = match found {
            Some(found) => (Some(found.message), Some(found.left_out)),
            None => (None, None),
        };
        if left_out != self.left_out {
            match &left_out {
                None => warn!(
                    limit,
                    "the broker takes no message that is large enough for Home Assistant; raise its packet limit"
                ),
                Some(kinds) if kinds.is_empty() => {
                    info!("the broker takes the whole message for Home Assistant");
                }
                Some(kinds) => warn!(
                    limit,
                    left_out = kinds
                        .iter()
                        .map(|kind| kind.name())
                        .collect::<Vec<_>>()
                        .join(", "),
                    "the broker takes no message that is large enough for all entities; raise its packet limit"
                ),
            }
            self.left_out = left_out;
        }
        message
    }
}

/// Hears that Home Assistant has started.
pub struct BirthListener {
    topic: Option<String>,
    births: watch::Sender<u64>,
}

impl BirthListener {
    /// Makes a listener; without discovery it listens to nothing.
    #[must_use]
    pub fn new(settings: &config::Discovery) -> Self {
        Self {
            topic: settings
                .enabled
                .then(|| protocol::birth_topic(&settings.prefix)),
            births: watch::Sender::new(0),
        }
    }

    /// What has to be subscribed.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        self.topic.clone()
    }

    /// Counts the times it has started.
    #[must_use]
    pub fn births(&self) -> watch::Receiver<u64> {
        self.births.subscribe()
    }

    /// Takes in a message; false when it is none of Home Assistant's.
    pub fn take(&self, message: &Inbound<'_>) -> bool {
        if self.topic.as_deref() != Some(message.topic) {
            return false;
        }
        // What the broker kept from an earlier start is no start: the node has announced itself at its connection.
        if !message.retained && protocol::is_birth(message.payload) {
            self.births.send_modify(|count| *count += 1);
        }
        true
    }
}

/// How long to wait after a start.
pub(super) fn delay() -> Duration {
    Duration::from_millis(fastrand::u64(DELAY_MILLIS))
}
