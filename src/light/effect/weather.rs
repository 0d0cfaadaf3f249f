//! Stars, fire and rain: chance, but the same chance for the same time.

use super::geometry::{PLACES, RINGS, ring};
use super::rhythm::{chance, cycle_of, drift, ease, hill, nanos, period_nanos, trail};
use super::{Canvas, Moment, Param, tinted};
use crate::light::board::LEDS;

/// The parameters of `twinkle`.
pub(super) const TWINKLE: &[Param] = &[
    Param::rate(
        "twinkles_per_minute",
        "how often each star may light up",
        (2.0, 60.0),
        20.0,
    ),
    Param::number("density", "how many of them do", "%", (5.0, 100.0), 60.0),
];

/// The parameters of `fire`.
pub(super) const FIRE: &[Param] = &[Param::number(
    "heat",
    "from embers to a blaze",
    "%",
    (0.0, 100.0),
    60.0,
)];

/// The parameters of `rain`.
pub(super) const RAIN: &[Param] = &[Param::rate(
    "drops_per_minute",
    "how many drops fall",
    (5.0, DROPS_PER_MINUTE_MAX),
    140.0,
)];

/// A shower.
const DROPS_PER_MINUTE_MAX: f32 = 180.0;

/// The glow of a star between two twinkles.
const STARLIGHT: f32 = 0.04;

/// Each LED keeps a time of its own, and in each of its slots may light up, more or less.
pub(super) fn twinkle(moment: &Moment<'_>) -> Canvas {
    let period = period_nanos(moment.params.number(0)) as f32;
    let density = moment.params.number(1) / 100.0;
    let now = nanos(moment.elapsed);
    tinted(moment.rings(), |led| {
        // From 0.8 to 1.2 of the asked period, and begun at some time before the effect did.
        let nature = chance(led, 0);
        let own = ((period * (0.8 + 0.4 * nature)) as u64).max(1);
        let begun = (own as f32 * (nature * 16.0).fract()) as u64;
        let slot = cycle_of(now.saturating_add(begun), own);
        let fate = chance(led + LEDS, slot.number);
        if fate >= density {
            return STARLIGHT;
        }
        let star = 0.35 + 0.65 * fate / density;
        let shine = hill(slot.phase);
        STARLIGHT + (1.0 - STARLIGHT) * star * shine * shine * shine
    })
}

/// Flames rise from the lower edge: hot there and steady, cooler and restless above. Red burns first, white last.
pub(super) fn fire(moment: &Moment<'_>) -> Canvas {
    /// The heat at which each ring begins to glow, and the heat more at which it is full; green does not burn.
    const GLOWS: [Option<(f32, f32)>; RINGS] = [
        Some((-0.05, 1.0)),
        Some((0.15, 0.8)),
        Some((0.35, 0.65)),
        None,
        Some((0.8, 1.2)),
        Some((0.65, 0.6)),
    ];
    /// How long a flame holds its shape at one place.
    const FLICKER_NANOS: u64 = 190_000_000;
    /// How long a breath of air lasts.
    const GUST_NANOS: u64 = 900_000_000;
    let fuel = 0.32 + 0.7 * moment.params.number(0) / 100.0;
    let now = nanos(moment.elapsed);
    let gust = drift(LEDS, cycle_of(now, GUST_NANOS));
    tinted([1.0; RINGS], |led| {
        let Some((from, range)) = GLOWS[ring(led)] else {
            return 0.0;
        };
        let place = PLACES[led];
        let height = (1.0 - place.y) / 2.0;
        // What flickers below is seen above a little later.
        let delay = ((1.0 - height) * 250e6) as u64;
        let lick = drift(led, cycle_of(now.saturating_add(delay), FLICKER_NANOS));
        let restless = 0.45 + 0.45 * height;
        let heat = fuel * (1.15 - 0.45 * height) + restless * (lick - 0.5) + 0.2 * (gust - 0.5);
        ease((heat - from) / range)
    })
}

/// Drops fall down the board in columns of their own, each with a streak above it.
pub(super) fn rain(moment: &Moment<'_>) -> Canvas {
    /// How long a drop is seen, in nanoseconds.
    const FALL_NANOS: u64 = 1_100_000_000;
    /// How far to each side a drop lights LEDs, and how long the streak above it is, in radii of the board.
    const COLUMN: f32 = 0.5;
    const STREAK: f32 = 0.9;
    /// The most drops that can be in the air at [`DROPS_PER_MINUTE_MAX`].
    const IN_THE_AIR: u64 = 4;
    let period = period_nanos(moment.params.number(0));
    // It rained before, so that it rains at once.
    let now = nanos(moment.elapsed).saturating_add(IN_THE_AIR * period);
    let newest = now / period;
    let drops: [_; IN_THE_AIR as usize] = std::array::from_fn(|age| {
        let number = newest - age as u64;
        // Drops do not fall in step: each starts somewhere in the first half of its slot.
        let wait = (period as f32 * 0.5 * chance(1, number)) as u64;
        let falling = (now - number * period).checked_sub(wait)?;
        // From above the board to below it, faster as it falls.
        let share = falling as f32 / FALL_NANOS as f32;
        let y = -1.2 + share * (1.2 + 1.5 * share);
        (share < 1.0).then(|| (1.7 * chance(0, number) - 0.85, y))
    });
    tinted(moment.traced_rings(), |led| {
        let place = PLACES[led];
        let wet = drops.into_iter().flatten().map(|(x, y)| {
            let beside = (1.0 - (place.x - x).abs() / COLUMN).max(0.0);
            ease(beside) * trail(y - place.y, 0.2, STREAK)
        });
        wet.fold(0.0, f32::max)
    })
}
