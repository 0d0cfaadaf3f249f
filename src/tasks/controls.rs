//! What is controlled besides the picture: the siren and the settings.

use std::time::Duration;

use super::waiting::Scope;
use crate::light::{Inputs, Setting, Siren, Stage, Target, Tuning};

/// The siren and the settings as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controls {
    /// The siren that is raised.
    pub siren: Option<Siren>,
    /// What has been adjusted.
    pub tuning: Tuning,
    /// The brightest any LED gets by day, in PWM steps.
    pub brightness_limit: u8,
}

impl Controls {
    /// Those of a stage.
    pub(crate) fn of(stage: &Stage) -> Self {
        Self {
            siren: stage.siren(),
            tuning: stage.tuning(),
            brightness_limit: stage.brightness_limit(),
        }
    }

    /// The value of a setting.
    #[must_use]
    pub const fn value(&self, setting: Setting) -> u16 {
        match setting {
            Setting::EffectSpeed => self.tuning.effect_speed,
            Setting::BrightnessLimit => self.brightness_limit as u16,
        }
    }
}

/// A change of the controls that brings no picture of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// The siren ends.
    Silence,
    /// A setting takes a value within its limits.
    Set(Setting, u16),
}

impl Adjustment {
    /// Carries it out.
    pub(crate) fn carry_out(self, stage: &mut Stage, now: Duration, inputs: &Inputs) {
        let tuning = stage.tuning();
        match self {
            Self::Silence => {
                // Without a siren there is nothing to end, which is what was asked.
                stage.silence(now, inputs);
            }
            Self::Set(Setting::EffectSpeed, percent) => stage.tune(
                now,
                Tuning {
                    effect_speed: percent,
                    ..tuning
                },
            ),
            Self::Set(Setting::BrightnessLimit, steps) => stage.tune(
                now,
                Tuning {
                    brightness_limit: u8::try_from(steps).ok(),
                    ..tuning
                },
            ),
        }
    }

    /// What it acts on: only a later one for the same supersedes it.
    pub(super) const fn scope(self) -> Scope {
        match self {
            Self::Silence => Scope::Picture(Target::Alert),
            Self::Set(setting, _) => Scope::Setting(setting),
        }
    }
}
