//! No scene can harm: at most three flashes of the whole board in any second.

use std::time::Duration;

use super::timeline::Picture;
use super::{SceneIndex, Scenes};
use crate::light::flashes::{CHANGES_PER_SECOND_MAX, FlashMeter, STEP_MILLIS};
use crate::light::inputs::Inputs;

/// How much is looked at on either side of a change of keyframes, in milliseconds.
const AROUND: u64 = 1000;

/// With keyframes no shorter than this, a second sees three at most, and each goes up and down at most once.
const SLOW: Duration = Duration::from_millis(500);

/// Looks at each second around a change of keyframes: between them a picture moves evenly, and what is nested has been
/// looked at by itself.
pub(super) fn flashes_too_fast(scenes: &Scenes, index: SceneIndex) -> bool {
    let Some(scene) = scenes.get(index) else {
        return false;
    };
    let timeline = &scene.timeline;
    let is_flat = timeline
        .pictures()
        .all(|picture| matches!(picture, Picture::Levels(_)));
    if is_flat && timeline.shortest() >= SLOW {
        return false;
    }
    let changes_max = if is_flat {
        CHANGES_PER_SECOND_MAX
    } else {
        // From one effect to the next the board may rise or fall once more: that alone is no fourth flash.
        CHANGES_PER_SECOND_MAX + 1
    };
    // The seam between two passes is looked at as well, and short passes are until a second is full.
    let count = timeline.pictures().count();
    let boundaries = timeline
        .boundaries()
        .zip(0..)
        .take_while(|(at, number)| *number <= count || at.as_secs() < 2)
        .map(|(at, _)| u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
    let mut meter = FlashMeter::new();
    let mut seen = 0;
    for boundary in boundaries {
        if boundary.saturating_sub(AROUND) > seen {
            meter = FlashMeter::new();
            seen = boundary - AROUND;
        }
        while seen < boundary.saturating_add(AROUND) {
            let canvas = scenes.paint(index, Duration::from_millis(seen), &Inputs::default());
            meter.see(seen, &canvas);
            seen += STEP_MILLIS;
        }
        if meter.most_in_a_second() > changes_max {
            return true;
        }
    }
    false
}
