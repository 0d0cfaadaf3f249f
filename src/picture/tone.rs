//! From linear light to the screen: exposure, tone mapping, sRGB.

/// The exposure of a lit LED's core at full PWM.
///
/// 8.5: the default brightness limit, PWM 48 of 255, then lands at nine tenths of the screen's range, PWM 20 at seven
/// tenths, and what is above the limit turns white-hot instead of clipping.
pub(super) const EXPOSURE: f32 = 8.5;

/// How much of a channel's excess spills into the others, as it does in an eye and in a camera.
const SPILL: f32 = 0.34;

/// The light at which the curve counts as white; 1 − e⁻¹² is beyond eight bits.
const WHITE: f32 = 12.0;

const STEPS: usize = 4096;

/// The curve from linear light to an sRGB byte, as a table.
#[derive(Debug, Clone)]
pub(super) struct Curve(Vec<u8>);

impl Curve {
    pub(super) fn new() -> Self {
        let table = (0..STEPS).map(|step| {
            let root = step as f32 / (STEPS - 1) as f32;
            let light = WHITE * root * root;
            (encode(1.0 - libm::expf(-light)) * 255.0).round() as u8
        });
        Self(table.collect())
    }

    /// Maps linear light to a pixel; more light in any channel never makes any channel dimmer.
    pub(super) fn pixel(&self, light: [f32; 3]) -> [u8; 3] {
        let most = light[0].max(light[1]).max(light[2]);
        let spill = SPILL * most.powi(3) / (most * most + 20.0);
        light.map(|channel| self.byte(channel + spill))
    }

    fn byte(&self, light: f32) -> u8 {
        // The table is spaced by the square root: fine steps where the eye tells them apart.
        let root = (light / WHITE).clamp(0.0, 1.0).sqrt();
        let step = (root * (STEPS - 1) as f32) as usize;
        self.0.get(step).copied().unwrap_or(u8::MAX)
    }
}

/// The linear light that the curve shows as this sRGB colour, spill aside.
pub(super) fn light_of(rgb: [u8; 3]) -> [f32; 3] {
    rgb.map(|byte| -libm::logf(1.0 - decode(byte).min(0.999)))
}

/// The linear value of an sRGB byte.
pub(super) fn decode(byte: u8) -> f32 {
    let value = f32::from(byte) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        libm::powf((value + 0.055) / 1.055, 2.4)
    }
}

fn encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * libm::powf(linear, 1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_dim_colour_is_shown_as_itself() {
        let curve = Curve::new();
        for rgb in [[0, 0, 0], [14, 15, 19], [40, 44, 52]] {
            let shown = curve.pixel(light_of(rgb));
            for channel in 0..3 {
                assert!(
                    shown[channel].abs_diff(rgb[channel]) <= 1,
                    "{rgb:?} {shown:?}"
                );
            }
        }
    }

    #[test]
    fn light_beyond_the_table_is_white() {
        assert_eq!(Curve::new().pixel([1e9, 0.0, 0.0]), [255, 255, 255]);
    }

    proptest! {
        #[test]
        fn more_light_is_never_a_dimmer_pixel(
            light in prop::array::uniform3(0f32..40.0),
            more in prop::array::uniform3(0f32..10.0),
        ) {
            let curve = Curve::new();
            let before = curve.pixel(light);
            let after = curve.pixel([light[0] + more[0], light[1] + more[1], light[2] + more[2]]);
            for channel in 0..3 {
                prop_assert!(after[channel] >= before[channel]);
            }
        }
    }
}
