//! A proxy between a node and its broker that cuts, resets, stalls, delays, truncates, throttles, refuses and says nothing.
//!
//! What it does is a [`Weather`], which a test changes while connections are open; some of it strikes once, at every connection
//! that is open then. What it did is counted in [`Faults`].

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How the connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weather {
    /// Everything is passed on at once.
    #[default]
    Fair,
    /// Everything is passed on this much later.
    Delayed(Duration),
    /// A byte at a time, with this pause after each.
    Throttled(Duration),
    /// Nothing is passed on, and nobody is told: the link is half open. What was held back is passed on afterwards.
    Stalled,
    /// New connections are accepted, and nothing is said on them; those that are open are cut.
    Mute,
    /// New connections are refused; those that are open are cut.
    Refusing,
}

/// What strikes once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// Every connection is closed in order (FIN).
    Cut,
    /// Every connection is reset (RST).
    Reset,
    /// The next piece to the node is cut off after this many bytes, and its connection closed.
    Truncate(usize),
}

/// What the proxy did.
#[derive(Debug, Default)]
pub struct Faults {
    pub connections: AtomicU64,
    pub cuts: AtomicU64,
    pub resets: AtomicU64,
    pub truncations: AtomicU64,
    pub muted: AtomicU64,
    pub refusals: AtomicU64,
    pub stalls: AtomicU64,
    pub bytes: AtomicU64,
}

impl Faults {
    /// Connections that it ended or kept from being made.
    pub fn ended(&self) -> u64 {
        [&self.cuts, &self.resets, &self.truncations, &self.muted]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }
}

/// A running proxy; dropping it resets every connection.
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    shared: Arc<Shared>,
    task: JoinSet<()>,
}

struct Shared {
    broker: SocketAddr,
    weather: watch::Receiver<Weather>,
    faults: Faults,
    /// Those that are open.
    open: Mutex<Vec<Arc<Connection>>>,
}

#[derive(Default)]
struct Connection {
    /// How it ends, once it does.
    end: Mutex<Option<Strike>>,
    ended: CancellationToken,
    truncate: Mutex<Option<usize>>,
}

impl Connection {
    fn end(&self, how: Strike) {
        lock(&self.end).get_or_insert(how);
        self.ended.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Proxy {
    /// Starts a proxy before a broker, on a free port that it keeps.
    pub async fn start(broker: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, super::free_port()))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let weather = watch::Sender::new(Weather::Fair);
        let shared = Arc::new(Shared {
            broker,
            weather: weather.subscribe(),
            faults: Faults::default(),
            open: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(Arc::clone(&shared).serve(listener, address));
        Self {
            address,
            weather,
            shared,
            task,
        }
    }

    /// Where the node connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it did.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        if weather == Weather::Stalled {
            count(&self.shared.faults.stalls);
        }
        self.weather.send_replace(weather);
        if matches!(weather, Weather::Mute | Weather::Refusing) {
            self.strike(Strike::Cut);
        }
    }

    /// Strikes every connection that is open; how many there were.
    pub fn strike(&self, strike: Strike) -> usize {
        let open = lock(&self.shared.open).clone();
        for connection in &open {
            match strike {
                Strike::Cut | Strike::Reset => connection.end(strike),
                Strike::Truncate(bytes) => *lock(&connection.truncate) = Some(bytes),
            }
        }
        open.len()
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut listener = Some(listener);
        let mut weather = self.weather.clone();
        let mut pipes = JoinSet::new();
        loop {
            let refusing = *weather.borrow_and_update() == Weather::Refusing;
            if refusing {
                if listener.take().is_some() {
                    count(&self.faults.refusals);
                }
                if weather.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if listener.is_none() {
                listener = TcpListener::bind(address).await.ok();
            }
            let Some(accepting) = &listener else {
                // Still held by a connection that is being closed.
                tokio::task::yield_now().await;
                continue;
            };
            tokio::select! {
                accepted = accepting.accept() => if let Ok((stream, _)) = accepted {
                    pipes.spawn(Arc::clone(&self).carry(stream));
                },
                changed = weather.changed() => if changed.is_err() { return },
                Some(_) = pipes.join_next() => {}
            }
        }
    }

    async fn carry(self: Arc<Self>, node: TcpStream) {
        count(&self.faults.connections);
        let connection = Arc::new(Connection::default());
        lock(&self.open).push(Arc::clone(&connection));
        if *self.weather.borrow() == Weather::Mute {
            count(&self.faults.muted);
            connection.ended.cancelled().await;
        } else if let Ok(broker) = TcpStream::connect(self.broker).await {
            self.pipe(node, broker, &connection).await;
        }
        lock(&self.open).retain(|other| !Arc::ptr_eq(other, &connection));
    }

    async fn pipe(&self, node: TcpStream, broker: TcpStream, connection: &Connection) {
        drop((node.set_nodelay(true), broker.set_nodelay(true)));
        let (mut from_node, mut to_node) = node.into_split();
        let (mut from_broker, mut to_broker) = broker.into_split();
        tokio::select! {
            () = connection.ended.cancelled() => {}
            () = self.one_way(&mut from_node, &mut to_broker, None) => {}
            () = self.one_way(&mut from_broker, &mut to_node, Some(connection)) => {}
        }
        let how = *lock(&connection.end);
        match how {
            Some(Strike::Reset) => count(&self.faults.resets),
            Some(Strike::Cut) => count(&self.faults.cuts),
            Some(Strike::Truncate(_)) => count(&self.faults.truncations),
            // One of them has closed it.
            None => {}
        }
        if how == Some(Strike::Reset) {
            drop(to_node.as_ref().set_zero_linger());
            drop(to_broker.as_ref().set_zero_linger());
            // Dropped, they would close in order first.
            to_node.forget();
            to_broker.forget();
        }
    }

    async fn one_way(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
        truncated: Option<&Connection>,
    ) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(length @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            let mut piece = &buffer[..length];
            let cut = truncated.and_then(|connection| lock(&connection.truncate).take());
            if let Some(bytes) = cut {
                piece = &piece[..bytes.min(length)];
            }
            if self.pass_on(piece, to).await.is_err() {
                return;
            }
            self.faults
                .bytes
                .fetch_add(piece.len() as u64, Ordering::Relaxed);
            if let (Some(connection), Some(bytes)) = (truncated, cut) {
                return connection.end(Strike::Truncate(bytes));
            }
        }
    }

    async fn pass_on(&self, piece: &[u8], to: &mut OwnedWriteHalf) -> std::io::Result<()> {
        let mut weather = self.weather.clone();
        // The test that made it is over when the sender is gone.
        drop(
            weather
                .wait_for(|weather| *weather != Weather::Stalled)
                .await,
        );
        let weather = *weather.borrow();
        match weather {
            Weather::Delayed(by) => {
                tokio::time::sleep(by).await;
                to.write_all(piece).await
            }
            Weather::Throttled(pause) => {
                for byte in piece {
                    to.write_all(&[*byte]).await?;
                    tokio::time::sleep(pause).await;
                }
                Ok(())
            }
            Weather::Fair | Weather::Stalled | Weather::Mute | Weather::Refusing => {
                to.write_all(piece).await
            }
        }
    }
}
