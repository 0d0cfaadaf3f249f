//! The effects: each a pure function of the time since it began, the inputs and its parameters.
//!
//! They paint perceived intensities, 0 to 1, for any time. Randomness is a hash of a place and a time slot, so the same
//! time gives the same picture. None flashes the board more than three times a second at any parameter (WCAG 2.3.1,
//! general flash), `strobe` under `light.allow_fast_flashes` apart. What the host does not tell is a dim white LED at
//! the inner end of an arm, never a zero.

mod arms;
mod clock;
mod fill;
mod geometry;
mod load;
mod meters;
mod moment;
mod morse;
mod params;
mod rhythm;
mod strobe;
mod sweep;
mod swell;
mod table;
#[cfg(test)]
mod tests;
mod weather;

pub use params::{PHASE, Param, ParamError, ParamKind, ParamValue, Params, takes_phase};
pub use table::EFFECTS;

use std::time::Duration;

use super::canvas::Canvas;
use super::colour::Rgb;
use super::inputs::{Inputs, Readings};
use moment::{Moment, tinted};

/// An effect by its name; what it does stands in [`Kind::info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The local CPU load from red inwards.
    CpuLoad,
    /// The load of each core, a ring each.
    Cores,
    /// A metric on each arm.
    Meters,
    /// The load average against the number of cores.
    LoadAverage,
    /// The processor's temperature from the centre outwards.
    Temperature,
    /// A value sent from outside.
    Gauge,
    /// One colour, still.
    Solid,
    /// A slow swell of all LEDs together.
    Breathe,
    /// Ripples from the centre.
    Pulse,
    /// A light that runs along the three arms.
    Chase,
    /// A light that flies in along one arm and out along another.
    Comet,
    /// The spiral fills and empties towards the centre.
    SpiralIn,
    /// The spiral fills and empties towards the rim.
    SpiralOut,
    /// A wave across the board.
    Wave,
    /// The arms in turn.
    Spin,
    /// Stars.
    Twinkle,
    /// A flame.
    Fire,
    /// A heart.
    Heartbeat,
    /// A colour wheel that turns beneath the board.
    Rainbow,
    /// Falling drops.
    Rain,
    /// A turning beam with echoes.
    Radar,
    /// A binary clock.
    Clock,
    /// A timer.
    Countdown,
    /// A text in Morse code.
    Morse,
    /// Short flashes.
    Strobe,
}

/// What a user interface needs to know of an effect.
#[derive(Debug)]
pub struct Info {
    /// The effect.
    pub kind: Kind,
    /// Its name in commands.
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// Whether `color` changes it.
    pub takes_colour: bool,
    /// Its parameters, in the order of [`Params`].
    pub params: &'static [Param],
}

/// When an effect's picture changes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Not by itself.
    Never,
    /// When the inputs change.
    WithInputs,
    /// With every frame.
    EveryFrame,
    /// At this time after the effect began, and not before.
    At(Duration),
}

