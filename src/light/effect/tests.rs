//! What holds for every effect.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::units::Percent;

mod flashes;
mod snapshots;

/// The longest time an effect is held to: ten years.
const TEN_YEARS_SECS: f64 = 3.2e8;

/// A busy machine of which everything is known.
fn busy() -> Inputs {
    let percent = |value| Percent::saturating(value);
    let cores = [12.0, 95.0, 40.0, 66.0].map(|load| percent(load).unwrap());
    Inputs {
        cpu_load: percent(53.0),
        memory: percent(71.0),
        disk: percent(38.0),
        network: percent(4.0),
        temperature_celsius: Some(61.5),
        load_average_1: Some(4.6),
        local_time: Some(Duration::from_millis(49_062_250)),
        ..Inputs::default()
    }
    .with_cores(&cores)
}

fn any_percent() -> impl Strategy<Value = Option<Percent>> {
    proptest::option::of(0.0f32..=100.0).prop_map(|value| value.and_then(Percent::saturating))
}

fn any_inputs() -> impl Strategy<Value = Inputs> {
    (
        [any_percent(), any_percent(), any_percent(), any_percent()],
        proptest::collection::vec(0.0f32..=100.0, 0..20),
        proptest::option::of(proptest::num::f32::ANY),
        proptest::option::of(proptest::num::f32::ANY),
        proptest::option::of(0u64..86_400_000),
    )
        .prop_map(
            |([cpu_load, memory, disk, network], cores, celsius, load, time)| {
                let cores: Vec<Percent> =
                    cores.into_iter().filter_map(Percent::saturating).collect();
                Inputs {
                    cpu_load,
                    memory,
                    disk,
                    network,
                    temperature_celsius: celsius,
                    load_average_1: load,
                    local_time: time.map(Duration::from_millis),
                    ..Inputs::default()
                }
                .with_cores(&cores)
            },
        )
}

/// An effect whose parameters lie at these shares of their ranges.
fn with_params(kind: Kind, allow_fast_flashes: bool, shares: [f64; 4]) -> Effect {
    let declared = kind.params(allow_fast_flashes);
    let mut effect = Effect::new(kind);
    for (param, share) in declared.iter().zip(shares) {
        let pick = |count: usize| ((count as f64 * share) as usize).min(count - 1);
        let text: String;
        let value = match param.kind {
            ParamKind::Number { min, max, .. } => {
                let (min, max) = (f64::from(min), f64::from(max));
                ParamValue::Number((min + share * (max - min)).clamp(min, max))
            }
            ParamKind::Choice { names, .. } => ParamValue::Text(names[pick(names.len())]),
            ParamKind::Text { max, allowed, .. } => {
                let signs: Vec<char> = allowed.chars().filter(|sign| *sign != ' ').collect();
                text = (0..=pick(max))
                    .map(|place| signs[(pick(signs.len()) + place * 7) % signs.len()])
                    .collect();
                ParamValue::Text(&text)
            }
        };
        effect.params.set(declared, param.name, value).unwrap();
    }
    effect
}

fn any_kind() -> impl Strategy<Value = Kind> {
    (0..EFFECTS.len()).prop_map(|index| EFFECTS[index].kind)
}

fn any_effect(allow_fast_flashes: bool) -> impl Strategy<Value = Effect> {
    let share = || prop_oneof![3 => 0.0..=1.0f64, 1 => Just(0.0), 1 => Just(1.0)];
    (
        any_kind(),
        [share(), share(), share(), share()],
        any::<Option<[u8; 3]>>(),
    )
        .prop_map(move |(kind, shares, colour)| Effect {
            colour: colour.map(Rgb),
            ..with_params(kind, allow_fast_flashes, shares)
        })
}

#[test]
fn the_table_stands_in_the_order_of_the_enum() {
    for (index, info) in EFFECTS.iter().enumerate() {
        assert_eq!(info.kind as usize, index);
        assert_eq!(Kind::from_name(info.name), Some(info.kind));
    }
}

#[test]
fn every_default_lies_within_its_limits() {
    for kind in EFFECTS.map(|info| info.kind) {
        for allowed in [false, true] {
            let declared = kind.params(allowed);
            let mut params = Params::default();
            for param in declared {
                assert_eq!(
                    params.set(declared, param.name, param.default_value()),
                    Ok(()),
                    "{} {}",
                    kind.name(),
                    param.name
                );
            }
            assert_eq!(params, Params::defaults(declared));
        }
    }
}

