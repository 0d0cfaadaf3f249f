//! Reading the host: small files below a root, which a test has its own of.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Adapter, BootFile, Client, Device, Holder, Readings, Surroundings, Traces, User};
use crate::panel::ADDRESS;

/// Where the firmware's configuration is, from Bookworm on and before.
const BOOT_FILES: [&str; 2] = ["boot/firmware/config.txt", "boot/config.txt"];

/// Where engines keep the layers of their containers.
const ENGINES: [&str; 3] = ["/docker/", "/containers/storage", "containerd"];

/// The kernel's own name of the namespace of processes that it starts with (`PROC_PID_INIT_INO`).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// Processes whose open files are looked at, at most.
const PROCESSES: usize = 4096;

/// 1 s: looking for who else uses the bus must not hold up the rest on a machine with much to do.
const HOLDERS_LIMIT: Duration = Duration::from_secs(1);

impl Readings {
    /// Reads what there is below a root, usually `/`; `bus` is the device file of the configuration.
    #[must_use]
    pub fn take(root: &Path, bus: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let at = |path: &str| root.join(path);
        let device_path = root.join(bus.strip_prefix("/").unwrap_or(bus));
        let device = device(&device_path);
        let number = match device {
            Device::Character { minor, .. } => Some(minor),
            Device::Missing | Device::NotADevice => bus_number(bus),
        };
        Self {
            model: model(root),
            is_arm: cfg!(any(target_arch = "arm", target_arch = "aarch64")),
            os: os_release(&at("etc/os-release")),
            kernel: line(&at("proc/sys/kernel/osrelease")),
            traces: traces(root, &variable),
            user: user(root),
            groups: group_lines(root)
                .into_iter()
                .map(|(number, name, _)| (number, name))
                .collect(),
            boot_file: BOOT_FILES.iter().find_map(|path| boot_file(root, path)),
            surroundings: Surroundings {
                has_raspi_config: at("usr/bin/raspi-config").exists(),
                is_dietpi: at("boot/dietpi").exists(),
            },
            adapters: adapters(&at("sys/bus/i2c/devices")),
            has_i2c_dev: at("sys/class/i2c-dev").exists(),
            buses: buses(&at("dev")),
            device,
            client: number.and_then(|number| client(&at("sys/bus/i2c/devices"), number)),
            holders: holders(&at("proc"), &device_path),
            throttled: crate::host::throttled_bits(&at("sys/devices/platform")),
            temperature_celsius: line(&at("sys/class/thermal/thermal_zone0/temp"))
                .and_then(|text| text.parse::<f32>().ok())
                .map(|millis| millis / 1000.0),
            is_clock_kept: is_clock_kept(root),
            has_time_zone: at("etc/localtime").exists() || variable("TZ").is_some(),
        }
    }
}

/// The number in `/dev/i2c-1`.
pub(in crate::doctor) fn bus_number(bus: &Path) -> Option<u32> {
    let name = bus.file_name()?.to_str()?;
    name.strip_prefix("i2c-")?.parse().ok()
}

fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    // The device tree ends its texts with a zero byte.
    let text = text.trim_end_matches('\0').trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// From the device tree; a container does not see that, but what it may be given, and the line that a Pi's kernel adds to `cpuinfo`.
fn model(root: &Path) -> Option<String> {
    let told = ["proc/device-tree/model", "run/host/model"].map(|path| root.join(path));
    told.iter().find_map(|path| line(path)).or_else(|| {
        let text = fs::read_to_string(root.join("proc/cpuinfo")).ok()?;
        let model = text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == "Model").then(|| value.trim().to_owned())
        })?;
        (!model.is_empty()).then_some(model)
    })
}

