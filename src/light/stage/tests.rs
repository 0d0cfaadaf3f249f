//! What the stage shows, and when it wants to be looked at.

use super::*;
use crate::light::board::{Arm, LEDS, LedIndex, Ring};
use crate::light::colour::Rgb;
use crate::light::command::Flash;
use crate::light::effect::ParamValue;
use crate::units::Percent;
use proptest::prelude::*;

const SETTINGS: Settings = Settings {
    default_effect: Kind::CpuLoad,
    brightness_limit: 255,
    gamma: 1.0,
    frames_per_second: 50,
    allow_fast_flashes: false,
    current_limit_milliamps: None,
    night: None,
};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn idle() -> Inputs {
    Inputs {
        cpu_load: Some(Percent::ZERO),
        ..Inputs::default()
    }
}

fn effect(kind: Kind) -> Command {
    Command {
        effect: Some((kind, Effect::new(kind).params)),
        ..Command::to_board()
    }
}

fn colour(ring: Ring) -> Command {
    Command {
        colour: Some(Rgb::of_ring(ring)),
        ..Command::to_board()
    }
}

fn power(power: Power) -> Command {
    Command {
        power: Some(power),
        ..Command::to_board()
    }
}

fn apply(stage: &mut Stage, at: f64, command: &Command) {
    stage.apply(seconds(at), &idle(), command).unwrap();
}

fn ring_frame(ring: Ring, level: u8) -> Frame {
    Frame(std::array::from_fn(|led| {
        if led % 6 == ring as usize { level } else { 0 }
    }))
}

#[test]
fn a_still_picture_asks_for_no_wake_up() {
    let mut stage = Stage::new(&SETTINGS);
    assert_eq!(stage.next_wake(seconds(1.0), &idle()), None);
    assert_eq!(stage.readings(), Readings::Load);
    apply(&mut stage, 1.0, &colour(Ring::Green));
    assert_eq!(stage.next_wake(seconds(1.0), &idle()), None);
    assert_eq!(stage.readings(), Readings::None);
}

#[test]
fn a_moving_picture_wakes_on_a_fixed_grid() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &effect(Kind::Breathe));
    assert_eq!(stage.next_wake(seconds(1.0), &idle()), Some(seconds(1.02)));
    assert_eq!(
        stage.next_wake(seconds(1.031), &idle()),
        Some(seconds(1.04))
    );
}

#[test]
fn a_picture_that_changes_in_steps_wakes_at_its_steps() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &effect(Kind::Strobe));
    assert_eq!(stage.next_wake(seconds(1.0), &idle()), Some(seconds(1.08)));
    assert_eq!(stage.next_wake(seconds(1.5), &idle()), Some(seconds(2.0)));
    apply(&mut stage, 3.0, &effect(Kind::Clock));
    let inputs = Inputs {
        local_time: Some(seconds(49_062.75)),
        ..idle()
    };
    assert_eq!(stage.next_wake(seconds(4.0), &inputs), Some(seconds(4.25)));
    assert_eq!(stage.next_wake(seconds(4.0), &idle()), None);
    apply(&mut stage, 5.0, &power(Power::Off));
    assert_eq!(stage.next_wake(seconds(5.0), &inputs), None);
}

#[test]
fn an_overloaded_machine_is_followed_and_moves() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &effect(Kind::LoadAverage));
    assert_eq!(stage.readings(), Readings::All);
    assert_eq!(stage.next_wake(seconds(1.0), &idle()), None);
    let overloaded = Inputs {
        load_average_1: Some(3.0),
        ..idle()
    }
    .with_cores(&[Percent::ZERO; 2]);
    assert_eq!(
        stage.next_wake(seconds(1.0), &overloaded),
        Some(seconds(1.02))
    );
}

#[test]
fn fast_flashes_are_slowed_down_where_they_are_not_allowed() {
    let mut params = Effect::new(Kind::Strobe).params;
    let value = ParamValue::Number(600.0);
    let fast = Kind::Strobe.params(true);
    params.set(fast, "flashes_per_minute", value).unwrap();
    let command = Command {
        effect: Some((Kind::Strobe, params)),
        ..Command::to_board()
    };
    for (allow_fast_flashes, per_minute) in [(false, 180.0), (true, 600.0)] {
        let mut stage = Stage::new(&Settings {
            allow_fast_flashes,
            ..SETTINGS
        });
        apply(&mut stage, 1.0, &command);
        let shown = stage.state().effect().map(|effect| effect.params.number(0));
        assert_eq!(shown, Some(per_minute));
    }
}

