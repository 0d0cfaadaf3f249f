//! The target the LEDs are set to: what is published, not each step of an animation.

use std::time::Duration;

use super::board::Segment;
use super::colour::Rgb;
use super::effect::Effect;
use super::look::{Content, Look};
use crate::units::SceneName;

/// The layers, from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerName {
    /// The configured default.
    Base,
    /// What was commanded.
    Remote,
    /// An alert.
    Alert,
    /// The blink by which a person finds this machine.
    Identify,
}

impl LayerName {
    /// Its name in the published state.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Remote => "remote",
            Self::Alert => "alert",
            Self::Identify => "identify",
        }
    }
}

/// What the LEDs are set to, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub struct LightState {
    /// The layer that is seen.
    pub layer: LayerName,
    /// What it shows.
    pub look: Look,
    /// The name of the scene that it shows.
    pub scene: Option<SceneName>,
    /// Who asked for it.
    pub from: Option<String>,
    /// When it gives the board back, on the stage's clock.
    pub ends: Option<Duration>,
}

impl LightState {
    /// Whether the segment is lit.
    #[must_use]
    pub fn is_on(&self, segment: Segment) -> bool {
        match segment {
            Segment::Board => self.look.is_lit(),
            Segment::Ring(_) | Segment::Arm(_) | Segment::Led(_) => {
                self.look.segment_level(segment) > 0
            }
        }
    }

    /// The master level of the board, or the level of a segment; 1 to 255 while it is on.
    #[must_use]
    pub fn brightness(&self, segment: Segment) -> u8 {
        match segment {
            Segment::Board => self.look.brightness,
            Segment::Ring(_) | Segment::Arm(_) | Segment::Led(_) => {
                self.look.segment_level(segment)
            }
        }
    }

    /// The effect that runs; `None` for a picture or a scene.
    #[must_use]
    pub fn effect(&self) -> Option<&Effect> {
        match &self.look.content {
            Content::Effect(effect) => Some(effect),
            Content::Picture(_) | Content::Scene(_) => None,
        }
    }

    /// The name of the effect or scene that runs; `None` for a picture.
    #[must_use]
    pub fn effect_name(&self) -> Option<&str> {
        let scene = self.scene.as_ref().map(SceneName::as_str);
        scene.or_else(|| self.effect().map(|effect| effect.kind.name()))
    }

    /// The colour; white where each ring shows its own.
    #[must_use]
    pub fn colour(&self) -> Rgb {
        self.effect()
            .and_then(|effect| effect.colour)
            .unwrap_or(Rgb::WHITE)
    }
}
