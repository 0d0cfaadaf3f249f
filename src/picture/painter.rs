//! Paints a frame into pixels.

use super::silhouette::{self, EXTENT, Silhouette};
use super::tone::{Curve, EXPOSURE, decode, light_of};
use super::view::View;
use crate::light::Frame;
use crate::light::board::{BOARD, Led};

/// A drawn board: pixels row by row from the top left, sRGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows of pixels.
    pub height: usize,
    /// The colours, `width * height` of them.
    pub pixels: Vec<[u8; 3]>,
    /// How much of each pixel the board covers, 0 (none, transparent) to 255.
    pub mask: Vec<u8>,
}

/// Draws the board at one size; making one computes every LED's glow, painting adds the glows up.
#[derive(Debug, Clone)]
pub struct Painter {
    width: usize,
    height: usize,
    /// The light of the unlit board.
    ground: Vec<[f32; 3]>,
    mask: Vec<u8>,
    glows: Vec<Glow>,
    curve: Curve,
}

/// What one LED adds to the picture.
#[derive(Debug, Clone)]
struct Glow {
    /// The light at full PWM of a pixel of weight 1.
    light: [f32; 3],
    /// One weight for each pixel, 1 at the LED itself.
    weights: Vec<f32>,
    /// The pixel at the LED's place.
    pixel: (usize, usize),
}

impl Painter {
    /// Makes a painter for the largest picture that fits into so many pixels, at least 1 × 1.
    #[must_use]
    pub fn new(max_width: usize, max_height: usize) -> Self {
        let view = View::fitting(max_width.max(1), max_height.max(1));
        let board = Silhouette::new();
        let (width, height) = (view.width, view.height);
        let places = || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
        let mask = places().map(|(x, y)| view.coverage(board.to_edge(view.millimetres(x, y))));
        let ground = places().map(|(x, y)| ground(&view, &board, view.millimetres(x, y)));
        Self {
            width,
            height,
            ground: ground.collect(),
            mask: mask
                .map(|covered| (covered * 255.0).round() as u8)
                .collect(),
            glows: BOARD.iter().map(|led| Glow::new(led, &view)).collect(),
            curve: Curve::new(),
        }
    }

    /// Makes a painter for the largest picture that fits into so many cells of a terminal, each two pixels high.
    #[must_use]
    pub fn for_cells(columns: usize, rows: usize) -> Self {
        Self::new(columns, rows.saturating_mul(2))
    }

    /// The picture's width and height in pixels.
    #[must_use]
    pub const fn pixels(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The picture's width and height in cells of a terminal.
    #[must_use]
    pub const fn cells(&self) -> (usize, usize) {
        (self.width, self.height.div_ceil(2))
    }

    /// The pixel at the place of the LED at this index.
    #[must_use]
    pub fn led_pixel(&self, index: usize) -> Option<(usize, usize)> {
        self.glows.get(index).map(|glow| glow.pixel)
    }

    /// Paints what the frame looks like; equal frames give equal pictures.
    #[must_use]
    pub fn paint(&self, frame: &Frame) -> Picture {
        let mut light = self.ground.clone();
        for (glow, pwm) in self.glows.iter().zip(frame.0) {
            if pwm > 0 {
                glow.add_to(&mut light, f32::from(pwm) / 255.0);
            }
        }
        Picture {
            width: self.width,
            height: self.height,
            pixels: light.into_iter().map(|at| self.curve.pixel(at)).collect(),
            mask: self.mask.clone(),
        }
    }
}

impl Glow {
    fn new(led: &Led, view: &View) -> Self {
        let pixel = view.pixel(led.x, led.y);
        let centre = view.snapped(led, pixel);
        let weights = (0..view.height).flat_map(|y| (0..view.width).map(move |x| (x, y)));
        let weights: Vec<f32> = weights
            .map(|(x, y)| {
                let at = view.millimetres(x, y);
                weight(libm::hypotf(at.0 - centre.0, at.1 - centre.1), view.scale)
            })
            .collect();
        // Each LED peaks at the same brightness, wherever its place falls between two pixels.
        let peak = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        Self {
            light: led.ring.rgb().map(|byte| decode(byte) * EXPOSURE),
            weights: weights.into_iter().map(|weight| weight / peak).collect(),
            pixel,
        }
    }

