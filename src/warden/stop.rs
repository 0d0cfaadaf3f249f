//! An end to every stop: what the node does not finish in time, the process ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::LAG;
use crate::node::{STOP_MAX, View};

/// 8 s: longer than everything a stop may take by its own limits, and shorter than the 10 s after which a container
/// engine kills.
pub const STOP_LIMIT: Duration = Duration::from_secs(8);

const _: () = assert!(STOP_MAX.as_millis() < STOP_LIMIT.as_millis());

/// How long the LEDs may take to go dark when all else has failed.
const DARK_LIMIT: Duration = Duration::from_millis(500);

const _: () = assert!(DARK_LIMIT.as_millis() < LAG.as_millis());

/// Ends the process.
pub type LastResort = Arc<dyn Fn() + Send + Sync>;

/// Where orders to stop come from.
#[derive(Debug)]
pub enum Signals {
    /// SIGTERM, SIGINT and SIGHUP of this process.
    OfProcess,
    /// How many orders there were, for tests.
    Counted(watch::Receiver<u32>),
}

/// [`Signals`] that are listened to.
pub(super) enum Heard {
    OfProcess(Box<[Signal; 3]>),
    Counted {
        orders: watch::Receiver<u32>,
        heard: u32,
    },
}

impl Signals {
    /// The same for somebody else.
    pub(super) fn another(&self) -> Self {
        match self {
            Self::OfProcess => Self::OfProcess,
            Self::Counted(orders) => Self::Counted(orders.clone()),
        }
    }

    /// Begins to listen; within a runtime.
    pub(super) fn listen(self) -> io::Result<Heard> {
        Ok(match self {
            Self::OfProcess => Heard::OfProcess(Box::new([
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
                signal(SignalKind::hangup())?,
            ])),
            Self::Counted(orders) => Heard::Counted { orders, heard: 0 },
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
            Self::Counted { orders, heard } => {
                if orders.wait_for(|count| count > heard).await.is_err() {
                    std::future::pending().await
                }
                *heard += 1;
            }
        }
    }
}

/// Stops the node at the first signal, and ends the process at the second or when the stop takes too long; also when the
/// node stops because of a fault. Whoever lags leaves that to another for so long.
pub(super) async fn heed(
    stop: CancellationToken,
    mut signals: Heard,
    mut node: oneshot::Receiver<View>,
    lag: Duration,
    last_resort: LastResort,
) {
    let mut view = None;
    let fault = async {
        match (&mut node).await {
            Ok(given) => view.insert(given).stopping.clone().cancelled().await,
            Err(_) => std::future::pending().await,
        }
    };
    let again = orders(&stop, &mut signals, fault).await;
    if !lag.is_zero() {
        tokio::time::sleep(lag).await;
    }
    match again {
        Ok(()) => error!("told to stop once more; ending at once"),
        Err(_) => error!(limit = ?STOP_LIMIT, "the stop takes too long; ending at once"),
    }
    // It may have been given while nobody waited for it.
    if let Some(view) = view.or_else(|| node.try_recv().ok()) {
        let outcome = view.off_switch.off(DARK_LIMIT).await;
        error!(?outcome, "the LEDs were switched off by the warden");
    }
    last_resort();
}

/// Passes the first order on, and waits for one more, until the limit; a node that stops by itself needs no first one.
async fn orders(
    stop: &CancellationToken,
    signals: &mut Heard,
    stopping: impl Future<Output = ()>,
) -> Result<(), Elapsed> {
    let told = tokio::select! {
        biased;
        () = signals.next() => true,
        () = stopping => false,
    };
    // Two heed the same orders: when the other one was first, what it has heard is still to come here, and is not one more.
    let late = !told && stop.is_cancelled();
    if told {
        stop.cancel();
    }
    tokio::time::timeout(STOP_LIMIT, async {
        if late {
            signals.next().await;
        }
        signals.next().await;
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    /// How long after the order a stop that does not end is ended.
    async fn ended_after(lag: Duration) -> Duration {
        let orders = watch::Sender::new(1);
        let (_node, given) = oneshot::channel();
        let stop = CancellationToken::new();
        let (end, mut ended) = mpsc::channel(1);
        let last_resort = Arc::new(move || end.try_send(Instant::now()).unwrap());
        let begin = Instant::now();
        let heard = Signals::Counted(orders.subscribe()).listen().unwrap();
        heed(stop.clone(), heard, given, lag, last_resort).await;
        assert!(stop.is_cancelled());
        ended.recv().await.unwrap() - begin
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_without_an_end_is_ended_at_its_limit() {
        assert_eq!(ended_after(Duration::ZERO).await, STOP_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stands_in_leaves_it_to_the_warden_for_a_while() {
        assert_eq!(ended_after(LAG).await, STOP_LIMIT + LAG);
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_another_heard_first_is_not_one_more() {
        for (given, ends) in [(1, false), (2, true)] {
            let sender = watch::Sender::new(0);
            let mut heard = Signals::Counted(sender.subscribe()).listen().unwrap();
            let stop = CancellationToken::new();
            stop.cancel();
            // The node's word that it is stopping comes before the order that stops it.
            let stopping = async { sender.send_modify(|count| *count += given) };
            let again = orders(&stop, &mut heard, stopping).await;
            assert_eq!(again.is_ok(), ends, "{given}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_order_nothing_is_ended() {
        let orders = watch::Sender::new(0);
        let (_node, given) = oneshot::channel();
        let stop = CancellationToken::new();
        let heard = Signals::Counted(orders.subscribe()).listen().unwrap();
        let last_resort = Arc::new(|| panic!("nobody asked for it"));
        let heeding = heed(stop.clone(), heard, given, Duration::ZERO, last_resort);
        let week = Duration::from_secs(7 * 86_400);
        assert!(tokio::time::timeout(week, heeding).await.is_err());
        assert!(!stop.is_cancelled());
    }
}
