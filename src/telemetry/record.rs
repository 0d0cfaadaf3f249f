//! A sample in few bytes, as exact as it is published: about 80 bytes for four cores, where its JSON has 600.
//!
//! Numbers are little-endian; `varint` has seven bits a byte, least first. In this order, the optional ones as the flags say:
//! flags (16 bits), run (32 bits), sequence (varint), wall clock in milliseconds (varint, zigzag), since boot in milliseconds
//! (varint), CPU (tenths of a percent in 16 bits: the total, then after their number (varint) the cores), frequency (varint),
//! load averages (three 32-bit floats), memory, swap (tenths and bytes in all, varint), temperature (32-bit float), uptime
//! (varint), disk (as memory), network (two varints).

use std::time::Duration;

use super::{CpuLoad, NetworkRates, Run, Sample, Stamp, Throttled, Usage};
use crate::units::Percent;

const SINCE_BOOT: u16 = 1;
const CPU: u16 = 1 << 1;
const FREQUENCY: u16 = 1 << 2;
const LOAD_AVERAGE: u16 = 1 << 3;
const MEMORY: u16 = 1 << 4;
const SWAP: u16 = 1 << 5;
const TEMPERATURE: u16 = 1 << 6;
const UPTIME: u16 = 1 << 7;
const DISK: u16 = 1 << 8;
const NETWORK: u16 = 1 << 9;
const THROTTLED: u16 = 1 << 10;
const UNDER_VOLTAGE: u16 = 1 << 11;
const THROTTLED_NOW: u16 = 1 << 12;
const THROTTLED_SINCE_BOOT: u16 = 1 << 13;

/// Appends a sample.
pub(super) fn encode(sample: &Sample, out: &mut Vec<u8>) {
    out.extend(flags(sample).to_le_bytes());
    let stamp = &sample.stamp;
    out.extend(stamp.run.0.to_le_bytes());
    put(out, stamp.sequence);
    put(out, zigzag(stamp.unix_ms));
    if let Some(since_boot) = stamp.since_boot {
        put(
            out,
            u64::try_from(since_boot.as_millis()).unwrap_or(u64::MAX),
        );
    }
    if let Some(cpu) = &sample.cpu {
        put_tenths(out, cpu.total);
        put(out, cpu.cores.len() as u64);
        for core in &cpu.cores {
            put_tenths(out, *core);
        }
    }
    if let Some(frequency) = sample.frequency_mhz {
        put(out, frequency.into());
    }
    for load in sample.load_average.iter().flatten() {
        out.extend(load.to_le_bytes());
    }
    for usage in [sample.memory, sample.swap].into_iter().flatten() {
        put_usage(out, usage);
    }
    if let Some(temperature) = sample.temperature_celsius {
        out.extend(temperature.to_le_bytes());
    }
    if let Some(uptime) = sample.uptime_secs {
        put(out, uptime);
    }
    if let Some(disk) = sample.disk {
        put_usage(out, disk);
    }
    if let Some(rates) = sample.network {
        put(out, rates.receive_bytes_per_sec.round() as u64);
        put(out, rates.transmit_bytes_per_sec.round() as u64);
    }
}

/// Reads a sample; `None` unless the bytes are one, all of them.
pub(super) fn decode(bytes: &[u8]) -> Option<Sample> {
    let mut rest = Rest(bytes);
    let flags = u16::from_le_bytes(rest.take()?);
    let has = |flag: u16| flags & flag != 0;
    // Fields are read in the order of the initializer.
    let sample = Sample {
        stamp: Stamp {
            run: Run(u32::from_le_bytes(rest.take()?)),
            sequence: rest.varint()?,
            unix_ms: unzigzag(rest.varint()?),
            since_boot: rest.when(has(SINCE_BOOT), |rest| {
                rest.varint().map(Duration::from_millis)
            })?,
        },
        cpu: rest.when(has(CPU), Rest::cpu)?,
        frequency_mhz: rest.when(has(FREQUENCY), |rest| u32::try_from(rest.varint()?).ok())?,
        load_average: rest.when(has(LOAD_AVERAGE), |rest| {
            Some([rest.float()?, rest.float()?, rest.float()?])
        })?,
        memory: rest.when(has(MEMORY), Rest::usage)?,
        swap: rest.when(has(SWAP), Rest::usage)?,
        temperature_celsius: rest.when(has(TEMPERATURE), Rest::float)?,
        uptime_secs: rest.when(has(UPTIME), Rest::varint)?,
        // Told by the stamp and the uptime.
        booted_unix_secs: None,
        disk: rest.when(has(DISK), Rest::usage)?,
        network: rest.when(has(NETWORK), |rest| {
            Some(NetworkRates {
                receive_bytes_per_sec: rest.varint()? as f64,
                transmit_bytes_per_sec: rest.varint()? as f64,
            })
        })?,
        throttled: has(THROTTLED).then(|| Throttled {
            under_voltage: has(UNDER_VOLTAGE),
            now: has(THROTTLED_NOW),
            since_boot: has(THROTTLED_SINCE_BOOT),
        }),
    };
    rest.0.is_empty().then_some(sample)
}

