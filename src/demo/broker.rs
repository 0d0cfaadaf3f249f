//! An MQTT broker inside the process: for the demonstration and for tests.
//!
//! It keeps sessions, retained messages and wills in memory, listens on the loopback interface only and lets everybody
//! in. It is no broker for production: a round trip takes about 1 ms where Mosquitto takes 0.1 ms, and nothing survives
//! it. A client id with `/` or `\` in it is refused. It logs several lines a client at INFO, under targets that begin with
//! `mqtt5`: show only its warnings.

use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig, BrokerShutdownHandle, MqttBroker};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tokio::task::JoinHandle;

/// MQTT's registered port.
const PORT: u16 = 1883;

/// How many ports after a busy one are tried before the system chooses.
const PORTS_TRIED: u16 = 32;

/// 256 KiB: several times the largest message of a node, its discovery, and little enough to hold for every client.
const PACKET_SIZE_MAX: usize = 256 * 1024;

/// How an embedded broker is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerOptions {
    /// The port to listen on, or the next free one after it; any free port when none.
    pub port: Option<u16>,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self { port: Some(PORT) }
    }
}

/// Why there is no embedded broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// No port could be opened.
    #[error("listen on the loopback interface")]
    Listen(#[source] io::Error),
    /// The broker did not start.
    #[error("start the embedded broker")]
    Start(#[source] mqtt5::MqttError),
    /// The broker ended by itself.
    #[error("keep the embedded broker running: {0}")]
    Ended(String),
}

/// A running broker; dropping it stops it in the background, [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    shutdown: Shutdown,
    /// `None` once it has been joined.
    task: Option<JoinHandle<mqtt5::Result<()>>>,
}

impl EmbeddedBroker {
    /// Starts a broker on the loopback interface and returns once it accepts clients.
    ///
    /// # Errors
    ///
    /// When no port can be opened at all, or the broker refuses to start.
    pub async fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        let mut broker = bind(options).await?;
        let address = broker
            .local_addr()
            .ok_or_else(|| BrokerError::Listen(io::ErrorKind::AddrNotAvailable.into()))?;
        let shutdown = Shutdown(broker.shutdown_handle());
        let mut ready = broker.ready_receiver();
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is kept and joined by `stop`, and `ended` tells the supervisor"
        )]
        let task = tokio::spawn(async move { broker.run().await });
        let mut started = Self {
            address,
            shutdown,
            task: Some(task),
        };
        // A broker that ends before it is ready drops the sender.
        if ready.wait_for(|ready| *ready).await.is_err() {
            return Err(started.ended().await);
        }
        Ok(started)
    }

    /// The address it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the broker ends by itself, which it never should; may be dropped and called again.
    pub async fn ended(&mut self) -> BrokerError {
        match self.join().await {
            Ok(()) => BrokerError::Ended("it stopped unasked".into()),
            Err(error) => error,
        }
    }

    /// Closes every connection, stops listening, and returns when the port is free.
    ///
    /// Takes up to 5 seconds when a client has connected without saying anything.
    ///
    /// # Errors
    ///
    /// When the broker had ended before.
    pub async fn stop(mut self) -> Result<(), BrokerError> {
        self.shutdown.0.shutdown();
        self.join().await
    }

    async fn join(&mut self) -> Result<(), BrokerError> {
        let Some(task) = &mut self.task else {
            return Err(BrokerError::Ended("it has ended before".into()));
        };
        let result = task.await;
        self.task = None;
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(BrokerError::Start(error)),
            Err(error) => Err(BrokerError::Ended(error.to_string())),
        }
    }
}

/// The broker's own handle, which stops it when dropped.
struct Shutdown(BrokerShutdownHandle);

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shutdown")
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

/// Opens the first free port.
async fn bind(options: BrokerOptions) -> Result<MqttBroker, BrokerError> {
    let wished = options.port.into_iter();
    let ports = wished.flat_map(|port| port..=port.saturating_add(PORTS_TRIED));
    for port in ports {
        // The broker warns in the log about a port it cannot have: it is asked only for one that was free.
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(free) => drop(free),
            Err(error) if skips(&error) => continue,
            Err(error) => return Err(BrokerError::Listen(error)),
        }
        // Another process may have taken the port in between: then the next one.
        if let Ok(broker) = MqttBroker::with_config(config(port)).await {
            return Ok(broker);
        }
    }
    let any = MqttBroker::with_config(config(0)).await;
    any.map_err(BrokerError::Start)
}

/// Tells a port that somebody else has, or that is kept for root, from a fault.
fn skips(error: &io::Error) -> bool {
    [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied].contains(&error.kind())
}

fn config(port: u16) -> BrokerConfig {
    BrokerConfig {
        bind_addresses: vec![(Ipv4Addr::LOCALHOST, port).into()],
        max_packet_size: PACKET_SIZE_MAX,
        // Anonymous clients are let in by default; the default storage would write below the working directory.
        storage_config: StorageConfig {
            backend: StorageBackend::Memory,
            ..StorageConfig::default()
        },
        // $SYS has no reader here, and publishing it would wake the process for nothing.
        sys_topics_enabled: false,
        ..BrokerConfig::default()
    }
}

#[cfg(test)]
mod tests;
