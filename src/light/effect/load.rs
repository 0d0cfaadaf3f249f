//! The machine's load and temperature on all three arms alike.
//!
//! The bands of load are those of Pimoroni's `cpu.py`: below 5 % red, below 20 % orange as well, then yellow at 40, green
//! at 60, blue at 80, white above. There a ring is on or off; here it is as bright as the load is far into its band.

use super::geometry::{RINGS, ring};
use super::rhythm::{cycle, hill};
use super::{Canvas, Change, Moment, Param, tinted};
use crate::units::Percent;

/// Where each ring's band begins and ends, in percent, from the outside in.
const BANDS: [(f32, f32); RINGS] = [
    (0.0, 5.0),
    (5.0, 20.0),
    (20.0, 40.0),
    (40.0, 60.0),
    (60.0, 80.0),
    (80.0, 100.0),
];

/// The first LED's least intensity: an idle machine still glows, so that dark means off.
pub(super) const GLIMMER: f32 = 0.3;

/// The white LED that stands for a reading which the host does not give.
pub(super) const UNKNOWN: f32 = 0.15;

/// How often a picture swells that calls for attention; slower than a flash by far.
const CALLS_PER_MINUTE: f32 = 20.0;

/// How deep it swells at its most urgent.
const CALL_DEPTH: f32 = 0.7;

/// The load per core, beyond all of it, at which an overload is most urgent.
const OVERLOAD: f32 = 0.5;

/// The parameters of `temperature`.
pub(super) const TEMPERATURE: &[Param] = &[
    Param::number(
        "min",
        "what counts as cool: only the centre glows",
        "°C",
        (-20.0, 60.0),
        COOL_CELSIUS,
    ),
    Param::number(
        "max",
        "what counts as hot: all rings are lit, and red swells",
        "°C",
        (61.0, 120.0),
        HOT_CELSIUS,
    ),
];

/// A Pi at rest in a room.
pub(super) const COOL_CELSIUS: f32 = 35.0;

/// Where a Pi begins to slow down.
pub(super) const HOT_CELSIUS: f32 = 80.0;

pub(super) fn cpu_load(moment: &Moment<'_>) -> Canvas {
    // Unknown only until the node has taken its second reading.
    let Some(load) = moment.inputs.cpu_load else {
        return Canvas::DARK;
    };
    tinted(bands(load), |_| 1.0)
}

/// The rings for a load, from the outside in.
pub(super) fn bands(load: Percent) -> [f32; RINGS] {
    let mut rings =
        BANDS.map(|(start, end)| ((load.get() - start) / (end - start)).clamp(0.0, 1.0));
    rings[0] = GLIMMER + (1.0 - GLIMMER) * rings[0];
    rings
}

/// Work for every core is a full board; with more than that, the board swells.
pub(super) fn load_average(moment: &Moment<'_>) -> Canvas {
    let Some(load) = load_per_core(moment) else {
        return unknown();
    };
    let rings = Percent::saturating(load * 100.0).map_or([0.0; RINGS], bands);
    let level = call(moment, ((load - 1.0) / OVERLOAD).clamp(0.0, 1.0));
    tinted(rings, |_| level)
}

pub(super) fn load_average_change(moment: &Moment<'_>) -> Change {
    calling(load_per_core(moment).is_some_and(|load| load > 1.0))
}

fn load_per_core(moment: &Moment<'_>) -> Option<f32> {
    let average = moment
        .inputs
        .load_average_1
        .filter(|load| load.is_finite())?;
    let cores = moment.inputs.cores.count();
    (cores > 0).then(|| average / cores as f32)
}

/// A thermometer: white and blue are cool, green is warm, yellow to red is hot.
pub(super) fn temperature(moment: &Moment<'_>) -> Canvas {
    let Some(share) = heat(moment) else {
        return unknown();
    };
    let red = if share < 1.0 { 1.0 } else { call(moment, 1.0) };
    tinted([1.0; RINGS], |led| {
        let from_centre = (RINGS - 1 - ring(led)) as f32;
        let level = (share * RINGS as f32 - from_centre).clamp(0.0, 1.0);
        match ring(led) {
            0 => level * red,
            5 => level.max(GLIMMER),
            _ => level,
        }
    })
}

