//! The client's options, each set on purpose.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rumqttc::{
    Broker, IncomingPacketSizeLimit, LastWill, MqttOptions, NetworkOptions, TlsConfiguration,
    Transport,
};

use super::{INCOMING_MAX, Settings};
use crate::config::Scheme;
use crate::protocol::{Message, Qos};

/// Unacknowledged messages at a time: the library allocates its table for all 65,535 otherwise, which is 16 MiB.
const INFLIGHT: u16 = 64;

/// How long a connection may take to be accepted, name lookup and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a session can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file with certificates can't be read.
    #[error("`mqtt.ca_file` is {path}, which can't be read")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system has no certificates to trust.
    #[error(
        "this system has no trusted certificates for {url}; install ca-certificates or set `mqtt.ca_file`: {reason}"
    )]
    NoRoots {
        /// The broker.
        url: String,
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
    /// The library refuses the options.
    #[error("the MQTT client refuses its options: {0}")]
    Options(String),
}

pub(super) fn build(settings: &Settings) -> Result<MqttOptions, OpenError> {
    let mut options = connect_to(settings)?;
    options
        .set_clean_start(true)
        .set_keep_alive(u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX))
        .set_connect_timeout(CONNECT_TIMEOUT)
        .set_outgoing_inflight_upper_limit(INFLIGHT)
        .set_max_packet_size(Some(INCOMING_MAX))
        .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(INCOMING_MAX));
    let mut network = NetworkOptions::new();
    // Without it a command of QoS 1 is answered 40 ms late: Nagle's algorithm waits for a delayed acknowledgement.
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    match &settings.credentials {
        Some((user, Some(password))) => {
            options.set_credentials(user, password.expose().to_owned());
        }
        Some((user, None)) => {
            options.set_username(user);
        }
        None => {}
    }
    if let Some(will) = &settings.will {
        options.set_last_will(last_will(will));
    }
    Ok(options)
}

fn connect_to(settings: &Settings) -> Result<MqttOptions, OpenError> {
    let url = &settings.url;
    let id = settings.client_id.as_str();
    let unusable = |reason: String| OpenError::Url {
        url: url.to_string(),
        reason,
    };
    let websocket = || {
        format!(
            "{}://{}{}",
            url.scheme().as_str(),
            url.authority(),
            url.path().unwrap_or("/mqtt")
        )
    };
    match url.scheme() {
        Scheme::Mqtt => Ok(MqttOptions::new(id, Broker::tcp(url.host(), url.port()))),
        Scheme::Mqtts => {
            let mut options = MqttOptions::new(id, Broker::tcp(url.host(), url.port()));
            options.set_transport(Transport::tls_with_config(tls(settings)?));
            Ok(options)
        }
        Scheme::Ws => {
            let broker =
                Broker::websocket(websocket()).map_err(|error| unusable(error.to_string()))?;
            Ok(MqttOptions::new(id, broker))
        }
        Scheme::Wss => MqttOptions::websocket_with_tls_config(id, websocket(), tls(settings)?)
            .map_err(|error| unusable(error.to_string())),
    }
}

fn tls(settings: &Settings) -> Result<TlsConfiguration, OpenError> {
    match &settings.ca_file {
        Some(path) => Ok(TlsConfiguration::Simple {
            ca: read(path)?,
            alpn: None,
            client_auth: None,
        }),
        None => TlsConfiguration::try_default_rustls().map_err(|error| OpenError::NoRoots {
            url: settings.url.to_string(),
            reason: error.to_string(),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::CaFile {
        path: path.to_owned(),
        source,
    })
}

fn last_will(message: &Message) -> LastWill {
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
    fn nagles_algorithm_is_switched_off_and_the_table_in_flight_is_small() {
        let options = build(&Settings {
            url: "mqtt://127.0.0.1:1".parse().unwrap(),
            client_id: "test".to_owned(),
            credentials: None,
            keep_alive: Duration::from_secs(15),
            ca_file: None,
            will: None,
            filters: Vec::new(),
        })
        .unwrap();
        // It has no getter, and nobody but the socket's owner can see it.
        let network = format!("{:?}", options.network_options());
        assert!(network.contains("tcp_nodelay: true"), "{network}");
        assert_eq!(options.get_outgoing_inflight_upper_limit(), Some(INFLIGHT));
    }
}
