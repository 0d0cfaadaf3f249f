//! The way to the broker's socket: name, TCP, TLS, each with a limit of time and words of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::stall::StallGuard;

/// How long the name and the TCP connection may take together.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one of several addresses may take: a second one gets its turn within [`CONNECT`].
const ADDRESS: Duration = Duration::from_secs(2);

/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Why there is no connection to speak MQTT on.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the name can't be resolved")]
    Lookup(#[source] io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("nothing answers")]
    NoAnswer,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("the TLS handshake is not answered")]
    SilentHandshake,
    #[error("no TLS")]
    Tls(#[source] io::Error),
}

/// What MQTT is spoken on.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// How to reach a broker.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) host: String,
    pub(super) port: u16,
    /// The name that the certificate has to have, and what else the handshake needs; `None`: no TLS.
    pub(super) tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    /// How long the broker may take nothing of what is written.
    pub(super) stall: Duration,
}

impl Dialer {
    /// Connects; an error holds a [`DialError`].
    pub(super) async fn dial(self) -> io::Result<Box<dyn Socket>> {
        self.connect().await.map_err(io::Error::other)
    }

    async fn connect(self) -> Result<Box<dyn Socket>, DialError> {
        let stream = timeout(CONNECT, tcp(&self.host, self.port))
            .await
            .map_err(|_| DialError::NoAnswer)??;
        self.secure(stream).await.map(Secured::into_socket)
    }

    /// The addresses of the name.
    pub(super) async fn look_up(&self) -> Result<Vec<SocketAddr>, DialError> {
        timeout(CONNECT, addresses(&self.host, self.port))
            .await
            .map_err(|_| DialError::NoAnswer)?
    }

    /// Shakes hands over a connection, if that is wanted.
    pub(super) async fn secure(self, stream: TcpStream) -> Result<Secured, DialError> {
        let stream = StallGuard::new(stream, self.stall);
        let Some((name, config)) = self.tls else {
            return Ok(Secured::Plain(stream));
        };
        let handshake = TlsConnector::from(config).connect(name, stream);
        timeout(HANDSHAKE, handshake)
            .await
            .map_err(|_| DialError::SilentHandshake)?
            .map(|stream| Secured::Tls(Box::new(stream)))
            .map_err(DialError::Tls)
    }
}

/// A connection after the handshake, or without one.
pub(super) enum Secured {
    Plain(StallGuard<TcpStream>),
    Tls(Box<TlsStream<StallGuard<TcpStream>>>),
}

impl Secured {
    /// What MQTT is spoken on.
    pub(super) fn into_socket(self) -> Box<dyn Socket> {
        match self {
            Self::Plain(stream) => Box::new(stream),
            Self::Tls(stream) => stream,
        }
    }
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let found: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(DialError::Lookup)?
        .collect();
    if found.is_empty() {
        return Err(DialError::NoAddress);
    }
    Ok(found)
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, DialError> {
    reach(&addresses(host, port).await?).await
}

/// The first of these addresses that answers.
pub(super) async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let mut trouble = DialError::NoAddress;
    for address in addresses {
        match timeout(ADDRESS, tcp_to(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => trouble = DialError::Connect(error),
            Err(_) => trouble = DialError::NoAnswer,
        }
    }
    Err(trouble)
}

async fn tcp_to(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Without it a command of QoS 1 is answered 40 ms late: Nagle's algorithm waits for a delayed acknowledgement.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nagles_algorithm_is_switched_off() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(tcp("127.0.0.1", port).await.unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_and_a_port_where_nothing_listens_are_told_apart() {
        let dialer = |host: &str, port| Dialer {
            host: host.to_owned(),
            port,
            tls: None,
            stall: Duration::from_secs(30),
        };
        let missing = dialer("no-such-host.invalid", 1883).connect().await;
        assert!(matches!(
            missing.err(),
            Some(DialError::Lookup(_) | DialError::NoAnswer)
        ));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let closed = dialer("127.0.0.1", port).connect().await;
        assert!(matches!(closed.err(), Some(DialError::Connect(error))
            if error.kind() == io::ErrorKind::ConnectionRefused));
    }
}
