//! Several readings at once: a core on each ring, or a metric on each arm.

use super::geometry::{ARMS, arm, ring};
use super::load::{COOL_CELSIUS, GLIMMER, HOT_CELSIUS, UNKNOWN, bands, heat_between};
use super::{Canvas, Moment, Param, tinted};
use crate::light::inputs::Inputs;
use crate::units::Percent;

/// What an arm can show, in the order of [`reading`].
const METRICS: &[&str] = &["cpu", "memory", "temperature", "network", "disk"];

/// The parameters of `meters`, in the order of the arms.
pub(super) const METERS: &[Param] = &[
    Param::choice("top", "what the top arm shows", METRICS, 0),
    Param::choice("right", "what the right arm shows", METRICS, 1),
    Param::choice("left", "what the left arm shows", METRICS, 2),
];

/// Each arm as `cpu_load` shows its load; a dim white LED alone where the host does not tell.
pub(super) fn meters(moment: &Moment<'_>) -> Canvas {
    let arms: [_; ARMS] = std::array::from_fn(|arm| {
        reading(moment.params.choice(arm), moment.inputs)
            .map_or([0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN], bands)
    });
    tinted([1.0; 6], |led| arms[arm(led)][ring(led)])
}

fn reading(metric: usize, inputs: &Inputs) -> Option<Percent> {
    match METRICS.get(metric).copied()? {
        "cpu" => inputs.cpu_load,
        "memory" => inputs.memory,
        "network" => inputs.network,
        "disk" => inputs.disk,
        _ => heat_between(inputs.temperature_celsius?, COOL_CELSIUS, HOT_CELSIUS)
            .and_then(|share| Percent::saturating(share * 100.0)),
    }
}

/// A ring for each core from red inwards: its three LEDs light one after another, clockwise from the top.
pub(super) fn cores(moment: &Moment<'_>) -> Canvas {
    let loads = moment.inputs.cores.loads();
    if loads.is_empty() {
        return tinted([0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN], |_| 1.0);
    }
    tinted([1.0; 6], |led| {
        let Some(load) = loads.get(ring(led)) else {
            return 0.0;
        };
        let level = (load.fraction() * ARMS as f32 - arm(led) as f32).clamp(0.0, 1.0);
        // The first LED always glows: it says that there is a core.
        match arm(led) {
            0 => GLIMMER + (1.0 - GLIMMER) * level,
            _ => level,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Kind, ParamValue};
    use super::*;
    use std::time::Duration;

    fn percent(value: f32) -> Option<Percent> {
        Percent::saturating(value)
    }

    #[test]
    fn each_arm_shows_its_metric_and_a_dim_white_where_nothing_is_known() {
        let inputs = Inputs {
            cpu_load: percent(100.0),
            disk: percent(5.0),
            ..Inputs::default()
        };
        let mut effect = Effect::new(Kind::Meters);
        let declared = Kind::Meters.info().params;
        effect
            .params
            .set(declared, "right", ParamValue::Text("disk"))
            .unwrap();
        let canvas = effect.paint(Duration::ZERO, &inputs);
        assert_eq!(canvas.0[..6], [1.0; 6]);
        assert_eq!(canvas.0[6..12], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(canvas.0[12..], [0.0, 0.0, 0.0, 0.0, 0.0, UNKNOWN]);
    }

    #[test]
    fn temperature_is_measured_between_cool_and_hot() {
        let inputs = Inputs {
            temperature_celsius: Some(HOT_CELSIUS),
            ..Inputs::default()
        };
        assert_eq!(reading(2, &inputs), percent(100.0));
        assert_eq!(METRICS[2], "temperature");
    }

    #[test]
    fn each_core_is_a_ring_that_fills_clockwise() {
        let loads = [0.0, 50.0, 100.0].map(|load| percent(load).unwrap_or_default());
        let inputs = Inputs::default().with_cores(&loads);
        let canvas = Effect::new(Kind::Cores).paint(Duration::ZERO, &inputs);
        let ring = |ring: usize| [0, 6, 12].map(|arm| canvas.0[arm + ring]);
        assert_eq!(ring(0), [GLIMMER, 0.0, 0.0]);
        assert_eq!(ring(1), [1.0, 0.5, 0.0]);
        assert_eq!(ring(2), [1.0, 1.0, 1.0]);
        assert_eq!(ring(3), [0.0, 0.0, 0.0]);
    }
}
