//! The clocks: one that never runs backwards, for everything that decides, and the wall clock, for what is printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The time since the node started, by the runtime's clock, which tests may pause.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// Starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The runtime's instant of a time since the start.
    #[must_use]
    pub fn instant(&self, since_start: Duration) -> Instant {
        self.origin + since_start
    }

    /// The time since the start at which the wall clock reads this; zero for what lies before the start.
    #[must_use]
    pub fn at_unix_millis(&self, millis: i64) -> Duration {
        let ahead = millis.saturating_sub(unix_millis());
        let span = Duration::from_millis(ahead.unsigned_abs());
        if ahead >= 0 {
            self.now() + span
        } else {
            self.now().saturating_sub(span)
        }
    }

    /// The wall clock's reading at a time since the start, in milliseconds since 1970.
    #[must_use]
    pub fn unix_millis_at(&self, since_start: Duration) -> i64 {
        let ahead = since_start.as_millis() as i64 - self.now().as_millis() as i64;
        unix_millis().saturating_add(ahead)
    }
}

/// The local time since midnight, in the time zone of `TZ` or the host's; UTC where neither is known.
#[must_use]
pub fn local_time() -> Duration {
    let now = jiff::ZonedDateTime::now();
    let seconds = u64::try_from(
        i32::from(now.hour()) * 3600 + i32::from(now.minute()) * 60 + i32::from(now.second()),
    );
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Duration::new(seconds.unwrap_or_default(), nanos)
}

/// The wall clock in milliseconds since 1970; before that, zero.
#[must_use]
pub fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
