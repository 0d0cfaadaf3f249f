//! Waiting for a time.

use std::io;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// Who wakes a task at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Alarms {
    /// The runtime, whose clock tests may pause. Its wheel turns twice for most times: once to look closer, once to wake.
    #[default]
    Runtime,
    /// The kernel: the thread wakes once.
    Kernel,
}

/// Wakes a task at a time, again and again.
pub(crate) struct Alarm(Option<Timer>);

/// A timer of the kernel's (timerfd_create(2)), and for when it is set.
struct Timer {
    /// The runtime's safe way to something that is read in eights of bytes, as a timer is.
    file: pipe::Receiver,
    set: Option<Instant>,
}

impl Alarm {
    /// Makes an alarm; must be called within a runtime. Where the kernel has no timer to give, the runtime's has to do.
    pub(super) fn new(alarms: Alarms) -> Self {
        match alarms {
            Alarms::Runtime => Self(None),
            Alarms::Kernel => Self(
                Timer::new()
                    .inspect_err(|error| debug!(%error, "the kernel gives no timer"))
                    .ok(),
            ),
        }
    }

    /// Waits until then; may be cancelled.
    pub(crate) async fn until(&mut self, at: Instant) {
        if let Some(timer) = &mut self.0 {
            let Err(error) = timer.until(at).await else {
                return;
            };
            debug!(%error, "the kernel's timer is of no use");
            self.0 = None;
        }
        // For what has passed the runtime would take its next turn, a millisecond from now.
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }
}

impl Timer {
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self {
            file: pipe::Receiver::from_owned_fd_unchecked(file)?,
            set: None,
        })
    }

    async fn until(&mut self, at: Instant) -> io::Result<()> {
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.set != Some(at) {
                self.set(left)?;
                self.set = Some(at);
            }
            self.file.readable().await?;
            match self.file.try_read(&mut [0; 8]) {
                Ok(_) => self.set = None,
                // It was set anew since it rang.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Once, after this long. More than 0: that would stop it.
    fn set(&self, left: Duration) -> io::Result<()> {
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: left.try_into().map_err(io::Error::other)?,
        };
        timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Handle;

    #[tokio::test]
    async fn the_kernel_wakes_the_thread_once_for_each_time() {
        const TIMES: u64 = 5;
        // Far enough that the runtime's wheel would turn twice.
        const APART: Duration = Duration::from_millis(70);
        let mut alarm = Alarm::new(Alarms::Kernel);
        assert!(alarm.0.is_some());
        let parks = || Handle::current().metrics().worker_park_count(0);
        let (before, begin) = (parks(), Instant::now());
        for time in 1..=TIMES {
            let at = begin + APART * u32::try_from(time).unwrap();
            alarm.until(at).await;
            assert!(Instant::now() >= at);
        }
        assert!(parks() - before <= TIMES);
    }

    #[tokio::test]
    async fn what_has_passed_is_not_waited_for() {
        let now = Instant::now();
        for alarms in [Alarms::Runtime, Alarms::Kernel] {
            let mut alarm = Alarm::new(alarms);
            let waited = tokio::select! {
                biased;
                () = alarm.until(now) => false,
                () = std::future::ready(()) => true,
            };
            assert!(!waited, "{alarms:?}");
        }
    }

    #[tokio::test]
    async fn what_was_given_up_for_another_time_does_not_ring() {
        let mut alarm = Alarm::new(Alarms::Kernel);
        let begin = Instant::now();
        let (soon, later) = (Duration::from_millis(5), Duration::from_millis(30));
        tokio::select! {
            biased;
            () = alarm.until(begin + soon) => panic!("it has just been set"),
            () = std::future::ready(()) => {}
        }
        alarm.until(begin + later).await;
        assert!(begin.elapsed() >= later);
    }
}
