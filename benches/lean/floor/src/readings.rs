//! What the node tells of its host in a sample, read by the same library.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use sysinfo::{
    Components, CpuRefreshKind, Disk, DiskRefreshKind, Disks, MemoryRefreshKind, System,
};

pub(crate) struct Host {
    system: System,
    sensors: Option<Components>,
    root: Option<Disk>,
    read: Instant,
    traffic: [u64; 2],
    sequence: u64,
}

#[derive(Serialize)]
struct Sample {
    time: String,
    sequence: u64,
    cpu: Load,
    memory: Space,
    swap: Space,
    load_average: [f64; 3],
    temperature_celsius: Option<f32>,
    uptime_seconds: Option<u64>,
    disk: Option<Space>,
    network: [f64; 2],
}

#[derive(Serialize)]
struct Load {
    load_percent: f32,
    cores_percent: Vec<f32>,
}

#[derive(Serialize)]
struct Space {
    used_percent: f32,
    total_bytes: u64,
}

impl Space {
    fn new(available: u64, total: u64) -> Self {
        Self {
            used_percent: 100.0 * (1.0 - available as f32 / total.max(1) as f32),
            total_bytes: total,
        }
    }
}

impl Host {
    pub(crate) fn open() -> Self {
        let mut system = System::new().expect("a host");
        system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing());
        Self {
            system,
            sensors: Components::new_with_refreshed_list().ok(),
            root: disks
                .map(Vec::from)
                .unwrap_or_default()
                .into_iter()
                .rfind(|disk| disk.mount_point() == Path::new("/")),
            read: Instant::now(),
            traffic: traffic(),
            sequence: 0,
        }
    }

    pub(crate) fn sample(&mut self) -> String {
        let system = &mut self.system;
        system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        let secs = self.read.elapsed().as_secs_f64().max(1e-3);
        self.read = Instant::now();
        let before = std::mem::replace(&mut self.traffic, traffic());
        let rate = |index: usize| self.traffic[index].saturating_sub(before[index]) as f64 / secs;
        let load = System::load_average().unwrap_or_default();
        self.sequence += 1;
        let sample = Sample {
            time: now(),
            sequence: self.sequence,
            cpu: Load {
                load_percent: system.global_cpu_usage(),
                cores_percent: system.cpus().iter().map(sysinfo::Cpu::usage).collect(),
            },
            memory: Space::new(system.available_memory(), system.total_memory()),
            swap: Space::new(system.free_swap(), system.total_swap()),
            load_average: [load.one, load.five, load.fifteen],
            temperature_celsius: self.sensors.as_mut().and_then(|sensors| {
                let sensor = sensors.first_mut()?;
                sensor.refresh();
                sensor.temperature()
            }),
            uptime_seconds: System::uptime().ok(),
            disk: self.root.as_mut().map(|root| {
                root.refresh_specifics(DiskRefreshKind::nothing().with_storage());
                Space::new(root.available_space(), root.total_space())
            }),
            network: [rate(0), rate(1)],
        };
        serde_json::to_string(&sample).expect("JSON")
    }
}

/// Bytes received and sent.
fn traffic() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.rsplit_once(':'));
    lines.fold([0, 0], |sum, (_, numbers)| {
        let mut numbers = numbers.split_whitespace();
        let mut next = |nth| {
            numbers
                .nth(nth)
                .and_then(|number| number.parse::<u64>().ok())
        };
        [sum[0] + next(0).unwrap_or(0), sum[1] + next(7).unwrap_or(0)]
    })
}

fn now() -> String {
    #[cfg(feature = "whole")]
    return jiff::Timestamp::now().to_string();
    #[cfg(not(feature = "whole"))]
    return std::time::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_millis()
        .to_string();
}
