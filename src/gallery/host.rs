//! The machine whose load the pictures show.

use std::f32::consts::TAU;
use std::time::Duration;

use libm::{cosf, sinf};

use crate::light::{CORES_SHOWN, Inputs};
use crate::units::Percent;

/// How long it takes until everything but the time of day repeats.
pub(super) const PERIOD: Duration = Duration::from_secs(6);

/// The time of day at which a picture begins, 13:37:42.
const BEGINS: Duration = Duration::from_secs((13 * 60 + 37) * 60 + 42);

/// A lively host at a time: idle at the start, at its limits half a period later.
pub(super) fn inputs(elapsed: Duration) -> Inputs {
    let turn = elapsed.as_secs_f32() / PERIOD.as_secs_f32() * TAU;
    let percent = |value: f32| Percent::saturating(value);
    let cores: [Percent; CORES_SHOWN] = std::array::from_fn(|core| {
        let own = turn + core as f32 * 2.4;
        let load = 50.0 - 40.0 * cosf(own) + 16.0 * sinf(2.0 * own + core as f32);
        percent(load).unwrap_or_default()
    });
    let inputs = Inputs {
        cpu_load: percent(50.0 - 46.0 * cosf(turn) + 7.0 * sinf(3.0 * turn)),
        memory: percent(52.0 - 26.0 * cosf(turn - 0.8)),
        disk: percent(38.0),
        network: percent(40.0 - 40.0 * cosf(2.0 * turn)),
        temperature_celsius: Some(58.0 - 25.0 * cosf(turn - 0.3)),
        load_average_1: Some(CORES_SHOWN as f32 * (0.75 - 0.7 * cosf(turn))),
        local_time: Some(BEGINS + elapsed),
        ..Inputs::default()
    };
    inputs.with_cores(&cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_time_of_day_repeats() {
        for millis in [0, 700, 2500, 5999] {
            let at = Duration::from_millis(millis);
            let (now, later) = (inputs(at), inputs(at + PERIOD));
            let near = |a: Option<Percent>, b: Option<Percent>| {
                assert!((a.unwrap().get() - b.unwrap().get()).abs() < 0.01);
            };
            near(now.cpu_load, later.cpu_load);
            near(now.memory, later.memory);
            near(now.network, later.network);
            for (core, again) in now.cores.loads().iter().zip(later.cores.loads()) {
                near(Some(*core), Some(*again));
            }
        }
    }
}
