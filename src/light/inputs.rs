//! What effects may look at besides the time.

use std::time::Duration;

use crate::units::Percent;

/// The most cores that LEDs show one by one; a board has six rings.
pub const CORES_SHOWN: usize = 6;

/// What of the host a picture depends on, each with what stands before it: who reads the host need not read more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Readings {
    /// Nothing.
    #[default]
    None,
    /// The load of the CPU, its cores among it.
    Load,
    /// All that [`Inputs`] holds.
    All,
}

/// The newest readings of the host, as far as LEDs show them; `None` is what is not known, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Inputs {
    /// The whole machine's CPU load; `None` until two readings have been taken.
    pub cpu_load: Option<Percent>,
    /// The load of each core.
    pub cores: Cores,
    /// The share of memory in use.
    pub memory: Option<Percent>,
    /// The share of the disk in use.
    pub disk: Option<Percent>,
    /// The network's traffic as a share of the link's nominal rate.
    pub network: Option<Percent>,
    /// The processor's temperature.
    pub temperature_celsius: Option<f32>,
    /// The load average of the last minute: processes that run or wait to.
    pub load_average_1: Option<f32>,
    /// The local time since midnight at the moment of the frame, with its fraction of a second.
    pub local_time: Option<Duration>,
}

impl Inputs {
    /// These inputs with the load of each core, in the host's order.
    #[must_use]
    pub fn with_cores(self, loads: &[Percent]) -> Self {
        Self {
            cores: Cores::new(loads),
            ..self
        }
    }
}

/// The load of up to six cores, or of six groups of neighbours when there are more.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cores {
    shown: [Percent; CORES_SHOWN],
    count: usize,
}

impl Cores {
    fn new(loads: &[Percent]) -> Self {
        let groups = loads.len().min(CORES_SHOWN);
        let mut shown = [Percent::ZERO; CORES_SHOWN];
        for (index, group) in shown.iter_mut().take(groups).enumerate() {
            let start = index * loads.len() / groups;
            let end = (index + 1) * loads.len() / groups;
            *group = mean(&loads[start..end]);
        }
        Self {
            shown,
            count: loads.len(),
        }
    }

    /// The load of each core, or of each group of cores, at most [`CORES_SHOWN`]; empty when it is not known.
    #[must_use]
    pub fn loads(&self) -> &[Percent] {
        &self.shown[..self.count.min(CORES_SHOWN)]
    }

    /// How many cores the host has; 0 when it is not known.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }
}

fn mean(loads: &[Percent]) -> Percent {
    let sum: f32 = loads.iter().map(|load| load.get()).sum();
    Percent::saturating(sum / loads.len() as f32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(loads: &[f32]) -> Cores {
        let loads: Vec<Percent> = loads
            .iter()
            .map(|load| Percent::saturating(*load).unwrap())
            .collect();
        Inputs::default().with_cores(&loads).cores
    }

    fn shown(cores: &Cores) -> Vec<f32> {
        cores.loads().iter().map(|load| load.get()).collect()
    }

    #[test]
    fn up_to_six_cores_stand_for_themselves() {
        let four = cores(&[10.0, 20.0, 30.0, 40.0]);
        assert_eq!(shown(&four), [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(four.count(), 4);
        assert!(Cores::default().loads().is_empty());
    }

    #[test]
    fn more_than_six_cores_are_averaged_in_groups_of_neighbours() {
        let eight = cores(&[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]);
        assert_eq!(shown(&eight), [0.0, 10.0, 25.0, 40.0, 50.0, 65.0]);
        assert_eq!(eight.count(), 8);
    }
}