#[test]
fn a_colour_beside_an_effect_that_takes_none_is_left_out() {
    let mut stage = Stage::new(&SETTINGS);
    let command = Command {
        colour: Some(Rgb::of_ring(Ring::Blue)),
        ..effect(Kind::Fire)
    };
    apply(&mut stage, 1.0, &command);
    assert_eq!(stage.state().colour(), Rgb::WHITE);
}

#[test]
fn expired_lease_returns_to_cpu_load() {
    let mut stage = Stage::new(&SETTINGS);
    let command = Command {
        lease: Some(seconds(10.0)),
        from: Some("doorbell".into()),
        ..colour(Ring::Red)
    };
    apply(&mut stage, 5.0, &command);
    assert_eq!(stage.state().layer, LayerName::Remote);
    assert_eq!(stage.state().from.as_deref(), Some("doorbell"));
    assert_eq!(stage.next_wake(seconds(6.0), &idle()), Some(seconds(15.0)));
    assert!(!stage.drop_ended(seconds(14.9), &idle()));
    assert!(stage.drop_ended(seconds(15.0), &idle()));
    assert_eq!(stage.state().layer, LayerName::Base);
    assert_eq!(stage.next_wake(seconds(16.0), &idle()), None);
}

#[test]
fn off_is_dark_and_on_brings_back_what_was_there() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Blue));
    apply(&mut stage, 2.0, &power(Power::Off));
    assert_eq!(stage.frame(seconds(2.0), &idle()), Frame::DARK);
    assert!(!stage.state().look.on);
    apply(&mut stage, 3.0, &power(Power::Toggle));
    assert_eq!(
        stage.frame(seconds(3.0), &idle()),
        ring_frame(Ring::Blue, 255)
    );
    apply(&mut stage, 4.0, &power(Power::Toggle));
    assert_eq!(stage.frame(seconds(4.0), &idle()), Frame::DARK);
}

#[test]
fn off_is_not_the_same_as_giving_the_board_back() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &power(Power::Off));
    assert_eq!(stage.state().layer, LayerName::Remote);
    apply(&mut stage, 2.0, &effect(Kind::CpuLoad));
    assert_eq!(stage.state().layer, LayerName::Base);
    assert_ne!(stage.frame(seconds(2.0), &idle()), Frame::DARK);
}

#[test]
fn brightness_is_a_master_level() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Yellow));
    let dimmer = Command {
        brightness: Some(51),
        ..Command::to_board()
    };
    apply(&mut stage, 2.0, &dimmer);
    assert_eq!(
        stage.frame(seconds(2.0), &idle()),
        ring_frame(Ring::Yellow, 51)
    );
}

#[test]
fn a_transition_starts_at_what_was_seen_and_arrives() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Red));
    let slowly = Command {
        transition: seconds(2.0),
        ..colour(Ring::White)
    };
    apply(&mut stage, 2.0, &slowly);
    assert_eq!(
        stage.frame(seconds(2.0), &idle()),
        ring_frame(Ring::Red, 255)
    );
    let halfway = stage.frame(seconds(3.0), &idle());
    assert_eq!((halfway.0[0], halfway.0[5]), (128, 128));
    assert!(stage.next_wake(seconds(3.99), &idle()).is_some());
    assert_eq!(
        stage.frame(seconds(4.0), &idle()),
        ring_frame(Ring::White, 255)
    );
    assert_eq!(stage.next_wake(seconds(4.0), &idle()), None);
}

