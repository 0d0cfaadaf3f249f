//! Alerts by name: tones, each a picture that says how urgent it is.

use std::time::Duration;

use super::colour::Rgb;
use super::command::{Command, Target};
use super::effect::{Kind, ParamValue, Params};

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Something to know: a slow blue swell.
    Info,
    /// Something to look at soon: quicker orange ripples.
    Warning,
    /// Something to act on: red flashes, two a second.
    Critical,
}

impl Tone {
    /// All tones, from the mildest.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The tone's name in commands and states.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The tone with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| tone.name() == name)
    }

    /// What is shown: an effect, how often a minute it repeats, and its colour.
    const fn picture(self) -> (Kind, f64, Rgb) {
        match self {
            Self::Info => (Kind::Breathe, 15.0, Rgb([0, 64, 255])),
            Self::Warning => (Kind::Pulse, 30.0, Rgb([255, 112, 0])),
            // Two a second: no more than three may be (WCAG 2.3.1), and red ones harm soonest.
            Self::Critical => (Kind::Strobe, 120.0, Rgb([255, 0, 0])),
        }
    }
}

/// An alert by a tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Siren {
    /// How urgent it is.
    pub tone: Tone,
    /// How long it was asked to last.
    pub duration: Duration,
}

impl Siren {
    /// Five minutes, when nothing is said: an alert has to end.
    pub const DURATION: Duration = Duration::from_secs(300);

    /// The tone when nothing is said.
    pub const TONE: Tone = Tone::Warning;

    /// The command that raises it.
    #[must_use]
    pub fn command(self, from: Option<String>) -> Command {
        let (kind, per_minute, colour) = self.tone.picture();
        let declared = kind.info().params;
        let mut params = Params::defaults(declared);
        if let Some(rate) = declared.first() {
            // Within the limits, which a test holds.
            params
                .set(declared, rate.name, ParamValue::Number(per_minute))
                .unwrap_or_default();
        }
        Command {
            target: Target::Alert,
            effect: Some((kind, params)),
            colour: Some(colour),
            lease: Some(self.duration),
            siren: Some(self),
            from,
            ..Command::to_board()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tone_repeats_as_often_as_it_says_and_none_flashes_more_than_thrice_a_second() {
        for tone in Tone::ALL {
            let siren = Siren {
                tone,
                duration: Siren::DURATION,
            };
            let (_, params) = siren.command(None).effect.expect("an effect");
            let (_, per_minute, _) = tone.picture();
            assert_eq!(f64::from(params.number(0)), per_minute, "{tone:?}");
            assert!(params.number(0) <= 180.0, "{tone:?}");
            assert_eq!(Tone::from_name(tone.name()), Some(tone));
        }
    }
}
