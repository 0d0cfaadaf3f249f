//! The session with the broker: the only user of `rumqttc`.
//!
//! [`open`] gives an [`Outbox`] for what is to be published and a [`Session`] that polls. Nothing about a session is
//! done once: after *every* `CONNACK` the subscriptions are made again and [`Link`] tells the rest of the node to
//! announce itself again.

mod answers;
mod backoff;
mod delivery;
mod dial;
mod exam;
mod files;
mod homing;
mod options;
mod outbox;
#[cfg(feature = "fleet")]
mod question;
mod refusal;
mod route;
mod session;
mod stall;
#[cfg(feature = "fleet")]
pub mod thin;
mod tls;

pub use delivery::{Delivered, Delivery};
pub use exam::{Cause, Errand, Exam, Greeting, Kept, Outcome, Secured, Trouble, Verdict, examine};
pub use files::{Exposed, exposed};
pub use homing::Homing;
pub use options::OpenError;
pub use outbox::{Handover, Outbox, StopError};
#[cfg(feature = "fleet")]
pub use question::Question;
pub use session::{Inbound, Session};
#[cfg(feature = "fleet")]
pub(crate) use stall::StallGuard;
#[cfg(feature = "fleet")]
pub(crate) use tls::client_config;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::{Broker, Tls};
use crate::protocol::Message;
use files::Access;
use options::Start;
use outbox::Traffic;

/// How often a node that is with another broker looks for the first one, give or take a quarter: once a minute.
pub const HOMING_INTERVAL: Duration = Duration::from_secs(60);

/// The largest packet the broker may send, in bytes: 64 KiB; a command has at most 4 KiB.
pub const INCOMING_MAX: u32 = 64 * 1024;

/// Messages waiting to be written: a birth needs about 40.
///
/// When it is full, a message is dropped and counted ([`Outbox::dropped`]).
const QUEUE: usize = 512;

/// Places of the queue that answers leave free: a birth, and telemetry.
const RESERVED: usize = 64;

/// A change of state waits while more than this is on its way: it is up to 28 messages, and only the newest matters.
const CALM: usize = 64;

/// What a session needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The brokers in the order in which they are tried; at least one.
    pub brokers: Vec<Broker>,
    /// Whether to go back to the first when it is reachable again.
    pub return_to_first: bool,
    /// How often to look for it, [`HOMING_INTERVAL`] but in tests.
    pub homing_interval: Duration,
    /// The MQTT client id.
    pub client_id: String,
    /// Between signs of life; a half-open link is noticed after two.
    pub keep_alive: Duration,
    /// How long the broker keeps the session when the connection breaks; zero: not at all.
    pub session_expiry: Duration,
    /// How the broker is recognised, and how it recognises the node.
    pub tls: Tls,
    /// What the broker says when the session dies.
    pub will: Option<Message>,
    /// What to listen to.
    pub filters: Vec<String>,
    /// What to listen to where the next message replaces one that was lost: the broker need not be told that it came. Only what
    /// it has kept comes with the retain flag, and nothing that is published meanwhile.
    pub loose_filters: Vec<String>,
}

/// Whether the broker is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// It is not, and what is published is dropped.
    #[default]
    Down,
    /// It is, for the n-th time since the start.
    Up(u64),
}

/// Prepares a session; nothing is connected before [`Session::run`].
///
/// # Errors
///
/// Tells what is wrong with the files that a connection to any of the brokers needs.
pub fn open(settings: Settings) -> Result<(Outbox, Session), OpenError> {
    let mut options = Vec::with_capacity(settings.brokers.len());
    for broker in &settings.brokers {
        let access = Access::load(broker, &settings.tls)?;
        options.push(options::build(&settings, broker, &access, Start::Clean)?);
    }
    let first = options.into_iter().next().ok_or(OpenError::NoBroker)?;
    files::warn_of_dangers(&settings.brokers, &settings.tls);
    let (client, events) = options::client(first)?;
    let places = settings.brokers.iter().map(|broker| broker.url.place());
    let traffic = Arc::new(Traffic::new(client, places.collect()));
    let (link, link_seen) = watch::channel(Link::Down);
    let outbox = Outbox::new(Arc::clone(&traffic), link_seen);
    Ok((outbox, Session::new(events, link, traffic, settings)))
}

#[cfg(test)]
impl Settings {
    /// Settings for a test, with a broker that is not there.
    fn test() -> Self {
        Self {
            brokers: vec![Broker {
                url: "mqtt://127.0.0.1:1".parse().unwrap(),
                credentials: None,
            }],
            return_to_first: false,
            homing_interval: HOMING_INTERVAL,
            client_id: "test".to_owned(),
            keep_alive: Duration::from_secs(15),
            session_expiry: Duration::from_secs(300),
            tls: Tls::default(),
            will: None,
            filters: Vec::new(),
            loose_filters: Vec::new(),
        }
    }
}
