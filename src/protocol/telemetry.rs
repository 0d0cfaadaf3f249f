//! Samples of the host, every key always there: what the host can't tell is `null`.

use serde::Serialize;
use serde_json::Value;

use super::{Address, Leaf, Message, Qos, Topics, json, rfc3339, rounded};
use crate::telemetry::history::Batch;
use crate::telemetry::{Sample, Usage};
use crate::units::{NodeId, Percent};

#[derive(Serialize)]
struct Wire {
    time: Option<String>,
    run: String,
    sequence: u64,
    cpu: Cpu,
    load_average: [Value; 3],
    memory: Space,
    swap: Space,
    temperature_celsius: Value,
    uptime_secs: Option<u64>,
    booted_at: Option<String>,
    disk: Space,
    network: Network,
    throttled: Throttled,
}

#[derive(Serialize)]
struct Cpu {
    load_percent: Value,
    core_percent: Option<Vec<Value>>,
    frequency_mhz: Option<u32>,
}

#[derive(Serialize)]
struct Space {
    used_percent: Value,
    total_bytes: Option<u64>,
}

impl From<Option<Usage>> for Space {
    fn from(usage: Option<Usage>) -> Self {
        Self {
            used_percent: usage.map_or(Value::Null, |usage| percent(usage.used)),
            total_bytes: usage.map(|usage| usage.total_bytes),
        }
    }
}

#[derive(Serialize)]
struct Network {
    receive_bytes_per_sec: Option<u64>,
    transmit_bytes_per_sec: Option<u64>,
}

#[derive(Serialize)]
struct Throttled {
    under_voltage: Option<bool>,
    now: Option<bool>,
    since_boot: Option<bool>,
}

fn percent(percent: Percent) -> Value {
    rounded(percent.get(), 1)
}

fn number(value: Option<f32>, decimals: i32) -> Value {
    value.map_or(Value::Null, |value| rounded(value, decimals))
}

#[derive(Serialize)]
struct History {
    samples: Vec<Wire>,
    in_doubt: usize,
    dropped: u64,
    remaining: usize,
}

/// A sample, published once and not retained: a new one follows.
///
/// With `QoS` 1 the acknowledgement proves that the broker has read it, and those before it.
#[must_use]
pub fn telemetry(topics: &Topics, node: &NodeId, sample: &Sample, qos: Qos) -> Message {
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Telemetry);
    Message::event(topic, json(&wire(sample)), qos)
}

/// Samples that the broker does not have, or may not have.
#[must_use]
pub fn history(topics: &Topics, node: &NodeId, batch: &Batch) -> Message {
    let payload = json(&History {
        samples: batch.samples.iter().map(wire).collect(),
        in_doubt: batch.in_doubt,
        dropped: batch.dropped,
        remaining: batch.remaining,
    });
    let topic = topics.build(&Address::Node(node.clone()), Leaf::TelemetryHistory);
    Message::event(topic, payload, Qos::AtLeastOnce)
}

fn wire(sample: &Sample) -> Wire {
    let cpu = sample.cpu.as_ref();
    let stamp = &sample.stamp;
    // A clock that has never been set can't tell.
    let dated = |unix_ms: Option<i64>| unix_ms.filter(|_| stamp.is_dated()).and_then(rfc3339);
    let booted = sample.booted_unix_secs.or_else(|| {
        // Not kept with what waits for the broker.
        let uptime = i64::try_from(sample.uptime_secs?).ok()?;
        stamp.unix_ms.div_euclid(1000).checked_sub(uptime)
    });
    Wire {
        time: dated(Some(stamp.unix_ms)),
        run: stamp.run.to_string(),
        sequence: stamp.sequence,
        cpu: Cpu {
            load_percent: cpu.map_or(Value::Null, |cpu| percent(cpu.total)),
            core_percent: cpu.map(|cpu| cpu.cores.iter().copied().map(percent).collect()),
            frequency_mhz: sample.frequency_mhz,
        },
        load_average: match sample.load_average {
            Some(loads) => loads.map(|load| rounded(load, 2)),
            None => [Value::Null, Value::Null, Value::Null],
        },
        memory: sample.memory.into(),
        swap: sample.swap.into(),
        temperature_celsius: number(sample.temperature_celsius, 1),
        uptime_secs: sample.uptime_secs,
        booted_at: dated(booted.and_then(|secs| secs.checked_mul(1000))),
        disk: sample.disk.into(),
        network: Network {
            receive_bytes_per_sec: sample
                .network
                .map(|rates| rates.receive_bytes_per_sec.round() as u64),
            transmit_bytes_per_sec: sample
                .network
                .map(|rates| rates.transmit_bytes_per_sec.round() as u64),
        },
        throttled: Throttled {
            under_voltage: sample.throttled.map(|throttled| throttled.under_voltage),
            now: sample.throttled.map(|throttled| throttled.now),
            since_boot: sample.throttled.map(|throttled| throttled.since_boot),
        },
    }
}
