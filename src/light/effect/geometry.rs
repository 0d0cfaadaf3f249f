//! Where each LED stands, in the terms effects think in.
//!
//! Each arm winds anticlockwise from its red LED at the rim to its white one near the centre. Taken ring by ring,
//! clockwise within each, the 18 LEDs lie on one spiral that turns clockwise from the rim to the centre.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::light::board::{BOARD, CENTRE, LEDS};

/// The number of LEDs on an arm, and of rings.
pub(super) const RINGS: usize = 6;

/// The number of arms.
pub(super) const ARMS: usize = 3;

/// An LED's place seen from the centre of the spiral.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its direction, clockwise from the top, 0 to 1.
    pub(super) turn: f32,
    /// Its distance, 0 (centre) to 1 (the farthest LED).
    pub(super) radius: f32,
    /// To the right, in the same measure, −1 to 1.
    pub(super) x: f32,
    /// Downwards, in the same measure, −1 to 1.
    pub(super) y: f32,
}

/// The places of the LEDs, in the order of their numbers.
pub(super) static PLACES: LazyLock<[Place; LEDS]> = LazyLock::new(|| {
    let offsets = BOARD.map(|led| (led.x - CENTRE.0, led.y - CENTRE.1));
    let rim = offsets
        .iter()
        .map(|(x, y)| libm::hypotf(*x, *y))
        .fold(f32::MIN_POSITIVE, f32::max);
    offsets.map(|(x, y)| Place {
        turn: (libm::atan2f(x, -y) / TAU).rem_euclid(1.0),
        radius: libm::hypotf(x, y) / rim,
        x: x / rim,
        y: y / rim,
    })
});

/// The ring of an LED, 0 (red, at the rim) to 5 (white).
pub(super) const fn ring(led: usize) -> usize {
    led % RINGS
}

/// The arm of an LED: 0 top, 1 right, 2 left, which is clockwise.
pub(super) const fn arm(led: usize) -> usize {
    led / RINGS
}

/// An LED's place on the one spiral of all LEDs, 0 (the top arm's red) to 17 (the left arm's white).
pub(super) const fn step(led: usize) -> usize {
    ring(led) * ARMS + arm(led)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spiral_turns_clockwise_from_the_rim_to_the_centre() {
        let mut leds: Vec<usize> = (0..LEDS).collect();
        leds.sort_by_key(|led| step(*led));
        for pair in leds.windows(2) {
            let turned = (PLACES[pair[1]].turn - PLACES[pair[0]].turn).rem_euclid(1.0);
            assert!((0.1..0.4).contains(&turned), "{pair:?}: {turned}");
        }
    }

    #[test]
    fn places_are_measured_from_the_centre() {
        let top = PLACES[0];
        assert!(top.turn < 0.01 && top.y < -0.9, "{top:?}");
        assert!(PLACES.iter().all(|place| place.radius <= 1.0));
    }
}
