//! Intensities as a person perceives them, before gamma.

use super::board::LEDS;

/// The perceived intensity of each LED, 0 (off) to 1 (full), in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canvas(pub [f32; LEDS]);

impl Canvas {
    /// All LEDs off.
    pub const DARK: Self = Self([0.0; LEDS]);

    /// Multiplies every LED by `factor`.
    #[must_use]
    pub fn scaled(mut self, factor: f32) -> Self {
        for level in &mut self.0 {
            *level *= factor;
        }
        self
    }

    /// Mixes two canvases: 0 is `self`, 1 is `other`.
    #[must_use]
    pub fn mixed(mut self, other: &Self, share: f32) -> Self {
        for (level, target) in self.0.iter_mut().zip(other.0) {
            *level += (target - *level) * share;
        }
        self
    }
}
