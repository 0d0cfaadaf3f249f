//! The board as one: still, swelling, beating.

use super::geometry::{PLACES, RINGS};
use super::rhythm::{cycle, hill, nanos, period_nanos, trail};
use super::{Canvas, Moment, Param, tinted};
use crate::light::colour::Rgb;

/// The parameters of `breathe`.
pub(super) const BREATHE: &[Param] = &[Param::rate(
    "breaths_per_minute",
    "how often it swells",
    (1.0, 60.0),
    12.0,
)];

/// The parameters of `pulse`.
pub(super) const PULSE: &[Param] = &[Param::rate(
    "pulses_per_minute",
    "how often a ripple starts",
    (1.0, 90.0),
    30.0,
)];

/// The parameters of `heartbeat`.
pub(super) const HEARTBEAT: &[Param] = &[Param::rate(
    "beats_per_minute",
    "how often the heart beats",
    (20.0, 150.0),
    60.0,
)];

/// The intensity at the trough of a breath: it rests, it does not go out.
const TROUGH: f32 = 0.06;

/// A heart without a colour: red, with warm rings and a white core where a beat begins.
const HEART: [f32; RINGS] = [1.0, 0.7, 0.25, 0.0, 0.0, 0.6];

pub(super) fn solid(moment: &Moment<'_>) -> Canvas {
    tinted(moment.rings_or(Rgb::WHITE.rings()), |_| 1.0)
}

pub(super) fn breathe(moment: &Moment<'_>) -> Canvas {
    let phase = cycle(moment.elapsed, moment.params.number(0)).phase;
    let swell = TROUGH + (1.0 - TROUGH) * hill(phase);
    tinted(moment.rings(), |_| swell)
}

/// A ripple takes two seconds, or the time to the next if that is shorter.
pub(super) fn pulse(moment: &Moment<'_>) -> Canvas {
    const LONGEST_NANOS: u64 = 2_000_000_000;
    let beat = Beat::at(moment, LONGEST_NANOS);
    tinted(moment.rings(), |led| {
        beat.light(0.28 * PLACES[led].radius, 0.08, 0.55)
    })
}

/// The greatest rate at which both beats are shown: above it a second would have four of them.
const DOUBLE_BEATS_MAX: f32 = 75.0;

/// Two beats, the second weaker; each runs from the core to the rim.
pub(super) fn heartbeat(moment: &Moment<'_>) -> Canvas {
    /// A heart that beats slowly rests longer.
    const LONGEST_NANOS: u64 = 1_000_000_000;
    /// When the second beat follows the first, as a share of the time both take.
    const SECOND: f32 = 0.28;
    /// How strong the second is.
    const SECOND_STRENGTH: f32 = 0.65;
    let doubled = moment.params.number(0) <= DOUBLE_BEATS_MAX;
    let strength = if doubled { SECOND_STRENGTH } else { 0.0 };
    let beat = Beat::at(moment, LONGEST_NANOS);
    tinted(moment.rings_or(HEART), |led| {
        let delay = 0.1 * PLACES[led].radius;
        let first = beat.light(delay, 0.05, 0.3);
        let second = strength * beat.light(delay + SECOND, 0.05, 0.4);
        TROUGH + (1.0 - TROUGH) * first.max(second)
    })
}

/// What comes once in a cycle, in units of its own length.
struct Beat {
    since: f32,
    to_next: f32,
}

impl Beat {
    /// At the rate of the first parameter, the length being that of a cycle or shorter.
    fn at(moment: &Moment<'_>, longest_nanos: u64) -> Self {
        let period = period_nanos(moment.params.number(0));
        let length = period.min(longest_nanos) as f32;
        Self {
            since: (nanos(moment.elapsed) % period) as f32 / length,
            to_next: period as f32 / length,
        }
    }

    /// The light of what begins with a delay, rises and falls; it may last into the next cycle.
    fn light(&self, delay: f32, rise: f32, fall: f32) -> f32 {
        let behind = self.since - delay - rise;
        trail(behind, rise, fall).max(trail(behind + self.to_next, rise, fall))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Effect, Inputs, Kind};
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_breath_rests_and_swells() {
        let level = |seconds| {
            let canvas = Effect::new(Kind::Breathe)
                .paint(Duration::from_secs_f32(seconds), &Inputs::default());
            canvas.0[0]
        };
        assert!((level(0.0) - TROUGH).abs() < 1e-6);
        assert!((level(2.5) - 1.0).abs() < 1e-6);
        assert!((level(5.0) - TROUGH).abs() < 1e-6);
    }

    #[test]
    fn a_beat_rises_falls_and_lasts_into_the_next_cycle() {
        let light = |since| {
            let beat = Beat {
                since,
                to_next: 1.0,
            };
            beat.light(0.25, 0.25, 1.0)
        };
        assert_eq!(light(0.25), 0.25 * 0.25);
        assert_eq!(light(0.5), 1.0);
        assert_eq!(light(1.0), 0.25);
        assert_eq!(light(0.0), 0.25);
    }
}
