use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::light::board::LEDS;
use crate::light::effect::{EFFECTS, Effect, Kind};
use crate::light::{Command, LayerName, Readings, Settings, Stage};

const DARK: [u8; LEDS] = [0; LEDS];
const FULL: [u8; LEDS] = [255; LEDS];
const TEN_YEARS: Duration = Duration::from_secs(320_000_000);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn named(name: &str) -> Shows {
    Shows::Named(name.to_owned())
}

fn keyframe(shows: Shows, secs: f64, easing: Easing) -> KeyframeDraft {
    KeyframeDraft {
        shows,
        duration: seconds(secs),
        easing,
    }
}

fn draft(name: &str, repeat: u16, keyframes: &[KeyframeDraft]) -> SceneDraft {
    SceneDraft {
        name: name.parse().unwrap(),
        summary: String::new(),
        repeat,
        keyframes: keyframes.to_vec(),
    }
}

/// From dark to full in two seconds, and back at once after one more.
fn sunrise(easing: Easing, repeat: u16) -> SceneDraft {
    let keyframes = [
        keyframe(Shows::Levels(DARK), 2.0, easing),
        keyframe(Shows::Levels(FULL), 1.0, Easing::Step),
    ];
    draft("sunrise", repeat, &keyframes)
}

fn build(drafts: &[SceneDraft]) -> Scenes {
    Scenes::build(drafts, false).unwrap()
}

fn flaws(drafts: &[SceneDraft]) -> Vec<(String, Option<usize>, FlawKind)> {
    let flaws = Scenes::build(drafts, false).unwrap_err().into_iter();
    flaws
        .map(|flaw| (flaw.scene.to_string(), flaw.keyframe, flaw.kind))
        .collect()
}

/// The level of LED 1 in a scene.
fn level(scenes: &Scenes, name: &str, elapsed: Duration) -> f32 {
    let scene = scenes.find(name).unwrap();
    scenes.paint(scene, elapsed, &Inputs::default()).0[0]
}

fn change(scenes: &Scenes, name: &str, at: f64) -> Change {
    let scene = scenes.find(name).unwrap();
    scenes.next_change(scene, seconds(at), &Inputs::default())
}

#[test]
fn a_keyframe_blends_into_the_next_as_its_easing_says() {
    for (easing, quarter, half) in [
        (Easing::Linear, 0.25, 0.5),
        (Easing::Smooth, 0.15625, 0.5),
        (Easing::Step, 0.0, 0.0),
    ] {
        let scenes = build(&[sunrise(easing, 0)]);
        let levels = [0.0, 0.5, 1.0, 2.0, 2.9, 3.0];
        let levels = levels.map(|at| level(&scenes, "sunrise", seconds(at)));
        assert_eq!(levels, [0.0, quarter, half, 1.0, 1.0, 0.0], "{easing:?}");
    }
}

#[test]
fn a_scene_is_repeated_and_then_stays_at_its_last_keyframe() {
    let scenes = build(&[sunrise(Easing::Linear, 2)]);
    for (at, expected) in [(3.0, 0.0), (4.0, 0.5), (5.0, 1.0), (6.0, 1.0), (1e6, 1.0)] {
        assert_eq!(level(&scenes, "sunrise", seconds(at)), expected, "{at}");
    }
    let scene = scenes.find("sunrise").unwrap();
    assert!(!scenes.has_ended(scene, seconds(4.999)));
    assert!(scenes.has_ended(scene, seconds(5.0)));
    assert_eq!(change(&scenes, "sunrise", 5.0), Change::Never);
}

#[test]
fn after_ten_years_a_scene_is_where_it_belongs() {
    let keyframes = [
        keyframe(Shows::Levels(DARK), 0.7, Easing::Step),
        keyframe(Shows::Levels(FULL), 0.6, Easing::Step),
    ];
    let scenes = build(&[draft("blinker", 0, &keyframes)]);
    let pass = 1_300_000_000u128;
    let passes = TEN_YEARS.as_nanos() / pass;
    let began = Duration::from_nanos(u64::try_from(passes * pass).unwrap());
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(level(&scenes, "blinker", began - nanosecond), 1.0);
    assert_eq!(level(&scenes, "blinker", began), 0.0);
    assert_eq!(level(&scenes, "blinker", began + seconds(0.7)), 1.0);
    assert_eq!(
        level(&scenes, "blinker", began + seconds(0.7) - nanosecond),
        0.0
    );
}

