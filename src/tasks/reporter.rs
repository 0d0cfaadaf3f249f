//! The reporter: tells what is worth telling once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Tally;
use crate::clock::{Clock, unix_millis};
use crate::events::{Event, Watchman};
use crate::mqtt::{Link, Outbox};
use crate::panel::PanelHealth;
use crate::protocol::{self, Rejection, Topics};
use crate::telemetry::Sample;
use crate::units::NodeId;

/// Everything the reporter can hear.
enum Heard {
    Sample,
    Panel,
    Refusal,
    WakeUp,
    Stop,
}

/// Publishes events; each field holds only the newest. What happens while the broker is away is not told later: the states
/// say how things are then.
pub struct Reporter {
    /// The topics of the node's root.
    pub topics: Topics,
    /// The node.
    pub node: NodeId,
    /// The clock on which conditions last.
    pub clock: Clock,
    /// Where messages go.
    pub outbox: Outbox,
    /// What is worth telling.
    pub watchman: Watchman,
    /// The newest sample.
    pub sample: watch::Receiver<Option<Sample>>,
    /// How the panel is.
    pub panel: watch::Receiver<PanelHealth>,
    /// The newest refusal.
    pub refusal: watch::Receiver<Option<Rejection>>,
    /// What has been counted.
    pub tally: Arc<Tally>,
}

impl Reporter {
    /// Reports until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        // What is wrong from the start is told as well.
        self.panel.mark_changed();
        loop {
            let due = self.watchman.next_wake();
            let wake_up = async {
                match due {
                    Some(at) => tokio::time::sleep_until(self.clock.instant(at)).await,
                    None => std::future::pending().await,
                }
            };
            let heard = tokio::select! {
                biased;
                () = stop.cancelled() => Heard::Stop,
                Ok(()) = self.sample.changed() => Heard::Sample,
                Ok(()) = self.panel.changed() => Heard::Panel,
                () = wake_up => Heard::WakeUp,
                Ok(()) = self.refusal.changed() => Heard::Refusal,
            };
            let now = self.clock.now();
            match heard {
                Heard::Stop => return,
                Heard::Sample => self.see_sample(now),
                Heard::Panel => self.see_panel(now),
                Heard::Refusal => self.see_refusals(now),
                Heard::WakeUp => {
                    self.see_panel(now);
                    self.see_refusals(now);
                }
            }
        }
    }

    fn see_sample(&mut self, now: Duration) {
        let events = match self.sample.borrow_and_update().as_ref() {
            Some(sample) => self.watchman.see_sample(now, sample),
            None => Vec::new(),
        };
        for event in events {
            self.tell(&event);
        }
    }

    fn see_panel(&mut self, now: Duration) {
        let health = self.panel.borrow_and_update().clone();
        let fault = health.state.is_fault().then(|| health.to_string());
        let event = self.watchman.see_panel(now, fault.as_deref());
        event.iter().for_each(|event| self.tell(event));
    }

    fn see_refusals(&mut self, now: Duration) {
        self.refusal.mark_unchanged();
        let count = self.tally.figures().rejected;
        let event = self.watchman.see_refusals(now, count);
        event.iter().for_each(|event| self.tell(event));
    }

    fn tell(&self, event: &Event) {
        if *self.outbox.link().borrow() == Link::Down {
            return;
        }
        let last = self.refusal.borrow();
        let message = protocol::event(
            &self.topics,
            &self.node,
            event,
            unix_millis(),
            last.as_ref(),
        );
        // A drop is counted by the outbox.
        self.outbox.publish(message);
    }
}
