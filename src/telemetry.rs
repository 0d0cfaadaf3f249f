//! The state of the host: what is read from it, and what is published about it.
//!
//! Pure: times and readings come in. What the host cannot tell is `None`, never zero.

pub mod history;
pub mod journal;
mod record;
mod stamp;

pub use stamp::{CLOCK_SET_SINCE_MS, Run, Stamp};

use std::time::Duration;

use crate::units::Percent;

/// What one look at the host gives, before anything is derived from two of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// When, on a monotonic clock with any origin.
    pub at: Duration,
    /// The load of the CPU since the reading before.
    pub cpu: Option<CpuLoad>,
    /// The CPU's clock, in MHz, as the kernel set it; firmware that throttles may run it slower.
    pub frequency_mhz: Option<u32>,
    /// The mean number of tasks that ran or waited, over 1, 5 and 15 minutes.
    pub load_average: Option<[f32; 3]>,
    /// The memory: used is total less what the kernel calls available.
    pub memory: Option<Space>,
    /// The swap; `None` when there is none.
    pub swap: Option<Space>,
    /// The temperature of the CPU, in °C.
    pub temperature_celsius: Option<f32>,
    /// How long the host has been up.
    pub uptime: Option<Duration>,
    /// The file system `/`.
    pub disk: Option<Space>,
    /// What has passed through the network interfaces.
    pub network: Option<NetworkCounters>,
    /// Whether power or heat hold the CPU back.
    pub throttled: Option<Throttled>,
}

/// The part of a [`Reading`] that LEDs show besides the load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gauges {
    /// When, on a monotonic clock with any origin.
    pub at: Duration,
    /// The mean number of tasks that ran or waited, over 1, 5 and 15 minutes.
    pub load_average: Option<[f32; 3]>,
    /// The memory.
    pub memory: Option<Space>,
    /// The temperature of the CPU, in °C.
    pub temperature_celsius: Option<f32>,
    /// The file system `/`.
    pub disk: Option<Space>,
    /// What has passed through the network interfaces.
    pub network: Option<NetworkCounters>,
}

/// The traffic that counts as full, both directions together, in bytes a second: 100 Mbit/s, what the network of most
/// Raspberry Pis can do.
const NOMINAL_BYTES_PER_SEC: f64 = 12_500_000.0;

impl Gauges {
    /// The traffic since an earlier reading as a share of 100 Mbit/s.
    #[must_use]
    pub fn network_share(&self, earlier: &Self) -> Option<Percent> {
        let elapsed = self.at.checked_sub(earlier.at)?;
        let rates = rates(earlier.network?, self.network?, elapsed)?;
        let sum = rates.receive_bytes_per_sec + rates.transmit_bytes_per_sec;
        Percent::saturating((sum / NOMINAL_BYTES_PER_SEC * 100.0) as f32)
    }
}

/// How busy the CPU was between two readings.
///
/// Busy is user, nice, system, interrupts, stolen and guest time; idle and waiting for I/O is not. In a container it is
/// the host's CPU.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CpuLoad {
    /// Of the whole machine: all cores busy is 100.
    pub total: Percent,
    /// Of each core, in the kernel's order.
    pub cores: Vec<Percent>,
}

/// A space of which a part is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What is used, in bytes, at most the total.
    pub used_bytes: u64,
    /// All of it, in bytes, more than 0.
    pub total_bytes: u64,
}

impl Space {
    /// A space by what is left of it; `None` when there is no such space.
    #[must_use]
    pub fn with_available(available_bytes: u64, total_bytes: u64) -> Option<Self> {
        (total_bytes > 0).then(|| Self {
            used_bytes: total_bytes.saturating_sub(available_bytes),
            total_bytes,
        })
    }

    /// The used share.
    #[must_use]
    pub fn share(self) -> Option<Percent> {
        Percent::of(self.used_bytes, self.total_bytes)
    }

    fn usage(self) -> Option<Usage> {
        Some(Usage {
            used: self.share()?,
            total_bytes: self.total_bytes,
        })
    }
}

/// Bytes that have passed since the interfaces came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Received, in bytes.
    pub receive_bytes: u64,
    /// Transmitted, in bytes.
    pub transmit_bytes: u64,
    /// Over how many interfaces the sums go: sums over others are not comparable.
    pub interfaces: usize,
}

/// Why the firmware of a Raspberry Pi runs the CPU slower than asked.
///
/// The bits are those of `vcgencmd get_throttled` (Raspberry Pi documentation, "vcgencmd").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Throttled {
    /// The supply is below 4.63 V at this moment (bit 0).
    pub under_voltage: bool,
    /// The clock is capped, throttled, or lowered for the soft temperature limit at this moment (bits 1 to 3).
    pub now: bool,
    /// Any of these has been the case since the host started (bits 16 to 19), as far as the kernel remembers it.
    pub since_boot: bool,
}

