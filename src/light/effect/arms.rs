//! Motions along the three arms and from arm to arm.

use std::f32::consts::TAU;

use super::geometry::{ARMS, RINGS, arm, ring};
use super::rhythm::{cycle, hill, trail};
use super::{Canvas, Moment, Param, tinted};

/// The parameters of `chase`; above 75 turns, a colour of two rings far apart would flash four times in a second.
pub(super) const CHASE: &[Param] = &[Param::rate(
    "turns_per_minute",
    "how often the light runs from the rim to the centre",
    (1.0, 75.0),
    40.0,
)];

/// The parameters of `comet`.
pub(super) const COMET: &[Param] = &[Param::rate(
    "passes_per_minute",
    "how often it flies by",
    (1.0, 60.0),
    20.0,
)];

/// The parameters of `spin`.
pub(super) const SPIN: &[Param] = &[
    Param::rate(
        "turns_per_minute",
        "how often the spiral turns",
        (1.0, 90.0),
        20.0,
    ),
    Param::choice("direction", "the way it turns", DIRECTIONS, 0),
];

/// Ways to turn; the second runs the phase backwards.
pub(super) const DIRECTIONS: &[&str] = &["clockwise", "anticlockwise"];

/// The length of the tail behind the head of a chase, in LEDs.
const CHASE_TAIL: f32 = 4.0;

/// From one head to the next, in LEDs: one sets out while the tail of the one before is in the centre.
const CHASE_LAP: f32 = 7.0;

/// The length of a comet's tail, in LEDs.
const COMET_TAIL: f32 = 6.5;

/// A comet's way: six LEDs in along one arm, five out along another, whose white LED it leaves aside.
const COMET_WAY: usize = 11;

/// From one comet to the next, in LEDs.
const COMET_LAP: f32 = COMET_WAY as f32 + 2.5;

/// How much faster than on average a comet is at the centre, and slower at the rim.
const COMET_HASTE: f32 = 0.4;

pub(super) fn chase(moment: &Moment<'_>) -> Canvas {
    let turn = cycle(moment.elapsed, moment.params.number(0));
    let head = turn.phase * CHASE_LAP - 1.0;
    tinted(moment.traced_rings(), |led| {
        let light = |head: f32| trail(head - ring(led) as f32, 1.0, CHASE_TAIL);
        match turn.number {
            // Nothing went before the first.
            0 => light(head),
            _ => light(head).max(light(head + CHASE_LAP)),
        }
    })
}

/// Falls in along one arm, swings round the centre, and leaves along the arm that lies in its way; next time one on.
pub(super) fn comet(moment: &Moment<'_>) -> Canvas {
    let pass = cycle(moment.elapsed, moment.params.number(0));
    let hasty = pass.phase - COMET_HASTE * libm::sinf(pass.phase * TAU) / TAU;
    let head = hasty * COMET_LAP - 1.0;
    let into = (pass.number % ARMS as u64) as usize;
    let last_into = (into + ARMS - 1) % ARMS;
    tinted(moment.traced_rings(), |led| {
        let light = comet_light(led, into, head);
        match pass.number {
            // Nothing went before the first.
            0 => light,
            _ => light.max(comet_light(led, last_into, head + COMET_LAP)),
        }
    })
}

/// The light that a comet which came in on an arm throws on an LED.
fn comet_light(led: usize, into: usize, head: f32) -> f32 {
    // The white LED of the top arm points at the blue one of the left.
    let out = (into + 2) % ARMS;
    let place = if arm(led) == into {
        ring(led)
    } else if arm(led) == out && ring(led) < RINGS - 1 {
        COMET_WAY - 1 - ring(led)
    } else {
        return 0.0;
    };
    trail(head - place as f32, 1.0, COMET_TAIL)
}

/// Each arm in turn; its inner end lags, so that it sweeps. The three together are always as bright.
pub(super) fn spin(moment: &Moment<'_>) -> Canvas {
    /// How far an LED lags behind its outer neighbour, in turns.
    const LAG: f32 = 0.035;
    let phase = cycle(moment.elapsed, moment.params.number(0)).phase;
    let backwards = moment.params.choice(1) == 1;
    tinted(moment.rings(), |led| {
        let place = arm(led) as f32 / ARMS as f32;
        let turned = if backwards { -phase } else { phase };
        let lag = LAG * ring(led) as f32 * if backwards { -1.0 } else { 1.0 };
        let near = hill(turned - place - lag + 0.5);
        near * near
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind};
    use std::time::Duration;

    #[test]
    fn a_comet_comes_in_on_each_arm_in_turn_and_leaves_on_another() {
        let comet = Effect::new(Kind::Comet);
        let brightest = |seconds| {
            let canvas = comet.paint(Duration::from_secs_f32(seconds), &Inputs::default());
            let led = (0..18).max_by(|a, b| canvas.0[*a].total_cmp(&canvas.0[*b]));
            led.map(|led| led / 6)
        };
        assert_eq!([0.5, 3.5, 6.5].map(brightest), [0, 1, 2].map(Some));
        assert_eq!([2.0, 5.0, 8.0].map(brightest), [2, 0, 1].map(Some));
    }

    #[test]
    fn a_spin_is_always_as_bright() {
        let spin = Effect::new(Kind::Spin);
        for tenths in 0..30 {
            let canvas = spin.paint(Duration::from_millis(tenths * 100), &Inputs::default());
            let mean = canvas.0.iter().sum::<f32>() / 18.0;
            assert!((mean - 0.375).abs() < 1e-4, "{mean}");
        }
    }
}
