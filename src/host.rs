//! The host this node runs on: the only user of sysinfo.
//!
//! Reading is blocking and short: files in `/proc` and `/sys`, and one `statvfs` of `/`. What sysinfo does not know of a board,
//! and the traffic, is read here; uptime and load averages are one call to the kernel, for which sysinfo reads two files.

mod board;
mod cpu;
mod file;
mod network;
mod temperature;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::system::{Sysinfo, sysinfo};
use sysinfo::{Disk, DiskRefreshKind, Disks, MemoryRefreshKind, System};

use crate::telemetry::{CpuLoad, Gauges, NetworkCounters, Reading, Space};
use board::{Board, BoardPaths};
use cpu::CpuMeter;
use file::Kept;
use temperature::Thermometer;

/// What stays open to read the host again and again.
///
/// Two meters of the CPU, because each measures from its own reading before: the gauge's interval is a fraction of a
/// second, and a sample should hold the mean since the sample before, not that of the gauge's last moment. A meter costs
/// 16 KiB; everything here together about 0.2 MiB, which does not grow.
pub struct Host {
    opened: Instant,
    gauge: Option<CpuMeter>,
    samples: Option<CpuMeter>,
    memory: Option<System>,
    thermometer: Option<Thermometer>,
    root: Option<Disk>,
    networks: Kept,
    board: Board,
    /// What was read last of the board and the traffic.
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
        Self {
            opened: Instant::now(),
            gauge: CpuMeter::start(),
            samples: CpuMeter::start(),
            memory: System::new().ok(),
            thermometer: Thermometer::find(),
            root: root_disk(),
            networks: Kept::new("/proc/net/dev"),
            board: Board::find(paths),
            room: Vec::new(),
        }
    }

    /// The load of the CPU since the call before, for the gauge; reads `/proc/stat`.
    ///
    /// Calls closer than 200 ms get the last value. `None` until 200 ms after [`open`](Self::open).
    pub fn load(&mut self) -> Option<&CpuLoad> {
        self.gauge.as_mut()?.read(Instant::now())
    }

    /// Everything there is to read; loads and rates span the time since the call before.
    pub fn sample(&mut self) -> Reading {
        let now = Instant::now();
        let host = sysinfo();
        let cpu = self.samples.as_mut().and_then(|meter| meter.read(now));
        let cpu = cpu.cloned();
        let (memory, swap) = self.memory();
        Reading {
            at: self.opened.elapsed(),
            cpu,
            frequency_mhz: self.board.frequency_mhz(&mut self.room),
            load_average: Some(load_average(&host)),
            memory,
            swap,
            temperature_celsius: self.thermometer.as_mut().and_then(Thermometer::read),
            uptime: u64::try_from(host.uptime).ok().map(Duration::from_secs),
            disk: self.disk(),
            network: self.network(),
            throttled: self.board.throttled(&mut self.room),
        }
    }

    /// What the LEDs can show besides the load; the CPU's meters are left alone.
    pub fn gauges(&mut self) -> Gauges {
        let (memory, _) = self.memory();
        Gauges {
            at: self.opened.elapsed(),
            load_average: Some(load_average(&sysinfo())),
            memory,
            temperature_celsius: self.thermometer.as_mut().and_then(Thermometer::read),
            disk: self.disk(),
            network: self.network(),
        }
    }

    /// What the host is.
    #[must_use]
    pub fn describe(&self) -> Description {
        let os = System::name().ok().map(|name| match System::os_version() {
            Ok(version) => format!("{name} {version}"),
            Err(_) => name,
        });
        Description {
            host_name: host_name(),
            model: self.board.model(),
            os,
            kernel: System::kernel_version().ok(),
            architecture: System::cpu_arch(),
            cores: self
                .gauge
                .as_ref()
                .map(CpuMeter::cores)
                .filter(|cores| *cores > 0),
        }
    }

    fn memory(&mut self) -> (Option<Space>, Option<Space>) {
        let Some(system) = &mut self.memory else {
            return (None, None);
        };
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        // Not `used_memory`: that subtracts without looking which is greater.
        (
            Space::with_available(system.available_memory(), system.total_memory()),
            Space::with_available(system.free_swap(), system.total_swap()),
        )
    }

    /// Not sysinfo's: a look of its at the interfaces takes about a hundred calls to the kernel, this file one.
    fn network(&mut self) -> Option<NetworkCounters> {
        network::counters(self.networks.read(&mut self.room)?)
    }

    fn disk(&mut self) -> Option<Space> {
        let root = self.root.as_mut()?;
        root.refresh_specifics(DiskRefreshKind::nothing().with_storage());
        Space::with_available(root.available_space(), root.total_space())
    }
}

/// The host's name in the network.
#[must_use]
pub fn host_name() -> Option<String> {
    System::host_name().ok().filter(|name| !name.is_empty())
}

/// The firmware's word on voltage and temperature, as bits; `platform` is `/sys/devices/platform`.
pub(crate) fn throttled_bits(platform: &Path) -> Option<u32> {
    board::throttled_bits(platform)
}

/// The file system `/`, alone; the others are looked at once, by name, and forgotten.
fn root_disk() -> Option<Disk> {
    let all = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing()).ok()?;
    // What is mounted later lies above.
    Vec::from(all)
        .into_iter()
        .rfind(|disk| disk.mount_point() == Path::new("/"))
}

/// The mean number of tasks that ran or waited, over 1, 5 and 15 minutes: the kernel's whole numbers are 65,536ths (sysinfo(2)).
fn load_average(host: &Sysinfo) -> [f32; 3] {
    host.loads.map(|load| load as f32 / 65536.0)
}

#[cfg(test)]
mod tests;
