//! The way to the LEDs: bus, module, device file, rights, chip.

mod bus;
mod chip;

use std::path::Path;

use super::readings::Device;
use super::{Engine, Finding, Level, Place, Probe, Readings, Section, Step};
use crate::panel::Fault;
use crate::warden::Report;

/// The kind of device that an I2C bus is (Linux's `devices.txt`).
const I2C_MAJOR: u32 = 89;

/// Which panel is meant.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The bus's device file.
    pub bus: &'a Path,
    /// Whether the configuration wants a simulated panel instead.
    pub is_simulated: bool,
    /// The node that runs here, if one does.
    pub node: Option<&'a Report>,
}

/// What there is to say of the way to the LEDs.
#[must_use]
pub fn panel(readings: &Readings, target: &Target<'_>, probe: Probe) -> Vec<Finding> {
    if target.is_simulated {
        return vec![finding(
            "backend",
            Level::Info,
            "`panel.backend` is simulated: no board is needed, and none is looked for",
        )];
    }
    let case = Case::new(readings, target, probe);
    let mut findings = vec![
        case.enabled(),
        case.module(),
        case.device(),
        case.header(),
        case.access(),
    ];
    findings.extend(case.container_device());
    findings.extend([case.driver(), case.chip(), case.speed()]);
    findings.extend(case.users());
    findings
}

fn finding(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
    Finding::new(Section::Panel, check, level, text)
}

/// Everything that the checks look at.
struct Case<'a> {
    readings: &'a Readings,
    target: &'a Target<'a>,
    probe: Probe,
    place: Place,
    /// The bus as a person writes it.
    bus: String,
    /// Its number.
    number: Option<u32>,
}

impl<'a> Case<'a> {
    fn new(readings: &'a Readings, target: &'a Target<'a>, probe: Probe) -> Self {
        Self {
            readings,
            target,
            probe,
            place: Place::of(readings),
            bus: target.bus.display().to_string(),
            number: match readings.device {
                Device::Character {
                    major: I2C_MAJOR,
                    minor,
                    ..
                } => Some(minor),
                Device::Character { .. } | Device::Missing | Device::NotADevice => {
                    super::readings::bus_number(target.bus)
                }
            },
        }
    }

    /// Whether the device file is an I2C bus, by its kind or by what became of asking.
    fn is_bus(&self) -> bool {
        let is_one =
            matches!(self.readings.device, Device::Character { major, .. } if major == I2C_MAJOR);
        is_one
            || matches!(
                self.probe,
                Probe::Answered
                    | Probe::Failed(
                        Fault::NoAnswer | Fault::TimedOut | Fault::Line | Fault::AddressTaken
                    )
            )
    }

    fn skipped(check: &'static str) -> Finding {
        finding(
            check,
            Level::Skip,
            "not checked: what comes before it failed",
        )
    }

    /// How to give the container the device with its group.
    fn pass_device(&self) -> Vec<Step> {
        let bus = &self.bus;
        let group = match self.readings.device {
            Device::Character { group, .. } if !self.readings.user.is_mapped => group.to_string(),
            Device::Missing | Device::NotADevice | Device::Character { .. } => {
                format!("\"$(stat -c %g {bus})\"")
            }
        };
        let engine = match self.place {
            Place::Container(engine) => engine,
            Place::Host => return Vec::new(),
        };
        match engine {
            Engine::Docker | Engine::Other => vec![
                Step::Run(format!("docker run --device {bus} --group-add {group} …")),
                Step::Do(format!(
                    "in compose: devices: [\"{bus}\"] and group_add: [\"<number>\"], the number by: stat -c %g {bus}; never --privileged"
                )),
            ],
            Engine::Podman => vec![Step::Run(format!(
                "sudo podman run --device {bus} --group-add {group} …"
            ))],
            Engine::RootlessPodman => vec![
                Step::Run(
                    "sudo usermod -aG i2c $USER   # on the host, then log in again".to_owned(),
                ),
                Step::Run(format!(
                    "podman --runtime crun run --device {bus} --group-add keep-groups …"
                )),
            ],
            Engine::Kubernetes => vec![Step::Do(format!(
                "let a device plugin hand {bus} to the pod, and put its group (stat -c %g {bus}) into \
                 securityContext.supplementalGroups; never privileged: true"
            ))],
        }
    }
}