#[test]
fn a_segment_paints_on_a_dark_canvas_and_then_on_what_was_painted() {
    let mut stage = Stage::new(&SETTINGS);
    let arm = Command {
        segment: Segment::Arm(Arm::Top),
        brightness: Some(100),
        ..Command::to_board()
    };
    apply(&mut stage, 1.0, &arm);
    let led = Command {
        segment: Segment::Led(LedIndex::from_number(18).unwrap()),
        ..Command::to_board()
    };
    apply(&mut stage, 2.0, &led);
    let mut expected = [0; LEDS];
    expected[..6].fill(100);
    expected[17] = 255;
    assert_eq!(stage.frame(seconds(2.0), &idle()), Frame(expected));
    assert_eq!(stage.state().brightness(Segment::Arm(Arm::Top)), 100);
    assert!(
        !stage
            .state()
            .is_on(Segment::Led(LedIndex::from_number(7).unwrap()))
    );
}

#[test]
fn effects_on_segments_conflict_and_change_nothing() {
    let mut stage = Stage::new(&SETTINGS);
    let command = Command {
        segment: Segment::Ring(Ring::Red),
        ..effect(Kind::Breathe)
    };
    assert_eq!(
        stage.apply(seconds(1.0), &idle(), &command),
        Err(Conflict::EffectOnSegment)
    );
    assert_eq!(stage.state(), Stage::new(&SETTINGS).state());
}

#[test]
fn an_alert_lies_above_and_leaves_what_was_below() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Green));
    let alert = Command {
        target: Target::Alert,
        lease: Some(seconds(3.0)),
        ..colour(Ring::Red)
    };
    apply(&mut stage, 2.0, &alert);
    apply(&mut stage, 3.0, &colour(Ring::Blue));
    assert_eq!(
        stage.frame(seconds(3.0), &idle()),
        ring_frame(Ring::Red, 255)
    );
    assert!(stage.drop_ended(seconds(5.0), &idle()));
    assert_eq!(
        stage.frame(seconds(6.0), &idle()),
        ring_frame(Ring::Blue, 255)
    );
}

#[test]
fn a_flash_blinks_below_three_times_a_second_and_ends() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Green));
    let flash = Command {
        flash: Some(Flash::Short),
        ..Command::to_board()
    };
    apply(&mut stage, 2.0, &flash);
    assert_eq!(stage.frame(seconds(2.0), &idle()), Frame::DARK);
    assert_eq!(stage.next_wake(seconds(2.0), &idle()), Some(seconds(2.25)));
    assert_eq!(
        stage.frame(seconds(2.25), &idle()),
        ring_frame(Ring::Green, 255)
    );
    assert_eq!(
        stage.frame(seconds(4.0), &idle()),
        ring_frame(Ring::Green, 255)
    );
    assert_eq!(stage.next_wake(seconds(4.0), &idle()), None);
}

#[test]
fn a_board_that_is_alone_shows_its_base_and_remembers_what_was_commanded() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &colour(Ring::Blue));
    assert!(stage.leave_alone(seconds(2.0), &idle(), true));
    assert_eq!(stage.state().layer, LayerName::Base);
    assert!(stage.lasting().is_some());
    assert!(stage.leave_alone(seconds(3.0), &idle(), false));
    assert_eq!(stage.state().layer, LayerName::Remote);
    assert_eq!(
        stage.frame(seconds(4.0), &idle()),
        ring_frame(Ring::Blue, 255)
    );
}

#[test]
fn what_changes_beneath_an_alert_leaves_the_alert_as_it_is() {
    let mut stage = Stage::new(&SETTINGS);
    let alert = Command {
        target: Target::Alert,
        lease: Some(seconds(60.0)),
        ..effect(Kind::Strobe)
    };
    apply(&mut stage, 1.0, &alert);
    let alone = stage.clone();
    let slowly = Command {
        transition: seconds(60.0),
        lease: Some(seconds(5.0)),
        ..colour(Ring::Blue)
    };
    apply(&mut stage, 2.0, &slowly);
    for tenth in 0..80 {
        let now = seconds(2.0 + f64::from(tenth) / 10.0);
        stage.drop_ended(now, &idle());
        assert_eq!(stage.frame(now, &idle()), alone.frame(now, &idle()));
    }
}

#[test]
fn a_flash_alone_changes_neither_the_layer_nor_its_lease_nor_off() {
    let flash = Command {
        flash: Some(Flash::Short),
        ..Command::to_board()
    };
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &flash);
    assert_eq!(stage.state().layer, LayerName::Base);
    let leased = Command {
        lease: Some(seconds(10.0)),
        ..colour(Ring::Red)
    };
    apply(&mut stage, 2.0, &leased);
    apply(&mut stage, 3.0, &flash);
    assert_eq!(stage.state().ends, Some(seconds(12.0)));
    apply(&mut stage, 4.0, &power(Power::Off));
    apply(&mut stage, 5.0, &flash);
    assert!(!stage.state().look.on);
}

