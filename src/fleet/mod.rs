//! The dashboard of all nodes: one process that listens to every node of a root and shows them to browsers and programs.
//!
//! [`registry`] is the picture: messages and the time in, changes out. The rest is shell: a session with the broker feeds it,
//! a loop puts batches of changes into the journal, and each reader follows that at its own pace.

mod access;
mod http;
mod hub;
mod journal;
mod limit;
mod page;
pub mod probe;
mod process;
pub mod registry;
mod seeker;
mod store;
mod streams;
mod ticker;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::{self, Config, StateFile};
use crate::mqtt::{self, OpenError};
use crate::node;
use crate::protocol::Topics;
use crate::supervisor::{Fault, Supervisor};
pub use access::AccessError;
pub use http::{OPENAPI, TlsError};
pub use store::StoreError;

use access::Access;
use hub::{Hub, Shared};
use registry::{Registry, Rules};
use seeker::Other;
use store::Store;

/// How long the tasks may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// Why the dashboard does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The session with the broker can't be prepared.
    #[error(transparent)]
    Mqtt(#[from] OpenError),
    /// Nobody could be let in, or everybody.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of the history can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else listens there, or it is no address of this machine.
    #[error("`fleet.listen` is {address}, which can't be listened at")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A dashboard that runs.
pub struct Fleet {
    address: SocketAddr,
    tasks: Supervisor,
    session: Supervisor,
    outbox: mqtt::Outbox,
}

impl Fleet {
    /// Checks everything, listens and connects.
    ///
    /// # Errors
    ///
    /// Tells what is wrong with the configuration's files, or why the address can't be listened at.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let clock = Clock::start();
        let epoch = clock.unix_millis().unsigned_abs();
        let topics = Topics::new(config.mqtt.root.clone());
        let rules = Rules {
            topics: topics.clone(),
            nodes_max: config.fleet.nodes_max,
            is_shared: config.fleet.share_group.is_some(),
            hot_celsius: config.events.hot_celsius,
            cool_celsius: config.events.cool_celsius,
            own_commands: http::command_prefix(epoch),
        };
        let access = Access::load(&config.fleet)?;
        let identity = http::identity(&config.fleet)?;
        let store = match &config.fleet.history_file {
            StateFile::Path(path) => Some(Store::open(path)?),
            StateFile::None | StateFile::Auto => None,
        };
        let address = config.fleet.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        let (outbox, session) = mqtt::open(session_settings(config, &topics))?;
        let mut registry = Registry::new(rules);
        let history = store.as_ref().map(|(store, _)| store.ledger());
        let store = store.map(|(store, pages)| {
            if !pages.is_empty() {
                registry.restore(clock.unix_millis(), &pages);
                info!(pages = pages.len(), "history is there again");
            }
            store
        });
        let hub: Shared = Arc::new(Hub::new(registry, epoch, clock));

        let mut tasks = Supervisor::default();
        let server = http::Server::new(
            &config.fleet,
            http::Parts {
                hub: Arc::clone(&hub),
                outbox: outbox.clone(),
                topics: topics.clone(),
                access,
                identity,
                history,
                epoch,
            },
        );
        tasks.spawn("http", server.run(listener, tasks.token()));
        tasks.spawn("teller", ticker::tell(Arc::clone(&hub), tasks.token()));
        tasks.spawn(
            "lookout",
            ticker::look(Arc::clone(&hub), outbox.clone(), tasks.token()),
        );
        tasks.spawn(
            "seeker",
            seeker::seek(
                Arc::clone(&hub),
                outbox.clone(),
                others(config, &topics),
                tasks.token(),
            ),
        );
        tasks.spawn(
            "mirror",
            ticker::mirror(Arc::clone(&hub), outbox.clone(), topics, tasks.token()),
        );
        if let Some(store) = store {
            tasks.spawn(
                "history",
                ticker::keep(Arc::clone(&hub), store, tasks.token()),
            );
        }
        let mut session_task = Supervisor::default();
        if let Some(homing) = session.homing() {
            session_task.spawn("homing", homing.run(session_task.token()));
        }
        let mut link = outbox.link();
        let broker = outbox.clone();
        session_task.spawn(
            "session",
            session.run(session_task.token(), move |message| {
                // Before the first message of a connection: what was heard before it is of another one.
                if link.has_changed().unwrap_or(false) {
                    let seen = *link.borrow_and_update();
                    hub.set_link(seen, broker.broker());
                }
                hub.take(&message);
            }),
        );
        let scheme = if config.fleet.tls.is_some() {
            "https"
        } else {
            "http"
        };
        info!(url = %format_args!("{scheme}://{address}"), "dashboard");
        if config.fleet.tls.is_none() && !address.ip().to_canonical().is_loopback() {
            warn!(
                "tokens and sessions can be read on the way: expected `fleet.certificate_file`, or a proxy that speaks HTTPS"
            );
        }
        Ok(Self {
            address,
            tasks,
            session: session_task,
            outbox,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// A task that ended by itself.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Fault> {
        let fault = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            fault = self.session.fault() => Some(fault),
            fault = self.tasks.fault() => Some(fault),
        };
        if let Some(fault) = &fault {
            error!(%fault, "the dashboard stops");
        }
        self.tasks.stop(GRACE).await;
        self.outbox.disconnect();
        self.session.stop(GRACE).await;
        fault.map_or(Ok(()), Err)
    }
}

fn session_settings(config: &Config, topics: &Topics) -> mqtt::Settings {
    let filters = topics.fleet(config.fleet.share_group.as_deref());
    mqtt::Settings {
        client_id: format!("piglow-fleet-{:08x}", fastrand::u32(..)),
        will: None,
        filters: filters.surely,
        loose_filters: filters.at_most_once,
        // What the broker keeps of every node comes again with each connection.
        session_expiry: Duration::ZERO,
        ..node::session_settings(config, topics)
    }
}

/// The brokers, where there are several, each to be asked alone.
fn others(config: &Config, topics: &Topics) -> Vec<Other> {
    let brokers = &config.mqtt.brokers;
    if brokers.len() < 2 {
        return Vec::new();
    }
    let alone = |broker: &config::Broker| Other {
        place: broker.url.place(),
        settings: mqtt::Settings {
            brokers: vec![broker.clone()],
            filters: Vec::new(),
            loose_filters: Vec::new(),
            ..session_settings(config, topics)
        },
    };
    brokers.iter().map(alone).collect()
}
