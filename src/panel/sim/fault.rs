//! What can be made to go wrong on the simulated bus.

use crate::panel::errno;

/// A fault that every transfer meets until it is cleared; the chip keeps its power and its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimFault {
    /// Nothing acknowledges the address: EREMOTEIO.
    NoAcknowledge,
    /// A line stays low: ETIMEDOUT.
    TimedOut,
    /// The adapter reports an error: EIO.
    BusError,
    /// Another controller has the bus: EAGAIN.
    Contended,
    /// The user may not use the device: EACCES.
    PermissionDenied,
    /// The container may not use the device: EPERM.
    NotPermitted,
    /// A kernel driver holds the address: EBUSY.
    Busy,
    /// The adapter went away: ENODEV.
    NoSuchDevice,
    /// The device file went away: ENOENT when it is opened; an open one has no adapter behind it.
    NoDeviceFile,
}

impl SimFault {
    /// Every fault there is.
    pub const ALL: [Self; 9] = [
        Self::NoAcknowledge,
        Self::TimedOut,
        Self::BusError,
        Self::Contended,
        Self::PermissionDenied,
        Self::NotPermitted,
        Self::Busy,
        Self::NoSuchDevice,
        Self::NoDeviceFile,
    ];

    /// How a transfer ends.
    pub(super) const fn of_transfer(self) -> i32 {
        match self {
            Self::NoAcknowledge => errno::EREMOTEIO,
            Self::TimedOut => errno::ETIMEDOUT,
            Self::BusError => errno::EIO,
            Self::Contended => errno::EAGAIN,
            Self::PermissionDenied => errno::EACCES,
            Self::NotPermitted => errno::EPERM,
            Self::Busy => errno::EBUSY,
            Self::NoSuchDevice | Self::NoDeviceFile => errno::ENODEV,
        }
    }

    /// How opening the device file ends, if it does not succeed.
    pub(super) const fn of_open(self) -> Option<i32> {
        match self {
            Self::NoDeviceFile => Some(errno::ENOENT),
            Self::PermissionDenied => Some(errno::EACCES),
            Self::NotPermitted => Some(errno::EPERM),
            Self::NoSuchDevice => Some(errno::ENODEV),
            // The lines are not touched by an opening; a taken address surfaces with the first transfer.
            Self::NoAcknowledge
            | Self::TimedOut
            | Self::BusError
            | Self::Contended
            | Self::Busy => None,
        }
    }
}

/// A transfer that ends before its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The bytes that the chip still takes, the register pointer included.
    pub(super) after: usize,
    /// Whether the board is gone then, and with it its power.
    pub(super) unplugs: bool,
}
