//! Looking at a node, and saying once what is wrong with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::report::{Broker, Loops, Panel, Report};
use crate::mqtt::Link;
use crate::node::View;

/// A node, and what was found the last time.
pub(super) struct Checkup {
    pub(super) view: View,
    since: Instant,
    stuck: Mutex<Vec<&'static str>>,
    rounds: AtomicU64,
}

impl Checkup {
    pub(super) fn new(view: View, since: Instant) -> Self {
        Self {
            view,
            since,
            stuck: Mutex::default(),
            rounds: AtomicU64::new(0),
        }
    }

    /// The warden's round for the watchdog is over.
    pub(super) fn end_round(&self) {
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// How many rounds there were.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// The loops that don't turn; a change is logged once.
    pub(super) async fn stuck(&self, patience: Duration) -> Vec<&'static str> {
        let found = self.view.pulses.stuck(patience).await;
        let mut known = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != found {
            if found.is_empty() {
                info!(loops = known.join(", "), "every loop turns again");
            } else {
                error!(loops = found.join(", "), ?patience, "a loop does not turn");
            }
            known.clone_from(&found);
        }
        found
    }

    pub(super) async fn report(&self, patience: Duration) -> Report {
        let stuck = self.stuck(patience).await;
        let panel = self.view.panel.borrow().clone();
        let link = *self.view.link.borrow();
        Report {
            healthy: stuck.is_empty(),
            node: self.view.id.to_string(),
            version: crate::VERSION.to_owned(),
            uptime_secs: self.since.elapsed().as_secs(),
            stopping: self.view.stopping.is_cancelled(),
            loops: Loops {
                turning: self
                    .view
                    .pulses
                    .names()
                    .into_iter()
                    .filter(|name| !stuck.contains(name))
                    .map(str::to_owned)
                    .collect(),
                stuck: stuck.into_iter().map(str::to_owned).collect(),
            },
            broker: match link {
                Link::Up(connections) => Broker {
                    connected: true,
                    connections: Some(connections),
                },
                Link::Down => Broker {
                    connected: false,
                    connections: None,
                },
            },
            panel: Panel {
                state: panel.state.name().to_owned(),
                detail: panel.detail,
            },
        }
    }
}
