use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use super::exhibit::SETTINGS;
use super::*;
use crate::light::effect::{EFFECTS, Effect, Info};

/// How to bring the documentation up to date.
const REMEDY: &str = "run `cargo run --release -- gallery --out docs` and look at what it wrote";

/// The most bytes that the animations may take together: every clone of the repository carries them.
const BYTES_MAX: u64 = 3 << 20;

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn decoded(file: &[u8]) -> (png::Info<'static>, Vec<Vec<u8>>) {
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    let info = reader.info().clone();
    let frames = info
        .animation_control
        .map_or(1, |control| control.num_frames);
    let frames = (0..frames).map(|_| {
        let mut frame = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut frame).unwrap();
        frame
    });
    let frames = frames.collect();
    (info, frames)
}

#[test]
fn every_effect_has_its_picture_in_the_docs_and_no_other_is_there() {
    let wanted: BTreeSet<String> = EFFECTS
        .iter()
        .map(|info| format!("{}.png", info.name))
        .collect();
    let there = fs::read_dir(docs().join("effects")).unwrap();
    let there: BTreeSet<String> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, wanted, "{REMEDY}");
    for still in ["board.png", "contact-sheet.png"] {
        assert!(
            docs().join(still).exists(),
            "docs/{still} is missing; {REMEDY}"
        );
    }
}

#[test]
fn the_animations_in_the_docs_are_those_of_this_gallery_and_small() {
    let size = Painter::new(ANIMATION.0, ANIMATION.1).pixels();
    let mut bytes = 0;
    for Info { kind, name, .. } in &EFFECTS {
        let file = fs::read(docs().join("effects").join(format!("{name}.png"))).unwrap();
        bytes += file.len() as u64;
        let reader = png::Decoder::new(Cursor::new(&file)).read_info().unwrap();
        let header = reader.info();
        let kept = (header.width as usize, header.height as usize);
        assert_eq!(kept, size, "{name}: {REMEDY}");
        let frames = header.animation_control.unwrap().num_frames as usize;
        assert_eq!(frames, Exhibit::of(*kind).shots().len(), "{name}: {REMEDY}");
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}

#[test]
fn the_page_of_the_effects_is_up_to_date() {
    let kept = fs::read_to_string(docs().join("effects.md")).unwrap_or_default();
    assert!(
        kept == effects_page(),
        "docs/effects.md is not what the table of effects says; {REMEDY}"
    );
}

#[test]
fn the_same_effect_gives_the_same_bytes() {
    let painter = Painter::new(30, 33);
    let once = animated(Kind::Comet, &painter).unwrap();
    assert!(once == animated(Kind::Comet, &painter).unwrap());
}

#[test]
fn a_still_effect_is_one_frame_and_a_blinking_one_two() {
    let painter = Painter::new(30, 33);
    for (kind, count) in [(Kind::Solid, 1), (Kind::Strobe, 2), (Kind::Clock, 10)] {
        let (info, frames) = decoded(&animated(kind, &painter).unwrap());
        assert_eq!(frames.len(), count, "{}", kind.name());
        assert_eq!(info.animation_control.unwrap().num_plays, 0);
    }
}

#[test]
fn what_repeats_loops_without_a_seam() {
    for kind in [
        Kind::CpuLoad,
        Kind::Gauge,
        Kind::Breathe,
        Kind::Chase,
        Kind::Comet,
        Kind::Rainbow,
        Kind::Radar,
    ] {
        assert_eq!(Exhibit::of(kind).jump(), 0, "{}", kind.name());
    }
}

#[test]
fn what_somebody_gives_is_taken() {
    for kind in [Kind::Gauge, Kind::Countdown] {
        let given = Exhibit::of(kind).params(std::time::Duration::from_secs(2));
        assert_ne!(given, Effect::new(kind).params, "{}", kind.name());
    }
}

#[test]
fn the_exhibited_node_is_the_one_that_is_delivered() {
    let given = crate::config::DEFAULTS;
    let default = |key: &str| {
        let line = given
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap();
        line.trim_start_matches([' ', '='])
            .trim_matches('"')
            .to_owned()
    };
    assert_eq!(default("default_effect"), SETTINGS.default_effect.name());
    assert_eq!(
        default("brightness_limit"),
        SETTINGS.brightness_limit.to_string()
    );
    assert_eq!(default("gamma"), SETTINGS.gamma.to_string());
    assert_eq!(
        default("frames_per_second"),
        SETTINGS.frames_per_second.to_string()
    );
}
