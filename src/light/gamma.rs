//! From perceived intensity to PWM.

use std::sync::Arc;

use super::canvas::Canvas;
use super::frame::Frame;

/// Steps of the table: fine enough that neighbours differ by at most one PWM step at an exponent of 4.
const STEPS: usize = 1024;

/// A table from perceived intensity to PWM under a brightness limit.
///
/// Monotonic; 0 gives 0; anything above 0 gives at least 1, so that "on" is never dark; 1 gives the limit.
#[derive(Debug, Clone)]
pub struct Gamma {
    /// Shared by all clones.
    table: Arc<[u8; STEPS + 1]>,
}

impl Gamma {
    /// Makes the table for an exponent (1 is linear, 2.2 is usual) and a limit in PWM steps, 0 (always dark) to 255.
    #[must_use]
    pub fn new(exponent: f32, limit: u8) -> Self {
        let mut table = [0; STEPS + 1];
        for (step, pwm) in table.iter_mut().enumerate().skip(1) {
            let intensity = step as f32 / STEPS as f32;
            // Rounding can't pass the limit: the power of a number up to 1 is at most 1.
            *pwm = ((libm::powf(intensity, exponent) * f32::from(limit)).round() as u8)
                .max(limit.min(1));
        }
        Self {
            table: Arc::new(table),
        }
    }

    /// The PWM value of an intensity; what lies outside 0 to 1, or is NaN, is taken as the nearest end.
    #[must_use]
    pub fn pwm(&self, intensity: f32) -> u8 {
        // The cast saturates, and NaN becomes 0.
        let step = (intensity * STEPS as f32).ceil() as usize;
        self.table[step.min(STEPS)]
    }

    /// The PWM values of a canvas.
    #[must_use]
    pub fn frame(&self, canvas: &Canvas) -> Frame {
        Frame(canvas.0.map(|intensity| self.pwm(intensity)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_dark_and_the_limit() {
        let gamma = Gamma::new(2.2, 48);
        assert_eq!(gamma.pwm(0.0), 0);
        assert_eq!(gamma.pwm(f32::MIN_POSITIVE), 1);
        assert_eq!(gamma.pwm(1.0), 48);
        assert_eq!(Gamma::new(2.2, 255).pwm(1.0), 255);
        assert_eq!(gamma.pwm(f32::NAN), 0);
    }

    proptest! {
        #[test]
        fn brighter_in_is_never_dimmer_out(
            a in 0.0f32..=1.0, b in 0.0f32..=1.0, exponent in 1.0f32..=4.0, limit in 1u8..,
        ) {
            let gamma = Gamma::new(exponent, limit);
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(gamma.pwm(low) <= gamma.pwm(high));
            prop_assert!(gamma.pwm(high) <= limit);
        }
    }
}
