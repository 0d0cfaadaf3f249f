//! From an RGB colour to the six rings.
//!
//! The rings are five fixed hues and white. The white ring carries what the three channels have in common,
//! `w = min(r, g, b)`. What is left has a hue and a strength `c = max − min`; the hue lies between two neighbours
//! on the wheel red 0°, orange 30°, yellow 60°, green 120°, blue 240°, red 360°, at the share `t` of the way, and
//! they get `min(1, 2 − 2t) · c` and `min(1, 2t) · c`: halfway, both are as strong as the colour, as on a screen.

use super::board::Ring;

/// A colour, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// White at full strength.
    pub const WHITE: Self = Self([255; 3]);

    /// Reads `#rrggbb` or a ring's name.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        if let Some(hex) = text.strip_prefix('#') {
            if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let value = u32::from_str_radix(hex, 16).ok()?;
            let [_, r, g, b] = value.to_be_bytes();
            return Some(Self([r, g, b]));
        }
        Ring::ALL
            .into_iter()
            .find(|ring| ring.name() == text)
            .map(Self::of_ring)
    }

    /// The colour that lights this ring alone, at full strength.
    #[must_use]
    pub const fn of_ring(ring: Ring) -> Self {
        Self(match ring {
            Ring::Red => [255, 0, 0],
            Ring::Orange => [255, 128, 0],
            Ring::Yellow => [255, 255, 0],
            Ring::Green => [0, 255, 0],
            Ring::Blue => [0, 0, 255],
            Ring::White => [255, 255, 255],
        })
    }

    /// The intensity of each ring, 0 to 1, from the outside in.
    #[must_use]
    pub fn rings(self) -> [f32; 6] {
        let [r, g, b] = self.0.map(|channel| f32::from(channel) / 255.0);
        let max = r.max(g).max(b);
        let white = r.min(g).min(b);
        let chroma = max - white;
        let mut rings = [0.0; 6];
        rings[Ring::White as usize] = white;
        if chroma > 0.0 {
            let hue = hue_degrees(r, g, b, max, chroma);
            for (from, to, start, end) in WHEEL {
                if (start..end).contains(&hue) {
                    let share = (hue - start) / (end - start);
                    rings[from as usize] += (2.0 - 2.0 * share).min(1.0) * chroma;
                    rings[to as usize] += (2.0 * share).min(1.0) * chroma;
                }
            }
        }
        rings
    }
}

/// The neighbours on the wheel and the degrees between which they mix.
const WHEEL: [(Ring, Ring, f32, f32); 5] = [
    (Ring::Red, Ring::Orange, 0.0, ORANGE_DEGREES),
    (Ring::Orange, Ring::Yellow, ORANGE_DEGREES, 60.0),
    (Ring::Yellow, Ring::Green, 60.0, 120.0),
    (Ring::Green, Ring::Blue, 120.0, 240.0),
    (Ring::Blue, Ring::Red, 240.0, 360.0),
];

/// The hue of `#ff8000`, the nearest 8-bit colour to 30°.
const ORANGE_DEGREES: f32 = 60.0 * 128.0 / 255.0;

fn hue_degrees(r: f32, g: f32, b: f32, max: f32, chroma: f32) -> f32 {
    let sector = if max == r {
        ((g - b) / chroma).rem_euclid(6.0)
    } else if max == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    // Just below red, rounding can reach the full circle.
    let degrees = sector * 60.0;
    if degrees >= 360.0 { 0.0 } else { degrees }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ring_colours_light_their_ring_alone() {
        for ring in Ring::ALL {
            let mut expected = [0.0; 6];
            expected[ring as usize] = 1.0;
            let rings = Rgb::of_ring(ring).rings();
            for (got, want) in rings.into_iter().zip(expected) {
                assert!((got - want).abs() < 1e-4, "{ring:?}: {rings:?}");
            }
        }
    }

    #[test]
    fn cyan_and_magenta_are_both_neighbours_in_full() {
        assert_eq!(Rgb([0, 255, 255]).rings(), [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        assert_eq!(Rgb([255, 0, 255]).rings(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn black_is_dark_and_grey_is_white_only() {
        assert_eq!(Rgb([0; 3]).rings(), [0.0; 6]);
        assert_eq!(Rgb([51; 3]).rings(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.2]);
    }

    #[test]
    fn texts_are_read_or_refused() {
        assert_eq!(Rgb::from_text("#0a0B0c"), Some(Rgb([10, 11, 12])));
        assert_eq!(Rgb::from_text("orange"), Some(Rgb([255, 128, 0])));
        for wrong in ["#12345", "#1234567", "#+12345", "#gggggg", "pink", ""] {
            assert_eq!(Rgb::from_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_documented_table_is_what_is_mixed() {
        let table = include_str!("../../docs/colour.md");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| line.contains("`#"))
            .filter(|line| line.starts_with("| "))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert!(rows.len() > 12, "{} rows", rows.len());
        for row in rows {
            let colour = Rgb::from_text(row[1].trim_matches('`')).unwrap();
            let mixed = colour.rings().map(|level| format!("{:.0}", level * 100.0));
            assert_eq!(&mixed[..], &row[2..], "{}", row[0]);
        }
    }

    proptest! {
        #[test]
        fn twice_the_colour_is_twice_the_light_on_each_ring(half in proptest::array::uniform3(0u8..=127)) {
            let double = half.map(|channel| channel * 2);
            for (one, two) in Rgb(half).rings().into_iter().zip(Rgb(double).rings()) {
                prop_assert!((one * 2.0 - two).abs() < 1e-4, "{one} {two}");
            }
        }

        #[test]
        fn every_colour_stays_within_its_range(rgb: [u8; 3]) {
            for level in Rgb(rgb).rings() {
                prop_assert!((0.0..=1.0).contains(&level));
            }
        }

        #[test]
        fn every_colour_but_black_lights_something(rgb: [u8; 3]) {
            prop_assert_eq!(Rgb(rgb).rings().iter().any(|level| *level > 0.0), rgb != [0; 3]);
        }
    }
}
