//! The temperature of the CPU among all that a host measures.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::Kept;

/// Names of sensors in a CPU, the best first: the Raspberry Pi's, Intel's, AMD's, other boards'.
const SENSORS: [&str; 6] = [
    "cpu_thermal",
    "cpu-thermal",
    "coretemp package",
    "k10temp tctl",
    "coretemp",
    "cpu",
];

/// The thermal zone of the CPU where zones have no other name, as on the Raspberry Pi.
const FIRST_ZONE: &str = "thermal_zone0";

/// Where the kernel lists its sensors, and its thermal zones.
const CLASSES: &str = "/sys/class";

/// Temperatures outside of this are a broken sensor, in °C.
const PLAUSIBLE: std::ops::RangeInclusive<f32> = -60.0..=200.0;

/// The sensor of the CPU, found once.
#[derive(Debug)]
pub(super) struct Thermometer(Kept);

/// A sensor as the kernel lists it.
#[derive(Debug)]
struct Sensor {
    /// The chip's name and the sensor's, in lower case.
    label: String,
    /// The folder of the chip or zone.
    id: String,
    /// The file with the temperature in thousandths of a degree.
    file: PathBuf,
}

impl Thermometer {
    /// Looks for a sensor of the CPU.
    pub(super) fn find() -> Option<Self> {
        Self::find_in(Path::new(CLASSES))
    }

    fn find_in(classes: &Path) -> Option<Self> {
        let mut sensors: Vec<Sensor> = Vec::new();
        for chip in folders(&classes.join("hwmon"), "hwmon") {
            sensors.extend(of_chip(&chip));
        }
        for zone in folders(&classes.join("thermal"), "thermal_zone") {
            sensors.extend(sensor(&zone, word(&zone.join("type")), zone.join("temp")));
        }
        let names: Vec<(&str, &str)> = sensors
            .iter()
            .map(|sensor| (sensor.label.as_str(), sensor.id.as_str()))
            .collect();
        let chosen = choose(&names)?;
        Some(Self(Kept::new(sensors.swap_remove(chosen).file)))
    }

    /// The temperature, in °C; one small file is read.
    pub(super) fn read(&mut self, room: &mut Vec<u8>) -> Option<f32> {
        let thousandths: i32 = self.0.number(room)?;
        plausible(thousandths as f32 / 1000.0)
    }
}

/// The folders of a class by the kernel's numbers, so that the same sensor is found each time.
fn folders(class: &Path, start: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(class)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.strip_prefix(start)?.parse();
            Some((number.ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path).collect()
}

fn of_chip(chip: &Path) -> impl Iterator<Item = Sensor> + use<'_> {
    let name = word(&chip.join("name")).unwrap_or_default();
    // By the kernel's naming (`hwmon/sysfs-interface`) they begin with 1, and there may be gaps.
    (1..=32).filter_map(move |number| {
        let file = chip.join(format!("temp{number}_input"));
        if !file.exists() {
            return None;
        }
        let own = word(&chip.join(format!("temp{number}_label")));
        let own = own.unwrap_or_else(|| format!("temp{number}"));
        sensor(chip, Some(format!("{name} {own}")), file)
    })
}

fn sensor(folder: &Path, label: Option<String>, file: PathBuf) -> Option<Sensor> {
    Some(Sensor {
        label: label.unwrap_or_default().to_lowercase(),
        id: folder.file_name()?.to_str()?.to_owned(),
        file,
    })
}

fn word(file: &Path) -> Option<String> {
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}

fn plausible(celsius: f32) -> Option<f32> {
    PLAUSIBLE.contains(&celsius).then_some(celsius)
}

/// The index of the CPU's sensor by lower-case labels and ids.
fn choose(names: &[(&str, &str)]) -> Option<usize> {
    SENSORS
        .iter()
        .find_map(|sensor| {
            names
                .iter()
                .position(|(label, _)| label.starts_with(sensor))
        })
        .or_else(|| names.iter().position(|(_, id)| *id == FIRST_ZONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_chosen_among_sensors() {
        let pi = [
            ("rp1_adc temp1", "hwmon1_1"),
            ("cpu_thermal temp1", "hwmon0_1"),
        ];
        assert_eq!(choose(&pi), Some(1));
        let intel = [
            ("nvme composite", "a"),
            ("coretemp core 0", "b"),
            ("coretemp package id 0", "c"),
        ];
        assert_eq!(choose(&intel), Some(2));
        assert_eq!(
            choose(&[("", "thermal_zone1"), ("", "thermal_zone0")]),
            Some(1)
        );
        assert_eq!(choose(&[("nvme composite", "hwmon0_1")]), None);
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn a_sensor_is_found_by_its_names_and_read_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, text).expect("written");
        };
        let mut room = Vec::new();
        write("thermal/thermal_zone0/temp", "41000\n");
        let zone = Thermometer::find_in(folder.path());
        assert_eq!(zone.and_then(|mut zone| zone.read(&mut room)), Some(41.0));
        write("hwmon/hwmon0/name", "nvme\n");
        write("hwmon/hwmon0/temp1_input", "30000\n");
        write("hwmon/hwmon10/name", "coretemp\n");
        write("hwmon/hwmon10/temp1_label", "Package id 0\n");
        write("hwmon/hwmon10/temp1_input", "48300\n");
        let mut found = Thermometer::find_in(folder.path()).expect("a sensor");
        assert_eq!(found.read(&mut room), Some(48.3));
        write("hwmon/hwmon10/temp1_input", "-500\n");
        assert_eq!(found.read(&mut room), Some(-0.5));
    }

    #[test]
    fn broken_sensors_tell_nothing() {
        assert_eq!(plausible(48.3), Some(48.3));
        for celsius in [f32::NAN, f32::INFINITY, -273.0, 1000.0] {
            assert_eq!(plausible(celsius), None);
        }
    }
}