fn os_release(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

fn traces(root: &Path, variable: &impl Fn(&str) -> Option<OsString>) -> Traces {
    let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
    let mounts = fs::read_to_string(root.join("proc/self/mounts")).unwrap_or_default();
    Traces {
        has_dockerenv: root.join(".dockerenv").exists(),
        has_containerenv: root.join("run/.containerenv").exists(),
        variable: text("container")
            .or_else(|| line(&root.join("run/systemd/container")))
            .filter(|name| !name.is_empty()),
        is_pod: variable("KUBERNETES_SERVICE_HOST").is_some(),
        // Not any layered root: a Pi whose SD card is protected (raspi-config) has one too.
        is_root_layered: mounts.lines().any(|mount| {
            mount.split(' ').nth(1) == Some("/")
                && mount.contains("overlay")
                && ENGINES.iter().any(|folder| mount.contains(folder))
        }),
        is_alone: line(&root.join("proc/1/comm")).as_deref() == Some("piglow-node"),
        is_first_namespace: fs::read_link(root.join("proc/self/ns/pid"))
            .is_ok_and(|name| name == Path::new(FIRST_NAMESPACE)),
    }
}

fn user(root: &Path) -> User {
    let status = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
    let numbers = |key: &str| -> Vec<u32> {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect()
    };
    // Real, effective, saved, file system's.
    let id = numbers("Uid:").get(1).copied().unwrap_or_default();
    let own_group = numbers("Gid:").get(1).copied();
    let mut groups = numbers("Groups:");
    groups.extend(own_group);
    groups.sort_unstable();
    groups.dedup();
    let name = passwd_name(root, id);
    let map = fs::read_to_string(root.join("proc/self/uid_map")).unwrap_or_default();
    let map: Vec<&str> = map.split_whitespace().collect();
    User {
        id,
        enrolled: group_lines(root)
            .into_iter()
            .filter(|(_, _, members)| name.as_ref().is_some_and(|name| members.contains(name)))
            .map(|(number, _, _)| number)
            .collect(),
        name,
        groups,
        is_mapped: !map.is_empty() && map != ["0", "0", "4294967295"],
    }
}

fn passwd_name(root: &Path, id: u32) -> Option<String> {
    let text = fs::read_to_string(root.join("etc/passwd")).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// Number, name and members of each group.
fn group_lines(root: &Path) -> Vec<(u32, String, Vec<String>)> {
    let text = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
    let group = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let number = fields.nth(1)?.parse().ok()?;
        let members = fields.next().unwrap_or_default();
        let members = members.split(',').map(str::to_owned).collect();
        Some((number, name, members))
    };
    text.lines().filter_map(group).collect()
}

fn boot_file(root: &Path, path: &str) -> Option<BootFile> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    // From Bookworm on the old place says where the new one is.
    (!text.contains("DO NOT EDIT THIS FILE")).then(|| BootFile {
        path: PathBuf::from("/").join(path),
        text,
    })
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    found
}

/// The adapters among all that is on I2C buses; `/sys/class/i2c-adapter` is not on every kernel.
fn adapters(folder: &Path) -> Vec<Adapter> {
    let mut found: Vec<Adapter> = children(folder)
        .into_iter()
        .filter_map(|path| {
            let number = bus_number(&path)?;
            let place = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            Some(Adapter {
                number,
                name: line(&path.join("name")).unwrap_or_default(),
                clock_hz: clock(&path.join("of_node/clock-frequency"))
                    .or_else(|| clock(&path.join("device/of_node/clock-frequency"))),
                path: place.display().to_string(),
            })
        })
        .collect();
    found.sort_by_key(|adapter| adapter.number);
    found
}

/// A number of the device tree: four bytes, the highest first.
fn clock(path: &Path) -> Option<u32> {
    let bytes: [u8; 4] = fs::read(path).ok()?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}

fn buses(folder: &Path) -> Vec<u32> {
    let mut found: Vec<u32> = children(folder)
        .iter()
        .filter_map(|path| bus_number(path))
        .collect();
    found.sort_unstable();
    found
}

fn device(path: &Path) -> Device {
    let Ok(metadata) = fs::metadata(path) else {
        return Device::Missing;
    };
    if !metadata.file_type().is_char_device() {
        return Device::NotADevice;
    }
    let (major, minor) = numbers(&metadata);
    Device::Character {
        major,
        minor,
        mode: metadata.mode() & 0o7777,
        user: metadata.uid(),
        group: metadata.gid(),
    }
}

