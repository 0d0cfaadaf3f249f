//! Thin sessions: a few kilobytes each, so that thousands fit in one process.
//!
//! The library's client sets up tables of 32 KiB for each connection. A thin session has its packets and its dialling, and of the
//! protocol only what a simulated node needs: QoS 0 and 1, a clean start each time, no WebSocket. What was not acknowledged
//! when a connection breaks is not sent again; states are told anew.

mod line;
mod trunk;

pub use trunk::{Figures, Trunk};

use std::time::Duration;

use tokio::time::Instant;

use super::Inbound;
use crate::protocol::Message;

/// What a thin session speaks for: it is told what happens, and says what goes out and when it wants to be woken.
pub trait Client {
    /// The MQTT client id.
    fn client_id(&self) -> &str;

    /// What the broker says when the session dies; also what is said at the end.
    fn will(&self) -> Message;

    /// What it listens to.
    fn filters(&self) -> Vec<String>;

    /// The broker has taken it, and the subscriptions are on their way.
    fn connected(&mut self, broker: &str, out: &mut Vec<Message>);

    /// A message has arrived.
    fn take(&mut self, message: &Inbound<'_>, out: &mut Vec<Message>);

    /// The instant it wanted has come; an absence ends the session for a while.
    fn wake(&mut self, out: &mut Vec<Message>) -> Option<Absence>;

    /// When it wants to be woken.
    fn next_wake(&self) -> Instant;
}

/// A time in which a client is away on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// Whether it says good-bye; else its will is said.
    pub takes_leave: bool,
    /// How long it stays away.
    pub length: Duration,
}
