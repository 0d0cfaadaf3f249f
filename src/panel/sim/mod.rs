//! A simulated bus with a PiGlow on it.
//!
//! It stands at the I2C trait, under the real driver, so what it calls shown was latched by the register model. Every
//! clone is a handle on the same bus: one goes to the panel's writer, others unplug it, inject faults and watch.

mod chip;
mod fault;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use embedded_hal::i2c::{ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};
use tokio::sync::watch;

use super::errno;
use super::sn3218::ADDRESS;
use crate::light::Frame;
use chip::{Chip, Effect};
use fault::Cut;

pub use fault::SimFault;

/// What the simulated board shows; published whenever it may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latched {
    /// What is lit.
    pub frame: Frame,
    /// The number of updates (register 0x16) since the bus was made; a frame is one.
    pub latches: u64,
}

/// How a simulated transfer failed: a Linux error number, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", io::Error::from_raw_os_error(*errno))]
pub struct SimError {
    /// The error number, such as 121 for EREMOTEIO.
    pub errno: i32,
}

impl embedded_hal::i2c::Error for SimError {
    fn kind(&self) -> ErrorKind {
        match self.errno {
            errno::EREMOTEIO => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            errno::EIO | errno::EBUSY => ErrorKind::Bus,
            _ => ErrorKind::Other,
        }
    }
}

/// A handle on a simulated bus with a PiGlow on it, freshly powered.
#[derive(Debug, Clone, Default)]
pub struct SimBus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
    latched: watch::Sender<Latched>,
    sleep: Mutex<Option<Sleep>>,
}

/// What the time of a transfer is spent with; by default the thread sleeps.
type Sleep = Box<dyn FnMut(Duration) + Send>;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    chip: Chip,
    latches: u64,
    unplugged: bool,
    fault: Option<SimFault>,
    cut: Option<Cut>,
    held: bool,
    panics: bool,
    bus_hz: Option<u32>,
    transfers: u64,
    bytes: u64,
}

impl SimBus {
    /// Makes a bus that answers at once, with a dark board on it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the bus clock, 100,000 Hz on a Pi by default; each transfer then takes its time. `None` and 0 answer at once.
    #[must_use]
    pub fn with_bus_hz(self, bus_hz: Option<u32>) -> Self {
        self.set_bus_hz(bus_hz);
        self
    }

    /// Changes the bus clock, as a chip does that stretches it.
    pub fn set_bus_hz(&self, bus_hz: Option<u32>) {
        self.state().bus_hz = bus_hz;
    }

    /// Spends the time of transfers by this function instead of sleeping, for tests on a clock of their own.
    #[must_use]
    pub fn with_sleep(self, sleep: impl FnMut(Duration) + Send + 'static) -> Self {
        *self.sleep() = Some(Box::new(sleep));
        self
    }

    /// Takes the board off its header: it goes dark, forgets its registers, and nothing answers.
    pub fn unplug(&self) {
        let mut state = self.state();
        state.unplugged = true;
        state.chip = Chip::default();
        self.publish(&state);
    }

    /// Puts the board back, freshly powered and dark; a cut that was to come does not.
    pub fn replug(&self) {
        let mut state = self.state();
        state.unplugged = false;
        state.cut = None;
    }

    /// Drops the supply for a moment: every register takes its default, and the chip goes on answering.
    pub fn brown_out(&self) {
        let mut state = self.state();
        state.chip = Chip::default();
        self.publish(&state);
    }

    /// Makes every transfer fail until [`clear_fault`](Self::clear_fault).
    pub fn fail_with(&self, fault: SimFault) {
        self.state().fault = Some(fault);
    }

    /// Ends an injected fault.
    pub fn clear_fault(&self) {
        self.state().fault = None;
    }

    /// Ends the next transfer with EIO after this many bytes, the register pointer included; the chip keeps its power.
    pub fn cut_after(&self, bytes: usize) {
        self.state().cut = Some(Cut {
            after: bytes,
            unplugs: false,
        });
    }

    /// Takes the board off its header in the middle of the next transfer, after this many bytes.
    pub fn unplug_after(&self, bytes: usize) {
        self.state().cut = Some(Cut {
            after: bytes,
            unplugs: true,
        });
    }

    /// Blocks every transfer until [`release`](Self::release), as a transfer stuck in the kernel does.
    pub fn hold(&self) {
        self.state().held = true;
    }

    /// Lets held transfers go on.
    pub fn release(&self) {
        self.state().held = false;
        self.shared.released.notify_all();
    }

