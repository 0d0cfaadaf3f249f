//! What the service manager is told (systemd's `sd_notify(3)`).

use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::PATIENCE;
use super::checkup::Checkup;
use crate::mqtt::Link;

/// Sends lines to the service manager.
pub type Notify = Box<dyn Fn(&[NotifyState<'_>]) -> io::Result<()> + Send + Sync>;

/// The service manager.
pub struct Service {
    notify: Notify,
    /// How long it waits for a sign of life before it restarts the node; `None`: it does not.
    watchdog: Option<Duration>,
}

impl Service {
    /// The service manager that started this process, by `NOTIFY_SOCKET` and `WATCHDOG_USEC`; `None` when there is none.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let watchdog = sd_notify::watchdog_enabled();
        Some(Self::new(Box::new(sd_notify::notify), watchdog))
    }

    /// A service manager to be told by this function.
    #[must_use]
    pub fn new(notify: Notify, watchdog: Option<Duration>) -> Self {
        Self { notify, watchdog }
    }

    /// `READY` when every loop turns, whether the broker is there or not; `STATUS` when broker or panel change;
    /// `STOPPING` at last.
    pub(super) async fn tell(&self, checkup: &Checkup) {
        while !checkup.stuck(PATIENCE).await.is_empty() {}
        let mut view = checkup.view.clone();
        let mut said = String::new();
        let mut is_ready = false;
        loop {
            let status = {
                let link = *view.link.borrow_and_update();
                let panel = view.panel.borrow_and_update();
                let broker = match link {
                    Link::Up(_) => "broker connected",
                    Link::Down => "broker away",
                };
                // One line each.
                format!("{broker}; panel {}", *panel).replace(char::is_control, " ")
            };
            if status != said {
                let lines = [NotifyState::Status(&status), NotifyState::Ready];
                self.send(&lines[..if is_ready { 1 } else { 2 }]);
                is_ready = true;
                said = status;
            }
            tokio::select! {
                () = view.stopping.cancelled() => break,
                Ok(()) = view.link.changed() => {}
                Ok(()) = view.panel.changed() => {}
            }
        }
        // Fed once more: the stop has a limit of its own.
        self.send(&[
            NotifyState::Stopping,
            NotifyState::Status("stopping"),
            NotifyState::Watchdog,
        ]);
    }

    /// `WATCHDOG` twice as often as it is wanted, as long as every loop turns; otherwise `STATUS` names those that don't.
    pub(super) async fn feed(&self, checkup: &Checkup) {
        let Some(period) = self.period() else {
            return;
        };
        let mut ticks = rounds(period);
        loop {
            ticks.tick().await;
            let stuck = checkup.stuck((period / 2).min(PATIENCE)).await;
            if stuck.is_empty() {
                self.send(&[NotifyState::Watchdog]);
            } else {
                self.tell_stuck(&stuck);
            }
            checkup.end_round();
        }
    }

    /// `STATUS` names the loops that don't turn while nobody makes rounds any more; who feeds the watchdog is the warden alone.
    pub(super) async fn mind(&self, checkup: &Checkup) {
        let Some(period) = self.period() else {
            return;
        };
        let mut ticks = rounds(period);
        let mut seen = None;
        loop {
            ticks.tick().await;
            if seen.replace(checkup.rounds()) == Some(checkup.rounds()) {
                let stuck = checkup.stuck((period / 2).min(PATIENCE)).await;
                if !stuck.is_empty() {
                    self.tell_stuck(&stuck);
                }
            }
        }
    }

    fn period(&self) -> Option<Duration> {
        // A limit of nothing can't be met.
        self.watchdog
            .map(|limit| (limit / 2).max(Duration::from_millis(1)))
    }

    fn tell_stuck(&self, stuck: &[&str]) {
        let status = format!("stuck: {}", stuck.join(", "));
        self.send(&[NotifyState::Status(&status)]);
    }

    fn send(&self, lines: &[NotifyState<'_>]) {
        if let Err(error) = (self.notify)(lines) {
            warn!(%error, "failed to tell the service manager");
        }
    }
}

fn rounds(period: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
