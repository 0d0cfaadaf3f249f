//! Frames as the panel shows them, mirrored while somebody watches.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::mqtt::Outbox;
use crate::panel::Receipt;
use crate::protocol::{self, Topics};
use crate::units::NodeId;

/// 100 ms: ten frames a second are enough for an eye on a dashboard.
const PAUSE: Duration = Duration::from_millis(100);

/// Publishes frames while they are watched, and sleeps otherwise.
pub struct Mirror {
    /// The topics of the node's root.
    pub topics: Topics,
    /// The node.
    pub node: NodeId,
    /// Where frames go.
    pub outbox: Outbox,
    /// The newest frame that was latched.
    pub receipts: watch::Receiver<Option<Receipt>>,
    /// Until when somebody watches.
    pub until: watch::Receiver<Option<Instant>>,
}

impl Mirror {
    /// The end of a watch that begins at once.
    #[must_use]
    pub fn until(duration: Duration) -> Option<Instant> {
        Some(Instant::now() + duration)
    }

    /// Mirrors until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled_owned(async move {
            while self.until.changed().await.is_ok() {
                self.mirror().await;
            }
        })
        .await;
    }

    async fn mirror(&mut self) {
        self.receipts.mark_changed();
        loop {
            let until = *self.until.borrow_and_update();
            // Asked here too: a timer takes until the next millisecond, and a frame that waits goes before it.
            let Some(until) = until.filter(|until| Instant::now() < *until) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                changed = self.until.changed() => if changed.is_err() { return },
                changed = self.receipts.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.publish();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn publish(&mut self) {
        let latched = self
            .receipts
            .borrow_and_update()
            .as_ref()
            .map(|receipt| (receipt.number, receipt.frame));
        if let Some((number, frame)) = latched {
            self.outbox
                .publish(protocol::frame(&self.topics, &self.node, number, &frame));
        }
    }
}
