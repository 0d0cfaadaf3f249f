//! Moving effects: phases, swells and tails.

use std::f32::consts::TAU;
use std::time::Duration;

use super::Param;

/// How often `breathe` swells.
pub(super) const BREATHS_PER_MINUTE: Param = Param {
    name: "breaths_per_minute",
    summary: "how often it swells",
    unit: "1/min",
    min: 1.0,
    max: 60.0,
    default: 12.0,
};

/// How often `chase` runs along the arms.
pub(super) const TURNS_PER_MINUTE: Param = Param {
    name: "turns_per_minute",
    summary: "how often the light runs from the rim to the centre",
    unit: "1/min",
    min: 1.0,
    max: 120.0,
    default: 40.0,
};

/// The intensity at the trough of a breath: it rests, it does not go out.
const TROUGH: f32 = 0.06;

/// The length of the tail behind the head, in LEDs.
const TAIL_LEDS: f32 = 4.0;

/// A lap in LEDs: the arm, one before it for the head to rise, and the tail's length for it to leave.
const LAP_LEDS: f32 = 6.0 + 1.0 + TAIL_LEDS;

/// How far into its cycle a motion is, 0 to 1.
///
/// Works in whole microseconds, so that it is as exact after ten years as at the start.
pub(super) fn phase(elapsed: Duration, per_minute: f32) -> f32 {
    let period = (60e6 / f64::from(per_minute)).max(1.0) as u128;
    ((elapsed.as_micros() % period) as f64 / period as f64) as f32
}

pub(super) fn swell(elapsed: Duration, per_minute: f32) -> f32 {
    let wave = (1.0 - (phase(elapsed, per_minute) * TAU).cos()) / 2.0;
    TROUGH + (1.0 - TROUGH) * wave
}

/// The place of the head on the arms, in LEDs from the rim.
pub(super) fn head(elapsed: Duration, per_minute: f32) -> f32 {
    phase(elapsed, per_minute) * LAP_LEDS - 1.0
}

/// The intensity of an LED for a head at this place: it rises within one LED and falls along the tail.
pub(super) fn tail(head: f32, index: usize) -> f32 {
    let behind = head - (index % 6) as f32;
    if behind < 0.0 {
        (1.0 + behind).max(0.0)
    } else {
        let left = (1.0 - behind / TAIL_LEDS).max(0.0);
        left * left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breath_rests_and_swells() {
        let at = |seconds| swell(Duration::from_secs_f32(seconds), 12.0);
        assert!((at(0.0) - TROUGH).abs() < 1e-6);
        assert!((at(2.5) - 1.0).abs() < 1e-6);
        assert!((at(5.0) - TROUGH).abs() < 1e-6);
    }

    #[test]
    fn phase_is_exact_after_ten_years() {
        let ten_years = Duration::from_secs(10 * 365 * 86_400);
        assert!((phase(ten_years + Duration::from_millis(1250), 12.0) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_head_is_bright_with_a_falling_tail() {
        let arm: Vec<f32> = (0..6).map(|led| tail(4.0, led)).collect();
        assert_eq!(arm[4], 1.0);
        assert!(arm[..5].is_sorted(), "{arm:?}");
        assert_eq!(arm[5], 0.0);
    }
}