impl Throttled {
    /// Interprets the firmware's bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self {
            under_voltage: bits & 0x1 != 0,
            now: bits & 0xe != 0,
            since_boot: bits & 0xf_0000 != 0,
        }
    }
}

/// One set of numbers about the host, as published.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// When, and which one it is.
    pub stamp: Stamp,
    /// The load of the CPU since the sample before.
    pub cpu: Option<CpuLoad>,
    /// The CPU's clock, in MHz.
    pub frequency_mhz: Option<u32>,
    /// The mean number of tasks that ran or waited, over 1, 5 and 15 minutes.
    pub load_average: Option<[f32; 3]>,
    /// The memory.
    pub memory: Option<Usage>,
    /// The swap; `None` when there is none.
    pub swap: Option<Usage>,
    /// The temperature of the CPU, in °C.
    pub temperature_celsius: Option<f32>,
    /// How long the host has been up, in whole seconds.
    pub uptime_secs: Option<u64>,
    /// When the host started, in seconds since 1970-01-01 UTC; the same in each sample, see [`BootTime`].
    pub booted_unix_secs: Option<i64>,
    /// The file system `/`.
    pub disk: Option<Usage>,
    /// The traffic since the sample before.
    pub network: Option<NetworkRates>,
    /// Whether power or heat hold the CPU back.
    pub throttled: Option<Throttled>,
}

/// How much of a space is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// The used share.
    pub used: Percent,
    /// The whole, in bytes.
    pub total_bytes: u64,
}

/// Traffic of the network interfaces together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkRates {
    /// Received, in bytes a second, 0 or more.
    pub receive_bytes_per_sec: f64,
    /// Transmitted, in bytes a second, 0 or more.
    pub transmit_bytes_per_sec: f64,
}

impl Sample {
    /// Makes a sample of a reading and the one before it, which rates need.
    #[must_use]
    pub fn of(previous: Option<&Reading>, reading: &Reading, stamp: Stamp) -> Self {
        let network = previous.and_then(|previous| {
            let elapsed = reading.at.checked_sub(previous.at)?;
            rates(previous.network?, reading.network?, elapsed)
        });
        Self {
            stamp,
            cpu: reading.cpu.clone(),
            frequency_mhz: reading.frequency_mhz,
            load_average: reading.load_average,
            memory: reading.memory.and_then(Space::usage),
            swap: reading.swap.and_then(Space::usage),
            temperature_celsius: reading.temperature_celsius,
            uptime_secs: reading.uptime.map(|uptime| uptime.as_secs()),
            booted_unix_secs: None,
            disk: reading.disk.and_then(Space::usage),
            network,
            throttled: reading.throttled,
        }
    }
}

/// When the host started, as a time that stays put.
///
/// The wall clock less the uptime differs by a second from one reading to the next, and by as much as it likes when the
/// clock is set: a Raspberry Pi without a clock starts in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootTime(Option<i64>);

impl BootTime {
    /// The clock was set, and has not only been read at another moment, when it is off by more than this, in seconds.
    const SLACK_SECS: u64 = 10;

    /// The time after another look at the clock, in milliseconds since 1970, and at the uptime.
    pub fn look(&mut self, unix_ms: i64, uptime_secs: Option<u64>) -> Option<i64> {
        let uptime = i64::try_from(uptime_secs?).ok()?;
        let seen = unix_ms.div_euclid(1000).saturating_sub(uptime);
        let kept = self
            .0
            .filter(|kept| kept.abs_diff(seen) <= Self::SLACK_SECS);
        self.0 = Some(kept.unwrap_or(seen));
        self.0
    }
}

