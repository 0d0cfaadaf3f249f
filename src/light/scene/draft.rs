//! Scenes as they are written, and what can be wrong with them together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::safety::flashes_too_fast;
use super::timeline::{Picture, Timeline};
use super::{DEPTH_MAX, Needs, SUMMARY, Scene, SceneIndex, Scenes};
use crate::light::command::Levels;
use crate::light::effect::{Effect, Kind};
use crate::units::SceneName;

/// How a keyframe blends into the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Easing {
    /// Evenly.
    Linear,
    /// Slowly at first and at last.
    Smooth,
    /// Not at all: the next one is there when its time has come.
    Step,
}

/// What a keyframe shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Shows {
    /// A level for each LED.
    Levels(Levels),
    /// The effect or the scene with this name.
    Named(String),
}

/// A keyframe as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyframeDraft {
    /// What it shows.
    pub shows: Shows,
    /// How long until the next keyframe.
    pub duration: Duration,
    /// How it blends into the next keyframe.
    pub easing: Easing,
}

/// A scene as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneDraft {
    /// Its name in commands.
    pub name: SceneName,
    /// One sentence for people; empty: there is none.
    pub summary: String,
    /// How often the keyframes are shown before the last one stays; 0: for ever.
    pub repeat: u16,
    /// What it shows, in order.
    pub keyframes: Vec<KeyframeDraft>,
}

/// Something that is wrong with a scene, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The scene.
    pub scene: SceneName,
    /// The place of the keyframe that is to blame, from 0; `None`: all of them.
    pub keyframe: Option<usize>,
    /// What is wrong.
    pub kind: FlawKind,
}

/// What is wrong with a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlawKind {
    /// It is called as an effect is.
    EffectName,
    /// A keyframe names what is neither an effect nor a scene.
    Unknown(String),
    /// A keyframe leads back to the scene by way of these, the first of which is the last.
    Cycle(Vec<SceneName>),
    /// A keyframe makes more than [`DEPTH_MAX`] scenes within one another.
    TooDeep,
    /// The board flashes more than three times a second, which can harm people.
    TooFast,
}

/// Finds what drafts name, checks that painting them ends and harms nobody, and lines up their keyframes.
pub(super) fn build(drafts: &[SceneDraft], allow_fast_flashes: bool) -> Result<Scenes, Vec<Flaw>> {
    let mut flaws = Vec::new();
    for draft in drafts {
        if Kind::from_name(draft.name.as_str()).is_some() {
            flaws.push(flaw(draft, None, FlawKind::EffectName));
        }
        for (place, keyframe) in draft.keyframes.iter().enumerate() {
            if let Shows::Named(name) = &keyframe.shows
                && picture(drafts, &keyframe.shows).is_none()
            {
                flaws.push(flaw(draft, Some(place), FlawKind::Unknown(name.clone())));
            }
        }
    }
    let mut nesting = Nesting {
        drafts,
        depths: BTreeMap::new(),
        path: Vec::new(),
        flaws: Vec::new(),
    };
    for index in 0..drafts.len() {
        nesting.depth_of(index);
    }
    let depths = nesting.depths;
    // Painting what leads back to itself would not end.
    let is_sound = nesting.flaws.is_empty();
    flaws.append(&mut nesting.flaws);
    if is_sound {
        let scenes = line_up(drafts, &depths);
        if !allow_fast_flashes {
            let too_fast = drafts.iter().zip((0..).map(SceneIndex));
            let too_fast = too_fast.filter(|(_, scene)| flashes_too_fast(&scenes, *scene));
            flaws.extend(too_fast.map(|(draft, _)| flaw(draft, None, FlawKind::TooFast)));
        }
        if flaws.is_empty() {
            return Ok(scenes);
        }
    }
    let order = |flaw: &Flaw| drafts.iter().position(|draft| draft.name == flaw.scene);
    flaws.sort_by_key(|flaw| (order(flaw), flaw.keyframe));
    Err(flaws)
}

fn flaw(draft: &SceneDraft, keyframe: Option<usize>, kind: FlawKind) -> Flaw {
    Flaw {
        scene: draft.name.clone(),
        keyframe,
        kind,
    }
}

