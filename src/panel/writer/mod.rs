//! The writer: the task that owns the bus. Its transfers block the thread that it is on.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::slot::{FrameSlot, Heard, Numbered};
use super::{
    Bus, BusError, OnStop, PanelHealth, PanelState, Receipt, Settings, Sn3218, StopOutcome,
};

/// 50 ms: the first retry, soon enough that a glitch is not seen.
const RETRY_MIN: Duration = Duration::from_millis(50);

/// 800 ms: with its jitter below a second, in which a returned panel is to show the last frame.
const RETRY_MAX: Duration = Duration::from_millis(800);

/// 10 s: a panel that held that long is retried quickly again; a loose contact is not, nor does it flood the log.
const SETTLED: Duration = Duration::from_secs(10);

/// 3: one glitch must not leave the LEDs lit after the process is gone.
const DARKEN_TRIES: u32 = 3;

/// The sending ends, held by both sides: a receiver stays open as long as the panel does.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) receipts: watch::Sender<Option<Receipt>>,
    pub(super) health: watch::Sender<PanelHealth>,
    pub(super) ended: watch::Sender<bool>,
}

/// The writer's side; dropping it while it runs or unwinds darkens the LEDs.
pub(super) struct Writer {
    settings: Settings,
    slot: FrameSlot,
    published: Arc<Published>,
    /// The open bus; `None` exactly while the panel is away, since an error closes it.
    driver: Option<Sn3218<Bus>>,
    /// The frame to be seen, and whether its receipt is out.
    target: Option<Numbered>,
    receipted: bool,
    /// When to try or to refresh next.
    due: Option<Instant>,
    backoff: Duration,
    ok_since: Option<Instant>,
    begun: bool,
    outcome: Option<StopOutcome>,
    now: Box<dyn Fn() -> Instant + Send>,
}

impl Writer {
    pub(super) fn new(settings: Settings, slot: FrameSlot, published: Arc<Published>) -> Self {
        Self {
            settings,
            slot,
            published,
            driver: None,
            target: None,
            receipted: false,
            due: None,
            backoff: RETRY_MIN,
            ok_since: None,
            begun: false,
            outcome: None,
            now: Box::new(Instant::now),
        }
    }

    pub(super) async fn run(mut self) {
        self.begun = true;
        self.attempt();
        loop {
            match self.slot.hear(self.due).await {
                Heard::Frame { newest, superseded } => self.take(newest, superseded),
                Heard::Due => self.attempt(),
                Heard::Stop { order, pending } => {
                    let on_stop = order.unwrap_or(self.settings.on_stop);
                    self.outcome = Some(self.finish(on_stop, pending));
                    return;
                }
            }
        }
    }

    /// Makes a frame the one to be seen, and writes it unless the panel is away and its retry not due.
    fn take(&mut self, newest: Numbered, superseded: u64) {
        self.aim(newest, superseded);
        // Asked here too: frames that come without a pause must not keep a retry from its turn.
        if self.driver.is_some() || self.due.is_some_and(|at| at <= (self.now)()) {
            self.attempt();
        }
    }

    fn aim(&mut self, newest: Numbered, superseded: u64) {
        let unseen = self.target.is_some() && !self.receipted;
        self.target = Some(newest);
        self.receipted = false;
        self.published.health.send_if_modified(|health| {
            health.frames_skipped += superseded + u64::from(unseen);
            false
        });
    }

    /// Writes the frame to be seen, or looks for the chip while there is none.
    fn attempt(&mut self) {
        let target = self.target;
        let result = self.with_driver(|driver| match target {
            Some(target) => driver.show(&target.frame),
            None => driver.probe(),
        });
        let now = (self.now)();
        match result {
            Ok(()) => self.succeeded(now),
            Err(error) => self.failed(now, error),
        }
    }

    /// Uses the open bus, or opens it; an error closes it.
    fn with_driver(
        &mut self,
        transfer: impl FnOnce(&mut Sn3218<Bus>) -> Result<(), BusError>,
    ) -> Result<(), BusError> {
        let mut driver = match self.driver.take() {
            Some(driver) => driver,
            None => Sn3218::new(Bus::open(&self.settings.backend)?),
        };
        transfer(&mut driver)?;
        self.driver = Some(driver);
        Ok(())
    }

