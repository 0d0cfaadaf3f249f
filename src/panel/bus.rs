//! Opening the bus, and what its errors mean.

use embedded_hal::i2c::{
    ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation, SevenBitAddress,
};
use linux_embedded_hal::I2cdev;
use linux_embedded_hal::i2cdev::linux::LinuxI2CError;

use super::errno;
use super::sim::SimBus;
use super::sn3218::ADDRESS;
use super::{Backend, PanelState};

/// The bus that carries the panel: a device file or the simulator.
///
/// After an error it must be opened again: a descriptor goes stale when its adapter is unbound.
pub struct Bus {
    name: String,
    line: Line,
}

enum Line {
    I2c(I2cdev),
    Simulated(SimBus),
}

impl Bus {
    /// Opens the bus without a transfer.
    ///
    /// # Errors
    ///
    /// When the device file does not open. A missing chip and a busy address surface with the first transfer.
    pub fn open(backend: &Backend) -> Result<Self, BusError> {
        let name = backend.to_string();
        let line = match backend {
            Backend::I2c { bus } => Line::I2c(
                I2cdev::new(bus).map_err(|error| BusError::new(linux_errno(&error), &name))?,
            ),
            Backend::Simulated(bus) => Line::Simulated(
                bus.open()
                    .map_err(|error| BusError::new(Some(error.errno), &name))?,
            ),
        };
        Ok(Self { name, line })
    }
}

impl ErrorType for Bus {
    type Error = BusError;
}

impl I2c for Bus {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), BusError> {
        let result = match &mut self.line {
            Line::I2c(device) => I2c::<SevenBitAddress>::transaction(device, address, operations)
                .map_err(|error| linux_errno(error.inner())),
            Line::Simulated(bus) => bus
                .transaction(address, operations)
                .map_err(|error| Some(error.errno)),
        };
        result.map_err(|errno| BusError::new(errno, &self.name))
    }
}

/// The error number behind an error; `kind()` would map the two most common ones to "other".
fn linux_errno(error: &LinuxI2CError) -> Option<i32> {
    match error {
        LinuxI2CError::Errno(errno) => Some(*errno),
        LinuxI2CError::Io(error) => error.raw_os_error(),
    }
}

/// What keeps the panel from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing acknowledges the chip's address.
    NoAnswer,
    /// The device file does not exist.
    NoBus,
    /// The device file's adapter is gone.
    NoAdapter,
    /// The file is no I2C bus, or one without plain transfers.
    NotI2c,
    /// The user is not in the device's group.
    NoAccess,
    /// The container was not given the device.
    NotPermitted,
    /// A kernel driver holds the chip's address.
    AddressTaken,
    /// A line stays low.
    TimedOut,
    /// The adapter reports an error on the lines, or lost the bus to another controller.
    Line,
    /// An error number that I2C does not define, or none.
    Unknown(Option<i32>),
}

impl Fault {
    /// Reads a Linux error number (the kernel's `i2c/fault-codes`).
    #[must_use]
    pub const fn from_errno(errno: Option<i32>) -> Self {
        let Some(number) = errno else {
            return Self::Unknown(None);
        };
        match number {
            errno::EREMOTEIO | errno::ENXIO => Self::NoAnswer,
            errno::ENOENT => Self::NoBus,
            errno::ENODEV => Self::NoAdapter,
            errno::ENOTTY | errno::EOPNOTSUPP => Self::NotI2c,
            errno::EACCES => Self::NoAccess,
            errno::EPERM => Self::NotPermitted,
            errno::EBUSY => Self::AddressTaken,
            errno::ETIMEDOUT => Self::TimedOut,
            errno::EIO | errno::EAGAIN => Self::Line,
            _ => Self::Unknown(errno),
        }
    }

    /// The state that this fault puts the panel in.
    #[must_use]
    pub const fn state(self) -> PanelState {
        match self {
            Self::NoAnswer | Self::NoBus | Self::NoAdapter => PanelState::Missing,
            Self::NoAccess | Self::NotPermitted => PanelState::Denied,
            Self::AddressTaken => PanelState::Busy,
            Self::TimedOut | Self::Line => PanelState::Stuck,
            Self::NotI2c | Self::Unknown(_) => PanelState::Failed,
        }
    }