fn find(drafts: &[SceneDraft], name: &str) -> Option<usize> {
    drafts.iter().position(|draft| draft.name.as_str() == name)
}

fn picture(drafts: &[SceneDraft], shows: &Shows) -> Option<Picture> {
    Some(match shows {
        Shows::Levels(levels) => Picture::Levels(*levels),
        Shows::Named(name) => match Kind::from_name(name) {
            Some(kind) => Picture::Effect(Box::new(Effect::new(kind))),
            None => Picture::Scene(SceneIndex(find(drafts, name)?)),
        },
    })
}

/// How deep scenes lie within one another.
struct Nesting<'d> {
    drafts: &'d [SceneDraft],
    /// How many scenes are within one another, by the outermost; 1 is a scene without scenes.
    depths: BTreeMap<usize, usize>,
    /// From the scene that was begun with to the one that is looked at.
    path: Vec<usize>,
    flaws: Vec<Flaw>,
}

impl Nesting<'_> {
    fn depth_of(&mut self, index: usize) -> usize {
        if let Some(depth) = self.depths.get(&index) {
            return *depth;
        }
        let Some(draft) = self.drafts.get(index) else {
            return 0;
        };
        self.path.push(index);
        let mut within = 0;
        for (place, inner) in self.nested(draft) {
            if let Some(at) = self.path.iter().position(|outer| *outer == inner) {
                let names = self.path[at..].iter().chain([&inner]);
                let names = names
                    .map(|index| self.drafts[*index].name.clone())
                    .collect();
                self.flaws
                    .push(flaw(draft, Some(place), FlawKind::Cycle(names)));
                continue;
            }
            let depth = self.depth_of(inner);
            // Of a chain that is too long, the scene that makes it so is told of, not each one around it.
            if depth == DEPTH_MAX {
                self.flaws.push(flaw(draft, Some(place), FlawKind::TooDeep));
            }
            within = within.max(depth);
        }
        self.path.pop();
        self.depths.insert(index, within + 1);
        within + 1
    }

    /// The scenes a draft names, each with its first keyframe.
    fn nested(&self, draft: &SceneDraft) -> Vec<(usize, usize)> {
        let mut nested: Vec<(usize, usize)> = Vec::new();
        for (place, keyframe) in draft.keyframes.iter().enumerate() {
            if let Some(Picture::Scene(SceneIndex(inner))) = picture(self.drafts, &keyframe.shows)
                && nested.iter().all(|(_, known)| *known != inner)
            {
                nested.push((place, inner));
            }
        }
        nested
    }
}

fn line_up(drafts: &[SceneDraft], depths: &BTreeMap<usize, usize>) -> Scenes {
    let mut scenes: Vec<Scene> = drafts
        .iter()
        .map(|draft| {
            // A name that nothing has is a flaw by now, and the catalogue is given to nobody.
            let keyframes = draft.keyframes.iter().filter_map(|keyframe| {
                let picture = picture(drafts, &keyframe.shows)?;
                Some((picture, keyframe.duration, keyframe.easing))
            });
            Scene {
                name: draft.name.clone(),
                summary: match draft.summary.as_str() {
                    "" => SUMMARY.to_owned(),
                    summary => summary.to_owned(),
                },
                timeline: Timeline::new(keyframes, draft.repeat),
                needs: Needs::default(),
            }
        })
        .collect();
    let mut from_within: Vec<usize> = (0..scenes.len()).collect();
    from_within.sort_by_key(|index| depths.get(index));
    for index in from_within {
        let needs = |picture: &Picture| match picture {
            Picture::Levels(_) => Needs::default(),
            Picture::Effect(effect) => Needs {
                readings: effect.kind.readings(),
                local_time: effect.kind.needs_local_time(),
            },
            Picture::Scene(SceneIndex(inner)) => scenes[*inner].needs,
        };
        let both = |a: Needs, b: Needs| Needs {
            readings: a.readings.max(b.readings),
            local_time: a.local_time || b.local_time,
        };
        let needs = scenes[index].timeline.pictures().map(needs).reduce(both);
        scenes[index].needs = needs.unwrap_or_default();
    }
    Scenes(scenes)
}
