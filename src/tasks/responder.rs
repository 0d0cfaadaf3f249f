//! Answers to commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tracing::debug;

use super::Tally;
use crate::mqtt::Outbox;
use crate::protocol::{self, Outcome, Rejection, Reply, Topics};
use crate::units::NodeId;

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The command's `id`.
    pub id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Publishes what became of each command, and counts it.
pub struct Responder {
    topics: Topics,
    node: NodeId,
    outbox: Outbox,
    tally: Arc<Tally>,
    /// Answers published; the first is number 1.
    sequence: AtomicU64,
    /// The newest answer, for a view of the node in the same process.
    last: watch::Sender<Option<Answer>>,
    refusal: watch::Sender<Option<Rejection>>,
}

impl Responder {
    /// Makes a responder for a node.
    #[must_use]
    pub fn new(topics: Topics, node: NodeId, outbox: Outbox, tally: Arc<Tally>) -> Self {
        Self {
            topics,
            node,
            outbox,
            tally,
            sequence: AtomicU64::new(0),
            last: watch::Sender::new(None),
            refusal: watch::Sender::new(None),
        }
    }

    /// The newest answer.
    #[must_use]
    pub fn last(&self) -> watch::Receiver<Option<Answer>> {
        self.last.subscribe()
    }

    /// The newest refusal, however many answers came after it.
    #[must_use]
    pub fn refusal(&self) -> watch::Receiver<Option<Rejection>> {
        self.refusal.subscribe()
    }

    /// Publishes the outcome of a command where its sender looks for it.
    pub(super) fn answer(&self, reply: &Reply, outcome: Outcome) {
        self.tally.count(|figures| match &outcome {
            Outcome::Shown { latency, .. } => {
                // What was to be seen already took no time, and says nothing.
                if !latency.is_zero() {
                    figures.last_latency = Some(*latency);
                    figures.max_latency = figures.max_latency.max(Some(*latency));
                }
            }
            Outcome::Superseded { .. } => figures.superseded += 1,
            Outcome::Rejected(_) => figures.rejected += 1,
            Outcome::Accepted { .. } => {}
        });
        if let Outcome::Rejected(rejection) = &outcome {
            // Not louder: whoever may send could fill the log.
            debug!(
                id = reply.id,
                reason = ?rejection.reason,
                field = rejection.field,
                expected = rejection.expected,
                "rejected a command"
            );
            self.refusal.send_replace(Some(rejection.clone()));
        }
        self.publish(reply, &outcome);
        self.last.send_if_modified(|last| {
            *last = Some(Answer {
                id: reply.id.clone(),
                outcome,
            });
            true
        });
    }

    fn publish(&self, reply: &Reply, outcome: &Outcome) {
        // In a flood, what was superseded is only counted, unless its sender wanted to be sure.
        let superseded = matches!(outcome, Outcome::Superseded { .. });
        if superseded && !reply.assured && !self.outbox.has_room_for_answers() {
            return;
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        for message in protocol::result(&self.topics, &self.node, reply, sequence, outcome) {
            // A drop is counted by the outbox, and published with the health.
            self.outbox.answer(message);
        }
    }
}