impl Kind {
    /// The effect with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        EFFECTS
            .iter()
            .find(|info| info.name == name)
            .map(|info| info.kind)
    }

    /// What is said of the effect to users.
    #[must_use]
    pub fn info(self) -> &'static Info {
        // The table stands in the order of the enum, which a test holds.
        &EFFECTS[self as usize]
    }

    /// The effect's name in commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The effect's parameters with the limits of a node that allows fast flashes or not.
    #[must_use]
    pub fn params(self, allow_fast_flashes: bool) -> &'static [Param] {
        if allow_fast_flashes && self == Self::Strobe {
            strobe::FAST_PARAMS
        } else {
            self.info().params
        }
    }

    /// What of the host its picture depends on.
    #[must_use]
    pub fn readings(self) -> Readings {
        self.program().readings
    }

    /// Whether its picture depends on the local time.
    #[must_use]
    pub fn needs_local_time(self) -> bool {
        self == Self::Clock
    }

    /// How each effect is painted and when it changes.
    fn program(self) -> Program {
        match self {
            Self::CpuLoad => Program::following(Readings::Load, load::cpu_load),
            Self::Cores => Program::following(Readings::Load, meters::cores),
            Self::Meters => Program::following(Readings::All, meters::meters),
            Self::LoadAverage => Program {
                change: load::load_average_change,
                ..Program::following(Readings::All, load::load_average)
            },
            Self::Temperature => Program {
                change: load::temperature_change,
                ..Program::following(Readings::All, load::temperature)
            },
            Self::Gauge => Program::still(fill::gauge),
            Self::Solid => Program::still(swell::solid),
            Self::Breathe => Program::moving(swell::breathe),
            Self::Pulse => Program::moving(swell::pulse),
            Self::Chase => Program::moving(arms::chase),
            Self::Comet => Program::moving(arms::comet),
            Self::SpiralIn => Program::moving(fill::spiral_in),
            Self::SpiralOut => Program::moving(fill::spiral_out),
            Self::Wave => Program::moving(sweep::wave),
            Self::Spin => Program::moving(arms::spin),
            Self::Twinkle => Program::moving(weather::twinkle),
            Self::Fire => Program::moving(weather::fire),
            Self::Heartbeat => Program::moving(swell::heartbeat),
            Self::Rainbow => Program::moving(sweep::rainbow),
            Self::Rain => Program::moving(weather::rain),
            Self::Radar => Program::moving(sweep::radar),
            Self::Clock => Program::stepping(clock::paint, clock::change),
            Self::Countdown => Program::stepping(fill::countdown, fill::countdown_change),
            Self::Morse => Program::stepping(morse::paint, morse::change),
            Self::Strobe => Program::stepping(strobe::paint, strobe::change),
        }
    }
}

/// An effect's functions.
struct Program {
    paint: fn(&Moment<'_>) -> Canvas,
    change: fn(&Moment<'_>) -> Change,
    readings: Readings,
}

impl Program {
    fn stepping(paint: fn(&Moment<'_>) -> Canvas, change: fn(&Moment<'_>) -> Change) -> Self {
        Self {
            paint,
            change,
            readings: Readings::None,
        }
    }

    fn still(paint: fn(&Moment<'_>) -> Canvas) -> Self {
        Self::stepping(paint, |_| Change::Never)
    }

    fn moving(paint: fn(&Moment<'_>) -> Canvas) -> Self {
        Self::stepping(paint, |_| Change::EveryFrame)
    }

    fn following(readings: Readings, paint: fn(&Moment<'_>) -> Canvas) -> Self {
        Self {
            readings,
            ..Self::stepping(paint, |_| Change::WithInputs)
        }
    }
}

/// An effect with its parameters and colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Which effect.
    pub kind: Kind,
    /// Its parameters.
    pub params: Params,
    /// Its colour; `None` is what the effect is without one, mostly each ring in its own.
    pub colour: Option<Rgb>,
}

impl Effect {
    /// The effect with its default parameters and no colour of its own.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            params: Params::defaults(kind.info().params),
            colour: None,
        }
    }

    /// The effect with each number at its greatest value.
    pub(super) fn at_fastest(mut self) -> Self {
        self.params = Params::greatest(self.kind.info().params);
        self
    }

    /// The picture at this time after the effect began; every intensity lies within 0 to 1.
    #[must_use]
    pub fn paint(&self, elapsed: Duration, inputs: &Inputs) -> Canvas {
        (self.kind.program().paint)(&self.moment(elapsed, inputs))
    }

    /// When the picture changes next; an [`At`](Change::At) lies after `elapsed`.
    #[must_use]
    pub fn next_change(&self, elapsed: Duration, inputs: &Inputs) -> Change {
        match (self.kind.program().change)(&self.moment(elapsed, inputs)) {
            Change::At(at) => Change::At(at.saturating_sub(self.params.lead())),
            change @ (Change::Never | Change::WithInputs | Change::EveryFrame) => change,
        }
    }

    fn moment<'a>(&'a self, elapsed: Duration, inputs: &'a Inputs) -> Moment<'a> {
        Moment {
            elapsed: elapsed + self.params.lead(),
            inputs,
            params: &self.params,
            colour: self.colour,
        }
    }
}
