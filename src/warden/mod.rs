//! Who watches over a node from beside it: a thread with a runtime of its own, which a node that hangs can't silence.
//!
//! ```text
//! signals ────────▶ warden ──▶ stop the node; end the process when that takes too long
//! who asks ───────▶   │   ──▶ Report: do the loops turn, is the broker there, how is the panel
//! systemd ◀────────── ┘   ──▶ READY, STATUS, WATCHDOG, STOPPING
//! ```
//!
//! It sleeps until one of them has something for it.

mod checkup;
mod report;
mod service;
mod socket;
mod stop;

use std::future::{Future, pending};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::node::View;
use checkup::Checkup;
use socket::Listener;

pub use report::{Broker, Loops, Panel, Report};
pub use service::{Notify, Service};
pub use socket::{Address, AskError, ask};
pub use stop::{LastResort, STOP_LIMIT, Signals};

/// How long a loop may take to give a sign of life to somebody who asks for the node's health: a transfer on a stuck bus
/// takes a second.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// What a warden does besides.
#[derive(Default)]
pub struct Duties {
    /// Where it can be asked for the node's health; `None`: nowhere.
    pub socket: Option<Address>,
    /// The service manager it talks to.
    pub service: Option<Service>,
    /// The signals it heeds, and what it does when a stop takes too long.
    pub signals: Option<(Signals, LastResort)>,
}

/// A warden's thread; dropping it ends it.
pub struct Warden {
    view: Option<oneshot::Sender<View>>,
    finish: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Warden {
    /// Starts a warden, which cancels `stop` when a signal says so; from here on, signals no longer end the process.
    ///
    /// # Errors
    ///
    /// When the system gives no thread, or no signals.
    pub fn start(duties: Duties, stop: CancellationToken) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let Duties {
            socket,
            service,
            signals,
        } = duties;
        let signals = {
            let _in_runtime = runtime.enter();
            match signals {
                Some((signals, last_resort)) => Some((signals.listen()?, last_resort)),
                None => None,
            }
        };
        let (view, view_given) = oneshot::channel::<View>();
        let finish = CancellationToken::new();
        let finished = finish.clone();
        let watch = async move {
            // Signals count from the start, everything else from when there is a node.
            let (to_stop, node_given) = oneshot::channel::<View>();
            let stopping = async {
                match signals {
                    Some((heard, last_resort)) => {
                        stop::heed(stop, heard, node_given, STOP_LIMIT, last_resort).await;
                    }
                    None => pending().await,
                }
            };
            let looking = async {
                let Ok(view) = view_given.await else {
                    return;
                };
                // With no signals to heed, nobody takes it.
                drop(to_stop.send(view.clone()));
                look_after(view, socket, service).await;
            };
            tokio::join!(stopping, looking);
        };
        let thread = thread::Builder::new()
            .name("warden".to_owned())
            .spawn(move || {
                runtime.block_on(finished.run_until_cancelled_owned(watch));
            })?;
        Ok(Self {
            view: Some(view),
            finish,
            thread: Some(thread),
        })
    }

    /// Gives it the node to look after.
    pub fn look_after(&mut self, view: View) {
        if let Some(sender) = self.view.take() {
            // It can only be gone when the process ends.
            drop(sender.send(view));
        }
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        self.finish.cancel();
        if let Some(thread) = self.thread.take() {
            // It panicked, and said so.
            drop(thread.join());
        }
    }
}

async fn look_after(view: View, socket: Option<Address>, service: Option<Service>) {
    let checkup = Checkup::new(view, Instant::now());
    let listener = socket.and_then(|address| match Listener::bind(&address) {
        Ok(listener) => Some(listener),
        Err(error) => {
            warn!(%address, %error, "nobody can ask for this node's health; see `health.socket`");
            None
        }
    });
    let answering = or_never(listener.map(|listener| listener.serve(&checkup)));
    let telling = or_never(service.as_ref().map(|service| service.tell(&checkup)));
    let feeding = or_never(service.as_ref().map(|service| service.feed(&checkup)));
    tokio::join!(answering, telling, feeding);
}

async fn or_never(work: Option<impl Future<Output = ()>>) {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}
