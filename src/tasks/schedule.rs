//! Orders that begin later.

use std::time::Duration;

use super::renderer::Order;

/// The most orders that wait for their time; one more is refused as busy.
const SCHEDULED: usize = 16;

/// Orders by the time at which they begin, on the node's clock.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    orders: Vec<(Duration, Order)>,
}

impl Schedule {
    /// Keeps an order until its time; gives it back when there are too many.
    pub(super) fn push(&mut self, due: Duration, order: Order) -> Result<(), Box<Order>> {
        if self.orders.len() >= SCHEDULED {
            return Err(Box::new(order));
        }
        // Behind those of the same time: what came later is carried out later.
        let place = self.orders.partition_point(|(other, _)| *other <= due);
        self.orders.insert(place, (due, order));
        Ok(())
    }

    /// When the next order begins.
    pub(super) fn next(&self) -> Option<Duration> {
        self.orders.first().map(|(due, _)| *due)
    }

    /// Takes out the orders whose time has come.
    pub(super) fn take_due(&mut self, now: Duration) -> Vec<Order> {
        let count = self.orders.partition_point(|(due, _)| *due <= now);
        self.orders.drain(..count).map(|(_, order)| order).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            Order::Set { .. } => 0,
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
    fn one_too_many_is_given_back() {
        let mut schedule = Schedule::default();
        for _ in 0..SCHEDULED {
            schedule.push(Duration::ZERO, order(1)).unwrap();
        }
        assert!(schedule.push(Duration::ZERO, order(2)).is_err());
    }
}
