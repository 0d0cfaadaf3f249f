//! What a node counts about its commands.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// The figures of a [`Tally`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Commands that arrived.
    pub received: u64,
    /// Commands answered as rejected.
    pub rejected: u64,
    /// Commands answered as superseded.
    pub superseded: u64,
    /// From the arrival of the last shown command to its latch.
    pub last_latency: Option<Duration>,
    /// The longest such time.
    pub max_latency: Option<Duration>,
}

/// Counts that several tasks add to.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Figures>);

impl Tally {
    /// Adds to the figures.
    pub(super) fn count(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
