//! Rights, drivers, the chip itself: what becomes of opening the bus and asking.

use super::{Case, Finding, Level, Place, Probe, finding};
use crate::doctor::Engine;
use crate::doctor::readings::Device;
use crate::panel::{ADDRESS, Fault};

/// Nobody's number: what belongs to somebody whom a user namespace does not know.
const NOBODY: u32 = 65_534;

/// The most that the chip takes, in hertz (SN3218 data sheet, "fast mode").
const FASTEST_HZ: u32 = 400_000;

/// Below this a frame takes so long that moving pictures stutter.
const SLOW_HZ: u32 = 50_000;

/// The bits that a frame takes on the bus: 25 bytes with the address, 9 bits each, a start and a stop.
const FRAME_BITS: u32 = 227;

impl Case<'_> {
    fn failed(&self) -> Option<Fault> {
        match self.probe {
            Probe::Failed(fault) => Some(fault),
            Probe::NotAsked | Probe::Answered | Probe::Hung => None,
        }
    }

    /// Whether this user may open the device file.
    pub(super) fn access(&self) -> Finding {
        let Device::Character {
            mode, user, group, ..
        } = self.readings.device
        else {
            return Self::skipped("access");
        };
        let name = self.readings.group_name(group);
        match self.failed() {
            Some(Fault::NoAccess) => self.no_access(mode, user, group, &name),
            Some(Fault::NotPermitted) => Self::skipped("access"),
            _ => finding(
                "access",
                Level::Ok,
                format!("{} can be opened (group {name}, mode {mode:04o})", self.bus),
            ),
        }
    }

    fn no_access(&self, mode: u32, user: u32, group: u32, name: &str) -> Finding {
        let bus = &self.bus;
        if let Place::Container(engine) = self.place {
            let is_nobodys = user == NOBODY && group == NOBODY;
            let text = if is_nobodys || engine == Engine::RootlessPodman {
                format!(
                    "permission denied on {bus}, which seems to be nobody's: without root, podman drops your groups on the way"
                )
            } else {
                format!(
                    "permission denied on {bus}: the container's user is not in its group, {group}"
                )
            };
            let denied = finding("access", Level::Fail, text);
            return if is_nobodys && engine != Engine::RootlessPodman {
                denied.run(format!(
                    "podman --runtime crun run --device {bus} --group-add keep-groups …"
                ))
            } else {
                denied.steps(self.pass_device())
            };
        }
        let denied = |text: String| finding("access", Level::Fail, text);
        if mode & 0o060 != 0o060 || group == 0 {
            return denied(format!(
                "permission denied on {bus}: it belongs to group {name} with mode {mode:04o}, so only root may use it; a rule for udev \
                 is missing (Debian's i2c-tools brings one)"
            ))
            .run("sudo apt-get install i2c-tools && sudo udevadm control --reload && sudo udevadm trigger")
            .run(format!("sudo usermod -aG i2c {}", self.user()))
            .act("log in again");
        }
        if self.readings.user.enrolled.contains(&group) {
            return denied(format!(
                "permission denied on {bus}: {} is in its group {name}, and this login is older than that",
                self.user()
            ))
            .act("log in again, or try at once:")
            .run(format!("newgrp {name}"));
        }
        denied(format!(
            "permission denied on {bus}: {} is not in its group {name}",
            self.user()
        ))
        .run(format!("sudo usermod -aG {name} {}", self.user()))
        .act(format!(
            "log in again; a service of systemd needs SupplementaryGroups={name} instead"
        ))
    }

    fn user(&self) -> &str {
        self.readings.user.name.as_deref().unwrap_or("$USER")
    }

    /// Whether the container, or the service, was given the device.
    pub(super) fn container_device(&self) -> Option<Finding> {
        let bus = &self.bus;
        let found = match (self.failed(), self.place) {
            (Some(Fault::NotPermitted), Place::Container(_)) => finding(
                "container_device",
                Level::Fail,
                format!("operation not permitted on {bus}: the file is there, and the container was not given the device"),
            )
            .steps(self.pass_device()),
            (Some(Fault::NotPermitted), Place::Host) => finding(
                "container_device",
                Level::Fail,
                format!("operation not permitted on {bus}: a service's rules for devices forbid it, or a container that hides well"),
            )
            .act(format!("in the unit: DevicePolicy=closed and DeviceAllow={bus} rw"))
            .act(format!("in a container: --device {bus}")),
            (_, Place::Host) => return None,
            (_, Place::Container(_)) if self.is_bus() => {
                finding("container_device", Level::Ok, format!("the container was given {bus}"))
            }
            (_, Place::Container(_)) => Self::skipped("container_device"),
        };
        Some(found)
    }

    /// Whether a kernel driver has the chip's address.
    pub(super) fn driver(&self) -> Finding {
        let client = self.readings.client.as_ref();
        let driver = client.and_then(|client| client.driver.as_deref());
        let is_busy = self.failed() == Some(Fault::AddressTaken);
        match (client, driver) {
            (Some(client), Some(driver)) => finding(
                "driver",
                Level::Fail,
                format!(
                    "the kernel's driver `{driver}` has the address {ADDRESS:#04x} on this bus, for a chip `{}`",
                    client.name
                ),
            )
            .run(format!("echo {} | sudo tee /sys/bus/i2c/drivers/{driver}/unbind", client.place))
            .act(format!(
                "for good: remove its line from {} (dtoverlay=…) and reboot",
                self.boot_path()
            )),
            _ if is_busy => finding(
                "driver",
                Level::Fail,
                format!("a kernel driver has the address {ADDRESS:#04x} on {}, which one can't be seen here", self.bus),
            )
            .run("ls -l /sys/bus/i2c/devices/*-0054/driver")
            .act(format!(
                "remove its overlay (leds-is31fl32xx) from {} and reboot",
                self.boot_path()
            )),
            _ if self.is_bus() => {
                finding("driver", Level::Ok, format!("no kernel driver has the address {ADDRESS:#04x}"))
            }
            _ => Self::skipped("driver"),
        }
    }

    fn boot_path(&self) -> String {
        self.readings.boot_file.as_ref().map_or_else(
            || "/boot/firmware/config.txt".to_owned(),
            |file| file.path.display().to_string(),
        )
    }

    /// Whether the chip answers.
    pub(super) fn chip(&self) -> Finding {
        let bus = &self.bus;
        let fault = match self.probe {
            Probe::NotAsked => return Self::skipped("chip"),
            Probe::Answered => {
                return finding(
                    "chip",
                    Level::Ok,
                    format!("a chip answers at {ADDRESS:#04x} on {bus}"),
                );
            }
            Probe::Hung => {
                return finding(
                    "chip",
                    Level::Fail,
                    format!("a transfer on {bus} does not end: the bus hangs"),
                )
                .act("switch the Pi off, take the PiGlow off, seat it again, switch on");
            }
            Probe::Failed(fault) => fault,
        };
        match fault {
            Fault::NoAnswer => finding(
                "chip",
                Level::Fail,
                format!("no device answers at {ADDRESS:#04x} on {bus}: the board is not seated, or it is another bus"),
            )
            .act("switch the Pi off and seat the PiGlow on the first 26 pins, from pin 1 at the corner, all the way down, no pin beside its socket")
            .run(format!("sudo i2cdetect -y -q {} 0x54 0x54   # 54 should be in the table", self.number.unwrap_or(1))),
            Fault::TimedOut => finding(
                "chip",
                Level::Fail,
                format!("{bus} timed out: a line stays low, or something stretches the clock"),
            )
            .act("switch the Pi off, seat the PiGlow again, switch on")
            .steps(self.slow_down()),
            Fault::Line => finding(
                "chip",
                Level::Fail,
                format!("a transfer failed on {bus}: noise on the lines, or a clock too fast"),
            )
            .act("switch the Pi off, seat the PiGlow again, switch on")
            .steps(self.slow_down()),
            Fault::NotI2c => finding("chip", Level::Fail, format!("{bus} does no plain I2C transfers"))
                .run(self.use_bus()),
            Fault::NoAdapter => finding(
                "chip",
                Level::Fail,
                format!("{bus} has no adapter behind it: I2C was turned off, or its driver unloaded"),
            )
            .run("sudo reboot"),
            Fault::Unknown(number) => finding(
                "chip",
                Level::Fail,
                format!(
                    "a transfer failed on {bus}: {}",
                    number.map_or_else(
                        || "no error number".to_owned(),
                        |number| std::io::Error::from_raw_os_error(number).to_string()
                    )
                ),
            )
            .run("sudo dmesg | tail -n 20"),
            Fault::NoBus | Fault::NoAccess | Fault::NotPermitted | Fault::AddressTaken => {
                Self::skipped("chip")
            }
        }
    }

    fn slow_down(&self) -> Vec<crate::doctor::Step> {
        use crate::doctor::Step;
        vec![
            Step::Run(format!(
                "echo dtparam=i2c_arm_baudrate=50000 | sudo tee -a {}",
                self.boot_path()
            )),
            Step::Run("sudo reboot".to_owned()),
        ]
    }

    /// How fast the bus is.
    pub(super) fn speed(&self) -> Finding {
        let adapter = self.number.and_then(|number| self.readings.adapter(number));
        let known = adapter.and_then(|adapter| adapter.clock_hz);
        let Some(hertz) = known
            .or_else(|| self.told_speed())
            .filter(|hertz| *hertz > 0)
        else {
            return if self.is_bus() {
                finding(
                    "speed",
                    Level::Info,
                    "the bus's clock can't be seen here; unless somebody changed it, it is 100 kHz",
                )
            } else {
                Self::skipped("speed")
            };
        };
        let millis = f64::from(FRAME_BITS) * 1000.0 / f64::from(hertz);
        let text = format!("{} kHz: a frame takes {millis:.1} ms", hertz / 1000);
        let set = |hertz: u32| {
            format!(
                "echo dtparam=i2c_arm_baudrate={hertz} | sudo tee -a {}",
                self.boot_path()
            )
        };
        if hertz > FASTEST_HZ {
            return finding(
                "speed",
                Level::Warn,
                format!(
                    "{text}, and the chip is made for at most {} kHz",
                    FASTEST_HZ / 1000
                ),
            )
            .run(set(FASTEST_HZ))
            .run("sudo reboot");
        }
        if hertz < SLOW_HZ {
            return finding(
                "speed",
                Level::Warn,
                format!("{text}: moving pictures stutter"),
            )
            .run(set(100_000))
            .run("sudo reboot");
        }
        finding("speed", Level::Ok, text)
    }

    /// The clock that the firmware was told.
    fn told_speed(&self) -> Option<u32> {
        let text = &self.readings.boot_file.as_ref()?.text;
        let parameters = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("dtparam="))
            .flat_map(|rest| rest.split(','));
        // The last one counts.
        parameters
            .filter_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                let is_speed =
                    matches!(name, "i2c_arm_baudrate" | "i2c_baudrate" | "i2c1_baudrate");
                is_speed.then(|| value.trim().parse().ok())?
            })
            .fold(None, |_, hertz| Some(hertz))
    }

    /// Who uses the panel.
    pub(super) fn users(&self) -> Option<Finding> {
        let others: Vec<String> = self
            .readings
            .holders
            .iter()
            .filter(|holder| !holder.name.starts_with("piglow-node"))
            .map(|holder| format!("{} (process {})", holder.name, holder.process))
            .collect();
        if !others.is_empty() {
            return Some(
                finding(
                    "users",
                    Level::Warn,
                    format!("{} has {} open too: two programs write over each other", others.join(", "), self.bus),
                )
                .act("stop the other one, also where it starts by itself (crontab -l, /etc/rc.local, systemctl)"),
            );
        }
        if let Some(node) = self.target.node {
            return Some(finding(
                "users",
                Level::Ok,
                format!(
                    "the node {} uses the panel and says: {}{}; the question asked here does it no harm",
                    node.node,
                    node.panel.state,
                    node.panel
                        .detail
                        .as_ref()
                        .map(|detail| format!(", {detail}"))
                        .unwrap_or_default()
                ),
            ));
        }
        self.is_bus().then(|| {
            finding(
                "users",
                Level::Ok,
                "no other program is seen to use the panel",
            )
        })
    }
}
