//! A client of other nodes, for `send` and `watch`.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::mqtt::{self, Handover, Inbound, Link, Outbox};
use crate::node;
use crate::protocol::{self, Address, Leaf, Message, Qos, Report, Topics};
use crate::supervisor::Supervisor;
use crate::units::NodeId;

/// Reports that may wait to be looked at; what comes on top of that is dropped, as a view needs only the newest.
const REPORTS: usize = 1024;

/// How long saying good-bye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// A connection that hears what nodes tell and sends them commands.
pub(super) struct Client {
    pub(super) topics: Topics,
    pub(super) reports: mpsc::Receiver<(NodeId, Report)>,
    session: Listening,
}

impl Client {
    /// Connects with the credentials of the configuration and a client id of its own.
    pub(super) fn connect(
        config: &Config,
        name: &str,
        filters: Vec<String>,
    ) -> anyhow::Result<Self> {
        let topics = Topics::new(config.mqtt.root.clone());
        let (sender, reports) = mpsc::channel(REPORTS);
        let parser = topics.clone();
        let session = listen(config, name, filters, move |message| {
            let Ok((Address::Node(node), leaf)) = parser.parse(message.topic) else {
                return;
            };
            if let Some(report) = protocol::observe(leaf, message.payload) {
                // Full: see REPORTS.
                drop(sender.try_send((node, report)));
            }
        })?;
        Ok(Self {
            topics,
            reports,
            session,
        })
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.session.outbox.link()
    }

    /// Sends a payload to a topic of commands.
    pub(super) fn send(&self, address: &Address, leaf: Leaf, payload: Vec<u8>) -> bool {
        let message = Message {
            topic: self.topics.build(address, leaf),
            payload,
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry: None,
            correlation: None,
        };
        self.session.outbox.publish(message) == Handover::Queued
    }

    /// Ends the session.
    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

/// A session that runs.
pub(super) struct Listening {
    pub(super) outbox: Outbox,
    tasks: Supervisor,
}

/// Opens a session with the credentials of the configuration and a client id of its own.
pub(super) fn listen(
    config: &Config,
    name: &str,
    filters: Vec<String>,
    on_message: impl FnMut(Inbound<'_>) + Send + 'static,
) -> anyhow::Result<Listening> {
    let settings = mqtt::Settings {
        client_id: format!("piglow-{name}-{:08x}", fastrand::u32(..)),
        will: None,
        filters,
        // Nobody comes back to it under this client id.
        session_expiry: Duration::ZERO,
        ..node::session_settings(config, &Topics::new(config.mqtt.root.clone()))
    };
    let (outbox, session) = mqtt::open(settings).map_err(node::StartError::from)?;
    let mut tasks = Supervisor::default();
    tasks.spawn("session", session.run(tasks.token(), on_message));
    Ok(Listening { outbox, tasks })
}

impl Listening {
    /// Ends the session.
    pub(super) async fn close(mut self) {
        self.outbox.disconnect();
        let ended = CancellationToken::new();
        drop(tokio::time::timeout(GOODBYE, self.tasks.fault()).await);
        ended.cancel();
        self.tasks.stop(Duration::ZERO).await;
    }
}
