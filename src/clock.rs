//! The clocks: one that never runs backwards, for everything that decides, and the wall clock, for what is printed.

mod alarm;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

pub(crate) use alarm::Alarm;
use alarm::Alarms;

use crate::telemetry::Stamp;

/// One second: what the wall clock and the host's clock may differ by without one of them having been set. A clock that is kept
/// in step by being run a little faster or slower drifts less in an hour.
pub const STEP: Duration = Duration::from_secs(1);

/// The clocks that somebody else may set, or that go on while the machine sleeps.
pub trait Wall: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970; 0 before that.
    fn unix_millis(&self) -> i64;

    /// The time since the host started, suspension included.
    fn since_boot(&self) -> Duration;
}

/// The clocks of this host.
#[derive(Debug)]
struct Host;

impl Wall for Host {
    fn unix_millis(&self) -> i64 {
        unix_millis()
    }

    fn since_boot(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }
}

/// The time since the node started, by the runtime's clock, which tests may pause, and how it relates to the wall clock.
///
/// The runtime's clock stands still while the machine is suspended.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    wall: &'static dyn Wall,
    alarms: Alarms,
}

impl Clock {
    /// Starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self::start_beside(&Host)
    }

    /// Starts at zero, beside a wall clock of the caller's.
    #[must_use]
    pub fn start_beside(wall: &'static dyn Wall) -> Self {
        Self {
            origin: Instant::now(),
            wall,
            alarms: Alarms::default(),
        }
    }

    /// The same with alarms of the kernel's, which wake the thread half as often as the runtime's, and know nothing of a runtime whose
    /// clock is paused.
    #[must_use]
    pub fn with_kernel_alarms(self) -> Self {
        Self {
            alarms: Alarms::Kernel,
            ..self
        }
    }

    /// An alarm; must be called within a runtime.
    pub(crate) fn alarm(&self) -> Alarm {
        Alarm::new(self.alarms)
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

    /// The wall clock in milliseconds since 1970; before that, zero.
    #[must_use]
    pub fn unix_millis(&self) -> i64 {
        self.wall.unix_millis()
    }

    /// The local time since midnight, in the time zone of `TZ` or the host's; UTC where neither is known.
    #[must_use]
    pub fn local_time(&self) -> Duration {
        let time = jiff::Timestamp::from_millisecond(self.unix_millis())
            .unwrap_or(jiff::Timestamp::MAX)
            .to_zoned_datetime(jiff::tz::TimeZone::system());
        let seconds = i32::from(time.hour()) * 3600
            + i32::from(time.minute()) * 60
            + i32::from(time.second());
        let nanos = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
        Duration::new(u64::try_from(seconds).unwrap_or_default(), nanos)
    }

    /// The time since the host started, suspension included.
    #[must_use]
    pub fn since_boot(&self) -> Duration {
        self.wall.since_boot()
    }

    /// The time since the start at which the wall clock reads this, if nobody sets it; zero for what lies before the start.
    #[must_use]
    pub fn at_unix_millis(&self, millis: i64) -> Duration {
        let ahead = millis.saturating_sub(self.unix_millis());
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
        self.unix_millis()
            .saturating_add(difference(since_start, self.now()))
    }

    /// When a sample was taken, by what is known at this moment: a wall clock that has been set since then has repaired its time.
    #[must_use]
    pub fn date_of(&self, stamp: &Stamp) -> i64 {
        let Some(taken) = stamp.since_boot else {
            return stamp.unix_ms;
        };
        let date = self
            .unix_millis()
            .saturating_add(difference(taken, self.since_boot()));
        // What was said live is said again, unless it was wrong.
        if date.abs_diff(stamp.unix_ms) <= STEP.as_millis() as u64 {
            stamp.unix_ms
        } else {
            date
        }
    }
}

/// One time less the other, in milliseconds.
fn difference(a: Duration, b: Duration) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    millis(a) - millis(b)
}

/// Notices that the wall clock was set, or that the machine slept: both move it against the runtime's clock.
#[derive(Debug, Clone, Copy)]
pub struct StepWatch {
    /// What the wall clock read when the runtime's began, as seen at the last look.
    origin: i64,
}

impl StepWatch {
    /// Takes the clocks as they are for right.
    #[must_use]
    pub fn start(clock: &Clock) -> Self {
        Self {
            origin: clock.unix_millis_at(Duration::ZERO),
        }
    }

    /// By how many milliseconds the wall clock was moved since the last look; `None` for so little that nobody has set it.
    pub fn look(&mut self, clock: &Clock) -> Option<i64> {
        let origin = clock.unix_millis_at(Duration::ZERO);
        let step = origin.saturating_sub(self.origin);
        self.origin = origin;
        (step.unsigned_abs() >= STEP.as_millis() as u64).then_some(step)
    }
}

/// The wall clock in milliseconds since 1970; before that, zero.
#[must_use]
pub fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
