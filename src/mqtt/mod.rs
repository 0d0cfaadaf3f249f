//! The session with the broker: the only user of `rumqttc`.
//!
//! [`open`] gives an [`Outbox`] for what is to be published and a [`Session`] that polls. Nothing about a session is
//! done once: after *every* `CONNACK` the subscriptions are made again and [`Link`] tells the rest of the node to
//! announce itself again.

mod backoff;
mod options;
mod outbox;
mod refusal;
mod session;

pub use options::OpenError;
pub use outbox::{Handover, Outbox, StopError};
pub use session::{Inbound, Session};

use std::path::PathBuf;
use std::time::Duration;

use rumqttc::AsyncClient;
use tokio::sync::watch;

use crate::config::{BrokerUrl, Secret};
use crate::protocol::Message;

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
    /// Where the broker is.
    pub url: BrokerUrl,
    /// The MQTT client id.
    pub client_id: String,
    /// The user name, and a password if there is one.
    pub credentials: Option<(String, Option<Secret>)>,
    /// Between signs of life; a half-open link is noticed after two.
    pub keep_alive: Duration,
    /// The certificates that vouch for the broker, PEM; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// What the broker says when the session dies.
    pub will: Option<Message>,
    /// What to listen to.
    pub filters: Vec<String>,
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
/// Tells what is wrong with the certificates.
pub fn open(settings: Settings) -> Result<(Outbox, Session), OpenError> {
    let options = options::build(&settings)?;
    let (client, events) = AsyncClient::builder(options)
        .capacity(QUEUE)
        .try_build()
        .map_err(|error| OpenError::Options(error.to_string()))?;
    let (link, link_seen) = watch::channel(Link::Down);
    let outbox = Outbox::new(client.clone(), link_seen);
    let session = Session::new(client, events, link, outbox.traffic(), settings);
    Ok((outbox, session))
}
