//! What is read of the host, without judging it.

mod adapters;
mod collect;

pub(super) use collect::bus_number;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What could be read; what could not is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// The board's name, `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: Option<String>,
    /// Whether the processor is an Arm, as every Pi's is.
    pub is_arm: bool,
    /// The operating system's name, `Debian GNU/Linux 12 (bookworm)`; in a container, the container's.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// What engines leave in their containers.
    pub traces: Traces,
    /// Who asks.
    pub user: User,
    /// The names of groups by their numbers.
    pub groups: BTreeMap<u32, String>,
    /// The firmware's configuration.
    pub boot_file: Option<BootFile>,
    /// Which helpers the system has.
    pub surroundings: Surroundings,
    /// The I2C adapters that the kernel has.
    pub adapters: Vec<Adapter>,
    /// Whether the module `i2c-dev`, which makes the device files, is there.
    pub has_i2c_dev: bool,
    /// The numbers of the device files `/dev/i2c-*`.
    pub buses: Vec<u32>,
    /// The device file of the configuration.
    pub device: Device,
    /// What the kernel knows at the chip's address on that bus.
    pub client: Option<Client>,
    /// Who else has the device file open, as far as this user may know.
    pub holders: Vec<Holder>,
    /// The firmware's word on voltage and temperature, bits 0 to 3: under-voltage, capped, throttled, soft limit; 16 to 19: since
    /// the start.
    pub throttled: Option<u32>,
    /// The temperature of the processor, in degrees Celsius.
    pub temperature_celsius: Option<f32>,
    /// Whether a service keeps the clock and has set it: `None` when no such service can be seen.
    pub is_clock_kept: Option<bool>,
    /// Whether the system says in which time zone it is.
    pub has_time_zone: bool,
}

/// What engines leave in their containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a trace by itself, there or not"
)]
pub struct Traces {
    /// `/.dockerenv`.
    pub has_dockerenv: bool,
    /// `/run/.containerenv`.
    pub has_containerenv: bool,
    /// The variable `container`, as podman, LXC and systemd-nspawn set it.
    pub variable: Option<String>,
    /// `KUBERNETES_SERVICE_HOST` is set.
    pub is_pod: bool,
    /// The root file system is one of an engine's, made of layers.
    pub is_root_layered: bool,
    /// The first process of all is this program.
    pub is_alone: bool,
    /// Processes have the numbers that they have for the kernel: in a container they do not, unless it was told so.
    pub is_first_namespace: bool,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The number.
    pub id: u32,
    /// The name.
    pub name: Option<String>,
    /// The groups of this process.
    pub groups: Vec<u32>,
    /// The groups that the system has the user in, which count from the next login on.
    pub enrolled: Vec<u32>,
    /// Whether numbers mean something else outside: a user namespace.
    pub is_mapped: bool,
}

/// The firmware's configuration, `config.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Which helpers the system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// `raspi-config`.
    pub has_raspi_config: bool,
    /// DietPi's own tools.
    pub is_dietpi: bool,
}

/// An I2C adapter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adapter {
    /// The bus's number.
    pub number: u32,
    /// What the driver calls it.
    pub name: String,
    /// The device's path below `/sys/devices`, which has the controller's address.
    pub path: String,
    /// The bus clock, in hertz.
    pub clock_hz: Option<u32>,
}

/// What is at the path of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// Nothing.
    #[default]
    Missing,
    /// Something that is no device.
    NotADevice,
    /// A device.
    Character {
        /// Its kind: 89 is I2C.
        major: u32,
        /// Its number.
        minor: u32,
        /// Its permissions, `0o660`.
        mode: u32,
        /// Its owner.
        user: u32,
        /// Its group.
        group: u32,
    },
}

/// What the kernel knows at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its place on the bus, `1-0054`.
    pub place: String,
    /// The chip's name.
    pub name: String,
    /// The driver that has it, if one does.
    pub driver: Option<String>,
}

/// A process that has the device file open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// Its name.
    pub name: String,
}

impl Readings {
    /// The group's name, or its number.
    #[must_use]
    pub fn group_name(&self, group: u32) -> String {
        self.groups
            .get(&group)
            .cloned()
            .unwrap_or_else(|| group.to_string())
    }
}
