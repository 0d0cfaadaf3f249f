//! The pause before the next attempt to connect.

use std::time::Duration;

/// The first pause is at most this long.
const FIRST: Duration = Duration::from_millis(250);

/// No pause is longer than this.
const LONGEST: Duration = Duration::from_secs(30);

/// Exponential backoff with full jitter: after a broker's restart, a flock of nodes does not return in step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The longest pause after this many failures.
    fn ceiling(self) -> Duration {
        FIRST
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(LONGEST)
    }

    /// The next pause, a random part of a ceiling that doubles each time.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.ceiling().mul_f64(fastrand::f64());
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Starts over, because a connection has lasted.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_from_a_quarter_of_a_second_to_half_a_minute() {
        let ceilings: Vec<f64> = (0..10)
            .map(|failures| Backoff { failures }.ceiling().as_secs_f64())
            .collect();
        assert_eq!(
            ceilings,
            [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        );
        assert_eq!(Backoff { failures: 99 }.ceiling(), LONGEST);
    }

    #[test]
    fn pauses_stay_below_the_ceiling_and_differ() {
        let mut backoff = Backoff { failures: 5 };
        let pauses: Vec<Duration> = (0..20)
            .map(|_| {
                backoff.failures = 5;
                backoff.next()
            })
            .collect();
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(8)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
