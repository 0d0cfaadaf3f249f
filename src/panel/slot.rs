//! The hand-over of frames to the writer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{OnStop, StopOutcome};
use crate::light::Frame;
use crate::pulse::Pulse;

/// The place a frame waits in until the writer takes it.
///
/// It holds one frame, and the latest wins: on a bus slower than its frames the stale ones are dropped, and counted as
/// [`frames_skipped`](super::PanelHealth::frames_skipped). Every clone is a handle on the same place.
#[derive(Debug, Clone, Default)]
pub struct FrameSlot(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    contents: Mutex<Contents>,
    /// For the writer: there is something to take.
    changed: Notify,
    /// For whoever waits to put the next frame there.
    taken: Notify,
    /// For whoever blocks until the writer has ended.
    ended: Condvar,
    pulse: Arc<Pulse>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            contents: Mutex::default(),
            changed: Notify::new(),
            taken: Notify::new(),
            ended: Condvar::new(),
            pulse: Arc::new(Pulse::of_thread("panel")),
        }
    }
}

#[derive(Debug, Default)]
struct Contents {
    pending: Option<Numbered>,
    superseded: u64,
    stopping: bool,
    order: Option<OnStop>,
    outcome: Option<StopOutcome>,
}

/// A frame and the number its receipt will carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) frame: Frame,
}

/// All that the writer can hear.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A frame to show, and how many were dropped before it.
    Frame { newest: Numbered, superseded: u64 },
    /// The moment it waited for has come.
    Due,
    /// The order to finish, what it says about the LEDs, and the frame that came last before it.
    Stop {
        order: Option<OnStop>,
        pending: Option<Numbered>,
    },
}

impl FrameSlot {
    /// Hands over a frame, in place of one that still waits; never blocks on the bus.
    ///
    /// Every frame that is written gets a receipt with its number, and is written even if it equals the one before: a
    /// receipt is an acknowledged transfer, never a guess. After the panel was stopped, frames are dropped.
    pub fn show(&self, number: u64, frame: Frame) {
        let mut contents = self.contents();
        if contents.stopping {
            return;
        }
        if contents
            .pending
            .replace(Numbered { number, frame })
            .is_some()
        {
            contents.superseded += 1;
        }
        drop(contents);
        self.0.changed.notify_one();
    }

    /// Waits until the writer has taken the frame that was handed over; one waits at a time.
    pub(crate) async fn taken(&self) {
        while self.contents().pending.is_some() {
            self.0.taken.notified().await;
        }
    }

    /// Waits for a frame, the order to stop, or a moment; without a moment nothing wakes the writer in between. It is the
    /// writer's resting point.
    pub(super) async fn hear(&self, until: Option<Instant>) -> Heard {
        let mut hearing = pin!(self.wait(until));
        poll_fn(|context| {
            self.0.pulse.beat(context.waker());
            hearing.as_mut().poll(context)
        })
        .await
    }

    async fn wait(&self, until: Option<Instant>) -> Heard {
        loop {
            if let Some(heard) = self.take() {
                return heard;
            }
            match until {
                None => self.0.changed.notified().await,
                Some(at) if at <= Instant::now() => return Heard::Due,
                Some(at) => {
                    // Whichever it is, is looked at.
                    drop(tokio::time::timeout_at(at.into(), self.0.changed.notified()).await);
                }
            }
        }
    }

    fn take(&self) -> Option<Heard> {
        let mut contents = self.contents();
        if contents.stopping {
            return Some(Heard::Stop {
                order: contents.order,
                pending: contents.pending.take(),
            });
        }
        let newest = contents.pending.take()?;
        self.0.taken.notify_one();
        Some(Heard::Frame {
            newest,
            superseded: std::mem::take(&mut contents.superseded),
        })
    }

    /// Orders the writer to finish, with the LEDs as ordered here or else as set.
    pub(super) fn stop(&self, order: Option<OnStop>) {
        let mut contents = self.contents();
        contents.stopping = true;
        contents.order = contents.order.or(order);
        drop(contents);
        self.0.changed.notify_one();
    }

    /// Tells how the writer ended; nobody listens to the slot from here on.
    pub(super) fn ended(&self, outcome: StopOutcome) {
        let mut contents = self.contents();
        contents.stopping = true;
        contents.outcome = Some(outcome);
        drop(contents);
        self.0.ended.notify_all();
        self.0.pulse.end();
    }

    /// The writer's sign of life.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.0.pulse)
    }

    /// How the writer has ended; `None` while it has not.
    pub(super) fn outcome(&self) -> Option<StopOutcome> {
        self.contents().outcome.clone()
    }

    /// Blocks until the writer has ended; `None` when it does not in time.
    pub(super) fn wait_ended(&self, timeout: Duration) -> Option<StopOutcome> {
        let (contents, _) = self
            .0
            .ended
            .wait_timeout_while(self.contents(), timeout, |c| c.outcome.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        contents.outcome.clone()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0
            .contents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u64) -> Numbered {
        Numbered {
            number,
            frame: Frame::DARK,
        }
    }

    #[tokio::test]
    async fn latest_frame_wins_and_the_others_are_counted() {
        let slot = FrameSlot::default();
        for number in 1..=3 {
            slot.show(number, Frame::DARK);
        }
        assert_eq!(
            slot.hear(None).await,
            Heard::Frame {
                newest: numbered(3),
                superseded: 2
            }
        );
        slot.show(4, Frame::DARK);
        assert_eq!(
            slot.hear(None).await,
            Heard::Frame {
                newest: numbered(4),
                superseded: 0
            }
        );
    }

    #[tokio::test]
    async fn past_moment_is_due_at_once_and_a_frame_goes_first() {
        let slot = FrameSlot::default();
        let past = Some(Instant::now());
        assert_eq!(slot.hear(past).await, Heard::Due);
        slot.show(1, Frame::DARK);
        assert!(matches!(slot.hear(past).await, Heard::Frame { .. }));
    }

    #[tokio::test]
    async fn stop_goes_before_a_frame_and_refuses_later_ones() {
        let slot = FrameSlot::default();
        slot.show(1, Frame::DARK);
        slot.stop(None);
        slot.show(2, Frame::DARK);
        let (order, pending) = (None, Some(numbered(1)));
        assert_eq!(slot.hear(None).await, Heard::Stop { order, pending });
    }

    #[test]
    fn end_that_does_not_come_is_not_waited_for_forever() {
        let slot = FrameSlot::default();
        assert_eq!(slot.wait_ended(Duration::ZERO), None);
        slot.ended(StopOutcome::Dark);
        assert_eq!(slot.wait_ended(Duration::ZERO), Some(StopOutcome::Dark));
    }
}