/// Traffic between two readings; `None` when a counter went back, as after an interface was reset or removed.
fn rates(from: NetworkCounters, to: NetworkCounters, elapsed: Duration) -> Option<NetworkRates> {
    if elapsed.is_zero() || from.interfaces != to.interfaces {
        return None;
    }
    let rate = |from: u64, to: u64| Some(to.checked_sub(from)? as f64 / elapsed.as_secs_f64());
    Some(NetworkRates {
        receive_bytes_per_sec: rate(from.receive_bytes, to.receive_bytes)?,
        transmit_bytes_per_sec: rate(from.transmit_bytes, to.transmit_bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn traffic(at_secs: u64, receive_bytes: u64, transmit_bytes: u64) -> Reading {
        Reading {
            at: Duration::from_secs(at_secs),
            network: Some(NetworkCounters {
                receive_bytes,
                transmit_bytes,
                interfaces: 1,
            }),
            ..Reading::default()
        }
    }

    #[test]
    fn the_network_is_full_at_100_mbit_per_second() {
        let at = |secs: u64, bytes: u64| Gauges {
            at: Duration::from_secs(secs),
            network: Some(NetworkCounters {
                receive_bytes: bytes,
                transmit_bytes: 0,
                interfaces: 1,
            }),
            ..Gauges::default()
        };
        let share = |bytes| at(3, bytes).network_share(&at(1, 0)).map(Percent::get);
        assert_eq!(share(12_500_000), Some(50.0));
        assert_eq!(share(250_000_000), Some(100.0));
        assert_eq!(at(1, 5).network_share(&at(3, 0)), None);
    }

    #[test]
    fn the_boot_time_stays_put_until_the_clock_is_set() {
        let mut boot = BootTime::default();
        assert_eq!(boot.look(1_000_900, Some(100)), Some(900));
        // The same instant, read a moment later on either side.
        assert_eq!(boot.look(1_006_100, Some(105)), Some(900));
        assert_eq!(boot.look(1_006_900, Some(107)), Some(900));
        assert_eq!(boot.look(90_000_000, Some(110)), Some(89_890));
        assert_eq!(boot.look(90_000_000, None), None);
    }

    #[test]
    fn rates_are_bytes_over_the_time_between_two_readings() {
        let sample = Sample::of(
            Some(&traffic(10, 100, 50)),
            &traffic(14, 500, 50),
            Stamp::default(),
        );
        assert_eq!(
            sample.network,
            Some(NetworkRates {
                receive_bytes_per_sec: 100.0,
                transmit_bytes_per_sec: 0.0
            })
        );
    }

    #[test]
    fn first_sample_has_no_rates() {
        assert_eq!(
            Sample::of(None, &traffic(1, 1, 1), Stamp::default()).network,
            None
        );
    }

    #[test]
    fn counters_that_went_back_give_no_rate() {
        let before = traffic(1, 100, 100);
        assert_eq!(
            Sample::of(Some(&before), &traffic(2, 99, 200), Stamp::default()).network,
            None
        );
        assert_eq!(
            Sample::of(Some(&before), &traffic(2, 200, 99), Stamp::default()).network,
            None
        );
    }

    #[test]
    fn an_interface_that_appeared_gives_no_rate() {
        let mut after = traffic(2, 1_000_000, 1_000_000);
        after.network = after.network.map(|counters| NetworkCounters {
            interfaces: 2,
            ..counters
        });
        assert_eq!(
            Sample::of(Some(&traffic(1, 1, 1)), &after, Stamp::default()).network,
            None
        );
    }

    #[test]
    fn no_time_between_readings_gives_no_rate() {
        let reading = traffic(1, 1, 1);
        assert_eq!(
            Sample::of(Some(&reading), &reading, Stamp::default()).network,
            None
        );
        assert_eq!(
            Sample::of(Some(&traffic(2, 1, 1)), &reading, Stamp::default()).network,
            None
        );
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        let stamp = Stamp {
            unix_ms: 5,
            sequence: 6,
            ..Stamp::default()
        };
        let sample = Sample::of(None, &Reading::default(), stamp);
        let expected = Sample {
            stamp,
            ..Sample::default()
        };
        assert_eq!(sample, expected);
    }

    #[test]
    fn used_is_the_total_less_what_is_available() {
        assert_eq!(Space::with_available(0, 0), None);
        let space = Space::with_available(1, 4);
        let usage = space.and_then(Space::usage).expect("a space");
        assert_eq!((usage.used.get(), usage.total_bytes), (75.0, 4));
        // A container may be told of more available memory than it is allowed in total.
        let space = Space::with_available(5, 4);
        assert_eq!(space.map(|space| space.used_bytes), Some(0));
    }

    #[test]
    fn firmware_bits_are_under_voltage_now_and_since_boot() {
        for (bits, under_voltage, now, since_boot) in [
            (0, false, false, false),
            (0x1, true, false, false),
            (0x2, false, true, false),
            (0x4, false, true, false),
            (0x8, false, true, false),
            (0x5_0000, false, false, true),
            (0x5_0005, true, true, true),
            (0x8_0000, false, false, true),
        ] {
            let expected = Throttled {
                under_voltage,
                now,
                since_boot,
            };
            assert_eq!(Throttled::from_bits(bits), expected, "{bits:#x}");
        }
    }

    proptest! {
        #[test]
        fn rates_are_finite_and_not_negative(
            from in any::<(u64, u64)>(), to in any::<(u64, u64)>(), nanos in any::<u64>(),
        ) {
            let counters = |(receive_bytes, transmit_bytes)| NetworkCounters {
                receive_bytes,
                transmit_bytes,
                interfaces: 1,
            };
            let elapsed = Duration::from_nanos(nanos);
            if let Some(rates) = rates(counters(from), counters(to), elapsed) {
                for rate in [rates.receive_bytes_per_sec, rates.transmit_bytes_per_sec] {
                    prop_assert!(rate.is_finite() && rate >= 0.0);
                }
            }
        }

        #[test]
        fn usage_is_within_its_range(available: u64, total: u64) {
            let usage = Space::with_available(available, total).and_then(Space::usage);
            prop_assert_eq!(usage.is_some(), total > 0);
        }
    }
}
