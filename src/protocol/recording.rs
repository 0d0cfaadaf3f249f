//! A published sample read back whole, to be published again.

use serde::Deserialize;

use crate::telemetry::{CpuLoad, NetworkRates, Run, Sample, Stamp, Throttled, Usage};
use crate::units::Percent;

#[derive(Deserialize)]
struct Wire {
    time: Option<String>,
    run: String,
    sequence: u64,
    cpu: Cpu,
    load_average: [Option<f32>; 3],
    memory: Space,
    swap: Space,
    temperature_celsius: Option<f32>,
    uptime_secs: Option<u64>,
    disk: Space,
    network: Network,
    throttled: Bits,
}

#[derive(Deserialize)]
struct Cpu {
    load_percent: Option<f32>,
    core_percent: Option<Vec<f32>>,
    frequency_mhz: Option<u32>,
}

#[derive(Deserialize)]
struct Space {
    used_percent: Option<f32>,
    total_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Network {
    receive_bytes_per_sec: Option<f64>,
    transmit_bytes_per_sec: Option<f64>,
}

#[derive(Deserialize)]
struct Bits {
    under_voltage: Option<bool>,
    now: Option<bool>,
    since_boot: Option<bool>,
}

impl Space {
    fn usage(&self) -> Option<Usage> {
        Some(Usage {
            used: Percent::saturating(self.used_percent?)?,
            total_bytes: self.total_bytes?,
        })
    }
}

/// Reads a whole sample as it was published; what was `null` stays unknown, and a clock that could not tell gives 0.
///
/// # Errors
///
/// Says what is no sample about it.
pub fn recorded_sample(payload: &[u8]) -> Result<Sample, String> {
    let wire: Wire = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let run = u32::from_str_radix(&wire.run, 16)
        .map_err(|_| format!("`run` is {:?}; expected 8 hexadecimal digits", wire.run))?;
    let time = wire
        .time
        .map(|time| time.parse::<jiff::Timestamp>())
        .transpose();
    let time = time.map_err(|error| format!("`time`: {error}"))?;
    let total = wire.cpu.load_percent.and_then(Percent::saturating);
    let cores = wire.cpu.core_percent.unwrap_or_default();
    let [one, five, fifteen] = wire.load_average;
    let (network, throttled) = (wire.network, wire.throttled);
    let network = || {
        Some(NetworkRates {
            receive_bytes_per_sec: network.receive_bytes_per_sec?.max(0.0),
            transmit_bytes_per_sec: network.transmit_bytes_per_sec?.max(0.0),
        })
    };
    let throttled = || {
        Some(Throttled {
            under_voltage: throttled.under_voltage?,
            now: throttled.now?,
            since_boot: throttled.since_boot?,
        })
    };
    Ok(Sample {
        stamp: Stamp {
            run: Run(run),
            sequence: wire.sequence,
            unix_ms: time.map_or(0, jiff::Timestamp::as_millisecond),
            since_boot: None,
        },
        cpu: total.map(|total| CpuLoad {
            total,
            cores: cores.into_iter().filter_map(Percent::saturating).collect(),
        }),
        frequency_mhz: wire.cpu.frequency_mhz,
        load_average: one
            .zip(five)
            .zip(fifteen)
            .map(|((one, five), fifteen)| [one, five, fifteen]),
        memory: wire.memory.usage(),
        swap: wire.swap.usage(),
        temperature_celsius: wire.temperature_celsius,
        uptime_secs: wire.uptime_secs,
        booted_unix_secs: None,
        disk: wire.disk.usage(),
        network: network(),
        throttled: throttled(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Qos, Topics, telemetry};

    #[test]
    fn a_sample_read_back_is_published_as_it_was() {
        for golden in ["telemetry.json", "telemetry-unknown.json"] {
            let path = format!("{}/tests/golden/{golden}", env!("CARGO_MANIFEST_DIR"));
            let published = std::fs::read(path).unwrap();
            let sample = recorded_sample(&published).unwrap();
            let topics = Topics::new("piglow".parse().unwrap());
            let node = "attic".parse().unwrap();
            let again = telemetry(&topics, &node, &sample, Qos::AtMostOnce);
            let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
            assert_eq!(value(&again.payload), value(&published), "{golden}");
        }
    }

    #[test]
    fn what_is_no_sample_is_said_to_be_none() {
        let error = recorded_sample(br#"{"frame":1}"#).unwrap_err();
        assert!(error.contains("missing field"), "{error}");
        assert!(recorded_sample(b"online").is_err());
    }
}