/// A device's numbers, as Linux packs them.
fn numbers(metadata: &Metadata) -> (u32, u32) {
    let device = metadata.rdev();
    let major = (device >> 8 & 0xfff) | (device >> 32 & !0xfff);
    let minor = (device & 0xff) | (device >> 12 & !0xff);
    (
        u32::try_from(major).unwrap_or_default(),
        u32::try_from(minor & 0xffff_ffff).unwrap_or_default(),
    )
}

fn client(folder: &Path, bus: u32) -> Option<Client> {
    let place = format!("{bus}-{ADDRESS:04x}");
    let path = folder.join(&place);
    let name = line(&path.join("name"))?;
    let driver = fs::read_link(path.join("driver")).ok();
    Some(Client {
        place,
        name,
        driver: driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
    })
}

fn holders(folder: &Path, device: &Path) -> Vec<Holder> {
    let own = std::process::id();
    let end = Instant::now() + HOLDERS_LIMIT;
    let processes = children(folder).into_iter().filter_map(|path| {
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        Some((number, path))
    });
    processes
        .filter(|(number, _)| *number != own)
        .take(PROCESSES)
        .take_while(|_| Instant::now() < end)
        .filter(|(_, path)| {
            children(&path.join("fd"))
                .iter()
                .any(|file| fs::read_link(file).is_ok_and(|target| target == device))
        })
        .map(|(process, path)| Holder {
            process,
            name: line(&path.join("comm")).unwrap_or_default(),
        })
        .collect()
}

