//! The spiral as a bar of 18 LEDs: a gauge, a timer, and fillings that run along it.

use std::time::Duration;

use super::geometry::{PLACES, RINGS, step};
use super::load::GLIMMER;
use super::rhythm::{cycle, ease, nanos, trail};
use super::{Canvas, Change, Moment, Param, tinted};
use crate::light::board::LEDS;

/// The parameters of `gauge`.
pub(super) const GAUGE: &[Param] = &[Param::number(
    "value",
    "how full it is",
    "%",
    (0.0, 100.0),
    0.0,
)];

/// The parameters of `countdown`.
pub(super) const COUNTDOWN: &[Param] = &[Param::number(
    "seconds",
    "how long it takes",
    "seconds",
    (1.0, 86_400.0),
    60.0,
)];

/// The parameters of `spiral_in` and `spiral_out`.
pub(super) const SPIRAL: &[Param] = &[Param::rate(
    "fills_per_minute",
    "how often the spiral fills and empties",
    (1.0, 60.0),
    12.0,
)];

/// The length of a filling's soft edge, in LEDs: one turn of the spiral.
const EDGE_LEDS: f32 = 3.0;

/// The steps in which a timer's LED fades: more than the panel's PWM has under its usual limit.
const FADE_STEPS: u64 = 64;

/// Timers whose steps are shorter than this, a frame at the usual rate, move with every frame.
const SHORTEST_STEP: Duration = Duration::from_millis(20);

/// How long a timer's last gesture takes: one ripple to the rim.
const FINISH: Duration = Duration::from_millis(1600);

/// From the centre outwards, so that red is lit last.
pub(super) fn gauge(moment: &Moment<'_>) -> Canvas {
    let lit = moment.params.number(0) / 100.0 * LEDS as f32;
    tinted([1.0; RINGS], |led| {
        let level = bar(led, lit);
        // Nothing is not the same as off.
        if step(led) + 1 == LEDS {
            GLIMMER + (1.0 - GLIMMER) * level
        } else {
            level
        }
    })
}

/// The intensity of an LED of the bar that grows from the centre, with this many lit.
fn bar(led: usize, lit: f32) -> f32 {
    let from_centre = (LEDS - 1 - step(led)) as f32;
    (lit - from_centre).clamp(0.0, 1.0)
}

/// A full bar burns down from the rim to the centre; a ripple runs out when it has ended, then it is dark.
pub(super) fn countdown(moment: &Moment<'_>) -> Canvas {
    let timer = Timer::of(moment);
    if timer.elapsed < timer.total {
        let lit = timer.steps_left() as f32 / FADE_STEPS as f32;
        return tinted([1.0; RINGS], |led| bar(led, lit));
    }
    let since = moment
        .elapsed
        .saturating_sub(Duration::from_nanos(timer.total));
    if since >= FINISH {
        return Canvas::DARK;
    }
    // The front passes the rim at 1 and the ripple's tail leaves at 2.
    let front = since.as_secs_f32() / FINISH.as_secs_f32() * 2.0;
    tinted([1.0; RINGS], |led| {
        trail(front - PLACES[led].radius, 0.2, 1.0)
    })
}

pub(super) fn countdown_change(moment: &Moment<'_>) -> Change {
    let timer = Timer::of(moment);
    if timer.elapsed >= timer.total {
        let finished = timer.elapsed - timer.total >= nanos(FINISH);
        return if finished {
            Change::Never
        } else {
            Change::EveryFrame
        };
    }
    if timer.total < Timer::STEPS * nanos(SHORTEST_STEP) {
        return Change::EveryFrame;
    }
    Change::At(Duration::from_nanos(timer.next_step()))
}

/// A timer's time, in nanoseconds.
struct Timer {
    elapsed: u64,
    total: u64,
}

impl Timer {
    const STEPS: u64 = LEDS as u64 * FADE_STEPS;

