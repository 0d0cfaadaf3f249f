//! Who watches over a node: two of them, on two threads, so that neither a node that hangs nor a bus that hangs can silence
//! both.
//!
//! ```text
//! signals ────────▶ warden ──▶ stop the node; end the process when that takes too long
//! who asks ───────▶   │   ──▶ Report: do the loops turn, is the broker there, how is the panel
//! systemd ◀────────── ┘   ──▶ READY, STATUS, WATCHDOG, STOPPING
//! ```
//!
//! The warden has a thread and a runtime of its own, beside the node's tasks. The panel's writer may live there too, and a
//! transfer that hangs blocks the warden with it. Then a stand-in on the node's runtime does its work: it listens to the same
//! signals and the same socket, and notices when the warden makes no rounds for the watchdog. Both sleep until one of these has
//! something for them.

mod checkup;
mod report;
mod service;
mod socket;
mod stop;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

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

/// How long the stand-in leaves the end of a stop to the warden: longer than that needs to darken the LEDs.
const LAG: Duration = Duration::from_secs(1);

/// How long the warden's thread may take to end; one that is stuck in a transfer is left behind for the process to take along.
const END_LIMIT: Duration = Duration::from_millis(500);

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
    post: Option<oneshot::Sender<Post>>,
    socket: Option<Address>,
    service: Option<Arc<Service>>,
    signals: Option<(Signals, LastResort)>,
    stop: CancellationToken,
    thread: Handle,
    finish: CancellationToken,
    ended: Receiver<()>,
}

/// Who does the work of a warden that is blocked, and never ends.
pub type StandIn = Pin<Box<dyn Future<Output = Infallible> + Send>>;

/// What somebody needs who watches over a node.
struct Post {
    checkup: Arc<Checkup>,
    listener: Option<Listener>,
    service: Option<Arc<Service>>,
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
        let another = signals
            .as_ref()
            .map(|(signals, last_resort)| (signals.another(), Arc::clone(last_resort)));
        let signals = {
            let _in_runtime = runtime.enter();
            match signals {
                Some((signals, last_resort)) => Some((signals.listen()?, last_resort)),
                None => None,
            }
        };
        let (post, post_given) = oneshot::channel::<Post>();
        let to_stop = stop.clone();
        // Boxed: what waits for the end beside it would hold it twice, and the thread's closure once more.
        let watch = Box::pin(async move {
            // Signals count from the start, everything else from when there is a node.
            let (tell, node_given) = oneshot::channel::<View>();
            let stopping = async {
                match signals {
                    Some((heard, last_resort)) => {
                        stop::heed(to_stop, heard, node_given, Duration::ZERO, last_resort).await;
                    }
                    None => pending().await,
                }
            };
            let looking = async {
                let Ok(post) = post_given.await else {
                    return;
                };
                // With no signals to heed, nobody takes it.
                drop(tell.send(post.checkup.view.clone()));
                post.hold().await;
            };
            tokio::join!(stopping, looking);
        });
        let thread = runtime.handle().clone();
        let finish = CancellationToken::new();
        let finished = finish.clone();
        // Nothing is sent: it closes.
        let (end, ended): (SyncSender<()>, _) = sync_channel(0);
        thread::Builder::new()
            .name("warden".to_owned())
            .spawn(move || {
                runtime.block_on(finished.run_until_cancelled_owned(watch));
                drop(runtime);
                drop(end);
            })?;
        Ok(Self {
            post: Some(post),
            socket,
            service: service.map(Arc::new),
            signals: another,
            stop,
            thread,
            finish,
            ended,
        })
    }

    /// Its thread, for what must not block the node's: the panel's writer.
    #[must_use]
    pub fn thread(&self) -> &Handle {
        &self.thread
    }

    /// Gives it the node to look after; the stand-in that it returns is to be polled on the node's runtime.
    ///
    /// # Errors
    ///
    /// When the system gives the stand-in no signals.
    pub fn look_after(&mut self, view: View) -> std::io::Result<StandIn> {
        let checkup = Arc::new(Checkup::new(view.clone(), Instant::now()));
        let listener = self.socket.take().and_then(|address| {
            let bound = Listener::bind(&address).and_then(|own| Ok((own.another()?, own)));
            bound
                .inspect_err(|error| {
                    warn!(%address, %error, "nobody can ask for this node's health; see `health.socket`");
                })
                .ok()
        });
        let (another, own) = listener.unzip();
        let [own, another] = [own, another].map(|listener| Post {
            checkup: Arc::clone(&checkup),
            listener,
            service: self.service.clone(),
        });
        if let Some(sender) = self.post.take() {
            // It can only be gone when the process ends.
            drop(sender.send(own));
        }
        let signals = match self.signals.take() {
            Some((signals, last_resort)) => Some((signals.listen()?, last_resort)),
            None => None,
        };
        let stop = self.stop.clone();
        Ok(Box::pin(async move {
            let (tell, node) = oneshot::channel();
            // It is taken below.
            drop(tell.send(view));
            let stopping = or_never(
                signals.map(|(heard, last_resort)| stop::heed(stop, heard, node, LAG, last_resort)),
            );
            tokio::join!(stopping, another.stand_in());
            pending().await
        }))
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        self.finish.cancel();
        if self.ended.recv_timeout(END_LIMIT) == Err(RecvTimeoutError::Timeout) {
            debug!("the warden's thread has not ended");
        }
    }
}

impl Post {
    async fn hold(self) {
        let Self {
            checkup,
            listener,
            service,
        } = self;
        let answering = or_never(listener.map(|listener| listener.serve(&checkup)));
        let telling = or_never(service.as_ref().map(|service| service.tell(&checkup)));
        let feeding = or_never(service.as_ref().map(|service| service.feed(&checkup)));
        tokio::join!(answering, telling, feeding);
    }

    /// Does what the warden leaves undone.
    async fn stand_in(self) {
        let Self {
            checkup,
            listener,
            service,
        } = self;
        let answering = or_never(listener.map(|listener| listener.serve(&checkup)));
        let minding = or_never(service.as_ref().map(|service| service.mind(&checkup)));
        tokio::join!(answering, minding);
    }
}

async fn or_never(work: Option<impl Future<Output = ()>>) {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}
