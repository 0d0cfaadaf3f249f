//! The pure core: a frame of each effect, decoding of commands. `cargo bench --bench engine`

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use piglow_node::light::board::Segment;
use piglow_node::light::effect::{EFFECTS, Effect};
use piglow_node::light::scene::{Easing, KeyframeDraft, SceneDraft, Shows};
use piglow_node::light::{Command, Inputs, Scenes, Settings, Stage};
use piglow_node::protocol::{Delivery, decode_set};
use piglow_node::units::Percent;

fn frames(bench: &mut Criterion) {
    let inputs = Inputs {
        cpu_load: Percent::saturating(47.0),
        ..Inputs::default()
    };
    let mut group = bench.benchmark_group("frame");
    for info in &EFFECTS {
        let mut stage = Stage::new(&Settings {
            default_effect: info.kind,
            ..Settings::default()
        });
        // A remote layer, so that the whole stack is walked.
        let command = Command {
            effect: Some((info.kind, Effect::new(info.kind).params)),
            brightness: Some(200),
            ..Command::to_board()
        };
        let applied = stage.apply(Duration::ZERO, &inputs, &command);
        assert_eq!(applied, Ok(()), "{}", info.name);
        let mut now = Duration::ZERO;
        group.bench_function(info.name, |b| {
            b.iter(|| {
                now += Duration::from_micros(16_667);
                black_box(stage.frame(black_box(now), black_box(&inputs)))
            });
        });
    }
}

/// A playlist of a sunset of 64 pictures: two catalogue look-ups and a mix of two pictures a frame.
fn scene_frames(bench: &mut Criterion) {
    let keyframe = |shows| KeyframeDraft {
        shows,
        duration: Duration::from_secs(10),
        easing: Easing::Smooth,
    };
    let draft = |name: &str, keyframes| SceneDraft {
        name: name.parse().expect("a name"),
        summary: String::new(),
        repeat: 0,
        keyframes,
    };
    let pictures = (0..64u8).map(|level| keyframe(Shows::Levels([level; 18])));
    let drafts = [
        draft("pictures", pictures.collect()),
        draft(
            "playlist",
            vec![keyframe(Shows::Named("pictures".to_owned()))],
        ),
    ];
    let scenes = Scenes::build(&drafts, false).expect("valid scenes");
    let inputs = Inputs::default();
    let mut group = bench.benchmark_group("scene");
    for draft in &drafts {
        let name = draft.name.as_str();
        let scene = scenes.find(name).expect("a scene");
        let mut now = Duration::ZERO;
        group.bench_function(name, |b| {
            b.iter(|| {
                now += Duration::from_micros(16_667);
                black_box(scenes.paint(scene, black_box(now), black_box(&inputs)))
            });
        });
    }
}

fn decoding(bench: &mut Criterion) {
    let commands = [
        ("word", "breathe"),
        (
            "home_assistant",
            r#"{"state":"ON","brightness":128,"color":{"r":255,"g":180,"b":107},"transition":1}"#,
        ),
        (
            "effect",
            r#"{"effect":"breathe","params":{"breaths_per_minute":20},"for_secs":30,"from":"doorbell","id":"a1b2"}"#,
        ),
        (
            "picture",
            r#"{"leds":[0,15,30,45,60,75,90,105,120,135,150,165,180,195,210,225,240,255],"id":"a1b2"}"#,
        ),
        ("rejected", r#"{"brightness":300,"id":"a1b2"}"#),
    ];
    let scenes = Scenes::default();
    let mut group = bench.benchmark_group("decode");
    for (name, payload) in commands {
        group.bench_function(name, |b| {
            b.iter(|| {
                decode_set(
                    Segment::Board,
                    black_box(payload.as_bytes()),
                    Delivery::default(),
                    &scenes,
                )
            });
        });
    }
}

criterion_group!(benches, frames, scene_frames, decoding);
criterion_main!(benches);
