//! Asks the dashboard that runs on this machine whether it answers, as a browser would: for containers without a shell or curl.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config;
use crate::mqtt;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 16 * 1024;

/// What a dashboard says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Whether it has its broker.
    pub has_broker: bool,
    /// In its own words.
    pub text: String,
}

/// Why nothing is known of it.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody listens there.
    #[error("no dashboard answers at {address} (`fleet.listen`): is `piglow-node fleet` running?")]
    NoDashboard {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// It takes connections and does not answer.
    #[error("the dashboard at {0} has not answered for {PATIENCE:?}: it hangs")]
    Hangs(SocketAddr),
    /// Something else listens there.
    #[error("what answers at {address} (`fleet.listen`) is no dashboard: {what}")]
    NotOurs {
        /// Where it was asked.
        address: SocketAddr,
        /// What it said.
        what: String,
    },
}

/// Asks the dashboard with this configuration.
///
/// With a certificate it is asked by TLS, and may show any: the address is this machine's own, and nothing is told to it.
///
/// # Errors
///
/// Tells whether nobody is there, it hangs, or is somebody else.
pub async fn ask(config: &config::Fleet) -> Result<Word, ProbeError> {
    let address = reachable(config.listen);
    let asked = async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| ProbeError::NoDashboard { address, source })?;
        let answer = match &config.tls {
            None => converse(stream, address).await,
            Some(_) => match secured(stream, address.ip()).await {
                Ok(stream) => converse(stream, address).await,
                Err(error) => Err(error),
            },
        };
        let answer = answer.map_err(|error| ProbeError::NotOurs {
            address,
            what: error.to_string(),
        })?;
        read(&answer).ok_or_else(|| ProbeError::NotOurs {
            address,
            what: answer.lines().next().unwrap_or_default().to_owned(),
        })
    };
    timeout(PATIENCE, asked)
        .await
        .map_err(|_| ProbeError::Hangs(address))?
}

/// Where that can be reached from this machine: what listens on all addresses listens on the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn secured(stream: TcpStream, ip: IpAddr) -> io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let any = config::Tls {
        accept_any_certificate: true,
        ..config::Tls::default()
    };
    let config = mqtt::client_config(&any).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::IpAddress(ip.into()), stream)
        .await
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
) -> io::Result<String> {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Reads the answer of a dashboard.
fn read(answer: &str) -> Option<Word> {
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let mut line = head.lines().next()?.split(' ');
    let has_broker = match (line.next()?, line.next()?) {
        ("HTTP/1.1", "200") => true,
        ("HTTP/1.1", "503") => false,
        _ => return None,
    };
    Some(Word {
        has_broker,
        text: text.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_on_all_addresses_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn any_other_answer_is_no_dashboards() {
        let well = read("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n").unwrap();
        assert_eq!((well.has_broker, well.text.as_str()), (true, "ok"));
        for odd in [
            "",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
