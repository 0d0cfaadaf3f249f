//! The client's options, each set on purpose.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use rumqttc::{
    AsyncClient, Broker, EventLoop, IncomingPacketSizeLimit, LastWill, MqttOptions, MqttState,
};
use tokio_rustls::rustls::pki_types::ServerName;

use super::dial::Dialer;
use super::files::Access;
use super::{INCOMING_MAX, QUEUE, Settings};
use crate::config::{self, BrokerUrl, Tls};
use crate::protocol::{Message, Qos};

/// Unacknowledged messages at a time: the library allocates its table for all 65,535 otherwise, which is 16 MiB.
const INFLIGHT: u16 = 64;

/// How long a connection may take to be accepted: longer than name, TCP and TLS may take together, so that who lets this time
/// pass has answered until then, and not in MQTT.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a session can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file can't be read.
    #[error("`{key}` is {path}, which can't be read")]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file should be one of systemd's credentials, and there are none.
    #[error(
        "`{key}` is {path}, but this process has no $CREDENTIALS_DIRECTORY; expected LoadCredential= in its systemd unit"
    )]
    NoCredentials {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file that should hold a password does not hold text.
    #[error("`{key}` is {path}, which is no text in UTF-8")]
    NotText {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// There is no certificate in a file.
    #[error("`{key}` is {path}, which has no certificate in PEM that can be used")]
    NoCertificate {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// There is no key in a file.
    #[error(
        "`mqtt.client_key_file` is {path}, which has no private key in PEM; it must not need a passphrase"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key of the node can't be used.
    #[error(
        "`mqtt.client_certificate_file` {certificate} and `mqtt.client_key_file` {key} can't be used together: {reason}"
    )]
    ClientCertificate {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system has no certificates to trust.
    #[error(
        "this system has no trusted certificates; install ca-certificates or set `mqtt.ca_file`: {reason}"
    )]
    NoRoots {
        /// What the system said.
        reason: String,
    },
    /// The URL does not fit the transport.
    #[error("`mqtt.url` is {url}, which can't be used: {reason}")]
    Url {
        /// The broker.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no broker to connect to.
    #[error("`mqtt.url` is empty; expected at least one broker")]
    NoBroker,
    /// The library refuses the options.
    #[error("the MQTT client refuses its options: {0}")]
    Options(String),
}

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Without anything of an earlier session.
    Clean,
    /// With the session that the broker may have kept for this process.
    Resume,
}

/// The options for a connection to one of the brokers.
pub(super) fn build(
    settings: &Settings,
    broker: &config::Broker,
    access: &Access,
    start: Start,
) -> Result<MqttOptions, OpenError> {
    let mut options = MqttOptions::new(settings.client_id.as_str(), address(&broker.url)?);
    let dialer = dialer(&settings.tls, settings.keep_alive, &broker.url, access)?;
    let expiry = u32::try_from(settings.session_expiry.as_secs()).unwrap_or(u32::MAX);
    options
        .set_socket_connector(move |_, _| dialer.clone().dial())
        .set_clean_start(start == Start::Clean)
        .set_session_expiry_interval((expiry > 0).then_some(expiry))
        .set_keep_alive(u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX))
        .set_connect_timeout(CONNECT_TIMEOUT)
        .set_outgoing_inflight_upper_limit(INFLIGHT)
        .set_max_packet_size(Some(INCOMING_MAX))
        .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(INCOMING_MAX));
    if let Some(user) = &broker.credentials {
        match &access.password {
            Some(password) => {
                options.set_credentials(&user.username, password.expose().to_owned());
            }
            None => {
                options.set_username(&user.username);
            }
        }
    }
    if let Some(will) = &settings.will {
        options.set_last_will(last_will(will));
    }
    Ok(options)
}

/// A client of the library and what polls for it, with nothing of an earlier session.
pub(super) fn client(options: MqttOptions) -> Result<(AsyncClient, EventLoop), OpenError> {
    AsyncClient::builder(options)
        .capacity(QUEUE)
        .try_build()
        .map_err(|error| OpenError::Options(error.to_string()))
}

/// What the library knows of a session that has nothing on its way.
pub(super) fn idle_state() -> MqttState {
    MqttState::builder(INFLIGHT).build()
}

/// Where the library believes the broker to be: the [`Dialer`] goes there, so that TLS is not its concern.
fn address(url: &BrokerUrl) -> Result<Broker, OpenError> {
    if !url.scheme().is_websocket() {
        return Ok(Broker::tcp(url.host(), url.port()));
    }
    let websocket = format!("ws://{}{}", url.authority(), url.path().unwrap_or("/mqtt"));
    Broker::websocket(websocket).map_err(|error| unusable(url, &error))
}

/// How to reach a broker with what its files say.
pub(super) fn dialer(
    tls: &Tls,
    keep_alive: Duration,
    url: &BrokerUrl,
    access: &Access,
) -> Result<Dialer, OpenError> {
    let name = tls.server_name.as_deref().unwrap_or(url.host());
    let tls = access
        .tls
        .as_ref()
        .map(|config| {
            let name = ServerName::try_from(name.to_owned());
            Ok((name.map_err(|error| unusable(url, &error))?, config.clone()))
        })
        .transpose()?;
    Ok(Dialer {
        host: url.host().to_owned(),
        port: url.port(),
        tls,
        stall: keep_alive * 2,
    })
}

fn unusable(url: &BrokerUrl, reason: &impl fmt::Display) -> OpenError {
    OpenError::Url {
        url: url.to_string(),
        reason: reason.to_string(),
    }
}

pub(super) fn last_will(message: &Message) -> LastWill {
    LastWill::new(
        message.topic.clone(),
        message.payload.clone(),
        qos(message.qos),
        message.retain,
        None,
    )
}

pub(super) fn qos(qos: Qos) -> rumqttc::QoS {
    match qos {
        Qos::AtMostOnce => rumqttc::QoS::AtMostOnce,
        Qos::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broker_gets_the_same_limits() {
        let settings = Settings {
            brokers: ["mqtt://127.0.0.1:1", "ws://[::1]:2/x", "wss://localhost"]
                .map(|url| config::Broker {
                    url: url.parse().unwrap(),
                    credentials: None,
                })
                .to_vec(),
            ..Settings::test()
        };
        for broker in &settings.brokers {
            let options = build(&settings, broker, &Access::default(), Start::Resume).unwrap();
            assert_eq!(options.get_outgoing_inflight_upper_limit(), Some(INFLIGHT));
            assert_eq!(options.max_packet_size(), Some(INCOMING_MAX));
            assert_eq!(
                options.incoming_packet_size_limit(),
                IncomingPacketSizeLimit::Bytes(INCOMING_MAX)
            );
            assert!(options.has_socket_connector());
            assert!(!options.clean_start());
            assert_eq!(options.session_expiry_interval(), Some(300));
        }
    }
}
