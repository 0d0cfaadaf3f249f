//! The mapping between pixels and millimetres.

use super::silhouette::EXTENT;
use crate::light::board::Led;

/// A picture's size and where the board lies in it.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Pixels per millimetre.
    pub(super) scale: f32,
    /// The picture's top left corner in millimetres.
    origin: (f32, f32),
}

impl View {
    pub(super) fn fitting(max_width: usize, max_height: usize) -> Self {
        let scale = (max_width as f32 / EXTENT.0).min(max_height as f32 / EXTENT.1);
        let pixels = |length: f32, most: usize| ((length * scale).round() as usize).clamp(1, most);
        let width = pixels(EXTENT.0, max_width);
        let height = pixels(EXTENT.1, max_height);
        let margin = |extent: f32, pixels: usize| (extent - pixels as f32 / scale) / 2.0;
        Self {
            width,
            height,
            scale,
            origin: (margin(EXTENT.0, width), margin(EXTENT.1, height)),
        }
    }

    /// The place of a pixel's middle.
    pub(super) fn millimetres(&self, x: usize, y: usize) -> (f32, f32) {
        (
            self.origin.0 + (x as f32 + 0.5) / self.scale,
            self.origin.1 + (y as f32 + 0.5) / self.scale,
        )
    }

    /// The pixel that holds a place, or the nearest one.
    pub(super) fn pixel(&self, x: f32, y: f32) -> (usize, usize) {
        let index = |value: f32, most: usize| (value.max(0.0) as usize).min(most - 1);
        (
            index((x - self.origin.0) * self.scale, self.width),
            index((y - self.origin.1) * self.scale, self.height),
        )
    }

    /// Where an LED is drawn: in the middle of a pixel while pixels are coarse, so that all LEDs look alike.
    pub(super) fn snapped(&self, led: &Led, pixel: (usize, usize)) -> (f32, f32) {
        if self.scale < SNAP_BELOW {
            self.millimetres(pixel.0, pixel.1)
        } else {
            (led.x, led.y)
        }
    }

    /// How much of a pixel lies within an edge at this distance, 0 to 1.
    pub(super) fn coverage(&self, distance: f32) -> f32 {
        (0.5 - distance * self.scale).clamp(0.0, 1.0)
    }

    /// The coverage of a shape of this half width, never wider or brighter than it is for being small.
    pub(super) fn disc(&self, distance: f32, half: f32) -> f32 {
        let thin = (2.0 * half * self.scale).min(1.0);
        self.coverage(distance - half.max(0.5 / self.scale)) * thin
    }

    /// The coverage of a line of this half width in millimetres.
    pub(super) fn stroke(&self, distance: f32, half: f32) -> f32 {
        self.disc(distance.abs(), half)
    }

    /// The width in millimetres at which a line of this width is drawn.
    pub(super) fn line(&self, width: f32) -> f32 {
        width.max(1.0 / self.scale)
    }
}

/// 3 pixels per millimetre: from there on a glow has enough pixels to look alike anywhere.
const SNAP_BELOW: f32 = 3.0;
