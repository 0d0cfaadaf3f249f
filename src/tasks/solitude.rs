//! How long the broker has been away.

use std::time::Duration;

/// Tells when the node has been without its broker for so long that what was commanded is passed over.
#[derive(Debug)]
pub(super) struct Solitude {
    /// How long that is; `None`: for ever.
    limit: Option<Duration>,
    /// Since when the broker is away.
    since: Option<Duration>,
}

impl Solitude {
    /// The broker is away at the start.
    pub(super) fn new(limit: Option<Duration>, now: Duration) -> Self {
        Self {
            limit,
            since: Some(now),
        }
    }

    /// The broker has come or gone.
    pub(super) fn hear(&mut self, is_up: bool, now: Duration) {
        self.since = match (is_up, self.since) {
            (true, _) => None,
            (false, since) => since.or(Some(now)),
        };
    }

    /// When the limit is or was reached.
    fn end(&self) -> Option<Duration> {
        Some(self.since? + self.limit?)
    }

    /// Whether the limit has been reached.
    pub(super) fn is_alone(&self, now: Duration) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    /// When the limit will be reached.
    pub(super) fn next(&self, now: Duration) -> Option<Duration> {
        self.end().filter(|end| *end > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_counts_from_the_loss_and_ends_with_the_return() {
        let mut solitude = Solitude::new(Some(secs(10)), secs(0));
        assert_eq!(solitude.next(secs(3)), Some(secs(10)));
        assert!(solitude.is_alone(secs(10)) && solitude.next(secs(10)).is_none());
        solitude.hear(true, secs(20));
        assert!(!solitude.is_alone(secs(100)));
        solitude.hear(false, secs(100));
        // The next failed attempts are no new loss.
        solitude.hear(false, secs(105));
        assert!(!solitude.is_alone(secs(109)) && solitude.is_alone(secs(110)));
    }

    #[test]
    fn without_a_limit_what_was_commanded_stays() {
        let solitude = Solitude::new(None, secs(0));
        assert!(!solitude.is_alone(secs(1_000_000)));
        assert_eq!(solitude.next(secs(0)), None);
    }
}