#[test]
fn a_picture_without_a_light_is_off_and_on_lights_the_default() {
    let mut stage = Stage::new(&SETTINGS);
    let dark = Command {
        segment: Segment::Arm(Arm::Top),
        ..power(Power::Off)
    };
    apply(&mut stage, 1.0, &dark);
    assert_eq!(stage.frame(seconds(1.0), &idle()), Frame::DARK);
    assert!(!stage.state().is_on(Segment::Board));
    for on in [Power::On, Power::Toggle] {
        let mut stage = stage.clone();
        apply(&mut stage, 2.0, &power(on));
        assert!(stage.state().is_on(Segment::Board));
        assert_eq!(stage.state().effect_name(), Some("cpu_load"));
    }
}

#[test]
fn what_is_painted_is_as_bright_as_its_state_says() {
    let mut stage = Stage::new(&SETTINGS);
    let dim = Command {
        levels: Some([200; LEDS]),
        brightness: Some(10),
        ..Command::to_board()
    };
    apply(&mut stage, 1.0, &dim);
    let paint = Command {
        segment: Segment::Ring(Ring::Red),
        brightness: Some(200),
        ..Command::to_board()
    };
    apply(&mut stage, 2.0, &paint);
    let frame = stage.frame(seconds(2.0), &idle());
    assert_eq!((frame.0[0], frame.0[1]), (200, 8));
    assert_eq!(stage.state().brightness(Segment::Ring(Ring::Red)), 200);
    assert_eq!(stage.state().brightness(Segment::Ring(Ring::Orange)), 8);
}

#[test]
fn identify_lies_above_everything_and_ends() {
    let mut stage = Stage::new(&SETTINGS);
    apply(&mut stage, 1.0, &power(Power::Off));
    stage.identify(seconds(2.0), &idle(), seconds(10.0));
    assert_eq!(stage.state().layer, LayerName::Identify);
    assert_ne!(stage.frame(seconds(2.5), &idle()), Frame::DARK);
    assert!(stage.drop_ended(seconds(12.0), &idle()));
    assert_eq!(stage.state().layer, LayerName::Remote);
}

#[test]
fn at_night_full_brightness_is_less() {
    let night = Night {
        hours: "22:00-06:00".parse().unwrap(),
        brightness_limit: 8,
    };
    let mut stage = Stage::new(&Settings {
        night: Some(night),
        ..SETTINGS
    });
    apply(&mut stage, 1.0, &colour(Ring::Green));
    let at = |hour: u64| Inputs {
        local_time: Some(Duration::from_secs(hour * 3600)),
        ..idle()
    };
    assert_eq!(
        stage.frame(seconds(2.0), &at(12)),
        ring_frame(Ring::Green, 255)
    );
    assert_eq!(
        stage.frame(seconds(2.0), &at(23)),
        ring_frame(Ring::Green, 8)
    );
    assert!(stage.needs_local_time());
    let evening = Inputs {
        local_time: Some(Duration::from_secs(22 * 3600 - 60)),
        ..idle()
    };
    assert_eq!(stage.next_wake(seconds(2.0), &evening), Some(seconds(62.0)));
    // The clock may be set meanwhile.
    assert_eq!(stage.next_wake(seconds(2.0), &at(12)), Some(seconds(302.0)));
}

#[test]
fn the_current_stays_within_its_limit() {
    let mut stage = Stage::new(&Settings {
        current_limit_milliamps: Some(100.0),
        ..SETTINGS
    });
    let bright = Command {
        levels: Some([255; LEDS]),
        ..Command::to_board()
    };
    apply(&mut stage, 1.0, &bright);
    let frame = stage.frame(seconds(1.0), &idle());
    assert!(
        (90.0..=100.0).contains(&frame.milliamps()),
        "{}",
        frame.milliamps()
    );
}