#[test]
fn a_playlist_begins_each_of_its_scenes_anew_and_fades_over() {
    let playlist = draft(
        "evening",
        0,
        &[
            keyframe(Shows::Levels(DARK), 10.0, Easing::Step),
            keyframe(named("sunrise"), 2.5, Easing::Linear),
            keyframe(named("breathe"), 60.0, Easing::Step),
        ],
    );
    let scenes = build(&[playlist, sunrise(Easing::Linear, 0)]);
    assert_eq!(level(&scenes, "evening", seconds(11.0)), 0.5);
    let breathe = |at| {
        let canvas = Effect::new(Kind::Breathe).paint(seconds(at), &Inputs::default());
        canvas.0[0]
    };
    let halfway = level(&scenes, "evening", seconds(12.25));
    let expected = 1.0 + (breathe(0.0) - 1.0) * 0.5;
    assert!((halfway - expected).abs() < 1e-6, "{halfway} {expected}");
    assert_eq!(level(&scenes, "evening", seconds(15.5)), breathe(3.0));
}

#[test]
fn what_does_not_move_asks_for_no_wake_up() {
    let scenes = build(&[sunrise(Easing::Step, 0)]);
    assert_eq!(change(&scenes, "sunrise", 0.0), Change::At(seconds(2.0)));
    assert_eq!(change(&scenes, "sunrise", 2.5), Change::At(seconds(3.0)));
    assert_eq!(change(&scenes, "sunrise", 31.0), Change::At(seconds(32.0)));

    let scenes = build(&[sunrise(Easing::Linear, 0)]);
    assert_eq!(change(&scenes, "sunrise", 1.0), Change::EveryFrame);
    assert_eq!(change(&scenes, "sunrise", 2.0), Change::At(seconds(3.0)));

    let hold = [
        keyframe(Shows::Levels(FULL), 600.0, Easing::Smooth),
        keyframe(Shows::Levels(FULL), 1.0, Easing::Smooth),
        keyframe(Shows::Levels(DARK), 1.0, Easing::Smooth),
    ];
    let scenes = build(&[draft("hold", 0, &hold), draft("still", 0, &hold[..2])]);
    assert_eq!(change(&scenes, "hold", 1.0), Change::At(seconds(600.0)));
    assert_eq!(change(&scenes, "still", 1.0), Change::Never);
}

#[test]
fn what_is_nested_wakes_when_it_changes_and_before_it_fades_over() {
    let playlist = [
        keyframe(named("sunrise"), 7.0, Easing::Linear),
        keyframe(named("solid"), 7.0, Easing::Linear),
        keyframe(named("cpu_load"), 7.0, Easing::Step),
    ];
    let scenes = build(&[sunrise(Easing::Step, 0), draft("list", 0, &playlist)]);
    for (at, expected) in [
        (21.0, Change::At(seconds(23.0))),
        (27.2, Change::At(seconds(27.5))),
        (27.5, Change::EveryFrame),
        (28.0, Change::At(seconds(34.5))),
        (35.0, Change::At(seconds(42.0))),
    ] {
        assert_eq!(change(&scenes, "list", at), expected, "{at}");
    }
    let readings = |name| scenes.readings(scenes.find(name).unwrap());
    assert_eq!(readings("list"), Readings::Load);
    assert_eq!(readings("sunrise"), Readings::None);
}

#[test]
fn a_name_that_is_taken_or_that_nothing_has_is_a_flaw() {
    let still = keyframe(Shows::Levels(DARK), 1.0, Easing::Linear);
    let lost = keyframe(named("fier"), 1.0, Easing::Linear);
    assert_eq!(
        flaws(&[
            draft("fire", 0, std::slice::from_ref(&still)),
            draft("b", 0, &[still, lost])
        ]),
        [
            ("fire".to_owned(), None, FlawKind::EffectName),
            (
                "b".to_owned(),
                Some(1),
                FlawKind::Unknown("fier".to_owned())
            ),
        ]
    );
}

#[test]
fn a_scene_within_itself_is_a_flaw_told_once_with_its_way() {
    let one =
        |name: &str, inner: &str| draft(name, 0, &[keyframe(named(inner), 1.0, Easing::Linear)]);
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    assert_eq!(
        flaws(&[
            one("x", "a"),
            one("a", "b"),
            one("b", "a"),
            one("self", "self")
        ]),
        [
            (
                "b".to_owned(),
                Some(0),
                FlawKind::Cycle(names(&["a", "b", "a"]))
            ),
            (
                "self".to_owned(),
                Some(0),
                FlawKind::Cycle(names(&["self", "self"]))
            ),
        ]
    );
}

