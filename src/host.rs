//! The host this node runs on.
//!
//! Reading is blocking and short: files in `/proc` and `/sys`, which stay open, and one `statvfs` of `/`. Where there are no
//! such files, nothing is known.

mod board;
mod cpu;
mod file;
mod memory;
mod network;
mod temperature;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::system::uname;

use crate::telemetry::{CpuLoad, Gauges, NetworkCounters, Reading, Space};
use board::{Board, BoardPaths};
use cpu::CpuMeter;
use file::Kept;
use temperature::Thermometer;

/// What stays open to read the host again and again.
///
/// Two meters of the CPU, because each measures from its own reading before: the gauge's interval is a fraction of a
/// second, and a sample should hold the mean since the sample before, not that of the gauge's last moment.
pub struct Host {
    opened: Instant,
    stat: Kept,
    gauge: CpuMeter,
    samples: CpuMeter,
    memory: Kept,
    load_average: Kept,
    uptime: Kept,
    networks: Kept,
    thermometer: Option<Thermometer>,
    board: Board,
    /// What was read last.
    room: Vec<u8>,
}

/// What a host is, which does not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The name in the network.
    pub host_name: Option<String>,
    /// The board, from the device tree; `None` where there is none, as on a PC.
    pub model: Option<String>,
    /// The operating system and its version, `Debian GNU/Linux 13`. In a container, the container's.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// The processor's architecture, `aarch64`.
    pub architecture: String,
    /// How many cores the kernel lists.
    pub cores: Option<usize>,
}

impl Host {
    /// Finds what the host can tell; what it cannot stays unknown, so this does not fail.
    ///
    /// The CPU is measured from here on.
    #[must_use]
    pub fn open() -> Self {
        Self::open_at(BoardPaths::default())
    }

    fn open_at(paths: BoardPaths) -> Self {
        let mut host = Self {
            opened: Instant::now(),
            stat: Kept::new("/proc/stat"),
            gauge: CpuMeter::default(),
            samples: CpuMeter::default(),
            memory: Kept::new("/proc/meminfo"),
            load_average: Kept::new("/proc/loadavg"),
            uptime: Kept::new("/proc/uptime"),
            networks: Kept::new("/proc/net/dev"),
            thermometer: Thermometer::find(),
            board: Board::find(paths),
            room: Vec::new(),
        };
        // A beginning to measure from.
        for meter in [&mut host.gauge, &mut host.samples] {
            meter.read(host.opened, &mut host.stat, &mut host.room);
        }
        host
    }

    /// The load of the CPU since the call before, for the gauge; reads `/proc/stat`.
    ///
    /// Calls closer than 100 ms get the last value. `None` until 100 ms after [`open`](Self::open).
    pub fn load(&mut self) -> Option<&CpuLoad> {
        self.gauge
            .read(Instant::now(), &mut self.stat, &mut self.room)
    }

    /// Everything there is to read; loads and rates span the time since the call before.
    pub fn sample(&mut self) -> Reading {
        let cpu = self
            .samples
            .read(Instant::now(), &mut self.stat, &mut self.room);
        let cpu = cpu.cloned();
        let (memory, swap) = self.memory();
        Reading {
            at: self.opened.elapsed(),
            cpu,
            frequency_mhz: self.board.frequency_mhz(&mut self.room),
            load_average: self.load_average(),
            memory,
            swap,
            temperature_celsius: self.temperature(),
            uptime: self.uptime(),
            disk: disk(),
            network: self.network(),
            throttled: self.board.throttled(&mut self.room),
        }
    }

    /// What the LEDs can show besides the load; the CPU's meters are left alone.
    pub fn gauges(&mut self) -> Gauges {
        let (memory, _) = self.memory();
        Gauges {
            at: self.opened.elapsed(),
            load_average: self.load_average(),
            memory,
            temperature_celsius: self.temperature(),
            disk: disk(),
            network: self.network(),
        }
    }

    /// What the host is.
    #[must_use]
    pub fn describe(&self) -> Description {
        let kernel = uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        Description {
            host_name: host_name(),
            model: self.board.model(),
            os: OS_RELEASE
                .iter()
                .find_map(|path| os_name(&fs::read_to_string(path).ok()?)),
            kernel: Some(text(kernel.release())),
            architecture: text(kernel.machine()),
            cores: Some(self.gauge.cores()).filter(|cores| *cores > 0),
        }
    }

    fn memory(&mut self) -> (Option<Space>, Option<Space>) {
        match self.memory.read(&mut self.room) {
            Some(text) => memory::spaces(text),
            None => (None, None),
        }
    }

    fn load_average(&mut self) -> Option<[f32; 3]> {
        load_average(self.load_average.read(&mut self.room)?)
    }

    fn uptime(&mut self) -> Option<Duration> {
        let text = self.uptime.read(&mut self.room)?;
        let seconds = text.split_ascii_whitespace().next()?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn temperature(&mut self) -> Option<f32> {
        self.thermometer.as_mut()?.read(&mut self.room)
    }

    fn network(&mut self) -> Option<NetworkCounters> {
        network::counters(self.networks.read(&mut self.room)?)
    }
}

/// Where the system tells its name (`os-release(5)`).
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// `NAME` and, where there is one, `VERSION_ID`.
fn os_name(text: &str) -> Option<String> {
    let value = |key: &str| {
        let value = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then_some(value)
    };
    let name = value("NAME")?;
    Some(match value("VERSION_ID") {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

/// The host's name in the network.
#[must_use]
pub fn host_name() -> Option<String> {
    let name = uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

/// The firmware's word on voltage and temperature, as bits; `platform` is `/sys/devices/platform`.
pub(crate) fn throttled_bits(platform: &Path) -> Option<u32> {
    board::throttled_bits(platform)
}

/// The file system `/`; what root alone may fill does not count as left.
fn disk() -> Option<Space> {
    let disk = rustix::fs::statvfs("/").ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Space::with_available(bytes(disk.f_bavail), bytes(disk.f_blocks))
}

/// The first three numbers of `/proc/loadavg`.
fn load_average(text: &str) -> Option<[f32; 3]> {
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|number| number.parse::<f32>().ok());
    let mut next = || {
        numbers
            .next()?
            .filter(|load| load.is_finite() && *load >= 0.0)
    };
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests;
