//! Motions across the plane of the board: by each LED's direction and place, not by arm and ring.

use super::arms::DIRECTIONS;
use super::geometry::{PLACES, RINGS, ring};
use super::rhythm::{chance, cycle, hill, trail};
use super::{Canvas, Moment, Param, tinted};

/// The parameters of `wave`.
pub(super) const WAVE: &[Param] = &[
    Param::rate(
        "waves_per_minute",
        "how many crests pass",
        (1.0, 120.0),
        24.0,
    ),
    Param::number(
        "direction_degrees",
        "where it runs to, clockwise from the top",
        "°",
        (0.0, 360.0),
        60.0,
    ),
];

/// The parameters of `rainbow`.
pub(super) const RAINBOW: &[Param] = &[
    Param::rate(
        "turns_per_minute",
        "how often the colour wheel turns",
        (0.5, 60.0),
        8.0,
    ),
    Param::choice("direction", "the way it turns", DIRECTIONS, 0),
];

/// The parameters of `radar`.
pub(super) const RADAR: &[Param] = &[Param::rate(
    "turns_per_minute",
    "how often the beam comes round",
    (1.0, 60.0),
    15.0,
)];

/// The distance between two crests, in radii of the board.
const WAVELENGTH: f32 = 2.0;

/// The intensity between two crests.
const WAVE_TROUGH: f32 = 0.03;

/// White stands on no colour wheel; it glows in the middle.
const HUB: f32 = 0.18;

pub(super) fn wave(moment: &Moment<'_>) -> Canvas {
    let phase = cycle(moment.elapsed, moment.params.number(0)).phase;
    let (x, up) = libm::sincosf(moment.params.number(1).to_radians());
    tinted(moment.rings(), |led| {
        let place = PLACES[led];
        let along = (place.x * x - place.y * up) / WAVELENGTH;
        let crest = hill(phase - along + 0.5);
        WAVE_TROUGH + (1.0 - WAVE_TROUGH) * crest * crest
    })
}

/// A colour wheel turns beneath the board, and each LED lights when its own colour passes under it.
pub(super) fn rainbow(moment: &Moment<'_>) -> Canvas {
    /// The five coloured rings stand a fifth of the wheel apart.
    const HUES: f32 = RINGS as f32 - 1.0;
    let phase = cycle(moment.elapsed, moment.params.number(0)).phase;
    let turned = if moment.params.choice(1) == 1 {
        -phase
    } else {
        phase
    };
    tinted([1.0; RINGS], |led| {
        if ring(led) == RINGS - 1 {
            return HUB;
        }
        let own = ring(led) as f32 / HUES;
        let near = hill(own + turned - PLACES[led].turn + 0.5);
        near * near
    })
}

/// A beam turns clockwise with an afterglow; here and there an echo answers it and fades more slowly.
pub(super) fn radar(moment: &Moment<'_>) -> Canvas {
    /// The beam beside the echoes.
    const BEAM: f32 = 0.5;
    /// How long before the beam an LED begins to light up, and how long after it the glow and an echo last, in turns.
    const RISE: f32 = 0.05;
    const GLOW: f32 = 0.55;
    const ECHO: f32 = 0.95;
    /// The share of LEDs that answer.
    const ECHOES: f32 = 0.2;
    /// The sweeps for which an echo stays where it is.
    const SWEEPS: u64 = 3;
    let beam = cycle(moment.elapsed, moment.params.number(0));
    tinted(moment.traced_rings(), |led| {
        let turn = PLACES[led].turn;
        let behind = (beam.phase - turn).rem_euclid(1.0);
        let coming = BEAM * trail(behind - 1.0, RISE, GLOW);
        // The sweep that passed last; before the first one nothing glows.
        let Some(passed) = (beam.number + u64::from(turn <= beam.phase)).checked_sub(1) else {
            return coming;
        };
        let glow = (BEAM * trail(behind, RISE, GLOW)).max(coming);
        if chance(led, passed / SWEEPS) < ECHOES {
            glow.max(trail(behind, RISE, ECHO))
        } else {
            glow
        }
    })
}