#[test]
fn four_scenes_within_one_another_are_enough() {
    let chain: Vec<SceneDraft> = [
        ("a", "b"),
        ("b", "c"),
        ("c", "d"),
        ("d", "e"),
        ("e", "fire"),
    ]
    .into_iter()
    .map(|(name, inner)| draft(name, 0, &[keyframe(named(inner), 9.0, Easing::Linear)]))
    .collect();
    build(&chain[1..]);
    assert_eq!(
        flaws(&chain),
        [("a".to_owned(), Some(0), FlawKind::TooDeep)]
    );
}

fn blinker(secs: f64, easing: Easing) -> SceneDraft {
    let keyframes = [
        keyframe(Shows::Levels(DARK), secs, easing),
        keyframe(Shows::Levels(FULL), secs, easing),
    ];
    draft("blinker", 0, &keyframes)
}

#[test]
fn a_scene_that_flashes_more_than_three_times_a_second_is_a_flaw_unless_allowed() {
    for (secs, easing, is_safe) in [
        (0.05, Easing::Step, false),
        (0.05, Easing::Smooth, false),
        (0.14, Easing::Step, false),
        (0.168, Easing::Step, true),
        (0.5, Easing::Step, true),
    ] {
        let drafts = [blinker(secs, easing)];
        assert_eq!(Scenes::build(&drafts, false).is_ok(), is_safe, "{secs}");
        assert!(Scenes::build(&drafts, true).is_ok());
    }
    assert_eq!(
        flaws(&[blinker(0.05, Easing::Step)]),
        [("blinker".to_owned(), None, FlawKind::TooFast)]
    );
}

#[test]
fn flashes_are_found_late_in_a_scene_and_across_what_is_nested() {
    let mut keyframes = vec![keyframe(Shows::Levels(DARK), 3000.0, Easing::Step)];
    for level in [FULL, DARK, FULL, DARK, FULL, DARK, FULL] {
        keyframes.push(keyframe(Shows::Levels(level), 0.05, Easing::Step));
    }
    keyframes.push(keyframe(Shows::Levels(DARK), 3000.0, Easing::Step));
    assert_eq!(flaws(&[draft("late", 1, &keyframes)]).len(), 1);
    let still = |name: &str, levels| {
        draft(
            name,
            0,
            &[keyframe(Shows::Levels(levels), 1.0, Easing::Step)],
        )
    };
    let playlist = [
        keyframe(named("off"), 0.05, Easing::Step),
        keyframe(named("on"), 0.05, Easing::Step),
    ];
    let drafts = [
        still("off", DARK),
        still("on", FULL),
        draft("list", 0, &playlist),
    ];
    assert_eq!(
        flaws(&drafts),
        [("list".to_owned(), None, FlawKind::TooFast)]
    );
}

#[test]
fn a_playlist_of_every_effect_is_safe() {
    for easing in [Easing::Linear, Easing::Step] {
        let keyframes: Vec<KeyframeDraft> = EFFECTS
            .iter()
            .map(|info| keyframe(named(info.name), 5.0, easing))
            .collect();
        build(&[draft("all", 0, &keyframes)]);
    }
}

fn stage(scenes: &Arc<Scenes>, default: Option<&str>) -> Stage {
    let settings = Settings {
        brightness_limit: 255,
        gamma: 1.0,
        ..Settings::default()
    };
    let default = default.and_then(|name| scenes.find(name));
    Stage::new(&settings).with_scenes(Arc::clone(scenes), default)
}

fn command(scenes: &Scenes, name: &str) -> Command {
    Command {
        scene: scenes.find(name),
        ..Command::to_board()
    }
}

#[test]
fn a_stage_shows_a_scene_names_it_and_sleeps_while_it_is_still() {
    let scenes = Arc::new(build(&[sunrise(Easing::Step, 0)]));
    let mut stage = stage(&scenes, None);
    let inputs = Inputs::default();
    let asked = command(&scenes, "sunrise");
    stage.apply(seconds(10.0), &inputs, &asked).unwrap();
    assert_eq!(stage.state().effect_name(), Some("sunrise"));
    assert_eq!(stage.state().effect(), None);
    assert_eq!(stage.readings(), Readings::None);
    assert_eq!(stage.next_wake(seconds(10.0), &inputs), Some(seconds(12.0)));
    assert_eq!(stage.frame(seconds(12.0), &inputs).0, FULL);
    // Asked for again, it goes on.
    stage.apply(seconds(12.0), &inputs, &asked).unwrap();
    assert_eq!(stage.frame(seconds(12.0), &inputs).0, FULL);
}