    fn add_to(&self, light: &mut [[f32; 3]], level: f32) {
        let [red, green, blue] = self.light.map(|channel| channel * level);
        for (pixel, weight) in light.iter_mut().zip(&self.weights) {
            pixel[0] += red * weight;
            pixel[1] += green * weight;
            pixel[2] += blue * weight;
        }
    }
}

/// The glow at a distance in millimetres: the package itself, its bloom, and what the board scatters.
fn weight(distance: f32, scale: f32) -> f32 {
    // A core narrower than a pixel would fall between two.
    let core = (distance / CORE.max(0.62 / scale)).powi(2);
    let bloom = (distance / 1.9).powi(2);
    let scatter = (distance / 3.4).powi(2);
    libm::expf(-core * core.sqrt()) + 0.105 * libm::expf(-bloom) + 0.036 / (1.0 + scatter).powi(2)
}

/// The radius of an LED's bright core in millimetres; the package is 1.6 mm long.
const CORE: f32 = 0.95;

/// The light of the unlit board at a place.
fn ground(view: &View, board: &Silhouette, at: (f32, f32)) -> [f32; 3] {
    let edge = board.to_edge(at);
    let shade = 1.0 - 0.35 * (at.1 / EXTENT.1);
    let mut light = light_of([17, 18, 23]).map(|channel| channel * shade);
    let mut blend = |rgb: [u8; 3], amount: f32| {
        let over = light_of(rgb);
        for channel in 0..3 {
            light[channel] += (over[channel] - light[channel]) * amount;
        }
    };
    blend([30, 32, 40], 0.8 * view.stroke(board.to_trace(at), 0.22));
    if view.scale > PINS_ABOVE {
        let pin = silhouette::to_header_pin(at);
        blend([52, 47, 38], 0.8 * view.disc(pin, 0.68));
        blend([84, 80, 72], 0.6 * view.disc(pin, 0.3));
    }
    for led in BOARD {
        let (x, y) = view.snapped(&led, view.pixel(led.x, led.y));
        let (x, y) = (at.0 - x, at.1 - y);
        blend([38, 40, 45], view.disc(rounded_square(x, y, 0.55), 0.35));
        let tint = led.ring.rgb().map(|byte| 30 + byte / 6);
        blend(tint, 0.85 * view.disc(libm::hypotf(x, y), 0.62));
    }
    blend(
        [50, 54, 65],
        0.85 * view.stroke(edge + 0.5 * view.line(0.5), 0.25),
    );
    light
}

/// The distance to a square of this half width, level around it: a radius added to it makes the rounded corners.
fn rounded_square(x: f32, y: f32, half: f32) -> f32 {
    libm::hypotf((x.abs() - half).max(0.0), (y.abs() - half).max(0.0))
}

/// 1 pixel per millimetre: with fewer, the header's pins are noise.
const PINS_ABOVE: f32 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::board::LEDS;
    use proptest::prelude::*;

    fn alone(index: usize, pwm: u8) -> Frame {
        let mut frame = Frame::DARK;
        frame.0[index] = pwm;
        frame
    }

    fn sum(pixel: [u8; 3]) -> u32 {
        pixel.iter().map(|byte| u32::from(*byte)).sum()
    }

    #[test]
    fn every_leds_brightest_pixel_lies_at_its_place() {
        for width in [20, 31, 44, 60, 110] {
            let painter = Painter::new(width, 2 * width);
            for index in 0..LEDS {
                let picture = painter.paint(&alone(index, 48));
                let (x, y) = painter.led_pixel(index).unwrap();
                let brightest = picture.pixels.iter().copied().map(sum).max().unwrap();
                let there = sum(picture.pixels[y * picture.width + x]);
                assert_eq!(there, brightest, "LED {} at width {width}", index + 1);
                assert_eq!(picture.mask[y * picture.width + x], 255);
            }
        }
    }

