//! When which keyframe is shown.

use std::time::Duration;

use super::SceneIndex;
use super::draft::Easing;
use crate::light::command::Levels;
use crate::light::effect::Effect;

/// The shortest time from a keyframe to the next, in nanoseconds: what is shorter flickers and costs wake-ups.
const LENGTH_MIN: u64 = 50_000_000;

/// The longest cross-fade out of what moves by itself: longer ones would show two things at once.
const CROSS_FADE: Duration = Duration::from_millis(500);

/// What a keyframe shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Picture {
    /// A level for each LED.
    Levels(Levels),
    /// An effect with its default parameters.
    Effect(Box<Effect>),
    /// Another scene.
    Scene(SceneIndex),
}

/// A keyframe in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keyframe {
    pub(super) picture: Picture,
    easing: Easing,
    /// When in a pass it begins, in nanoseconds.
    start: u64,
    /// Until the next one, in nanoseconds; at least [`LENGTH_MIN`].
    length: u64,
    /// The last part of `length`, in which the next one shines through, in nanoseconds.
    blend: u64,
}

impl Keyframe {
    /// How long after its beginning the next keyframe shines through, or is there.
    pub(super) fn blends_after(&self) -> Duration {
        Duration::from_nanos(self.length - self.blend)
    }

    /// How much of the next keyframe is seen this long after the beginning, 0 to 1.
    pub(super) fn share_of_next(&self, since: Duration) -> f32 {
        let into = since.saturating_sub(self.blends_after());
        if into.is_zero() || self.blend == 0 {
            return 0.0;
        }
        let share = (into.as_nanos() as f32 / self.blend as f32).min(1.0);
        match self.easing {
            Easing::Linear => share,
            Easing::Smooth => share * share * (3.0 - 2.0 * share),
            Easing::Step => 0.0,
        }
    }
}

/// What is shown at a time.
pub(super) struct Place<'t> {
    pub(super) keyframe: &'t Keyframe,
    /// Since the keyframe began.
    pub(super) since: Duration,
    /// The keyframe after it; `None` when it stays.
    pub(super) next: Option<&'t Keyframe>,
}

/// The keyframes of a scene, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Timeline {
    keyframes: Box<[Keyframe]>,
    /// From the first keyframe to the first again, in nanoseconds; never 0.
    pass: u64,
    /// When the last keyframe of the last pass begins, to stay, in nanoseconds; `None`: never.
    end: Option<u64>,
}

impl Timeline {
    /// Lines up pictures, each with the time until the next and how it blends into that.
    ///
    /// `repeat` is how often all are shown; 0 is for ever.
    pub(super) fn new(
        pictures: impl Iterator<Item = (Picture, Duration, Easing)>,
        repeat: u16,
    ) -> Self {
        let mut pass = 0u64;
        let mut keyframes: Vec<Keyframe> = pictures
            .map(|(picture, duration, easing)| {
                let start = pass;
                let length = nanos(duration);
                pass = start.saturating_add(length);
                Keyframe {
                    picture,
                    easing,
                    start,
                    length,
                    blend: 0,
                }
            })
            .collect();
        let blends: Vec<u64> = keyframes
            .iter()
            .zip(keyframes.iter().cycle().skip(1))
            .map(|(keyframe, next)| blend(keyframe, next))
            .collect();
        for (keyframe, blend) in keyframes.iter_mut().zip(blends) {
            keyframe.blend = blend;
        }
        let last = keyframes.last().map_or(0, |last| last.length);
        let is_still = keyframes.windows(2).all(|two| are_same(&two[0], &two[1]))
            && keyframes
                .iter()
                .all(|keyframe| matches!(keyframe.picture, Picture::Levels(_)));
        let end = match repeat {
            // It needs no wake-up then.
            _ if is_still => Some(0),
            0 => None,
            times => Some(pass.saturating_mul(times.into()) - last),
        };
        Self {
            keyframes: keyframes.into(),
            pass: pass.max(1),
            end,
        }
    }

    /// Whether the last keyframe is there to stay.
    pub(super) fn has_ended(&self, elapsed: Duration) -> bool {
        self.end
            .is_some_and(|end| Duration::from_nanos(end) <= elapsed)
    }

    /// What is shown at this time after the beginning; `None` only without keyframes.
    pub(super) fn place(&self, elapsed: Duration) -> Option<Place<'_>> {
        if let Some(end) = self.end.filter(|_| self.has_ended(elapsed)) {
            return Some(Place {
                keyframe: self.keyframes.last()?,
                since: elapsed - Duration::from_nanos(end),
                next: None,
            });
        }
        let within = (elapsed.as_nanos() % u128::from(self.pass)) as u64;
        let after = self
            .keyframes
            .partition_point(|keyframe| keyframe.start <= within);
        let keyframe = self.keyframes.get(after.checked_sub(1)?)?;
        Some(Place {
            keyframe,
            since: Duration::from_nanos(within - keyframe.start),
            next: self.keyframes.get(after).or(self.keyframes.first()),
        })
    }

    /// What is shown, keyframe by keyframe.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &Picture> {
        self.keyframes.iter().map(|keyframe| &keyframe.picture)
    }

    /// The shortest time between two keyframes.
    pub(super) fn shortest(&self) -> Duration {
        let shortest = self.keyframes.iter().map(|keyframe| keyframe.length).min();
        shortest.map_or(Duration::MAX, Duration::from_nanos)
    }

    /// When keyframes follow each other, from the beginning; without an end where the scene has none.
    pub(super) fn boundaries(&self) -> impl Iterator<Item = Duration> {
        let passes = (0u64..).map(|pass| pass.saturating_mul(self.pass));
        passes
            .flat_map(|began| {
                let starts = self.keyframes.iter().map(|keyframe| keyframe.start);
                starts.map(move |start| began.saturating_add(start))
            })
            .skip(1)
            .take_while(|at| self.end.is_none_or(|end| *at <= end))
            .map(Duration::from_nanos)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .max(LENGTH_MIN)
}

/// For how much of a keyframe the next one shines through, in nanoseconds.
fn blend(keyframe: &Keyframe, next: &Keyframe) -> u64 {
    match (&keyframe.picture, keyframe.easing) {
        (_, Easing::Step) => 0,
        // Between equal pictures nothing moves.
        (Picture::Levels(_), _) if are_same(keyframe, next) => 0,
        (Picture::Levels(_), Easing::Linear | Easing::Smooth) => keyframe.length,
        (Picture::Effect(_) | Picture::Scene(_), Easing::Linear | Easing::Smooth) => {
            keyframe.length.min(CROSS_FADE.as_nanos() as u64)
        }
    }
}

fn are_same(one: &Keyframe, other: &Keyframe) -> bool {
    matches!((&one.picture, &other.picture), (Picture::Levels(one), Picture::Levels(other)) if one == other)
}