fn is_clock_kept(root: &Path) -> Option<bool> {
    if root.join("run/systemd/timesync").exists() {
        return Some(root.join("run/systemd/timesync/synchronized").exists());
    }
    // These set the clock and say so to nobody who has no right to ask.
    let others = ["run/chrony", "run/ntpd.pid", "run/ntpsec"];
    others
        .iter()
        .any(|path| root.join(path).exists())
        .then_some(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A host made of files below a folder.
    struct Faked(tempfile::TempDir);

    impl Faked {
        fn new(files: &[(&str, &[u8])]) -> Self {
            let faked = Self(tempfile::tempdir().expect("a folder"));
            for (path, content) in files {
                let path = faked.path(path);
                fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
                fs::write(path, content).expect("a file");
            }
            faked
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn link(&self, path: &str, target: impl AsRef<Path>) {
            let path = self.path(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            symlink(target, path).expect("a link");
        }

        fn read(&self, bus: &str) -> Readings {
            Readings::take(self.0.path(), Path::new(bus), |_| None)
        }
    }

    const STATUS: &[u8] = b"Name:\tpiglow-node\nUid:\t1000\t1000\t1000\t1000\n\
                            Gid:\t1000\t1000\t1000\t1000\nGroups:\t44 994 1000 \n";

    #[test]
    fn a_pi_is_read_from_its_files() {
        let pi = Faked::new(&[
            (
                "proc/device-tree/model",
                b"Raspberry Pi 4 Model B Rev 1.4\0",
            ),
            (
                "etc/os-release",
                b"NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            ),
            ("proc/sys/kernel/osrelease", b"6.6.31+rpt-rpi-v8\n"),
            ("proc/self/status", STATUS),
            ("proc/self/uid_map", b"         0          0 4294967295\n"),
            (
                "etc/passwd",
                b"root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n",
            ),
            ("etc/group", b"i2c:x:994:ada\nada:x:1000:\nvideo:x:44:pi\n"),
            (
                "boot/config.txt",
                b"DO NOT EDIT THIS FILE\nThe file has moved to /boot/firmware/config.txt\n",
            ),
            ("boot/firmware/config.txt", b"dtparam=i2c_arm=on\n"),
            ("usr/bin/raspi-config", b""),
            (
                "sys/devices/platform/soc/fe804000.i2c/i2c-1/name",
                b"bcm2835 (i2c@7e804000)\n",
            ),
            (
                "sys/devices/platform/soc/fe804000.i2c/i2c-1/of_node/clock-frequency",
                &100_000_u32.to_be_bytes(),
            ),
            (
                "sys/devices/platform/soc/soc:firmware/get_throttled",
                b"50000\n",
            ),
            ("sys/class/thermal/thermal_zone0/temp", b"48312\n"),
            ("sys/class/i2c-dev/i2c-1", b""),
            ("sys/bus/i2c/devices/3-0054/name", b"is31fl3218\n"),
            ("run/systemd/timesync/synchronized", b""),
        ]);
        pi.link(
            "sys/bus/i2c/devices/i2c-1",
            pi.path("sys/devices/platform/soc/fe804000.i2c/i2c-1"),
        );
        // Device 1, 3: what a test may have without being root.
        pi.link("dev/i2c-1", "/dev/null");
        pi.link("dev/i2c-20", "/dev/null");
        pi.link(
            "sys/bus/i2c/devices/3-0054/driver",
            "/sys/bus/i2c/drivers/leds-is31fl32xx",
        );
        pi.link("proc/812/fd/5", pi.path("dev/i2c-1"));
        fs::write(pi.path("proc/812/comm"), "python3\n").expect("a file");
        pi.link("proc/self/ns/pid", "pid:[4026531836]");

        let readings = pi.read("/dev/i2c-1");

        assert_eq!(
            readings.model.as_deref(),
            Some("Raspberry Pi 4 Model B Rev 1.4")
        );
        assert_eq!(
            readings.os.as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        let user = &readings.user;
        assert_eq!(
            (user.id, user.name.as_deref(), user.is_mapped),
            (1000, Some("ada"), false)
        );
        assert_eq!(
            (&user.groups[..], &user.enrolled[..]),
            (&[44, 994, 1000][..], &[994][..])
        );
        assert_eq!(readings.group_name(994), "i2c");
        let boot_file = readings
            .boot_file
            .as_ref()
            .expect("the firmware's configuration");
        assert_eq!(boot_file.path, Path::new("/boot/firmware/config.txt"));
        let header = readings.header().expect("the header's adapter");
        assert_eq!((header.number, header.clock_hz), (1, Some(100_000)));
        assert!(readings.has_i2c_dev && readings.traces.is_first_namespace);
        assert_eq!(readings.buses, [1, 20]);
        assert!(matches!(
            readings.device,
            Device::Character {
                major: 1,
                minor: 3,
                ..
            }
        ));
        let client = readings
            .client
            .as_ref()
            .expect("what the kernel knows at 0x54");
        assert_eq!(client.driver.as_deref(), Some("leds-is31fl32xx"));
        assert_eq!(
            readings.holders,
            [Holder {
                process: 812,
                name: "python3".to_owned()
            }]
        );
        assert_eq!(readings.throttled, Some(0x5_0000));
        assert_eq!(readings.temperature_celsius, Some(48.312));
        assert_eq!(readings.is_clock_kept, Some(true));
    }

    #[test]
    fn an_empty_container_reads_nothing_and_names_the_board_by_what_the_kernel_adds() {
        let container = Faked::new(&[
            ("proc/cpuinfo", b"processor\t: 0\n\nRevision\t: a02082\nModel\t\t: Raspberry Pi 3 Model B Rev 1.2\n"),
            (".dockerenv", b""),
            ("proc/self/mounts", b"overlay / overlay ro,relatime,lowerdir=/var/lib/docker/overlay2/l/X,upperdir=/y 0 0\n"),
            ("dev/i2c-1", b"no device"),
        ]);
        let readings = container.read("/dev/i2c-1");
        assert_eq!(
            readings.model.as_deref(),
            Some("Raspberry Pi 3 Model B Rev 1.2")
        );
        assert_eq!(readings.device, Device::NotADevice);
        assert_eq!(
            crate::doctor::Place::of(&readings),
            crate::doctor::Place::Container(crate::doctor::Engine::Docker)
        );
        assert_eq!(readings.boot_file, None);

        let nothing = Faked::new(&[]).read("/dev/i2c-1");
        assert_eq!(nothing.device, Device::Missing);
        assert_eq!(
            (nothing.model, nothing.throttled, nothing.is_clock_kept),
            (None, None, None)
        );
    }
}
