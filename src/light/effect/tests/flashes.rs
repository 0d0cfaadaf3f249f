//! No effect can harm: at most three general flashes in any second (WCAG 2.3.1).

use super::*;
use crate::light::flashes::{CHANGES_PER_SECOND_MAX, FlashMeter, STEP_MILLIS};

/// The most changes of the board's mean within any second, by perceived intensity or by luminance.
fn most_changes(effect: &Effect, inputs: &Inputs, from_millis: u64, seconds: u64) -> usize {
    let mut meter = FlashMeter::new();
    for millis in (from_millis..from_millis + seconds * 1000).step_by(STEP_MILLIS as usize) {
        let canvas = effect.paint(Duration::from_millis(millis), inputs);
        meter.see(millis, &canvas);
    }
    meter.most_in_a_second()
}

#[test]
fn flashes_are_counted() {
    let strobe = |per_minute| {
        let mut effect = Effect::new(Kind::Strobe);
        let value = ParamValue::Number(per_minute);
        let declared = Kind::Strobe.params(true);
        let set = effect.params.set(declared, "flashes_per_minute", value);
        assert_eq!(set, Ok(()));
        most_changes(&effect, &Inputs::default(), 0, 5)
    };
    assert_eq!(strobe(60.0), 2);
    assert_eq!(strobe(180.0), CHANGES_PER_SECOND_MAX);
    assert!(strobe(240.0) > CHANGES_PER_SECOND_MAX);
}

#[test]
fn no_effect_flashes_too_fast_at_the_ends_of_its_parameters() {
    for kind in EFFECTS.map(|info| info.kind) {
        for corner in 0..8 {
            let share = |bit: usize| f64::from(u8::from(corner >> bit & 1 == 1));
            let mut effect = with_params(kind, false, [share(0), share(1), share(2), 0.5]);
            for colour in [None, Some(Rgb([255, 0, 255]))] {
                effect.colour = colour;
                let most = most_changes(&effect, &busy(), 0, 12);
                assert!(most <= CHANGES_PER_SECOND_MAX, "{effect:?}: {most}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_effect_flashes_too_fast(
        effect in any_effect(false), inputs in any_inputs(), from_millis in 0u64..100_000_000,
    ) {
        let most = most_changes(&effect, &inputs, from_millis, 6);
        prop_assert!(most <= CHANGES_PER_SECOND_MAX, "{most}");
    }
}
