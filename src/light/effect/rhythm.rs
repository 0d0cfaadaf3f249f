//! Cycles, swells, tails: what moving effects are made of.
//!
//! Times are whole nanoseconds up to the division by the period, so that a phase is as exact after ten years as at
//! the start.

use std::f32::consts::TAU;
use std::time::Duration;

/// Where a repeating motion stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cycle {
    /// How many times it has been completed.
    pub(super) number: u64,
    /// How far it is into the next, 0 to 1.
    pub(super) phase: f32,
}

/// The time in nanoseconds; it lasts for five hundred years.
pub(super) fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The length of a cycle that repeats this often, at least 1 ns.
pub(super) fn period_nanos(per_minute: f32) -> u64 {
    // The cast saturates.
    ((60e9 / f64::from(per_minute)) as u64).max(1)
}

/// Where a motion that repeats this often stands.
pub(super) fn cycle(elapsed: Duration, per_minute: f32) -> Cycle {
    cycle_of(nanos(elapsed), period_nanos(per_minute))
}

/// Where a motion of this period stands.
pub(super) fn cycle_of(nanos: u64, period: u64) -> Cycle {
    Cycle {
        number: nanos / period,
        phase: ((nanos % period) as f64 / period as f64) as f32,
    }
}

/// A smooth hill over a cycle: 0 at its ends, 1 halfway.
pub(super) fn hill(phase: f32) -> f32 {
    (1.0 - libm::cosf(phase * TAU)) / 2.0
}

/// Goes from 0 to 1 with no corner at either end.
pub(super) fn ease(share: f32) -> f32 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

/// The light of something that passed `behind` ago (ahead when negative): it rises over `rise`, falls over `fall`.
pub(super) fn trail(behind: f32, rise: f32, fall: f32) -> f32 {
    if behind < 0.0 {
        (1.0 + behind / rise).max(0.0)
    } else {
        let left = (1.0 - behind / fall).max(0.0);
        left * left
    }
}

/// A number from 0 to 1 that looks random but is always the same for a place and a time slot.
///
/// The finaliser of SplitMix64, which spreads every bit over all others.
pub(super) fn chance(cell: usize, slot: u64) -> f32 {
    let mut bits = (cell as u64 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(slot.wrapping_mul(0xd1b5_4a32_d192_ed03));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // 24 bits are what an f32 holds exactly.
    (bits >> 40) as f32 / (1 << 24) as f32
}

/// A number from 0 to 1 that wanders smoothly from slot to slot.
pub(super) fn drift(cell: usize, at: Cycle) -> f32 {
    let from = chance(cell, at.number);
    let to = chance(cell, at.number + 1);
    from + (to - from) * ease(at.phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_exact_after_ten_years() {
        let ten_years = Duration::from_secs(10 * 365 * 86_400);
        let at = cycle(ten_years + Duration::from_millis(1250), 12.0);
        assert!((at.phase - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_trail_rises_before_and_falls_behind() {
        let arm: Vec<f32> = (0..6)
            .map(|led| trail(4.0 - led as f32, 1.0, 4.0))
            .collect();
        assert_eq!(arm[4], 1.0);
        assert!(arm[..5].is_sorted(), "{arm:?}");
        assert_eq!(arm[5], 0.0);
    }

    #[test]
    fn chances_are_spread_evenly_and_differ_between_neighbours() {
        let all: Vec<f32> = (0..18)
            .flat_map(|cell| (0..1000).map(move |slot| chance(cell, slot)))
            .collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!(all.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert_ne!(chance(0, 1), chance(1, 0));
    }
}
