//! The LED panel: the only place that knows I2C.
//!
//! ```text
//! FrameSlot ── newest frame ──▶ writer ──▶ Sn3218 ──▶ Bus ──┬── I2cdev
//!                                 │                        └── SimBus
//!                                 └── watch: Receipt, PanelHealth, ended
//! ```
//!
//! The writer owns the bus, on another thread than the node's tasks, because every transfer blocks. A missing panel is a
//! state, not an error: the writer goes on trying, and shows the last frame when the panel returns.

mod bus;
mod errno;
mod health;
mod sim;
mod slot;
mod sn3218;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::pulse::Pulse;
use writer::{Published, Writer};

pub use bus::{Bus, BusError, Fault};
pub use health::{PanelHealth, PanelState, Receipt};
pub use sim::{Latched, SimBus, SimError, SimFault};
pub use slot::FrameSlot;
pub use sn3218::{ADDRESS, Sn3218};

/// 500 ms: long enough to darken at any bus clock, for a drop that nobody planned.
const DROP_TIMEOUT: Duration = Duration::from_millis(500);

/// The panel: the ends of the channels of the writer that owns the bus.
///
/// Dropping it stops it and waits up to 500 ms: as set, or dark when the program is unwinding.
#[derive(Debug)]
pub struct Panel {
    slot: FrameSlot,
    published: Arc<Published>,
}

impl Panel {
    /// Starts the writer on a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system starts no thread. An absent panel is no error but a [`PanelState`].
    pub fn spawn(settings: Settings) -> io::Result<Self> {
        let (panel, writer) = Self::prepare(settings);
        let runtime = Builder::new_current_thread().enable_time().build()?;
        thread::Builder::new()
            .name("panel".to_owned())
            .spawn(move || runtime.block_on(writer.run()))?;
        Ok(panel)
    }

    /// Starts the writer on somebody else's thread, which is blocked while a transfer lasts: up to a second on a stuck bus.
    #[must_use]
    pub fn spawn_on(settings: Settings, thread: &Handle) -> Self {
        let (panel, writer) = Self::prepare(settings);
        // Whoever watches `ended` notices its end.
        drop(thread.spawn(writer.run()));
        panel
    }

    /// The writer opens the bus and looks for the chip at once, before any frame arrives.
    fn prepare(settings: Settings) -> (Self, Writer) {
        let slot = FrameSlot::default();
        let published = Arc::new(Published::default());
        let writer = Writer::new(settings, slot.clone(), Arc::clone(&published));
        (Self { slot, published }, writer)
    }

    /// The place to hand frames over; clones of it go to whoever makes them.
    #[must_use]
    pub fn frames(&self) -> FrameSlot {
        self.slot.clone()
    }

    /// Watches what the panel shows: the newest frame's receipt, one for each number.
    #[must_use]
    pub fn receipts(&self) -> watch::Receiver<Option<Receipt>> {
        self.published.receipts.subscribe()
    }

    /// Watches the panel's condition; its counters are current whenever read, but wake nobody.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<PanelHealth> {
        self.published.health.subscribe()
    }

    /// Watches for the writer's end, for whatever reason; before [`stop`](Self::stop) it is a fault of the program.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.published.ended.subscribe()
    }

    /// The writer's sign of life: it answers wherever it waits, and not in the middle of a transfer.
    #[must_use]
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        self.slot.pulse()
    }

    /// Darkens the LEDs when nobody else can any more.
    #[must_use]
    pub fn off_switch(&self) -> OffSwitch {
        OffSwitch {
            slot: self.slot.clone(),
            ended: self.ended(),
        }
    }

    /// Stops with the LEDs dark or kept as set, and blocks until the writer has let go of the bus, at most `timeout`.
    ///
    /// To be called on another thread than the writer's. A transfer that is stuck in the kernel cannot be ended; its thread is left behind for the process to take along.
    /// Frames handed over later are dropped; asked again, it tells the same outcome.
    pub fn stop(&self, timeout: Duration) -> StopOutcome {
        self.stop_with(None, timeout)
    }

    /// Stops as [`stop`](Self::stop) does, but dark whatever was set: for an end that is a fault.
    pub fn stop_dark(&self, timeout: Duration) -> StopOutcome {
        self.stop_with(Some(OnStop::Dark), timeout)
    }

    fn stop_with(&self, order: Option<OnStop>, timeout: Duration) -> StopOutcome {
        self.slot.stop(order);
        self.slot
            .wait_ended(timeout)
            .unwrap_or(StopOutcome::TimedOut)
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        let order = thread::panicking().then_some(OnStop::Dark);
        self.stop_with(order, DROP_TIMEOUT);
    }
}

/// Ends a panel from outside of the node it belongs to.
#[derive(Debug, Clone)]
pub struct OffSwitch {
    slot: FrameSlot,
    ended: watch::Receiver<bool>,
}

impl OffSwitch {
    /// Ends the panel dark, and waits until it is, at most `timeout`; one that has ended tells how.
    ///
    /// It may be awaited on the writer's own thread.
    pub async fn off(&self, timeout: Duration) -> StopOutcome {
        self.slot.stop(Some(OnStop::Dark));
        let mut ended = self.ended.clone();
        // Too late or ended: the outcome tells.
        drop(tokio::time::timeout(timeout, ended.wait_for(|ended| *ended)).await);
        self.slot.outcome().unwrap_or(StopOutcome::TimedOut)
    }
}

/// What a panel is made with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the panel is.
    pub backend: Backend,
    /// What the LEDs do when the panel is stopped.
    pub on_stop: OnStop,
    /// How often a still picture is written again, to repair a chip that lost its power and to notice one that left.
    ///
    /// `None`: never; then a still picture costs nothing, and only the next frame notices.
    pub refresh: Option<Duration>,
}

/// Where the panel is.
#[derive(Debug, Clone)]
pub enum Backend {
    /// On an I2C bus of this host.
    I2c {
        /// The bus's device file, such as `/dev/i2c-1`.
        bus: PathBuf,
    },
    /// On a simulated bus.
    Simulated(SimBus),
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I2c { bus } => bus.display().fmt(f),
            Self::Simulated(_) => f.write_str("the simulated bus"),
        }
    }
}

/// What the LEDs do when the panel is stopped; they stay lit after the process unless they are darkened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStop {
    /// Go dark.
    #[default]
    Dark,
    /// Keep the last frame.
    Keep,
}

/// How stopping the panel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopOutcome {
    /// The chip acknowledged going dark.
    Dark,
    /// The last frame is left lit.
    Kept,
    /// The last transfer failed; the LEDs may be lit.
    Failed {
        /// Why, for people.
        detail: String,
    },
    /// The writer had ended by itself, and darkened the LEDs if the bus allowed it.
    Panicked,
    /// The writer did not end in time: a transfer is stuck in the kernel.
    TimedOut,
}

#[cfg(test)]
mod tests;
