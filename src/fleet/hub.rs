//! What the tasks of the dashboard share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::journal::Journal;
use super::registry::{Heard, Registry};
use super::streams::Streams;
use crate::clock::Clock;
use crate::mqtt::{Inbound, Link};

/// The picture, its changes and who follows them.
///
/// Where more than one is needed, they are locked in the order of the fields.
pub(super) struct Hub {
    pub(super) clock: Clock,
    registry: Mutex<Registry>,
    journal: Mutex<Journal>,
    streams: Mutex<Streams>,
    /// There is something to tell.
    pub(super) news: Notify,
    /// What nodes are asked for has changed.
    pub(super) views: Notify,
    /// How often a reader was too far behind.
    pub(super) resets: AtomicU64,
    /// The number of the newest batch in the journal.
    newest: watch::Sender<u64>,
}

impl Hub {
    pub(super) fn new(registry: Registry, epoch: u64, clock: Clock) -> Self {
        Self {
            clock,
            registry: Mutex::new(registry),
            journal: Mutex::new(Journal::new(epoch)),
            streams: Mutex::default(),
            news: Notify::new(),
            views: Notify::new(),
            resets: AtomicU64::new(0),
            newest: watch::Sender::new(0),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.unix_millis()
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when there is another batch in the journal.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Does something to the registry at this moment. Of the first change since the last batch the teller is told, who puts all
    /// others into the journal with it.
    fn change<T>(&self, change: impl FnOnce(&mut Registry, i64) -> T) -> T {
        let mut registry = self.registry();
        let had_news = registry.has_news();
        let outcome = change(&mut registry, self.now());
        let has_news = registry.has_news();
        drop(registry);
        if has_news && !had_news {
            self.news.notify_one();
        }
        outcome
    }

    /// Looks whether there is a broker.
    pub(super) fn set_link(&self, link: Link, place: &str) {
        let connection = match link {
            Link::Down => None,
            Link::Up(connection) => Some(connection),
        };
        self.change(|registry, now| registry.set_link(now, connection, place));
    }

    /// Looks for what has become stale or was removed.
    pub(super) fn look(&self) {
        self.change(Registry::look);
    }

    /// Takes a message of the broker's.
    pub(super) fn take(&self, message: &Inbound<'_>) {
        let heard = self.change(|registry, now| {
            registry.take(now, message.topic, message.payload, message.retained)
        });
        match heard {
            Heard::Done => {}
            Heard::Frame(node, frame) => self.streams().show(&node, frame),
            Heard::Came(node) => {
                self.streams().ask_again(&node);
                self.views.notify_one();
            }
        }
    }

    /// Takes what another broker keeps.
    pub(super) fn take_elsewhere(&self, message: &Inbound<'_>) {
        self.change(|registry, now| registry.take_elsewhere(now, message.topic, message.payload));
    }

    /// Puts what has changed into the journal.
    pub(super) fn flush(&self) {
        let mut registry = self.registry();
        let mut journal = self.journal();
        let cursor = journal.upcoming().to_string();
        let Some(batch) = registry.flush(self.now(), &cursor) else {
            return;
        };
        drop(registry);
        journal.push(batch);
        let newest = journal.newest().number;
        drop(journal);
        self.newest.send_replace(newest);
    }

    /// The whole picture and where its changes go on.
    pub(super) fn picture(&self) -> Vec<u8> {
        let registry = self.registry();
        let cursor = self.journal().newest().to_string();
        registry.picture(self.now(), &cursor)
    }
}

/// What all tasks have.
pub(super) type Shared = Arc<Hub>;
