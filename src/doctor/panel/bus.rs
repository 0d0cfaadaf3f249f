//! Bus, module, device file: whether there is something to open.

use super::{Case, Finding, Level, Place, Probe, Step, finding};
use crate::doctor::readings::{BootFile, Device};

/// The parameters that turn the header's bus on; the last two are older spellings.
const PARAMETERS: [&str; 4] = ["i2c_arm", "i2c", "i2c1", "i2c0"];

/// Whether the firmware was told to turn the header's bus on.
fn turns_on(file: &BootFile) -> bool {
    let lines = file.text.lines().map(str::trim);
    let parameters = lines
        .filter_map(|line| line.strip_prefix("dtparam="))
        .flat_map(|rest| rest.split(','));
    let is_on = |value: Option<&str>| matches!(value, None | Some("on" | "true" | "yes" | "1"));
    let mut on = false;
    for parameter in parameters {
        let mut halves = parameter.trim().splitn(2, '=');
        if halves.next().is_some_and(|name| PARAMETERS.contains(&name)) {
            on = is_on(halves.next());
        }
    }
    on
}

impl Case<'_> {
    /// Whether the kernel has the header's controller.
    pub(super) fn enabled(&self) -> Finding {
        let readings = self.readings;
        if let Some(header) = readings.header() {
            return finding(
                "i2c",
                Level::Ok,
                format!("on: the header is bus {} ({})", header.number, header.name),
            );
        }
        if self.is_bus() {
            return finding(
                "i2c",
                Level::Info,
                format!(
                    "{} is there; which bus is the header's can't be told here",
                    self.bus
                ),
            );
        }
        if readings.is_pi() == Some(false)
            || (readings.is_pi().is_none() && !self.place.is_container())
        {
            return self.not_a_pi();
        }
        let is_on = readings.boot_file.as_ref().is_some_and(turns_on);
        let others = self.other_buses();
        if is_on {
            let path = readings
                .boot_file
                .as_ref()
                .map(|file| file.path.display().to_string());
            return finding(
                "i2c",
                Level::Fail,
                format!(
                    "turned on in {}, and not there: since then nobody has restarted the Pi, or the overlays can't be loaded{others}",
                    path.unwrap_or_default()
                ),
            )
            .run("sudo reboot")
            .run("sudo dmesg | grep -i i2c");
        }
        let text = match self.place {
            Place::Host => format!("I2C is off: the kernel does not have the header's bus{others}"),
            Place::Container(_) => {
                format!("I2C is off on the host: its kernel does not have the header's bus{others}")
            }
        };
        finding("i2c", Level::Fail, text).steps(self.turn_on())
    }

    fn not_a_pi(&self) -> Finding {
        let text = if self.readings.adapters.is_empty() {
            "this is no Raspberry Pi, as far as can be seen, and it has no I2C bus".to_owned()
        } else {
            format!(
                "this is no Raspberry Pi, as far as can be seen, and {} is not there{}",
                self.bus,
                self.other_buses()
            )
        };
        finding("i2c", Level::Fail, text)
            .run("piglow-node --panel simulated")
            .act("on another board with a PiGlow: turn on the bus of its header, and name it with --bus /dev/i2c-N")
    }

    /// How to turn the bus on, by the helper that this system has.
    fn turn_on(&self) -> Vec<Step> {
        let readings = self.readings;
        let path = readings.boot_file.as_ref().map_or_else(
            || "/boot/firmware/config.txt".to_owned(),
            |file| file.path.display().to_string(),
        );
        let by_hand = format!("echo dtparam=i2c_arm=on | sudo tee -a {path}");
        let mut steps = if readings.surroundings.is_dietpi {
            vec![Step::Run(
                "sudo /boot/dietpi/func/dietpi-set_hardware i2c enable".to_owned(),
            )]
        } else if readings.surroundings.has_raspi_config || self.place.is_container() {
            vec![Step::Run("sudo raspi-config nonint do_i2c 0".to_owned())]
        } else {
            vec![
                Step::Run(by_hand),
                Step::Run("echo i2c-dev | sudo tee -a /etc/modules".to_owned()),
            ]
        };
        if self.place.is_container() {
            steps.insert(
                0,
                Step::Do("on the host, not in this container:".to_owned()),
            );
        }
        steps.push(Step::Run("sudo reboot".to_owned()));
        steps
    }

    /// The buses there are, each with what it is for.
    fn other_buses(&self) -> String {
        let is_first = self.readings.is_first_pi();
        let named: Vec<String> = self
            .readings
            .adapters
            .iter()
            .map(|adapter| {
                format!(
                    "{} ({}: {})",
                    adapter.number,
                    adapter.name,
                    adapter.purpose(is_first)
                )
            })
            .collect();
        if named.is_empty() {
            String::new()
        } else {
            format!("; it has the buses {}", named.join(", "))
        }
    }

    /// Whether the kernel makes device files for its buses.
    pub(super) fn module(&self) -> Finding {
        let readings = self.readings;
        if readings.has_i2c_dev || self.is_bus() || !readings.buses.is_empty() {
            return finding("module", Level::Ok, "i2c-dev is loaded");
        }
        if readings.adapters.is_empty() {
            return Self::skipped("module");
        }
        let missing = finding(
            "module",
            Level::Fail,
            "I2C is on, and the module i2c-dev is not loaded: no bus has a device file",
        );
        let missing = if self.place.is_container() {
            missing.act("on the host, not in this container:")
        } else {
            missing
        };
        missing
            .run("sudo modprobe i2c-dev")
            .run("echo i2c-dev | sudo tee -a /etc/modules")
    }

    /// Whether the device file of the configuration is there.
    pub(super) fn device(&self) -> Finding {
        let readings = self.readings;
        if self.is_bus() {
            return finding("device", Level::Ok, format!("{} is an I2C bus", self.bus));
        }
        match readings.device {
            Device::Character { .. } | Device::NotADevice => {
                return finding(
                    "device",
                    Level::Fail,
                    format!("{} is there, and is no I2C bus", self.bus),
                )
                .run(self.use_bus());
            }
            Device::Missing => {}
        }
        if readings.adapters.is_empty() || (!readings.has_i2c_dev && readings.buses.is_empty()) {
            return Self::skipped("device");
        }
        if !self.place.is_container()
            && let Some(header) = readings.header()
            && Some(header.number) != self.number
        {
            return finding(
                "device",
                Level::Fail,
                format!(
                    "{} does not exist: on this board the header is bus {}",
                    self.bus, header.number
                ),
            )
            .run(self.use_bus());
        }
        let number = self.number.and_then(|number| readings.adapter(number));
        match (self.place, number) {
            (Place::Container(_), Some(_)) => finding(
                "device",
                Level::Fail,
                format!(
                    "the host has {}, and this container was not given it",
                    self.bus
                ),
            )
            .steps(self.pass_device()),
            (Place::Container(_), None) => Self::skipped("device"),
            (Place::Host, Some(_)) => finding(
                "device",
                Level::Fail,
                format!("the kernel has the bus, and nobody has made {}", self.bus),
            )
            .run("sudo udevadm trigger --subsystem-match=i2c-dev"),
            (Place::Host, None) if readings.header().is_none() => Self::skipped("device"),
            (Place::Host, None) => finding(
                "device",
                Level::Fail,
                format!("{} does not exist{}", self.bus, self.other_buses()),
            )
            .run(self.use_bus()),
        }
    }

    /// The command that uses the header's bus.
    pub(super) fn use_bus(&self) -> String {
        let number = self
            .readings
            .header()
            .map_or_else(|| self.readings.usual_bus(), |header| header.number);
        format!("piglow-node --bus /dev/i2c-{number}   # panel.bus, PIGLOW_PANEL__BUS")
    }

    /// Whether the bus of the configuration is the header's.
    pub(super) fn header(&self) -> Finding {
        let readings = self.readings;
        let Some(number) = self.number else {
            return finding(
                "header",
                Level::Info,
                format!("which bus {} is can't be told by its name", self.bus),
            );
        };
        match (readings.header(), readings.adapter(number)) {
            (Some(header), _) if header.number == number => {
                finding("header", Level::Ok, format!("{} is the header's", self.bus))
            }
            (Some(header), Some(other)) => {
                let level = if self.probe == Probe::Answered {
                    Level::Warn
                } else {
                    Level::Fail
                };
                finding(
                    "header",
                    level,
                    format!(
                        "{} is `{}` ({}); the header's bus is {}",
                        self.bus,
                        other.name,
                        other.purpose(readings.is_first_pi()),
                        header.number
                    ),
                )
                .run(self.use_bus())
            }
            (None, None) if self.is_bus() => finding(
                "header",
                Level::Info,
                format!("whether {} is the header's can't be told here", self.bus),
            ),
            (Some(_) | None, None) => Self::skipped("header"),
            (None, Some(other)) if self.is_bus() => finding(
                "header",
                Level::Info,
                format!(
                    "{} is `{}`; whether it is the header's can't be told here",
                    self.bus, other.name
                ),
            ),
            (None, Some(_)) => Self::skipped("header"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_parameter_is_known_and_the_last_one_counts() {
        for (text, on) in [
            ("dtparam=i2c_arm=on", true),
            ("dtparam=audio=on,i2c_arm=on", true),
            ("  dtparam=i2c_arm\n", true),
            ("dtparam=i2c1=on", true),
            ("dtparam=i2c=on", true),
            ("#dtparam=i2c_arm=on", false),
            ("dtparam=i2c_arm=off", false),
            ("dtparam=i2c_arm=on\ndtparam=i2c_arm=off", false),
            ("dtparam=i2c_arm_baudrate=400000", false),
            ("dtparam=i2s=on", false),
            ("", false),
        ] {
            let file = BootFile {
                path: "/boot/config.txt".into(),
                text: text.to_owned(),
            };
            assert_eq!(turns_on(&file), on, "{text:?}");
        }
    }
}