    /// Makes the next transfer panic, to show what becomes of a thread that ends by itself.
    pub fn panic_once(&self) {
        self.state().panics = true;
    }

    /// What is lit at this moment, in the order of the LEDs.
    #[must_use]
    pub fn shown(&self) -> Frame {
        self.state().chip.lit()
    }

    /// Watches what is lit; the newest value is kept, so a frame may go unseen while its latch is counted.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Latched> {
        self.shared.latched.subscribe()
    }

    /// The number of transfers begun, failed ones included.
    #[must_use]
    pub fn transfers(&self) -> u64 {
        self.state().transfers
    }

    /// The number of data bytes the chip acknowledged, register pointers included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, state: &State) {
        self.shared.latched.send_replace(Latched {
            frame: state.chip.lit(),
            latches: state.latches,
        });
    }

    /// Takes the time of a transfer, outside the lock: the board is to be seen and unplugged meanwhile.
    fn occupy(&self, bytes: usize) {
        let mut state = self.state();
        state.transfers += 1;
        while state.held {
            state = self
                .shared
                .released
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let panics = std::mem::take(&mut state.panics);
        let bus_hz = state.bus_hz;
        drop(state);
        assert!(!panics, "the simulated bus was told to panic");
        if let Some(hz) = bus_hz.filter(|hz| *hz > 0) {
            let time = bus_time(bytes, hz);
            match self.sleep().as_mut() {
                Some(sleep) => sleep(time),
                None => std::thread::sleep(time),
            }
        }
    }

    /// Opens the device file; no transfer.
    pub(super) fn open(&self) -> Result<Self, SimError> {
        match self.state().fault.and_then(SimFault::of_open) {
            Some(errno) => Err(SimError { errno }),
            None => Ok(self.clone()),
        }
    }

    fn sleep(&self) -> MutexGuard<'_, Option<Sleep>> {
        self.shared
            .sleep
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ErrorType for SimBus {
    type Error = SimError;
}

impl I2c for SimBus {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), SimError> {
        self.occupy(operations.iter().map(length).sum());
        let mut state = self.state();
        if let Some(fault) = state.fault {
            return Err(SimError {
                errno: fault.of_transfer(),
            });
        }
        if state.unplugged || address != ADDRESS {
            return Err(NOT_ACKNOWLEDGED);
        }
        let cut = state.cut.take();
        let mut result = state.carry(operations, cut.map_or(usize::MAX, |cut| cut.after));
        if cut.is_some_and(|cut| cut.unplugs) {
            state.unplugged = true;
            state.chip = Chip::default();
            result = Carried {
                shows: true,
                end: Err(NOT_ACKNOWLEDGED),
            };
        }
        // Published once a transfer, as a frame is one.
        if result.shows {
            self.publish(&state);
        }
        result.end
    }
}

const NOT_ACKNOWLEDGED: SimError = SimError {
    errno: errno::EREMOTEIO,
};

struct Carried {
    shows: bool,
    end: Result<(), SimError>,
}

impl State {
    /// Takes the bytes of adjacent writes as one, first the pointer and then data; the chip acknowledges no read, and
    /// nothing after `limit` bytes arrives.
    fn carry(&mut self, operations: &[Operation<'_>], limit: usize) -> Carried {
        let mut shows = false;
        let mut pointer: Option<usize> = None;
        let mut taken = 0;
        for operation in operations {
            let Operation::Write(bytes) = operation else {
                return Carried {
                    shows,
                    end: Err(NOT_ACKNOWLEDGED),
                };
            };
            for byte in *bytes {
                if taken == limit {
                    return Carried {
                        shows,
                        end: Err(SimError { errno: errno::EIO }),
                    };
                }
                taken += 1;
                self.bytes += 1;
                pointer = Some(match pointer {
                    None => usize::from(*byte),
                    Some(register) => {
                        let effect = self.chip.write(register, *byte);
                        self.latches += u64::from(effect == Effect::Latched);
                        shows |= effect != Effect::Stored;
                        register + 1
                    }
                });
            }
        }
        Carried { shows, end: Ok(()) }
    }
}

fn length(operation: &Operation<'_>) -> usize {
    match operation {
        Operation::Read(bytes) => bytes.len(),
        Operation::Write(bytes) => bytes.len(),
    }
}

/// The time of a transfer: the address and each byte take nine bits, start and stop one each.
fn bus_time(bytes: usize, hz: u32) -> Duration {
    let bits = (bytes + 1) * 9 + 2;
    Duration::from_secs_f64(bits as f64 / f64::from(hz))
}

#[cfg(test)]
mod tests;
