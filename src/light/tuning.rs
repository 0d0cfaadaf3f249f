//! What can be adjusted while the node runs: how fast effects are, how bright the board gets.

use std::time::Duration;

use super::effect::{Effect, Params};
use super::look::{Content, Look};

/// Something that can be adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// How fast effects are, in percent of what each is by itself.
    EffectSpeed,
    /// The brightest any LED gets, in PWM steps.
    BrightnessLimit,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 2] = [Self::EffectSpeed, Self::BrightnessLimit];

    /// The setting's name in topics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EffectSpeed => "effect_speed",
            Self::BrightnessLimit => "brightness_limit",
        }
    }

    /// The setting with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// The slowest that effects can be made, in percent.
pub const SPEED_MIN: u16 = 10;

/// The fastest that effects can be made, in percent; each stays within its own limits.
pub const SPEED_MAX: u16 = 400;

/// What has been adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// How fast effects are that don't say it themselves, in percent of what each is by itself, [`SPEED_MIN`] to [`SPEED_MAX`].
    pub effect_speed: u16,
    /// The brightest any LED gets, in PWM steps, at least 1; `None`: as configured, which is the most it can be.
    pub brightness_limit: Option<u8>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            effect_speed: 100,
            brightness_limit: None,
        }
    }
}

/// Brings a running effect to a speed without a jump: what it shows at this moment stays.
pub(super) fn retime(look: &mut Look, now: Duration, percent: u16, allow_fast_flashes: bool) {
    let Content::Effect(effect) = look.content else {
        return;
    };
    let declared = effect.kind.params(allow_fast_flashes);
    let params = at_speed(effect, percent, allow_fast_flashes);
    let Some((before, after)) = effect.params.rate(declared).zip(params.rate(declared)) else {
        return;
    };
    let elapsed = now.saturating_sub(look.since).as_secs_f64();
    let cycles = elapsed * f64::from(before) / 60.0;
    let period = 60.0 / f64::from(after);
    // There is no beginning before the clock's own; whole cycles less look the same.
    let most = now.as_secs_f64() / period;
    let cycles = if cycles > most {
        cycles.fract().min(most)
    } else {
        cycles
    };
    look.since = now.saturating_sub(Duration::from_secs_f64(cycles * period));
    look.content = Content::Effect(Effect { params, ..effect });
}

/// The effect's parameters at a speed, if it has a rate.
pub(super) fn at_speed(effect: Effect, percent: u16, allow_fast_flashes: bool) -> Params {
    let declared = effect.kind.params(allow_fast_flashes);
    effect.params.at_speed(declared, percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::effect::Kind;
    use crate::light::{Inputs, Scenes};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_new_speed_does_not_move_the_picture(
            since in 0u64..100_000, elapsed in 0u64..100_000, percent in SPEED_MIN..=SPEED_MAX,
        ) {
            let (scenes, inputs) = (Scenes::default(), Inputs::default());
            let mut look = Look::of_effect(Effect::new(Kind::Breathe), Duration::from_millis(since));
            let now = Duration::from_millis(since + elapsed);
            let before = look.canvas(now, &inputs, &scenes);
            retime(&mut look, now, percent, false);
            prop_assert!(look.since <= now);
            // Unless the whole run is too short for the new rate, which a cycle less can't mend.
            let rate = look_rate(&look);
            let room = now.as_secs_f64() * f64::from(rate) / 60.0;
            if room >= 1.0 {
                let after = look.canvas(now, &inputs, &scenes);
                for (a, b) in before.0.iter().zip(after.0) {
                    prop_assert!((a - b).abs() < 1e-3, "{a} {b}");
                }
            }
        }
    }

    fn look_rate(look: &Look) -> f32 {
        match look.content {
            Content::Effect(effect) => effect.params.rate(effect.kind.info().params).unwrap_or(0.0),
            Content::Picture(_) | Content::Scene(_) => 0.0,
        }
    }
}
