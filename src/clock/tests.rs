use super::*;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Clocks that a test sets and lets sleep; otherwise they go with the runtime's.
#[derive(Debug)]
pub(crate) struct TestWall {
    origin: Instant,
    /// What the wall clock read at the origin.
    unix_millis: AtomicI64,
    /// How long the machine has slept.
    slept_millis: AtomicU64,
}

/// The 31st of January 2026, noon.
pub(crate) const NOON: i64 = 1_769_860_800_000;

impl TestWall {
    /// Lives as long as the test, which no clock can outlive.
    pub(crate) fn start(unix_millis: i64) -> &'static Self {
        Box::leak(Box::new(Self {
            origin: Instant::now(),
            unix_millis: AtomicI64::new(unix_millis),
            slept_millis: AtomicU64::new(0),
        }))
    }

    /// Sets the wall clock forward, or back.
    pub(crate) fn step(&self, millis: i64) {
        self.unix_millis.fetch_add(millis, Ordering::Relaxed);
    }

    /// Lets the machine sleep: the runtime's clock stands still, the others go on.
    pub(crate) fn sleep(&self, time: Duration) {
        let millis = time.as_millis() as u64;
        self.slept_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Wall for TestWall {
    fn unix_millis(&self) -> i64 {
        self.unix_millis.load(Ordering::Relaxed) + self.since_boot().as_millis() as i64
    }

    fn since_boot(&self) -> Duration {
        self.origin.elapsed() + Duration::from_millis(self.slept_millis.load(Ordering::Relaxed))
    }
}

const HOUR: i64 = 3_600_000;

fn stamp(clock: &Clock) -> Stamp {
    Stamp {
        unix_ms: clock.unix_millis(),
        since_boot: Some(clock.since_boot()),
        ..Stamp::default()
    }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_at_boot_repairs_what_was_taken_before() {
    let wall = TestWall::start(0);
    let clock = Clock::start_beside(wall);
    pass(10).await;
    let taken = stamp(&clock);
    assert!(!taken.is_dated());
    pass(60).await;
    wall.step(NOON);
    assert_eq!(clock.date_of(&taken), NOON + 10_000);
    wall.step(-HOUR);
    assert_eq!(clock.date_of(&taken), NOON - HOUR + 10_000);
}

#[tokio::test(start_paused = true)]
async fn suspension_is_no_step_for_what_was_taken_before_it() {
    let wall = TestWall::start(NOON);
    let clock = Clock::start_beside(wall);
    pass(10).await;
    let taken = stamp(&clock);
    wall.sleep(Duration::from_secs(8 * 3600));
    pass(10).await;
    assert_eq!(clock.date_of(&taken), NOON + 10_000);
    // A clock that is kept in step is not corrected back and forth.
    wall.step(999);
    assert_eq!(clock.date_of(&taken), NOON + 10_000);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_start_of_the_host_has_taken_stays_as_it_was_read() {
    let wall = TestWall::start(NOON);
    let clock = Clock::start_beside(wall);
    let taken = Stamp {
        since_boot: None,
        ..stamp(&clock)
    };
    wall.step(HOUR);
    assert_eq!(clock.date_of(&taken), NOON);
}

#[tokio::test(start_paused = true)]
async fn steps_and_suspension_are_noticed_once_and_drift_never() {
    let wall = TestWall::start(NOON);
    let clock = Clock::start_beside(wall);
    let mut watch = StepWatch::start(&clock);
    pass(60 * 86_400).await;
    assert_eq!(watch.look(&clock), None);
    for _ in 0..10 {
        wall.step(500);
        assert_eq!(watch.look(&clock), None);
    }
    wall.step(-HOUR);
    assert_eq!(watch.look(&clock), Some(-HOUR));
    assert_eq!(watch.look(&clock), None);
    wall.sleep(Duration::from_secs(3600));
    assert_eq!(watch.look(&clock), Some(HOUR));
}

#[tokio::test(start_paused = true)]
async fn sixty_days_of_uptime_wrap_nothing() {
    let wall = TestWall::start(NOON);
    let clock = Clock::start_beside(wall);
    let days = Duration::from_secs(60 * 86_400);
    tokio::time::advance(days).await;
    assert_eq!(clock.now(), days);
    assert_eq!(clock.unix_millis(), NOON + 60 * 24 * HOUR);
    assert_eq!(
        clock.at_unix_millis(clock.unix_millis() + 5),
        days + Duration::from_millis(5)
    );
    assert_eq!(
        clock.unix_millis_at(days + Duration::from_secs(1)),
        clock.unix_millis() + 1000
    );
    assert_eq!(clock.instant(days), Instant::now());
}

#[test]
fn the_host_has_been_up_for_a_while_and_its_clock_is_read() {
    let clock = Host;
    assert!(clock.since_boot() > Duration::from_secs(1));
    assert!(clock.unix_millis() > 0);
}