    fn succeeded(&mut self, now: Instant) {
        self.ok_since.get_or_insert(now);
        // A refresh beyond the clock's range is none.
        self.due = self.settings.refresh.and_then(|r| now.checked_add(r));
        let written = u64::from(self.target.is_some());
        self.published.health.send_if_modified(|health| {
            health.frames_written += written;
            let changed = health.state != PanelState::Ok;
            if health.state.is_fault() {
                health.recoveries += 1;
                info!(recoveries = health.recoveries, "panel returned");
            } else if changed {
                info!("panel found");
            }
            health.state = PanelState::Ok;
            health.detail = None;
            changed
        });
        if let Some(Numbered { number, frame }) = self.target
            && !self.receipted
        {
            self.receipted = true;
            let at = now;
            self.published
                .receipts
                .send_replace(Some(Receipt { number, frame, at }));
        }
    }

    fn failed(&mut self, now: Instant, BusError { fault, detail }: BusError) {
        let settled = |since| now.saturating_duration_since(since) >= SETTLED;
        if self.ok_since.take().is_some_and(settled) {
            self.backoff = RETRY_MIN;
        }
        self.due = Some(now + jittered(self.backoff));
        self.backoff = (self.backoff * 2).min(RETRY_MAX);
        let state = fault.state();
        self.published.health.send_if_modified(|health| {
            let changed = health.state != state || health.detail.as_ref() != Some(&detail);
            if changed {
                warn!(%state, detail, "panel lost");
                health.faults += u64::from(health.state != state);
                health.state = state;
                health.detail = Some(detail);
            }
            changed
        });
    }

    /// Leaves the LEDs as they are to be after the end.
    fn finish(&mut self, on_stop: OnStop, pending: Option<Numbered>) -> StopOutcome {
        match on_stop {
            OnStop::Dark => match self.darken() {
                Ok(()) => StopOutcome::Dark,
                Err(BusError { detail, .. }) => StopOutcome::Failed { detail },
            },
            OnStop::Keep => {
                if let Some(newest) = pending {
                    self.aim(newest, 0);
                }
                if self.driver.is_none() || !self.receipted {
                    self.attempt();
                }
                match self.published.health.borrow().detail.clone() {
                    None => StopOutcome::Kept,
                    Some(detail) => StopOutcome::Failed { detail },
                }
            }
        }
    }

    fn darken(&mut self) -> Result<(), BusError> {
        let mut result = self.with_driver(Sn3218::darken);
        for _ in 1..DARKEN_TRIES {
            if result.is_ok() {
                break;
            }
            thread::sleep(RETRY_MIN);
            result = self.with_driver(Sn3218::darken);
        }
        result
    }

    /// Darkens whatever was set to be kept: a picture that nobody maintains is a lie.
    fn panicked(&mut self) -> StopOutcome {
        let detail = match self.darken() {
            Ok(()) => "the panel's writer panicked; the LEDs are dark".to_owned(),
            Err(error) => format!("the panel's writer panicked; the LEDs may be lit: {error}"),
        };
        error!(detail, "panel ended");
        self.published.health.send_modify(|health| {
            health.faults += u64::from(health.state != PanelState::Failed);
            health.state = PanelState::Failed;
            health.detail = Some(detail);
        });
        StopOutcome::Panicked
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let outcome = match self.outcome.take() {
            Some(outcome) => outcome,
            None if thread::panicking() => self.panicked(),
            // Its thread ends before it was told to: nobody maintains the picture.
            None if self.begun => self.finish(OnStop::Dark, None),
            // The thread did not start: the bus was never touched.
            None => StopOutcome::Failed {
                detail: "the panel's writer did not start".to_owned(),
            },
        };
        // Closed before anybody hears of the end: the bus is free then.
        self.driver = None;
        self.slot.ended(outcome);
        self.published.ended.send_replace(true);
    }
}

/// 80 % to 120 % of a wait, so that the nodes of one room do not retry in step.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.8 + 0.4 * fastrand::f64())
}

#[cfg(test)]
mod soak;
#[cfg(test)]
mod tests;