/// Run and sequence of an encoded sample, without reading the rest.
pub(super) fn key(bytes: &[u8]) -> Option<(u32, u64)> {
    let mut rest = Rest(bytes.get(2..)?);
    Some((u32::from_le_bytes(rest.take()?), rest.varint()?))
}

fn flags(sample: &Sample) -> u16 {
    let throttled = sample.throttled.unwrap_or_default();
    [
        (SINCE_BOOT, sample.stamp.since_boot.is_some()),
        (CPU, sample.cpu.is_some()),
        (FREQUENCY, sample.frequency_mhz.is_some()),
        (LOAD_AVERAGE, sample.load_average.is_some()),
        (MEMORY, sample.memory.is_some()),
        (SWAP, sample.swap.is_some()),
        (TEMPERATURE, sample.temperature_celsius.is_some()),
        (UPTIME, sample.uptime_secs.is_some()),
        (DISK, sample.disk.is_some()),
        (NETWORK, sample.network.is_some()),
        (THROTTLED, sample.throttled.is_some()),
        (UNDER_VOLTAGE, throttled.under_voltage),
        (THROTTLED_NOW, throttled.now),
        (THROTTLED_SINCE_BOOT, throttled.since_boot),
    ]
    .into_iter()
    .filter(|(_, is_set)| *is_set)
    .fold(0, |flags, (flag, _)| flags | flag)
}

/// Appends a number, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A tenth of a percent is what is published.
fn put_tenths(out: &mut Vec<u8>, percent: Percent) {
    let tenths = (f64::from(percent.get()) * 10.0).round() as u16;
    out.extend(tenths.to_le_bytes());
}

