//! What a frame draws from the supply.

use super::board::LEDS;
use super::frame::Frame;

/// The current of one LED at full PWM, in milliamperes: 23 mA, set by the board's resistor (SN3218 data sheet, IMAX).
const LED_MILLIAMPS: f32 = 23.0;

/// The steps of full current: an LED draws IMAX × PWM / 256 (SN3218 data sheet, PWM registers).
const STEPS: f32 = 256.0;

/// The supply of the LEDs, in volts.
const SUPPLY_VOLTS: f32 = 5.0;

impl Frame {
    /// The estimated current of the LEDs in milliamperes, 0 to about 412; not measured.
    #[must_use]
    pub fn milliamps(&self) -> f32 {
        let steps: u32 = self.0.iter().map(|pwm| u32::from(*pwm)).sum();
        steps as f32 / STEPS * LED_MILLIAMPS
    }

    /// The estimated power of the LEDs in watts, 0 to about 2.1; not measured.
    #[must_use]
    pub fn watts(&self) -> f32 {
        self.milliamps() / 1000.0 * SUPPLY_VOLTS
    }

    /// This frame, dimmed as a whole so that its current stays within a limit.
    #[must_use]
    pub fn within_milliamps(self, limit: f32) -> Self {
        let current = self.milliamps();
        if current <= limit {
            return self;
        }
        let share = limit / current;
        // Rounded down: the sum must not pass the limit.
        Self(self.0.map(|pwm| (f32::from(pwm) * share) as u8))
    }
}

/// The current of all LEDs at full PWM, in milliamperes.
pub const FULL_MILLIAMPS: f32 = LED_MILLIAMPS * LEDS as f32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_leds_at_full_draw_412_milliamps_and_2_watts() {
        let full = Frame([255; LEDS]);
        assert!(
            (full.milliamps() - 412.4).abs() < 0.1,
            "{}",
            full.milliamps()
        );
        assert!((full.watts() - 2.06).abs() < 0.01, "{}", full.watts());
        assert_eq!(Frame::DARK.milliamps(), 0.0);
    }

    proptest! {
        #[test]
        fn a_limited_frame_stays_within_its_limit_and_within_the_limit_it_is_untouched(
            levels: [u8; LEDS], limit in 1.0f32..500.0,
        ) {
            let frame = Frame(levels);
            let limited = frame.within_milliamps(limit);
            prop_assert!(limited.milliamps() <= limit);
            prop_assert_eq!(limited == frame, frame.milliamps() <= limit || limited == frame);
        }
    }
}
