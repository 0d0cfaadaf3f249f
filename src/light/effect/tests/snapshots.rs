//! Each effect's frames at fixed times, kept as text beside the effects: a change of a picture is seen in review.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::*;

/// Set to write the snapshots instead of comparing them.
const WRITE_VARIABLE: &str = "UPDATE_GOLDEN";

/// The times, in milliseconds: the start, steps within a cycle, and far out.
const TIMES_MILLIS: [u64; 16] = [
    0,
    100,
    250,
    400,
    600,
    800,
    1000,
    1300,
    1700,
    2200,
    3000,
    4500,
    7000,
    30_500,
    60_800,
    31_536_000_700,
];

/// A colour between two rings, for effects that take one.
const TINT: Rgb = Rgb([0, 160, 255]);

fn path(kind: Kind) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/light/effect/snapshots")
        .join(format!("{}.txt", kind.name()))
}

fn picture(kind: Kind) -> String {
    let mut text = format!(
        "# {}: {}\n# intensities in percent, red to white, arms top | right | left\n",
        kind.name(),
        kind.info().summary
    );
    write_block(&mut text, &Effect::new(kind));
    if kind.info().takes_colour {
        text.push_str("\n# in the colour #00a0ff\n");
        write_block(
            &mut text,
            &Effect {
                colour: Some(TINT),
                ..Effect::new(kind)
            },
        );
    }
    text
}

fn write_block(text: &mut String, effect: &Effect) {
    for millis in TIMES_MILLIS {
        let canvas = effect.paint(Duration::from_millis(millis), &busy());
        let seconds = Duration::from_millis(millis).as_secs_f64();
        let arms: Vec<String> = canvas.0.chunks(6).map(row).collect();
        writeln!(text, "{seconds:>14.3} s {}", arms.join("  |")).unwrap();
    }
}

fn row(levels: &[f32]) -> String {
    let cells = levels.iter().map(|level| format!("{:>4.0}", level * 100.0));
    cells.collect()
}

#[test]
fn every_effect_paints_what_its_snapshot_shows() {
    let write = std::env::var_os(WRITE_VARIABLE).is_some();
    for kind in EFFECTS.map(|info| info.kind) {
        let (path, painted) = (path(kind), picture(kind));
        if write {
            fs::write(&path, painted).unwrap();
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == painted,
            "{} does not paint what {} shows; it paints\n{painted}\nif that is meant, \
             run `{WRITE_VARIABLE}=1 cargo test --lib every_effect_paints` and look at the difference",
            kind.name(),
            path.display()
        );
    }
}