fn put_usage(out: &mut Vec<u8>, usage: Usage) {
    put_tenths(out, usage.used);
    put(out, usage.total_bytes);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The bytes that have not been read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl Rest<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn float(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes)
    }

    fn percent(&mut self) -> Option<Percent> {
        let tenths = u16::from_le_bytes(self.take()?);
        if tenths > 1000 {
            return None;
        }
        Percent::saturating(f32::from(tenths) / 10.0)
    }

    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            used: self.percent()?,
            total_bytes: self.varint()?,
        })
    }

    fn cpu(&mut self) -> Option<CpuLoad> {
        let total = self.percent()?;
        let count = usize::try_from(self.varint()?).ok()?;
        // Before anything is reserved: each has two bytes.
        if count > self.0.len() / 2 {
            return None;
        }
        let cores = (0..count).map(|_| self.percent()).collect::<Option<_>>()?;
        Some(CpuLoad { total, cores })
    }

    /// Reads what is there; the outer `None` when it should be and is not.
    fn when<T>(
        &mut self,
        is_there: bool,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if is_there {
            read(self).map(Some)
        } else {
            Some(None)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn percent() -> impl Strategy<Value = Percent> {
        // What is published has tenths.
        (0..=1000_u16).prop_map(|tenths| Percent::saturating(f32::from(tenths) / 10.0).unwrap())
    }

    fn usage() -> impl Strategy<Value = Option<Usage>> {
        option::of(
            (percent(), any::<u64>()).prop_map(|(used, total_bytes)| Usage { used, total_bytes }),
        )
    }

    fn rates() -> impl Strategy<Value = Option<NetworkRates>> {
        let rate = || (0..1_u64 << 50).prop_map(|rate| rate as f64);
        option::of(
            (rate(), rate()).prop_map(|(receive, transmit)| NetworkRates {
                receive_bytes_per_sec: receive,
                transmit_bytes_per_sec: transmit,
            }),
        )
    }

    fn stamp() -> impl Strategy<Value = Stamp> {
        let since_boot = option::of(any::<u64>().prop_map(Duration::from_millis));
        (any::<u32>(), any::<u64>(), any::<i64>(), since_boot).prop_map(
            |(run, sequence, unix_ms, since_boot)| Stamp {
                run: Run(run),
                sequence,
                unix_ms,
                since_boot,
            },
        )
    }

    /// Any sample as it can be published.
    pub(in crate::telemetry) fn samples() -> impl Strategy<Value = Sample> {
        let cpu = (percent(), proptest::collection::vec(percent(), 0..9))
            .prop_map(|(total, cores)| CpuLoad { total, cores });
        let throttled = any::<[bool; 3]>().prop_map(|[under_voltage, now, since_boot]| Throttled {
            under_voltage,
            now,
            since_boot,
        });
        let first = (stamp(), option::of(cpu), option::of(any::<u32>()));
        let floats = (
            option::of(
                any::<[i16; 3]>().prop_map(|loads| loads.map(|load| f32::from(load) / 100.0)),
            ),
            option::of(any::<i16>().prop_map(|tenths| f32::from(tenths) / 10.0)),
        );
        let usages = (usage(), usage(), usage());
        let last = (option::of(any::<u64>()), rates(), option::of(throttled));
        (first, floats, usages, last).prop_map(|(first, floats, usages, last)| Sample {
            stamp: first.0,
            cpu: first.1,
            frequency_mhz: first.2,
            load_average: floats.0,
            memory: usages.0,
            swap: usages.1,
            temperature_celsius: floats.1,
            uptime_secs: last.0,
            booted_unix_secs: None,
            disk: usages.2,
            network: last.1,
            throttled: last.2,
        })
    }

    fn encoded(sample: &Sample) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(sample, &mut bytes);
        bytes
    }

    /// What a Raspberry Pi with four cores tells after a month.
    fn typical() -> Sample {
        let percent = |value| Percent::saturating(value).unwrap();
        let usage = Some(Usage {
            used: percent(41.3),
            total_bytes: 31_268_536_320,
        });
        Sample {
            stamp: Stamp {
                run: Run(u32::MAX),
                sequence: 500_000,
                unix_ms: 1_800_000_000_000,
                since_boot: Some(Duration::from_secs(2_600_000)),
            },
            cpu: Some(CpuLoad {
                total: percent(12.5),
                cores: vec![percent(12.5); 4],
            }),
            frequency_mhz: Some(1500),
            load_average: Some([0.5; 3]),
            memory: usage,
            swap: usage,
            temperature_celsius: Some(48.3),
            uptime_secs: Some(2_600_000),
            booted_unix_secs: None,
            disk: usage,
            network: Some(NetworkRates {
                receive_bytes_per_sec: 1_000_000.0,
                transmit_bytes_per_sec: 1_000_000.0,
            }),
            throttled: Some(Throttled::default()),
        }
    }

    #[test]
    fn four_cores_take_at_most_90_bytes() {
        let length = encoded(&typical()).len();
        assert!((60..=90).contains(&length), "{length}");
    }

    #[test]
    fn a_cut_sample_and_one_with_more_behind_it_are_none() {
        let mut bytes = encoded(&typical());
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn a_count_of_cores_beyond_the_bytes_reserves_nothing() {
        let mut bytes = CPU.to_le_bytes().to_vec();
        bytes.extend([0; 4 + 1 + 1 + 2]);
        put(&mut bytes, u64::MAX);
        assert_eq!(decode(&bytes), None);
    }

    proptest! {
        #[test]
        fn decoding_is_the_inverse_of_encoding(sample in samples()) {
            prop_assert_eq!(decode(&encoded(&sample)), Some(sample));
        }

        #[test]
        fn any_bytes_are_a_sample_or_none(bytes: Vec<u8>) {
            let _ignored: Option<Sample> = decode(&bytes);
        }
    }
}
