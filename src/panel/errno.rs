//! The Linux error numbers that I2C transfers end with (`asm-generic/errno.h`; the kernel's `i2c/fault-codes`).
//!
//! Spelled out because `embedded_hal`'s error kinds do not keep them apart.

/// 1: the container's device rules forbid the device.
pub(super) const EPERM: i32 = 1;
/// 2: there is no such device file.
pub(super) const ENOENT: i32 = 2;
/// 5: the adapter reports an error on the lines.
pub(super) const EIO: i32 = 5;
/// 6: the address was not acknowledged, as some adapters report it.
pub(super) const ENXIO: i32 = 6;
/// 11: another controller took the bus.
pub(super) const EAGAIN: i32 = 11;
/// 13: the file's mode forbids it.
pub(super) const EACCES: i32 = 13;
/// 16: a kernel driver holds the address.
pub(super) const EBUSY: i32 = 16;
/// 19: the device file's adapter is gone.
pub(super) const ENODEV: i32 = 19;
/// 25: the file is no I2C bus.
pub(super) const ENOTTY: i32 = 25;
/// 95: the adapter has no plain I2C transfers.
pub(super) const EOPNOTSUPP: i32 = 95;
/// 110: a line stayed low.
pub(super) const ETIMEDOUT: i32 = 110;
/// 121: the address was not acknowledged, as the Pi's adapters report it.
pub(super) const EREMOTEIO: i32 = 121;