pub(super) fn temperature_change(moment: &Moment<'_>) -> Change {
    calling(heat(moment).is_some_and(|share| share >= 1.0))
}

/// How far the temperature is from `min` to `max`.
fn heat(moment: &Moment<'_>) -> Option<f32> {
    let celsius = moment.inputs.temperature_celsius?;
    let (min, max) = (moment.params.number(0), moment.params.number(1));
    heat_between(celsius, min, max)
}

pub(super) fn heat_between(celsius: f32, min: f32, max: f32) -> Option<f32> {
    let share = (celsius - min) / (max - min);
    (!share.is_nan()).then(|| share.clamp(0.0, 1.0))
}

/// A slow swell down from full, as deep as it is urgent.
fn call(moment: &Moment<'_>, urgency: f32) -> f32 {
    1.0 - urgency * CALL_DEPTH * hill(cycle(moment.elapsed, CALLS_PER_MINUTE).phase)
}

fn calling(calls: bool) -> Change {
    if calls {
        Change::EveryFrame
    } else {
        Change::WithInputs
    }
}

fn unknown() -> Canvas {
    tinted([0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN], |_| 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Kind};
    use super::*;
    use crate::light::Inputs;
    use proptest::prelude::*;
    use std::time::Duration;

    fn rings(kind: Kind, inputs: &Inputs) -> [f32; 6] {
        let canvas = Effect::new(kind).paint(Duration::ZERO, inputs);
        std::array::from_fn(|ring| canvas.0[ring])
    }

    fn load(percent: f32) -> [f32; 6] {
        let inputs = Inputs {
            cpu_load: Percent::saturating(percent),
            ..Inputs::default()
        };
        rings(Kind::CpuLoad, &inputs)
    }

    fn degrees(celsius: f32) -> [f32; 6] {
        let inputs = Inputs {
            temperature_celsius: Some(celsius),
            ..Inputs::default()
        };
        rings(Kind::Temperature, &inputs)
    }

    #[test]
    fn bands_are_those_of_cpu_py() {
        assert_eq!(load(0.0), [GLIMMER, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(load(5.0), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(load(20.0), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(load(30.0), [1.0, 1.0, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!(load(60.0), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(load(100.0), [1.0; 6]);
    }

    #[test]
    fn cpu_load_is_dark_until_it_is_known_and_the_rest_shows_a_dim_white() {
        let dim = [0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN];
        let nothing = Inputs::default();
        assert_eq!(rings(Kind::CpuLoad, &nothing), [0.0; 6]);
        assert_eq!(rings(Kind::LoadAverage, &nothing), dim);
        assert_eq!(rings(Kind::Temperature, &nothing), dim);
        assert_eq!(degrees(f32::NAN), dim);
    }

    #[test]
    fn a_thermometer_rises_from_the_white_centre_to_the_red_rim() {
        assert_eq!(degrees(20.0), [0.0, 0.0, 0.0, 0.0, 0.0, GLIMMER]);
        assert_eq!(degrees(57.5), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(degrees(80.0), [1.0; 6]);
    }

    #[test]
    fn a_hot_or_overloaded_machine_moves_and_any_other_waits_for_inputs() {
        let machine = |average, celsius| {
            Inputs {
                load_average_1: Some(average),
                temperature_celsius: Some(celsius),
                ..Inputs::default()
            }
            .with_cores(&[Percent::ZERO; 4])
        };
        for kind in [Kind::LoadAverage, Kind::Temperature] {
            let change = |inputs| Effect::new(kind).next_change(Duration::from_secs(1), &inputs);
            assert_eq!(change(machine(4.0, 79.9)), Change::WithInputs);
            assert_eq!(change(machine(4.1, 80.0)), Change::EveryFrame);
        }
    }

    proptest! {
        #[test]
        fn more_is_never_dimmer(a in 0.0f32..=100.0, b in 0.0f32..=100.0) {
            for show in [load, degrees] {
                let (low, high) = (show(a.min(b)), show(a.max(b)));
                for (low, high) in low.into_iter().zip(high) {
                    prop_assert!(low <= high);
                }
            }
        }
    }
}