    #[test]
    fn leds_share_no_pixel_from_twenty_columns_on() {
        for width in 20..=60 {
            let view = View::fitting(width, 2 * width);
            let mut pixels: Vec<_> = BOARD.iter().map(|led| view.pixel(led.x, led.y)).collect();
            pixels.sort_unstable();
            pixels.dedup();
            assert_eq!(pixels.len(), LEDS, "width {width}");
        }
    }

    #[test]
    fn the_faintest_level_can_be_told_from_dark() {
        let painter = Painter::new(44, 48);
        let dark = painter.paint(&Frame::DARK);
        for index in 0..LEDS {
            let lit = painter.paint(&alone(index, 1));
            let (x, y) = painter.led_pixel(index).unwrap();
            let at = y * lit.width + x;
            assert!(
                sum(lit.pixels[at]) >= sum(dark.pixels[at]) + 8,
                "LED {}",
                index + 1
            );
        }
    }

    #[test]
    fn the_default_limit_is_bright_and_keeps_its_colour() {
        let painter = Painter::new(44, 48);
        let picture = painter.paint(&alone(0, 48));
        let (x, y) = painter.led_pixel(0).unwrap();
        let [red, green, blue] = picture.pixels[y * picture.width + x];
        assert!(red > 220, "{red}");
        assert!(green < 100 && blue < 100, "{green} {blue}");
    }

    #[test]
    fn full_current_is_white_hot() {
        let painter = Painter::new(44, 48);
        let picture = painter.paint(&Frame([255; LEDS]));
        for index in 0..LEDS {
            let (x, y) = painter.led_pixel(index).unwrap();
            let pixel = picture.pixels[y * picture.width + x];
            assert!(
                pixel.iter().all(|byte| *byte > 225),
                "LED {}: {pixel:?}",
                index + 1
            );
        }
    }

    #[test]
    fn the_shape_of_the_board_is_kept() {
        for (width, height) in [(44, 999), (999, 48), (60, 60), (200, 100)] {
            let (wide, high) = Painter::new(width, height).pixels();
            assert!(wide <= width && high <= height);
            let error = wide as f32 / high as f32 - EXTENT.0 / EXTENT.1;
            assert!(error.abs() < 0.03, "{wide} × {high}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_size_and_any_frame_can_be_painted(
            width in 0usize..50,
            height in 0usize..60,
            pwm in any::<[u8; LEDS]>(),
        ) {
            let picture = Painter::new(width, height).paint(&Frame(pwm));
            prop_assert!(picture.width >= 1 && picture.width <= width.max(1));
            prop_assert!(picture.height >= 1 && picture.height <= height.max(1));
            prop_assert_eq!(picture.pixels.len(), picture.width * picture.height);
            prop_assert_eq!(picture.mask.len(), picture.pixels.len());
        }

        #[test]
        fn brighter_pwm_is_never_a_dimmer_pixel(
            pwm in any::<[u8; LEDS]>(),
            more in any::<[u8; LEDS]>(),
        ) {
            let painter = Painter::new(30, 33);
            let mut brighter = pwm;
            for (level, more) in brighter.iter_mut().zip(more) {
                *level = level.saturating_add(more);
            }
            let before = painter.paint(&Frame(pwm)).pixels;
            let after = painter.paint(&Frame(brighter)).pixels;
            for (before, after) in before.as_flattened().iter().zip(after.as_flattened()) {
                prop_assert!(after >= before);
            }
        }

        #[test]
        fn equal_frames_give_equal_pictures(pwm in any::<[u8; LEDS]>()) {
            let painter = Painter::new(30, 33);
            prop_assert_eq!(painter.paint(&Frame(pwm)), painter.paint(&Frame(pwm)));
        }
    }
}
