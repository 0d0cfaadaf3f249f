//! What the panel is to show.

use super::board::LEDS;

/// The PWM values of the 18 LEDs, 0 (off) to 255 (full current), in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Frame(pub [u8; LEDS]);

impl Frame {
    /// All LEDs off.
    pub const DARK: Self = Self([0; LEDS]);
}
