//! A condition with two thresholds that has to last.

use std::time::Duration;

/// What a trigger tells; the two alternate, and the first is a rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// The condition has begun.
    Rise,
    /// The condition has ended.
    Fall,
}

/// Tells when a value has been at least `rise` for a while, and then when it has been at most `fall` for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trigger {
    rise: f32,
    fall: f32,
    rise_for: Duration,
    fall_for: Duration,
    is_high: bool,
    /// Since when the value asks for the other state.
    since: Option<Duration>,
}

impl Trigger {
    /// A trigger with its thresholds, to rise and to fall, and how long each has to be held.
    pub(super) fn new((rise, fall): (f32, f32), rise_for: Duration, fall_for: Duration) -> Self {
        Self {
            rise,
            fall: fall.min(rise),
            rise_for,
            fall_for,
            is_high: false,
            since: None,
        }
    }

    /// A trigger for something that is wrong or not: the fault is told at once, its end when it has lasted.
    pub(super) fn of_fault(settle: Duration) -> Self {
        Self::new((1.0, 0.0), Duration::ZERO, settle)
    }

    /// Looks at a value.
    pub(super) fn see(&mut self, now: Duration, value: f32) -> Option<Edge> {
        let (turns, lasting) = if self.is_high {
            (value <= self.fall, self.fall_for)
        } else {
            (value >= self.rise, self.rise_for)
        };
        if !turns {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since) < lasting {
            return None;
        }
        self.is_high = !self.is_high;
        self.since = None;
        Some(if self.is_high { Edge::Rise } else { Edge::Fall })
    }

    /// Looks at whether something is wrong.
    pub(super) fn see_fault(&mut self, now: Duration, is_wrong: bool) -> Option<Edge> {
        self.see(now, f32::from(u8::from(is_wrong)))
    }

    /// When the value will have lasted, if it stays.
    pub(super) fn due(&self) -> Option<Duration> {
        let lasting = if self.is_high {
            self.fall_for
        } else {
            self.rise_for
        };
        self.since.map(|since| since + lasting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_value_that_wavers_between_the_thresholds_tells_nothing() {
        let mut trigger = Trigger::new((90.0, 70.0), secs(10), secs(10));
        let values = [95.0, 89.0, 95.0, 89.0, 71.0, 95.0];
        for (at, value) in values.into_iter().enumerate() {
            assert_eq!(trigger.see(secs(9 * at as u64), value), None, "{at}");
        }
        assert_eq!(trigger.due(), Some(secs(55)));
        assert_eq!(trigger.see(secs(55), 90.0), Some(Edge::Rise));
        // Below the upper threshold it is still high.
        for at in 60..100 {
            assert_eq!(trigger.see(secs(at), 71.0), None, "{at}");
        }
        assert_eq!(trigger.see(secs(100), 70.0), None);
        assert_eq!(trigger.see(secs(110), 70.0), Some(Edge::Fall));
    }

    #[test]
    fn a_fault_is_told_at_once_and_its_end_later() {
        let mut trigger = Trigger::of_fault(secs(5));
        assert_eq!(trigger.see_fault(secs(1), true), Some(Edge::Rise));
        assert_eq!(trigger.see_fault(secs(2), false), None);
        assert_eq!(trigger.see_fault(secs(3), true), None);
        assert_eq!(trigger.see_fault(secs(4), false), None);
        assert_eq!(trigger.see_fault(secs(9), false), Some(Edge::Fall));
    }

    proptest! {
        #[test]
        fn edges_alternate_begin_with_a_rise_and_need_their_time(
            steps in proptest::collection::vec((1u64..20, 0.0f32..100.0), 1..200),
            rise in 50.0f32..90.0, fall in 10.0f32..50.0, lasting in 0u64..60,
        ) {
            let mut trigger = Trigger::new((rise, fall), secs(lasting), secs(lasting));
            let mut now = Duration::ZERO;
            let mut last: Option<(Edge, Duration)> = None;
            for (step, value) in steps {
                now += secs(step);
                let Some(edge) = trigger.see(now, value) else { continue };
                match edge {
                    Edge::Rise => prop_assert!(value >= rise),
                    Edge::Fall => prop_assert!(value <= fall),
                }
                let expected = last.map_or(Edge::Rise, |(edge, _)| match edge {
                    Edge::Rise => Edge::Fall,
                    Edge::Fall => Edge::Rise,
                });
                prop_assert_eq!(edge, expected);
                if let Some((_, at)) = last {
                    prop_assert!(now - at >= secs(lasting));
                }
                last = Some((edge, now));
            }
        }
    }
}
