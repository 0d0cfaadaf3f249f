//! The effects: each a pure function of the time since it began, the inputs and its parameters.

mod cpu_load;
mod motion;
mod params;

pub use params::{Param, ParamError, Params};

use std::time::Duration;

use super::board::{BOARD, LEDS};
use super::canvas::Canvas;
use super::colour::Rgb;
use super::inputs::Inputs;

/// An effect by its name; what it does stands in [`Kind::info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The local CPU load from red inwards.
    CpuLoad,
    /// One colour, still.
    Solid,
    /// A slow swell of all LEDs together.
    Breathe,
    /// A light that runs along the three arms.
    Chase,
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

/// All effects, in the order in which they are offered.
pub const EFFECTS: [Info; 4] = [
    Info {
        kind: Kind::CpuLoad,
        name: "cpu_load",
        summary: "the machine's CPU load, from the red ring inwards to white",
        takes_colour: false,
        params: &[],
    },
    Info {
        kind: Kind::Solid,
        name: "solid",
        summary: "one colour, still",
        takes_colour: true,
        params: &[],
    },
    Info {
        kind: Kind::Breathe,
        name: "breathe",
        summary: "a slow swell, in one colour or in all",
        takes_colour: true,
        params: &[motion::BREATHS_PER_MINUTE],
    },
    Info {
        kind: Kind::Chase,
        name: "chase",
        summary: "a light with a tail that runs along the three arms, in one colour or in all",
        takes_colour: true,
        params: &[motion::TURNS_PER_MINUTE],
    },
];

/// When an effect's picture changes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Not by itself.
    Never,
    /// When the inputs change.
    WithInputs,
    /// With every frame.
    EveryFrame,
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

    /// When its picture changes next.
    #[must_use]
    pub const fn change(self) -> Change {
        match self {
            Self::CpuLoad => Change::WithInputs,
            Self::Solid => Change::Never,
            Self::Breathe | Self::Chase => Change::EveryFrame,
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
    /// Its colour; `None` is each ring in its own, or white for `solid`.
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

    /// The effect with each parameter at its greatest value.
    pub(super) fn at_fastest(mut self) -> Self {
        self.params = Params::greatest(self.kind.info().params);
        self
    }

    /// The picture at this time after the effect began; every intensity lies within 0 to 1.
    #[must_use]
    pub fn paint(&self, elapsed: Duration, inputs: &Inputs) -> Canvas {
        match self.kind {
            Kind::CpuLoad => cpu_load::paint(inputs),
            Kind::Solid => tinted(self.colour.unwrap_or(Rgb::WHITE).rings(), |_| 1.0),
            Kind::Breathe => {
                let swell = motion::swell(elapsed, self.params.get(0));
                tinted(self.palette(), |_| swell)
            }
            Kind::Chase => {
                let head = motion::head(elapsed, self.params.get(0));
                tinted(self.palette(), |index| motion::tail(head, index))
            }
        }
    }

    /// The intensity of each ring by the effect's colour.
    fn palette(&self) -> [f32; 6] {
        self.colour.map_or([1.0; 6], Rgb::rings)
    }
}

/// Fills a canvas LED by LED: the ring's intensity times what `level` says for the LED's index.
fn tinted(rings: [f32; 6], level: impl Fn(usize) -> f32) -> Canvas {
    let mut canvas = [0.0; LEDS];
    for (index, (intensity, led)) in canvas.iter_mut().zip(&BOARD).enumerate() {
        *intensity = rings[led.ring as usize] * level(index);
    }
    Canvas(canvas)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Percent;
    use proptest::prelude::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (index, info) in EFFECTS.iter().enumerate() {
            assert_eq!(info.kind as usize, index);
            assert_eq!(Kind::from_name(info.name), Some(info.kind));
        }
    }

    proptest! {
        #[test]
        fn every_effect_is_defined_for_ten_years(
            effect in 0..EFFECTS.len(), seconds in 0.0f64..3.2e8, load in 0.0f32..=100.0, colour: Option<[u8; 3]>,
        ) {
            let mut effect = Effect::new(EFFECTS[effect].kind);
            effect.colour = colour.map(Rgb);
            let inputs = Inputs { cpu_load: Percent::saturating(load) };
            for level in effect.paint(Duration::from_secs_f64(seconds), &inputs).0 {
                prop_assert!((0.0..=1.0).contains(&level), "{level}");
            }
        }
    }
}