#[test]
fn a_scene_that_has_ended_begins_again_when_it_is_asked_for() {
    let scenes = Arc::new(build(&[sunrise(Easing::Linear, 1)]));
    let mut stage = stage(&scenes, None);
    let inputs = Inputs::default();
    let asked = command(&scenes, "sunrise");
    stage.apply(Duration::ZERO, &inputs, &asked).unwrap();
    assert_eq!(stage.next_wake(seconds(60.0), &inputs), None);
    stage.apply(seconds(60.0), &inputs, &asked).unwrap();
    assert_eq!(stage.frame(seconds(60.0), &inputs).0, DARK);
}

#[test]
fn a_scene_may_be_the_default_and_the_board_is_given_back_to_it() {
    let scenes = Arc::new(build(&[sunrise(Easing::Linear, 1)]));
    let mut stage = stage(&scenes, Some("sunrise"));
    let inputs = Inputs::default();
    assert_eq!(stage.state().effect_name(), Some("sunrise"));
    let off = Command {
        power: Some(crate::light::Power::Off),
        ..Command::to_board()
    };
    stage.apply(seconds(1.0), &inputs, &off).unwrap();
    assert_eq!(stage.state().layer, LayerName::Remote);
    let asked = command(&scenes, "sunrise");
    stage.apply(seconds(2.0), &inputs, &asked).unwrap();
    assert_eq!(stage.state().layer, LayerName::Base);
}

#[test]
fn segments_take_no_scene() {
    let scenes = Arc::new(build(&[sunrise(Easing::Linear, 1)]));
    let refused = stage(&scenes, None).apply(
        Duration::ZERO,
        &Inputs::default(),
        &Command {
            segment: "arm/top".parse().unwrap(),
            ..command(&scenes, "sunrise")
        },
    );
    assert_eq!(refused, Err(crate::light::Conflict::EffectOnSegment));
}

fn any_shows(names: &'static [&'static str]) -> impl Strategy<Value = Shows> {
    prop_oneof![
        3 => any::<[u8; LEDS]>().prop_map(Shows::Levels),
        1 => Just(Shows::Levels(FULL)),
        1 => (0..EFFECTS.len()).prop_map(|index| named(EFFECTS[index].name)),
        2 => proptest::sample::select(names).prop_map(named),
    ]
}

fn any_scene(
    name: &'static str,
    inner: &'static [&'static str],
) -> impl Strategy<Value = SceneDraft> {
    let easing = prop_oneof![
        Just(Easing::Linear),
        Just(Easing::Smooth),
        Just(Easing::Step)
    ];
    let secs = prop_oneof![Just(0.05), 0.05..2.0f64, 0.05..3600.0f64];
    let keyframe = (any_shows(inner), secs, easing)
        .prop_map(|(shows, secs, easing)| keyframe(shows, secs, easing));
    (proptest::collection::vec(keyframe, 1..6), 0u16..4)
        .prop_map(move |(keyframes, repeat)| draft(name, repeat, &keyframes))
}

fn any_scenes() -> impl Strategy<Value = Scenes> {
    (
        any_scene("inner", &["fire"]),
        any_scene("middle", &["inner", "solid"]),
        any_scene("outer", &["inner", "middle"]),
    )
        .prop_map(|(inner, middle, outer)| Scenes::build(&[outer, inner, middle], true).unwrap())
}

proptest! {
    #[test]
    fn any_scene_is_defined_for_ten_years_and_holds_until_it_said_it_would_change(
        scenes in any_scenes(), at in 0.0..3.2e8f64, share in 0.0..1.0f64,
    ) {
        let inputs = Inputs::default();
        let scene = scenes.find("outer").unwrap();
        for elapsed in [seconds(at), seconds(at / 1e5), seconds(at / 1e8)] {
            let picture = scenes.paint(scene, elapsed, &inputs);
            prop_assert!(picture.0.iter().all(|level| (0.0..=1.0).contains(level)));
            let until = match scenes.next_change(scene, elapsed, &inputs) {
                Change::EveryFrame | Change::Never | Change::WithInputs => continue,
                Change::At(at) => {
                    prop_assert!(at > elapsed);
                    at - Duration::from_nanos(1)
                }
            };
            let between = elapsed + (until - elapsed).mul_f64(share);
            for later in [between.min(until), until] {
                prop_assert_eq!(scenes.paint(scene, later, &inputs), picture);
            }
        }
    }
}