    /// What happened to the bus of this name, and what to do about it.
    fn detail(self, bus: &str) -> String {
        match self {
            Self::NoAnswer => format!(
                "no device answers at {ADDRESS:#04x} on {bus}: is the PiGlow seated, and is this the header's bus?"
            ),
            Self::NoBus => format!(
                "{bus} does not exist: turn I2C on with \"sudo raspi-config nonint do_i2c 0\" and reboot; \
                 in a container, pass it in with \"--device {bus}\""
            ),
            Self::NoAdapter => format!(
                "{bus} has no adapter behind it: was I2C turned off or its driver unloaded? \
                 \"sudo raspi-config nonint do_i2c 0\" and a reboot bring it back"
            ),
            Self::NotI2c => format!(
                "{bus} does no I2C transfers: name the header's bus, /dev/i2c-1 on every Pi but the first"
            ),
            Self::NoAccess => format!(
                "permission denied on {bus}: add the user to its group with \"sudo usermod -aG i2c $USER\" and log in \
                 again; in a container, \"--group-add $(stat -c %g {bus})\""
            ),
            Self::NotPermitted => format!(
                "operation not permitted on {bus}: the container was not given the device; \
                 pass it in with \"--device {bus}\""
            ),
            Self::AddressTaken => format!(
                "address {ADDRESS:#04x} on {bus} belongs to a kernel driver: remove the overlay of leds-is31fl32xx, \
                 or unbind it"
            ),
            Self::TimedOut => format!(
                "{bus} timed out: a line stays low; reseat the PiGlow and power-cycle the Pi, \
                 or lower i2c_arm_baudrate"
            ),
            Self::Line => format!(
                "transfer failed on {bus}: noise or a clock too fast; reseat the PiGlow, \
                 or lower i2c_arm_baudrate"
            ),
            Self::Unknown(Some(errno)) => format!(
                "transfer failed on {bus}: {}; \"sudo dmesg\" may say more",
                std::io::Error::from_raw_os_error(errno)
            ),
            Self::Unknown(None) => {
                format!(
                    "transfer failed on {bus} without an error number; \"sudo dmesg\" may say more"
                )
            }
        }
    }
}

/// A failed opening or transfer: what it means, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct BusError {
    /// What it means.
    pub fault: Fault,
    /// The thing, the value and the next step, for people.
    pub detail: String,
}

impl BusError {
    fn new(errno: Option<i32>, bus: &str) -> Self {
        let fault = Fault::from_errno(errno);
        Self {
            fault,
            detail: fault.detail(bus),
        }
    }
}