#[test]
fn boards_that_begin_at_the_same_instant_show_the_same_whenever_they_hear_of_it() {
    let begun = Command {
        begins: Some(seconds(10.0)),
        ..effect(Kind::Chase)
    };
    let (mut early, mut late) = (Stage::new(&SETTINGS), Stage::new(&SETTINGS));
    apply(&mut early, 10.0, &begun);
    apply(&mut late, 10.3, &begun);
    for tenth in 0..50 {
        let now = seconds(10.5 + f64::from(tenth) / 10.0);
        assert_eq!(early.frame(now, &idle()), late.frame(now, &idle()));
    }
}

#[test]
fn a_phase_is_a_share_of_a_cycle_ahead() {
    let chase = |phase: f64| {
        let mut effect = Effect::new(Kind::Chase);
        let declared = Kind::Chase.info().params;
        effect
            .params
            .set(declared, "phase", ParamValue::Number(phase))
            .unwrap();
        effect
    };
    let turn = 60.0 / f64::from(chase(0.0).params.number(0));
    let (ahead, plain) = (chase(0.25), chase(0.0));
    for tenth in 0..30 {
        let now = f64::from(tenth) / 10.0;
        let shown = ahead.paint(seconds(now), &idle());
        let expected = plain.paint(seconds(now + turn / 4.0), &idle());
        for (a, b) in shown.0.into_iter().zip(expected.0) {
            assert!((a - b).abs() < 1e-3);
        }
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let power = prop_oneof![
        Just(None),
        Just(Some(Power::On)),
        Just(Some(Power::Off)),
        Just(Some(Power::Toggle))
    ];
    (
        power,
        proptest::option::of(1u8..),
        proptest::option::of(any::<[u8; 3]>()),
        proptest::option::of(0..crate::light::effect::EFFECTS.len()),
        0u64..60_000,
        proptest::option::of(1u64..86_400_000),
        any::<bool>(),
    )
        .prop_map(
            |(power, brightness, colour, effect, transition, lease, alert)| Command {
                power,
                brightness,
                colour: colour.map(Rgb),
                effect: effect.map(|index| {
                    let kind = crate::light::effect::EFFECTS[index].kind;
                    (kind, Effect::new(kind).params)
                }),
                transition: Duration::from_millis(transition),
                target: if alert && lease.is_some() {
                    Target::Alert
                } else {
                    Target::Remote
                },
                lease: lease.map(Duration::from_millis),
                ..Command::to_board()
            },
        )
}

proptest! {
    #[test]
    fn replaying_a_log_of_commands_gives_the_same_frames(
        commands in proptest::collection::vec((any_command(), 0u64..10_000), 1..8),
    ) {
        let replay = || {
            let mut stage = Stage::new(&SETTINGS);
            let mut now = Duration::ZERO;
            let mut frames = Vec::new();
            for (command, pause) in &commands {
                stage.apply(now, &idle(), command).unwrap();
                now += Duration::from_millis(*pause);
                stage.drop_ended(now, &idle());
                frames.push((stage.frame(now, &idle()), stage.next_wake(now, &idle())));
            }
            frames
        };
        prop_assert_eq!(replay(), replay());
    }

    #[test]
    fn the_next_wake_up_lies_ahead_and_nothing_passes_the_limit(
        commands in proptest::collection::vec((any_command(), 0u64..100_000), 0..8),
        limit in 1u8..,
    ) {
        let mut stage = Stage::new(&Settings { brightness_limit: limit, ..SETTINGS });
        let mut now = Duration::ZERO;
        for (command, pause) in commands {
            stage.apply(now, &idle(), &command).unwrap();
            now += Duration::from_millis(pause);
            stage.drop_ended(now, &idle());
            prop_assert!(stage.next_wake(now, &idle()).is_none_or(|wake| wake > now));
            prop_assert!(stage.frame(now, &idle()).0.iter().all(|pwm| *pwm <= limit));
        }
    }

    #[test]
    fn a_lease_always_ends(command in any_command()) {
        let mut stage = Stage::new(&SETTINGS);
        let command = Command { lease: Some(seconds(86_400.0)), ..command };
        stage.apply(Duration::ZERO, &idle(), &command).unwrap();
        stage.drop_ended(seconds(86_400.0), &idle());
        prop_assert_eq!(stage.state().layer, LayerName::Base);
    }
}
