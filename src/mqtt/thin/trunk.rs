//! What thin sessions share: the brokers, how each is reached, and the figures.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rumqttc::ConnectionError;
use rumqttc::mqttbytes::v5::ConnectAuth;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::super::dial::Dialer;
use super::super::files::{self, Access};
use super::super::options::{self, CONNECT_TIMEOUT};
use super::super::route::Route;
use super::super::{OpenError, refusal};
use super::Client;
use super::line::Line;
use crate::config::{Broker, BrokerUrl, Tls};

/// A connection that lasted this long was a good one, as for a node.
const LASTING: Duration = Duration::from_secs(10);

/// How many kinds of trouble are told: when one broker is away, all sessions say the same.
const TROUBLES: usize = 20;

/// How long a session may take to end.
const CLOSE: Duration = Duration::from_secs(5);

/// The way to the brokers, for many sessions.
pub struct Trunk {
    ways: Vec<Way>,
    tls: Tls,
    keep_alive: Duration,
    connected: AtomicU64,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    troubles: Mutex<BTreeSet<String>>,
}

struct Way {
    url: BrokerUrl,
    place: String,
    dialer: Dialer,
    login: ConnectAuth,
}

/// What has been counted of all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Sessions that a broker has at this moment.
    pub connected: u64,
    /// Times a broker accepted a connection.
    pub connections: u64,
    /// Connections that broke, or could not be made.
    pub lost: u64,
    /// Messages written.
    pub sent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Messages for which there was no room.
    pub dropped: u64,
}

enum End {
    Stopped,
    Absent(Duration),
    Broken(ConnectionError),
}

impl Trunk {
    /// Prepares the way; nothing is connected before [`run`](Self::run). Files are read once.
    ///
    /// # Errors
    ///
    /// Tells what is wrong with the files, and that a thin session has no WebSocket.
    pub fn open(brokers: &[Broker], tls: &Tls, keep_alive: Duration) -> Result<Self, OpenError> {
        let ways: Result<Vec<Way>, OpenError> = brokers
            .iter()
            .map(|broker| {
                let url = &broker.url;
                if url.scheme().is_websocket() {
                    return Err(OpenError::Url {
                        url: url.to_string(),
                        reason: "simulated nodes speak no WebSocket; expected mqtt:// or mqtts://"
                            .to_owned(),
                    });
                }
                let access = Access::load(broker, tls)?;
                Ok(Way {
                    url: url.clone(),
                    place: url.place(),
                    dialer: options::dialer(tls, keep_alive, url, &access)?,
                    login: access.login(broker),
                })
            })
            .collect();
        files::warn_of_dangers(brokers, tls);
        Ok(Self {
            ways: ways?,
            tls: tls.clone(),
            keep_alive,
            connected: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            troubles: Mutex::default(),
        })
    }

    /// What has been counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            connected: read(&self.connected),
            connections: read(&self.connections),
            lost: read(&self.lost),
            sent: read(&self.sent),
            received: read(&self.received),
            dropped: read(&self.dropped),
        }
    }

    /// Keeps a client connected until it is told to stop; its will is its last word.
    pub async fn run(&self, client: &mut impl Client, stop: &CancellationToken) {
        let mut route = Route::new(self.ways.len());
        while !stop.is_cancelled() {
            let Some(way) = self.ways.get(route.current()) else {
                return;
            };
            // On the heap: it is large, and rarely there.
            let dial = Box::pin(self.dial(way, client));
            let pause = match stop.run_until_cancelled(dial).await {
                None => return,
                Some(Err(error)) => {
                    self.say(&error, way, false);
                    route.fail()
                }
                Some(Ok(line)) => {
                    route.works();
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    self.connected.fetch_add(1, Ordering::Relaxed);
                    let begun = Instant::now();
                    let end = self.converse(line, way, client, stop).await;
                    self.connected.fetch_sub(1, Ordering::Relaxed);
                    match end {
                        End::Stopped => return,
                        End::Absent(length) => length,
                        End::Broken(error) => {
                            self.say(&error, way, true);
                            route.lose(begun.elapsed() >= LASTING)
                        }
                    }
                }
            };
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    async fn dial(&self, way: &Way, client: &impl Client) -> Result<Line, ConnectionError> {
        let connect = async {
            let socket = way.dialer.clone().dial().await?;
            Line::open(socket, client, &way.login, self.keep_alive).await
        };
        timeout(CONNECT_TIMEOUT, connect).await?
    }

    async fn converse(
        &self,
        mut line: Line,
        way: &Way,
        client: &mut impl Client,
        stop: &CancellationToken,
    ) -> End {
        let mut out = Vec::new();
        client.connected(&way.place, &mut out);
        loop {
            line.send(&mut out);
            match line.flush().await {
                Ok(count) => self.sent.fetch_add(count, Ordering::Relaxed),
                Err(error) => return End::Broken(error),
            };
            out = Vec::new();
            self.dropped
                .fetch_add(std::mem::take(&mut line.dropped), Ordering::Relaxed);
            let wake = client.next_wake();
            let mut on_message = |message: super::Inbound<'_>| {
                self.received.fetch_add(1, Ordering::Relaxed);
                client.take(&message, &mut out);
            };
            let due = sleep_until(wake.min(line.next_sign()));
            let heard = tokio::select! {
                biased;
                () = stop.cancelled() => return self.leave(line, client, out).await,
                heard = line.hear(&mut on_message) => heard,
                () = due => Ok(()),
            };
            if let Err(error) = heard {
                return End::Broken(error);
            }
            if let Err(error) = line.ask() {
                return End::Broken(error);
            }
            if wake <= Instant::now()
                && let Some(absence) = client.wake(&mut out)
            {
                if absence.takes_leave {
                    self.leave(line, client, out).await;
                }
                return End::Absent(absence.length);
            }
        }
    }

    async fn leave(&self, line: Line, client: &impl Client, mut out: Vec<super::Message>) -> End {
        out.push(client.will());
        // A broker that takes nothing more says the will, or is gone itself.
        if let Ok(Err(error)) = timeout(CLOSE, line.close(&mut out)).await {
            tracing::debug!(%error, "the end of a session was not written");
        }
        End::Stopped
    }

    fn say(&self, error: &ConnectionError, way: &Way, was_in: bool) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        let trouble = refusal::of_connection(error, &way.url, &self.tls, was_in);
        let mut told = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TROUBLES && told.insert(trouble.clone()) {
            warn!(trouble, "a simulated node is not connected");
        }
    }
}
