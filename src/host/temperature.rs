//! The temperature of the CPU among all that a host measures.

use sysinfo::Components;

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

/// Temperatures outside of this are a broken sensor, in °C.
const PLAUSIBLE: std::ops::RangeInclusive<f32> = -60.0..=200.0;

/// The sensor of the CPU, found once.
pub(super) struct Thermometer {
    components: Components,
    chosen: usize,
}

impl Thermometer {
    /// Looks for a sensor of the CPU.
    pub(super) fn find() -> Option<Self> {
        let components = Components::new_with_refreshed_list().ok()?;
        let names: Vec<(String, String)> = components
            .iter()
            .map(|component| {
                let id = component.id().unwrap_or_default();
                (component.label().to_lowercase(), id.to_owned())
            })
            .collect();
        let chosen = choose(&names)?;
        Some(Self { components, chosen })
    }

    /// The temperature, in °C; one small file is read.
    pub(super) fn read(&mut self) -> Option<f32> {
        let component = self.components.get_mut(self.chosen)?;
        component.refresh();
        plausible(component.temperature()?)
    }
}

fn plausible(celsius: f32) -> Option<f32> {
    PLAUSIBLE.contains(&celsius).then_some(celsius)
}

/// The index of the CPU's sensor by lower-case labels and ids.
fn choose(names: &[(String, String)]) -> Option<usize> {
    SENSORS
        .iter()
        .find_map(|sensor| {
            names
                .iter()
                .position(|(label, _)| label.starts_with(sensor))
        })
        .or_else(|| names.iter().position(|(_, id)| id == FIRST_ZONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[(&str, &str)]) -> Option<usize> {
        let names: Vec<(String, String)> = names
            .iter()
            .map(|(label, id)| ((*label).to_owned(), (*id).to_owned()))
            .collect();
        choose(&names)
    }

    #[test]
    fn the_cpu_is_chosen_among_sensors() {
        let pi = [
            ("rp1_adc temp1", "hwmon1_1"),
            ("cpu_thermal temp1", "hwmon0_1"),
        ];
        assert_eq!(chosen(&pi), Some(1));
        let intel = [
            ("nvme composite", "a"),
            ("coretemp core 0", "b"),
            ("coretemp package id 0", "c"),
        ];
        assert_eq!(chosen(&intel), Some(2));
        assert_eq!(
            chosen(&[("", "thermal_zone1"), ("", "thermal_zone0")]),
            Some(1)
        );
        assert_eq!(chosen(&[("nvme composite", "hwmon0_1")]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn broken_sensors_tell_nothing() {
        assert_eq!(plausible(48.3), Some(48.3));
        for celsius in [f32::NAN, f32::INFINITY, -273.0, 1000.0] {
            assert_eq!(plausible(celsius), None);
        }
    }
}
