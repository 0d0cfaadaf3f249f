//! Which broker is next, and after which pause.

use std::time::Duration;

use super::backoff::Backoff;

/// A broker that takes the node and drops it again at once, this often in a row, is passed over.
const FICKLE: u32 = 3;

/// The order in which brokers are tried: rounds that begin with the one that worked last and go on with the others as
/// configured.
///
/// Within a round the pauses are short, after a round they grow.
#[derive(Debug)]
pub(super) struct Route {
    count: usize,
    /// The one that worked last; the first before any has.
    preferred: usize,
    /// The place in the round.
    place: usize,
    /// Connections in a row that did not last.
    short: u32,
    backoff: Backoff,
}

impl Route {
    /// A route over this many brokers, from the first.
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            preferred: 0,
            place: 0,
            short: 0,
            backoff: Backoff::default(),
        }
    }

    /// The broker whose turn it is.
    pub(super) fn current(&self) -> usize {
        match self.place {
            0 => self.preferred,
            place if place <= self.preferred => place - 1,
            place => place,
        }
    }

    /// The current broker has taken the node.
    pub(super) fn works(&mut self) {
        self.preferred = self.current();
        self.place = 0;
    }

    /// The current broker has not taken the node: turns to the next one, after this pause.
    pub(super) fn fail(&mut self) -> Duration {
        self.place += 1;
        if self.place < self.count {
            return Backoff::default().next();
        }
        self.place = 0;
        self.backoff.next()
    }

    /// A connection that worked has ended: the same broker again, after this pause.
    pub(super) fn lose(&mut self, lasted: bool) -> Duration {
        if lasted {
            self.short = 0;
            self.backoff.reset();
            return self.backoff.next();
        }
        self.short += 1;
        if self.short < FICKLE {
            return self.backoff.next();
        }
        self.short = 0;
        self.fail()
    }

    /// Turns to the first broker.
    pub(super) fn go_home(&mut self) {
        self.preferred = 0;
        self.place = 0;
        self.short = 0;
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(route: &mut Route) -> Vec<usize> {
        (0..route.count)
            .map(|_| {
                let current = route.current();
                route.fail();
                current
            })
            .collect()
    }

    #[test]
    fn brokers_are_tried_in_order_from_the_one_that_worked_last() {
        let mut route = Route::new(4);
        assert_eq!(round(&mut route), [0, 1, 2, 3]);
        assert_eq!(round(&mut route), [0, 1, 2, 3]);
        route.fail();
        route.fail();
        route.works();
        assert_eq!(route.current(), 2);
        route.lose(true);
        assert_eq!(round(&mut route), [2, 0, 1, 3]);
        route.go_home();
        assert_eq!(round(&mut route), [0, 1, 2, 3]);
    }

    #[test]
    fn pauses_are_short_within_a_round_and_grow_from_round_to_round() {
        let first = Duration::from_millis(250);
        let mut route = Route::new(2);
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            assert_eq!(route.current(), 0);
            assert!(route.fail() <= first);
            longest = longest.max(route.fail());
        }
        assert!(longest > Duration::from_secs(2), "{longest:?}");
        assert!(longest <= Duration::from_secs(30), "{longest:?}");
    }

    #[test]
    fn a_cut_keeps_the_broker_and_a_fickle_one_is_passed_over() {
        let mut route = Route::new(2);
        route.works();
        for _ in 1..FICKLE {
            route.lose(false);
            assert_eq!(route.current(), 0);
            route.works();
        }
        route.lose(false);
        assert_eq!(route.current(), 1);

        let mut alone = Route::new(1);
        alone.works();
        for _ in 0..10 {
            alone.lose(false);
            assert_eq!(alone.current(), 0);
        }
    }
}
