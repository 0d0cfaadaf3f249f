//! What an effect sees, and how it fills a canvas.

use std::time::Duration;

use super::Params;
use super::geometry::{RINGS, ring};
use crate::light::board::LEDS;
use crate::light::canvas::Canvas;
use crate::light::colour::Rgb;
use crate::light::inputs::Inputs;

/// Everything a picture is made from.
pub(super) struct Moment<'a> {
    pub(super) elapsed: Duration,
    pub(super) inputs: &'a Inputs,
    pub(super) params: &'a Params,
    pub(super) colour: Option<Rgb>,
}

/// How bright the rings that are not in a colour remain where a motion crosses them.
///
/// A colour lights one or two rings; a light that runs from ring to ring would be seen once in a lap.
const TRACE: f32 = 0.2;

impl Moment<'_> {
    /// The intensity of each ring by the effect's colour; all in full when it has none.
    pub(super) fn rings(&self) -> [f32; RINGS] {
        self.rings_or([1.0; RINGS])
    }

    /// The intensity of each ring by the effect's colour, or by what the effect is without one.
    pub(super) fn rings_or(&self, untinted: [f32; RINGS]) -> [f32; RINGS] {
        self.colour.map_or(untinted, Rgb::rings)
    }

    /// The same for effects that run across the rings: those that are not in the colour keep a trace.
    pub(super) fn traced_rings(&self) -> [f32; RINGS] {
        let rings = self.rings();
        let strongest = rings.into_iter().fold(0.0, f32::max);
        rings.map(|ring| ring.max(TRACE * strongest))
    }
}

/// Fills a canvas LED by LED: the ring's intensity times what `level` says for the LED's index.
pub(super) fn tinted(rings: [f32; RINGS], level: impl Fn(usize) -> f32) -> Canvas {
    Canvas(std::array::from_fn::<f32, LEDS, _>(|led| {
        rings[ring(led)] * level(led)
    }))
}
