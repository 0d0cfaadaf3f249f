//! Scenes of one's own: keyframes one after the other, each a picture, an effect or another scene.
//!
//! A scene is a pure function of the time since it began, as an effect is. Times are whole nanoseconds, so that a scene
//! that repeats is where it belongs after ten years. What is nested begins anew with its keyframe.

mod draft;
mod safety;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::Duration;

pub use draft::{Easing, Flaw, FlawKind, KeyframeDraft, SceneDraft, Shows};

use super::canvas::Canvas;
use super::effect::Change;
use super::inputs::{Inputs, Readings};
use crate::units::SceneName;
use timeline::{Picture, Place, Timeline};

/// The most scenes of a node: they all stand in its self-description.
pub const SCENES_MAX: usize = 64;

/// The most keyframes of a scene.
pub const KEYFRAMES_MAX: usize = 64;

/// The most scenes within one another: deep enough for a playlist of playlists.
pub const DEPTH_MAX: usize = 4;

/// The shortest and longest time from a keyframe to the next, in seconds.
pub const SECS: std::ops::RangeInclusive<f64> = 0.05..=3600.0;

/// The most times that a scene is repeated before it stays at its end.
pub const REPEAT_MAX: u16 = 1000;

/// The longest [`Scene::summary`], in bytes.
pub const SUMMARY_MAX: usize = 128;

/// What is said of a scene that says nothing of itself.
const SUMMARY: &str = "a scene of this node's own";

/// A scene's place in the catalogue it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SceneIndex(usize);

/// The scenes of a node; none contains itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scenes(Vec<Scene>);

/// A scene, ready to be painted.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    name: SceneName,
    summary: String,
    timeline: Timeline,
    needs: Needs,
}

/// What the pictures of a scene depend on besides the time since it began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Needs {
    readings: Readings,
    local_time: bool,
}

impl Scene {
    /// Its name in commands.
    #[must_use]
    pub fn name(&self) -> &SceneName {
        &self.name
    }

    /// One sentence for people.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }
}

impl Scenes {
    /// Makes a catalogue of drafts, whose names differ.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them, in their order.
    pub fn build(drafts: &[SceneDraft], allow_fast_flashes: bool) -> Result<Self, Vec<Flaw>> {
        draft::build(drafts, allow_fast_flashes)
    }

    /// The scenes, in the order in which they are offered.
    pub fn iter(&self) -> impl Iterator<Item = &Scene> + Clone {
        self.0.iter()
    }

    /// The scene with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SceneIndex> {
        let found = self.iter().position(|scene| scene.name.as_str() == name);
        found.map(SceneIndex)
    }

    /// The scene at this place; `None` when the place belongs to another catalogue.
    #[must_use]
    pub fn get(&self, scene: SceneIndex) -> Option<&Scene> {
        self.0.get(scene.0)
    }

    /// The picture at this time after the scene began; every intensity lies within 0 to 1.
    #[must_use]
    pub fn paint(&self, scene: SceneIndex, elapsed: Duration, inputs: &Inputs) -> Canvas {
        let Some(Place {
            keyframe,
            since,
            next,
        }) = self.place(scene, elapsed)
        else {
            return Canvas::DARK;
        };
        let canvas = self.picture(&keyframe.picture, since, inputs);
        let share = keyframe.share_of_next(since);
        match next {
            Some(next) if share > 0.0 => {
                canvas.mixed(&self.picture(&next.picture, Duration::ZERO, inputs), share)
            }
            Some(_) | None => canvas,
        }
    }

    fn picture(&self, picture: &Picture, elapsed: Duration, inputs: &Inputs) -> Canvas {
        match picture {
            Picture::Levels(levels) => Canvas(levels.map(|level| f32::from(level) / 255.0)),
            Picture::Effect(effect) => effect.paint(elapsed, inputs),
            Picture::Scene(scene) => self.paint(*scene, elapsed, inputs),
        }
    }

    /// When the picture changes next; an [`At`](Change::At) lies after `elapsed`, and where the scene
    /// [follows the inputs](Self::readings) they may change it before.
    #[must_use]
    pub fn next_change(&self, scene: SceneIndex, elapsed: Duration, inputs: &Inputs) -> Change {
        let Some(Place {
            keyframe,
            since,
            next,
        }) = self.place(scene, elapsed)
        else {
            return Change::Never;
        };
        let began = elapsed - since;
        let own = match &keyframe.picture {
            Picture::Levels(_) => Change::Never,
            Picture::Effect(effect) => effect.next_change(since, inputs),
            Picture::Scene(scene) => self.next_change(*scene, since, inputs),
        };
        let own = match own {
            Change::At(at) => Change::At(began.saturating_add(at)),
            change @ (Change::Never | Change::WithInputs | Change::EveryFrame) => change,
        };
        if next.is_none() {
            return own;
        }
        let blends = began.saturating_add(keyframe.blends_after());
        match own {
            Change::EveryFrame => Change::EveryFrame,
            _ if blends <= elapsed => Change::EveryFrame,
            Change::At(at) => Change::At(at.min(blends)),
            Change::Never | Change::WithInputs => Change::At(blends),
        }
    }

    /// What of the host the picture depends on at any time.
    #[must_use]
    pub fn readings(&self, scene: SceneIndex) -> Readings {
        self.get(scene)
            .map_or(Readings::None, |scene| scene.needs.readings)
    }

    /// Whether the picture depends at any time on the local time.
    #[must_use]
    pub fn needs_local_time(&self, scene: SceneIndex) -> bool {
        self.get(scene).is_some_and(|scene| scene.needs.local_time)
    }

    /// Whether the scene has been repeated as often as it is and stays at its last keyframe.
    #[must_use]
    pub fn has_ended(&self, scene: SceneIndex, elapsed: Duration) -> bool {
        self.get(scene)
            .is_some_and(|scene| scene.timeline.has_ended(elapsed))
    }

    fn place(&self, scene: SceneIndex, elapsed: Duration) -> Option<Place<'_>> {
        self.get(scene)?.timeline.place(elapsed)
    }
}

/// A catalogue of a single still scene.
#[cfg(test)]
pub(crate) fn lone(name: &str) -> Scenes {
    let keyframe = KeyframeDraft {
        shows: Shows::Levels([255; crate::light::board::LEDS]),
        duration: Duration::from_secs(1),
        easing: Easing::Step,
    };
    let draft = SceneDraft {
        name: name.parse().unwrap(),
        summary: String::new(),
        repeat: 0,
        keyframes: vec![keyframe],
    };
    Scenes::build(&[draft], false).unwrap()
}
