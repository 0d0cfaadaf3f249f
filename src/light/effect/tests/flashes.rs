//! No effect can harm: at most three general flashes in any second (WCAG 2.3.1).

use super::*;
use crate::light::board::LEDS;

/// A change of the board's luminance that counts, as a share of full.
const FLASH_CHANGE: f32 = 0.1;

/// Two opposing changes are a flash.
const CHANGES_PER_SECOND_MAX: usize = 6;

/// Between two looks at an effect, in milliseconds.
const STEP_MILLIS: u64 = 8;

/// The times at which the series has gone up or down by [`FLASH_CHANGE`] since it last turned.
fn changes(series: impl Iterator<Item = (u64, f32)>) -> Vec<u64> {
    let mut changes = Vec::new();
    let (mut low, mut high) = (f32::MAX, f32::MIN);
    let mut rising = None;
    for (millis, level) in series {
        low = low.min(level);
        high = high.max(level);
        if rising != Some(true) && level - low >= FLASH_CHANGE {
            rising = Some(true);
            high = level;
            changes.push(millis);
        } else if rising != Some(false) && high - level >= FLASH_CHANGE {
            rising = Some(false);
            low = level;
            changes.push(millis);
        }
    }
    changes
}

/// The most changes of the board's mean within any second, by perceived intensity or by luminance.
fn most_changes(effect: &Effect, inputs: &Inputs, from_millis: u64, seconds: u64) -> usize {
    let frames: Vec<(u64, Canvas)> = (from_millis..from_millis + seconds * 1000)
        .step_by(STEP_MILLIS as usize)
        .map(|millis| (millis, effect.paint(Duration::from_millis(millis), inputs)))
        .collect();
    let busiest_second = |exponent: f32| {
        let mean = |canvas: &Canvas| {
            let sum: f32 = canvas.0.iter().map(|level| level.powf(exponent)).sum();
            sum / LEDS as f32
        };
        let changes = changes(
            frames
                .iter()
                .map(|(millis, canvas)| (*millis, mean(canvas))),
        );
        let within = |start: u64| {
            let second = start..start + 1000;
            changes.iter().filter(|at| second.contains(at)).count()
        };
        changes.iter().map(|start| within(*start)).max()
    };
    [1.0, 2.2]
        .into_iter()
        .filter_map(busiest_second)
        .max()
        .unwrap_or_default()
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
