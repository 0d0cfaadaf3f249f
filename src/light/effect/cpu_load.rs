//! The local CPU load: rings light up from red inwards, each fading in over its band.
//!
//! The bands are those of Pimoroni's `cpu.py`: below 5 % red, below 20 % orange as well, then yellow at 40, green at
//! 60, blue at 80, white above. There a ring is on or off; here it is as bright as the load is far into its band.

use super::Canvas;
use super::tinted;
use crate::light::inputs::Inputs;

/// Where each ring's band begins and ends, in percent, from the outside in.
const BANDS: [(f32, f32); 6] = [
    (0.0, 5.0),
    (5.0, 20.0),
    (20.0, 40.0),
    (40.0, 60.0),
    (60.0, 80.0),
    (80.0, 100.0),
];

/// The red ring's least intensity: an idle machine still glows, so that dark means off.
const GLIMMER: f32 = 0.3;

pub(super) fn paint(inputs: &Inputs) -> Canvas {
    let Some(load) = inputs.cpu_load else {
        return Canvas::DARK;
    };
    let mut rings =
        BANDS.map(|(start, end)| ((load.get() - start) / (end - start)).clamp(0.0, 1.0));
    rings[0] = GLIMMER + (1.0 - GLIMMER) * rings[0];
    tinted(rings, |_| 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::board::Ring;
    use crate::units::Percent;
    use proptest::prelude::*;

    fn rings(load: f32) -> [f32; 6] {
        let canvas = paint(&Inputs {
            cpu_load: Percent::saturating(load),
        });
        std::array::from_fn(|ring| canvas.0[ring])
    }

    #[test]
    fn bands_are_those_of_cpu_py() {
        assert_eq!(rings(0.0), [GLIMMER, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(rings(5.0), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(rings(20.0), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(rings(30.0), [1.0, 1.0, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!(rings(60.0), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(rings(100.0), [1.0; 6]);
    }

    #[test]
    fn nothing_known_is_dark() {
        assert_eq!(paint(&Inputs::default()), Canvas::DARK);
    }

    proptest! {
        #[test]
        fn more_load_is_never_dimmer(a in 0.0f32..=100.0, b in 0.0f32..=100.0) {
            let (low, high) = (rings(a.min(b)), rings(a.max(b)));
            for ring in Ring::ALL {
                prop_assert!(low[ring as usize] <= high[ring as usize]);
            }
        }
    }
}