impl embedded_hal::i2c::Error for BusError {
    fn kind(&self) -> ErrorKind {
        match self.fault {
            Fault::NoAnswer => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Fault::TimedOut | Fault::Line | Fault::AddressTaken => ErrorKind::Bus,
            Fault::NoBus
            | Fault::NoAdapter
            | Fault::NotI2c
            | Fault::NoAccess
            | Fault::NotPermitted
            | Fault::Unknown(_) => ErrorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::{SimFault, Sn3218};
    use std::path::PathBuf;

    fn error_of(backend: &Backend) -> BusError {
        Bus::open(backend)
            .and_then(|bus| Sn3218::new(bus).probe())
            .unwrap_err()
    }

    #[test]
    fn missing_device_file_says_how_to_turn_i2c_on() {
        let bus = PathBuf::from("/dev/i2c-does-not-exist");
        let error = error_of(&Backend::I2c { bus });
        assert_eq!(error.fault, Fault::NoBus);
        assert!(
            error.detail.starts_with(
                "/dev/i2c-does-not-exist does not exist: turn I2C on with \"sudo raspi-config nonint do_i2c 0\""
            ),
            "{error}"
        );
    }

    #[test]
    fn file_that_is_no_bus_is_told_apart() {
        let bus = PathBuf::from("/dev/null");
        let error = error_of(&Backend::I2c { bus });
        assert_eq!(error.fault, Fault::NotI2c);
        assert_eq!(error.fault.state(), PanelState::Failed);
    }

    #[test]
    fn simulated_faults_are_classified_by_their_numbers() {
        for fault in SimFault::ALL {
            let expected = match fault {
                SimFault::NoAcknowledge => (Fault::NoAnswer, PanelState::Missing),
                SimFault::TimedOut => (Fault::TimedOut, PanelState::Stuck),
                SimFault::BusError | SimFault::Contended => (Fault::Line, PanelState::Stuck),
                SimFault::PermissionDenied => (Fault::NoAccess, PanelState::Denied),
                SimFault::NotPermitted => (Fault::NotPermitted, PanelState::Denied),
                SimFault::Busy => (Fault::AddressTaken, PanelState::Busy),
                SimFault::NoSuchDevice => (Fault::NoAdapter, PanelState::Missing),
                SimFault::NoDeviceFile => (Fault::NoBus, PanelState::Missing),
            };
            let sim = SimBus::new();
            sim.fail_with(fault);
            let error = error_of(&Backend::Simulated(sim));
            assert_eq!((error.fault, error.fault.state()), expected, "{fault:?}");
        }
    }

    #[test]
    fn a_device_file_that_goes_away_is_told_when_it_is_opened_again() {
        let sim = SimBus::new();
        let mut open = Sn3218::new(Bus::open(&Backend::Simulated(sim.clone())).unwrap());
        open.probe().unwrap();
        sim.fail_with(SimFault::NoDeviceFile);
        assert_eq!(open.probe().unwrap_err().fault, Fault::NoAdapter);
        assert_eq!(error_of(&Backend::Simulated(sim)).fault, Fault::NoBus);
    }

    /// What each error number of a real host means, puts the panel in, and has a person do.
    #[test]
    fn each_error_number_has_a_meaning_a_state_and_a_next_step() {
        const STEPS: [(i32, Fault, PanelState, &str); 12] = [
            (1, Fault::NotPermitted, PanelState::Denied, "--device"),
            (2, Fault::NoBus, PanelState::Missing, "raspi-config"),
            (5, Fault::Line, PanelState::Stuck, "i2c_arm_baudrate"),
            (6, Fault::NoAnswer, PanelState::Missing, "seated"),
            (11, Fault::Line, PanelState::Stuck, "i2c_arm_baudrate"),
            (13, Fault::NoAccess, PanelState::Denied, "usermod -aG i2c"),
            (16, Fault::AddressTaken, PanelState::Busy, "overlay"),
            (19, Fault::NoAdapter, PanelState::Missing, "raspi-config"),
            (25, Fault::NotI2c, PanelState::Failed, "/dev/i2c-1"),
            (95, Fault::NotI2c, PanelState::Failed, "/dev/i2c-1"),
            (110, Fault::TimedOut, PanelState::Stuck, "power-cycle"),
            (121, Fault::NoAnswer, PanelState::Missing, "seated"),
        ];
        for (errno, meaning, state, step) in STEPS {
            let error = BusError::new(Some(errno), "/dev/i2c-1");
            assert_eq!((error.fault, error.fault.state()), (meaning, state));
            assert!(error.detail.contains(step), "{errno}: {error}");
        }
        for errno in [None, Some(0), Some(-1), Some(108), Some(i32::MAX)] {
            let error = BusError::new(errno, "/dev/i2c-1");
            assert_eq!(error.fault, Fault::Unknown(errno));
            assert_eq!(error.fault.state(), PanelState::Failed);
            assert!(error.detail.contains("dmesg"), "{error}");
        }
    }

    #[test]
    fn every_message_names_the_bus_and_a_next_step() {
        for errno in [1, 2, 5, 6, 11, 13, 16, 19, 25, 95, 110, 121, 108] {
            let error = BusError::new(Some(errno), "/dev/i2c-1");
            assert!(error.detail.contains("/dev/i2c-1"), "{error}");
            assert!(error.detail.contains([':', ';']), "{error}");
            assert!(!error.detail.ends_with('.'), "{error}");
        }
        assert_eq!(
            BusError::new(Some(121), "/dev/i2c-1").to_string(),
            "no device answers at 0x54 on /dev/i2c-1: is the PiGlow seated, and is this the header's bus?"
        );
    }
}
