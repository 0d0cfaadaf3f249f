//! Orders that begin later.

use std::time::Duration;

use super::renderer::Order;

/// The most orders that wait for their time; one more is refused as busy.
const SCHEDULED: usize = 16;

/// Orders by the time at which they begin, on the node's clock.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    orders: Vec<(Duration, Order)>,
}

impl Schedule {
    /// Keeps an order until its time; gives it back when there are too many.
    pub(crate) fn push(&mut self, due: Duration, order: Order) -> Result<(), Box<Order>> {
        if self.orders.len() >= SCHEDULED {
            return Err(Box::new(order));
        }
        // Behind those of the same time: what came later is carried out later.
        let place = self.orders.partition_point(|(other, _)| *other <= due);
        self.orders.insert(place, (due, order));
        Ok(())
    }

    /// Begins each order at the time that its start on the wall clock is by the node's clock, because the wall clock was set.
    pub(super) fn set(&mut self, at_unix_millis: impl Fn(i64) -> Duration) {
        for (due, order) in &mut self.orders {
            if let Order::Set {
                start_unix_millis: Some(start),
                command,
                arrived,
                ..
            } = order
            {
                let begins = at_unix_millis(*start);
                // Its latency counts from when it should be seen.
                *arrived = if begins >= *due {
                    *arrived + (begins - *due)
                } else {
                    arrived.checked_sub(*due - begins).unwrap_or(*arrived)
                };
                command.begins = Some(begins);
                *due = begins;
            }
        }
        // Stable: what came later is carried out later.
        self.orders.sort_by_key(|(due, _)| *due);
    }

    /// When the next order begins.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.orders.first().map(|(due, _)| *due)
    }

    /// Takes out the orders whose time has come.
    pub(crate) fn take_due(&mut self, now: Duration) -> Vec<Order> {
        let count = self.orders.partition_point(|(due, _)| *due <= now);
        self.orders.drain(..count).map(|(_, order)| order).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::Command;
    use crate::protocol::Reply;
    use std::time::Instant;

    fn order(seconds: u64) -> Order {
        Order::Identify {
            duration: Duration::from_secs(seconds),
            reply: Reply::default(),
            arrived: Instant::now(),
        }
    }

    fn durations(orders: &[Order]) -> Vec<u64> {
        let seconds = |order: &Order| match order {
            Order::Identify { duration, .. } => duration.as_secs(),
            Order::Set { .. } | Order::Adjust { .. } => 0,
        };
        orders.iter().map(seconds).collect()
    }

    #[test]
    fn orders_are_taken_in_the_order_of_their_times_and_of_their_arrival() {
        let mut schedule = Schedule::default();
        for (due, number) in [(5, 1), (3, 2), (5, 3)] {
            schedule
                .push(Duration::from_secs(due), order(number))
                .unwrap();
        }
        assert_eq!(schedule.next(), Some(Duration::from_secs(3)));
        assert_eq!(durations(&schedule.take_due(Duration::from_secs(4))), [2]);
        assert_eq!(
            durations(&schedule.take_due(Duration::from_secs(5))),
            [1, 3]
        );
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_clock_that_is_set_moves_what_waits_for_a_time_of_day() {
        let at = |start| Order::Set {
            command: Box::new(Command::to_board()),
            start_unix_millis: Some(start),
            reply: Reply::default(),
            arrived: Instant::now(),
        };
        let mut schedule = Schedule::default();
        schedule.push(Duration::from_secs(60), at(60_000)).unwrap();
        schedule.push(Duration::from_secs(90), at(90_000)).unwrap();
        // 70 seconds forward, and then an hour back.
        schedule.set(|start| Duration::from_millis((start - 70_000).max(0) as u64));
        assert_eq!(schedule.next(), Some(Duration::ZERO));
        let due = schedule.take_due(Duration::from_secs(1));
        let begins = |order: &Order| match order {
            Order::Set { command, .. } => command.begins,
            Order::Identify { .. } | Order::Adjust { .. } => None,
        };
        assert_eq!(
            due.iter().map(begins).collect::<Vec<_>>(),
            [Some(Duration::ZERO)]
        );
        schedule.set(|start| Duration::from_millis(start as u64) + Duration::from_secs(3600));
        assert_eq!(schedule.next(), Some(Duration::from_secs(3690)));
    }

    #[test]
    fn one_too_many_is_given_back() {
        let mut schedule = Schedule::default();
        for _ in 0..SCHEDULED {
            schedule.push(Duration::ZERO, order(1)).unwrap();
        }
        assert!(schedule.push(Duration::ZERO, order(2)).is_err());
    }
}
