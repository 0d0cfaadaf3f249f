//! How often somebody may do something: a bucket each, which fills up again with time.

use std::collections::HashMap;
use std::net::IpAddr;

/// The most addresses that are remembered; beyond that those who have been quiet longest are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// A limit for each address.
#[derive(Debug)]
pub(super) struct Limit {
    /// How much may be done at once.
    burst: f64,
    /// How much comes back in a second.
    per_sec: f64,
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    /// In milliseconds.
    at: i64,
}

impl Limit {
    pub(super) fn new(burst: u32, per_sec: f64) -> Self {
        Self {
            burst: f64::from(burst),
            per_sec,
            buckets: HashMap::new(),
        }
    }

    /// Whether somebody may at this moment, in milliseconds; else after how many seconds.
    pub(super) fn allows(&self, who: IpAddr, now: i64) -> Result<(), u64> {
        let left = self.left(network(who), now);
        if left >= 1.0 {
            return Ok(());
        }
        Err((((1.0 - left) / self.per_sec).ceil() as u64).max(1))
    }

    /// Counts what somebody did, if they might.
    pub(super) fn take(&mut self, who: IpAddr, now: i64) -> Result<(), u64> {
        self.allows(who, now)?;
        let who = network(who);
        let left = self.left(who, now) - 1.0;
        if self.buckets.len() >= ADDRESSES_MAX {
            let (burst, per_sec) = (self.burst, self.per_sec);
            self.buckets
                .retain(|_, bucket| bucket.now(now, burst, per_sec) < burst);
            if self.buckets.len() >= ADDRESSES_MAX {
                let oldest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.at);
                if let Some(oldest) = oldest.map(|(who, _)| *who) {
                    self.buckets.remove(&oldest);
                }
            }
        }
        self.buckets.insert(who, Bucket { left, at: now });
        Ok(())
    }

    fn left(&self, who: IpAddr, now: i64) -> f64 {
        let bucket = self.buckets.get(&who);
        bucket.map_or(self.burst, |bucket| {
            bucket.now(now, self.burst, self.per_sec)
        })
    }
}

impl Bucket {
    fn now(&self, now: i64, burst: f64, per_sec: f64) -> f64 {
        let secs = (now - self.at).max(0) as f64 / 1000.0;
        (self.left + secs * per_sec).min(burst)
    }
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_what_comes_back() {
        let mut limit = Limit::new(3, 0.5);
        let who = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..3 {
            assert_eq!(limit.take(who, 0), Ok(()));
        }
        assert_eq!(limit.take(who, 0), Err(2));
        assert_eq!(limit.take(who, 1_000), Err(1));
        assert_eq!(limit.take(who, 2_000), Ok(()));
        assert_eq!(limit.take(IpAddr::from([10, 0, 0, 2]), 0), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_as_one() {
        let mut limit = Limit::new(1, 1.0);
        let own = |last| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]);
        assert_eq!(limit.take(own(1), 0), Ok(()));
        assert_eq!(limit.take(own(2), 0), Err(1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut limit = Limit::new(2, 0.001);
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() + 10 {
            assert_eq!(
                limit.take(IpAddr::from(number.to_be_bytes()), number.into()),
                Ok(())
            );
        }
        assert_eq!(limit.buckets.len(), ADDRESSES_MAX);
    }
}
