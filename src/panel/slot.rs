//! The hand-over of frames to the writer's thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

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
    changed: Condvar,
    pulse: Arc<Pulse>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            contents: Mutex::default(),
            changed: Condvar::new(),
            pulse: Arc::new(Pulse::of_thread("panel")),
        }
    }
}

/// Whoever asks the writer for a sign of life wakes it where it waits.
impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        let _contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.notify_all();
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
        self.0.changed.notify_all();
    }

    /// Waits for a frame, the order to stop, or a moment; without a moment nothing wakes the thread in between.
    pub(super) fn wait(&self, until: Option<Instant>) -> Heard {
        let waker = Waker::from(Arc::clone(&self.0));
        let mut contents = self.contents();
        loop {
            self.0.pulse.beat(&waker);
            if contents.stopping {
                return Heard::Stop {
                    order: contents.order,
                    pending: contents.pending.take(),
                };
            }
            if let Some(newest) = contents.pending.take() {
                return Heard::Frame {
                    newest,
                    superseded: std::mem::take(&mut contents.superseded),
                };
            }
            contents = match until.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .0
                    .changed
                    .wait(contents)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return Heard::Due,
                Some(left) => {
                    self.0
                        .changed
                        .wait_timeout(contents, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Orders the writer to finish, with the LEDs as ordered here or else as set.
    pub(super) fn stop(&self, order: Option<OnStop>) {
        let mut contents = self.contents();
        contents.stopping = true;
        contents.order = contents.order.or(order);
        self.0.changed.notify_all();
    }

    /// Tells how the writer ended; nobody listens to the slot from here on.
    pub(super) fn ended(&self, outcome: StopOutcome) {
        let mut contents = self.contents();
        contents.stopping = true;
        contents.outcome = Some(outcome);
        self.0.changed.notify_all();
        self.0.pulse.end();
    }

    /// The writer's sign of life.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.0.pulse)
    }

    /// Waits for the writer's end; `None` when it does not come in time.
    pub(super) fn wait_ended(&self, timeout: Duration) -> Option<StopOutcome> {
        let (contents, _) = self
            .0
            .changed
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

    #[test]
    fn latest_frame_wins_and_the_others_are_counted() {
        let slot = FrameSlot::default();
        for number in 1..=3 {
            slot.show(number, Frame::DARK);
        }
        assert_eq!(
            slot.wait(None),
            Heard::Frame {
                newest: numbered(3),
                superseded: 2
            }
        );
        slot.show(4, Frame::DARK);
        assert_eq!(
            slot.wait(None),
            Heard::Frame {
                newest: numbered(4),
                superseded: 0
            }
        );
    }

    #[test]
    fn past_moment_is_due_at_once_and_a_frame_goes_first() {
        let slot = FrameSlot::default();
        let past = Some(Instant::now());
        assert_eq!(slot.wait(past), Heard::Due);
        slot.show(1, Frame::DARK);
        assert!(matches!(slot.wait(past), Heard::Frame { .. }));
    }

    #[test]
    fn stop_goes_before_a_frame_and_refuses_later_ones() {
        let slot = FrameSlot::default();
        slot.show(1, Frame::DARK);
        slot.stop(None);
        slot.show(2, Frame::DARK);
        let (order, pending) = (None, Some(numbered(1)));
        assert_eq!(slot.wait(None), Heard::Stop { order, pending });
    }

    #[test]
    fn end_that_does_not_come_is_not_waited_for_forever() {
        let slot = FrameSlot::default();
        assert_eq!(slot.wait_ended(Duration::ZERO), None);
        slot.ended(StopOutcome::Dark);
        assert_eq!(slot.wait_ended(Duration::ZERO), Some(StopOutcome::Dark));
    }
}