    fn of(moment: &Moment<'_>) -> Self {
        Self {
            elapsed: nanos(moment.elapsed),
            total: nanos(Duration::from_secs_f32(moment.params.number(0))),
        }
    }

    /// The steps not yet gone, the current one counted in full; at most a day of them, so nothing overflows.
    fn steps_left(&self) -> u64 {
        ((self.total - self.elapsed) * Self::STEPS).div_ceil(self.total)
    }

    /// When there will be one step less.
    fn next_step(&self) -> u64 {
        self.total - self.total * (self.steps_left() - 1) / Self::STEPS
    }
}

pub(super) fn spiral_in(moment: &Moment<'_>) -> Canvas {
    spiral(moment, |led| step(led) as f32)
}

pub(super) fn spiral_out(moment: &Moment<'_>) -> Canvas {
    spiral(moment, |led| (LEDS - 1 - step(led)) as f32)
}

/// In the first half of a cycle a soft edge lights the spiral along its way, in the second another darkens it.
fn spiral(moment: &Moment<'_>, along: impl Fn(usize) -> f32) -> Canvas {
    let halves = 2.0 * cycle(moment.elapsed, moment.params.number(0)).phase;
    let edge = halves.fract() * (LEDS as f32 + EDGE_LEDS);
    tinted(moment.traced_rings(), |led| {
        let passed = ease((edge - along(led)) / EDGE_LEDS);
        if halves < 1.0 { passed } else { 1.0 - passed }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind, ParamValue};
    use super::*;
    use proptest::prelude::*;

    fn effect(kind: Kind, value: f64) -> Effect {
        let mut effect = Effect::new(kind);
        let param = kind.info().params[0].name;
        effect
            .params
            .set(kind.info().params, param, ParamValue::Number(value))
            .unwrap();
        effect
    }

    fn gauge_at(value: f64) -> Canvas {
        effect(Kind::Gauge, value).paint(Duration::ZERO, &Inputs::default())
    }

    #[test]
    fn a_gauge_grows_from_the_white_centre_to_the_red_rim() {
        let sum = |value| gauge_at(value).0.iter().sum::<f32>();
        assert_eq!(sum(0.0), GLIMMER);
        assert_eq!(sum(50.0), 9.0);
        let half = gauge_at(50.0);
        for arm in 0..3 {
            assert_eq!(half.0[arm * 6..][..6], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        }
        assert_eq!(gauge_at(100.0), Canvas([1.0; LEDS]));
    }

    #[test]
    fn a_countdown_ends_with_one_ripple_and_then_dark() {
        let timer = effect(Kind::Countdown, 60.0);
        let inputs = Inputs::default();
        let at = |seconds| timer.paint(Duration::from_secs_f64(seconds), &inputs);
        assert_eq!(at(0.0), Canvas([1.0; LEDS]));
        assert_eq!(at(30.0).0.iter().sum::<f32>(), 9.0);
        assert!(at(59.99).0.iter().sum::<f32>() < 0.05);
        assert_ne!(at(60.5), Canvas::DARK);
        assert_eq!(at(61.6), Canvas::DARK);
        let after = Duration::from_secs(62);
        assert_eq!(timer.next_change(after, &inputs), Change::Never);
    }

    proptest! {
        #[test]
        fn a_fuller_gauge_is_nowhere_dimmer(a in 0.0..=100.0f64, b in 0.0..=100.0f64) {
            let (low, high) = (gauge_at(a.min(b)), gauge_at(a.max(b)));
            for (low, high) in low.0.into_iter().zip(high.0) {
                prop_assert!(low <= high);
            }
        }

        #[test]
        fn a_countdown_never_gains(total in 1.0..=86_400.0f64, a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let timer = effect(Kind::Countdown, total);
            let at = |share: f64| timer.paint(Duration::from_secs_f64(share * total), &Inputs::default());
            for (early, late) in at(a.min(b)).0.into_iter().zip(at(a.max(b)).0) {
                prop_assert!(early >= late);
            }
        }
    }
}