#[test]
fn every_number_is_refused_outside_its_limits() {
    for kind in EFFECTS.map(|info| info.kind) {
        let declared = kind.params(false);
        for param in declared {
            let ParamKind::Number { min, max, .. } = param.kind else {
                continue;
            };
            for (value, taken) in [
                (f64::from(min), true),
                (f64::from(max), true),
                (f64::from(min) - 0.001, false),
                (f64::from(max) + 0.001, false),
                (f64::INFINITY, false),
            ] {
                let mut params = Params::defaults(declared);
                let result = params.set(declared, param.name, ParamValue::Number(value));
                let expected = if taken {
                    Ok(())
                } else {
                    Err(ParamError::OutOfRange(*param))
                };
                assert_eq!(result, expected, "{} {}", kind.name(), param.name);
            }
        }
    }
}

#[test]
fn every_effect_lights_something_within_a_minute() {
    for kind in EFFECTS.map(|info| info.kind) {
        let sum_at = |tenths: u64| {
            let canvas = Effect::new(kind).paint(Duration::from_millis(tenths * 100), &busy());
            canvas.0.iter().sum::<f32>()
        };
        assert!(
            (0..600).any(|tenths| sum_at(tenths) > 0.2),
            "{}",
            kind.name()
        );
    }
}

#[test]
fn what_runs_across_the_rings_leaves_a_trace_in_a_colour_and_black_is_dark() {
    for kind in [Kind::Chase, Kind::Comet, Kind::SpiralIn, Kind::Rain] {
        let sum = |colour, ring: usize| {
            let effect = Effect {
                colour: Some(Rgb(colour)),
                ..Effect::new(kind)
            };
            let canvas = |tenths: u64| effect.paint(Duration::from_millis(tenths * 100), &busy());
            (0..100).map(|tenths| canvas(tenths).0[ring]).sum::<f32>()
        };
        assert!(sum([255, 0, 0], 0) > 4.0 * sum([255, 0, 0], 3));
        assert!(sum([255, 0, 0], 3) > 0.0);
        assert_eq!(sum([0, 0, 0], 0), 0.0);
    }
}

proptest! {
    #[test]
    fn every_effect_is_defined_for_ten_years(
        effect in any_effect(true), seconds in 0.0..TEN_YEARS_SECS, inputs in any_inputs(),
    ) {
        for elapsed in [Duration::from_secs_f64(seconds), Duration::from_secs_f64(seconds / 1e7)] {
            for level in effect.paint(elapsed, &inputs).0 {
                prop_assert!((0.0..=1.0).contains(&level), "{} {level}", effect.kind.name());
            }
        }
    }

    #[test]
    fn a_picture_holds_until_it_said_it_would_change(
        effect in any_effect(true), seconds in 0.0..TEN_YEARS_SECS, inputs in any_inputs(), share in 0.0..1.0f64,
    ) {
        for elapsed in [Duration::from_secs_f64(seconds), Duration::from_secs_f64(seconds / 1e7)] {
            let picture = effect.paint(elapsed, &inputs);
            let until = match effect.next_change(elapsed, &inputs) {
                Change::EveryFrame => continue,
                Change::Never | Change::WithInputs => elapsed + Duration::from_secs(1_000_000),
                Change::At(at) => {
                    prop_assert!(at > elapsed, "{effect:?}");
                    at - Duration::from_nanos(1)
                }
            };
            let between = elapsed + (until - elapsed).mul_f64(share);
            for later in [between.min(until), until] {
                prop_assert_eq!(effect.paint(later, &inputs), picture, "{:?}", effect.kind);
            }
        }
    }

    #[test]
    fn effects_differ_only_with_the_readings_that_they_follow(
        effect in any_effect(true), seconds in 0.0..1000.0f64, inputs in any_inputs(),
    ) {
        // The time of day is no reading of the host.
        let inputs = Inputs { local_time: None, ..inputs };
        let elapsed = Duration::from_secs_f64(seconds);
        let followed = match effect.kind.readings() {
            Readings::None => Inputs::default(),
            Readings::Load => Inputs { cpu_load: inputs.cpu_load, cores: inputs.cores, ..Inputs::default() },
            Readings::All => inputs,
        };
        prop_assert_eq!(effect.paint(elapsed, &inputs), effect.paint(elapsed, &followed));
    }
}
