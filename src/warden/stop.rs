//! An end to every stop: what the node does not finish in time, the process ends.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::node::{STOP_MAX, View};

/// 8 s: longer than everything a stop may take by its own limits, and shorter than the 10 s after which a container
/// engine kills.
pub const STOP_LIMIT: Duration = Duration::from_secs(8);

const _: () = assert!(STOP_MAX.as_millis() < STOP_LIMIT.as_millis());

/// How long the LEDs may take to go dark when all else has failed.
const DARK_LIMIT: Duration = Duration::from_millis(500);

/// Ends the process.
pub type LastResort = Box<dyn FnOnce() + Send>;

/// Where orders to stop come from.
#[derive(Debug)]
pub enum Signals {
    /// SIGTERM, SIGINT and SIGHUP of this process.
    OfProcess,
    /// A channel, for tests.
    Channel(tokio::sync::mpsc::Receiver<()>),
}

/// [`Signals`] that are listened to.
pub(super) enum Heard {
    OfProcess(Box<[Signal; 3]>),
    Channel(tokio::sync::mpsc::Receiver<()>),
}

impl Signals {
    /// Begins to listen; within a runtime.
    pub(super) fn listen(self) -> io::Result<Heard> {
        Ok(match self {
            Self::OfProcess => Heard::OfProcess(Box::new([
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
            ])),
            Self::Channel(receiver) => Heard::Channel(receiver),
        })
    }
}

impl Heard {
    async fn next(&mut self) {
        match self {
            Self::OfProcess(signals) => {
                let [terminate, interrupt, hangup] = signals.as_mut();
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                }
            }
            Self::Channel(receiver) => {
                if receiver.recv().await.is_none() {
                    std::future::pending().await
                }
            }
        }
    }
}

/// Stops the node at the first signal, and ends the process at the second or when the stop takes too long; also when the
/// node stops because of a fault.
pub(super) async fn heed(
    stop: CancellationToken,
    mut signals: Heard,
    mut node: oneshot::Receiver<View>,
    limit: Duration,
    last_resort: LastResort,
) {
    let mut view = None;
    let fault = async {
        match (&mut node).await {
            Ok(given) => view.insert(given).stopping.clone().cancelled().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.next() => stop.cancel(),
        () = fault => {}
    }
    tokio::select! {
        () = signals.next() => error!("told to stop once more; ending at once"),
        () = tokio::time::sleep(limit) => error!(?limit, "the stop takes too long; ending at once"),
    }
    // It may have been given while nobody waited for it.
    if let Some(view) = view.or_else(|| node.try_recv().ok()) {
        let outcome = view.off_switch.off(DARK_LIMIT);
        error!(?outcome, "the LEDs were switched off by the warden");
    }
    last_resort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_stop_without_an_end_is_ended_at_its_limit() {
        let (order, orders) = mpsc::channel(1);
        let (_node, given) = oneshot::channel();
        let stop = CancellationToken::new();
        let (end, ended) = oneshot::channel();
        let last_resort = Box::new(move || end.send(Instant::now()).unwrap());
        order.send(()).await.unwrap();
        let begin = Instant::now();
        let heard = Signals::Channel(orders).listen().unwrap();
        heed(stop.clone(), heard, given, STOP_LIMIT, last_resort).await;
        assert!(stop.is_cancelled());
        assert_eq!(ended.await.unwrap() - begin, STOP_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_order_nothing_is_ended() {
        let (_order, orders) = mpsc::channel(1);
        let (_node, given) = oneshot::channel();
        let stop = CancellationToken::new();
        let heard = Signals::Channel(orders).listen().unwrap();
        let last_resort = Box::new(|| panic!("nobody asked for it"));
        let heeding = heed(stop.clone(), heard, given, STOP_LIMIT, last_resort);
        let week = Duration::from_secs(7 * 86_400);
        assert!(tokio::time::timeout(week, heeding).await.is_err());
        assert!(!stop.is_cancelled());
    }
}
