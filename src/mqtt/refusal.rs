//! What went wrong between node and broker, in words, with what to do.

use std::error::Error;
use std::io;

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{
    ConnectReturnCode, ConnectionError, DisconnectReasonCode, StateError, SubscribeReasonCode,
    mqttbytes,
};
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::dial::DialError;
use super::stall::Stalled;
use crate::config::{BrokerUrl, Tls};

/// A connection that failed, or ended after the broker had let the node in.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum may grow, and its own words serve"
)]
pub(super) fn of_connection(
    error: &ConnectionError,
    url: &BrokerUrl,
    tls: &Tls,
    was_in: bool,
) -> String {
    let address = url.authority();
    // With TLS 1.3 the broker's refusal of the node's certificate comes when an answer in MQTT is expected; the library
    // does not tell it as its error's source.
    let innermost: &(dyn Error + 'static) = match error {
        ConnectionError::MqttState(StateError::Deserialization(error)) => error,
        other => other,
    };
    if let Some(error) = cause::<TlsError>(innermost) {
        return of_tls(error, url, tls);
    }
    if let Some(stalled) = cause::<Stalled>(innermost) {
        return format!("{address} is taken for dead: {stalled}");
    }
    match error {
        ConnectionError::ConnectionRefused(code) => of_connack(*code),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => of_connack(*reason),
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => {
            of_io(error, &address)
        }
        ConnectionError::Timeout(_) => {
            format!(
                "{address} takes the connection and says nothing in MQTT; check that `mqtt.url` is a broker's, with its scheme, \
                 and that nothing on the way answers in its place"
            )
        }
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => of_disconnect(*reason_code, reason_string.as_deref()),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            format!("{address} has not answered for two keep-alives; taken for dead")
        }
        ConnectionError::MqttState(
            StateError::ConnectionAborted | StateError::Deserialization(mqttbytes::Error::Io(_)),
        ) if was_in => {
            format!(
                "{address} closed the connection; if it does so again and again, look for another client with the \
                 same `mqtt.client_id`"
            )
        }
        // A broker of MQTT 3.1.1 answers in fewer bytes than this protocol has, and hangs up.
        ConnectionError::MqttState(StateError::ConnectionAborted) => format!(
            "{address} closed the connection without an answer in MQTT 5; is that a broker, does it speak MQTT 5 (Mosquitto does \
             since 1.6), and is the scheme of `mqtt.url` right?"
        ),
        ConnectionError::NotConnAck(_)
        | ConnectionError::MqttState(
            StateError::Deserialization(_) | StateError::ProtocolViolation(_),
        ) => format!(
            "{address} does not answer in MQTT 5; is that a broker, and does it speak MQTT 5 (Mosquitto does since 1.6)? {error}"
        ),
        other => other.to_string(),
    }
}

fn of_connack(code: ConnectReturnCode) -> String {
    let (what, hint) = match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::BadAuthenticationMethod => (
            "the broker refuses user name or password",
            "check `mqtt.username` and `mqtt.password` or `mqtt.password_file`",
        ),
        ConnectReturnCode::NotAuthorized => (
            "the broker does not let this user in",
            "check `mqtt.username` and `mqtt.password` or `mqtt.password_file`; many brokers say the same when none is given",
        ),
        ConnectReturnCode::RefusedProtocolVersion
        | ConnectReturnCode::UnsupportedProtocolVersion => (
            "the broker does not speak MQTT 5",
            "use one that does: Mosquitto from 1.6, EMQX, HiveMQ, RabbitMQ from 3.13",
        ),
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => (
            "the broker refuses the client id",
            "set another `mqtt.client_id`",
        ),
        ConnectReturnCode::Banned => ("the broker has banned this client", "ask who runs it"),
        ConnectReturnCode::ServiceUnavailable
        | ConnectReturnCode::ServerUnavailable
        | ConnectReturnCode::ServerBusy
        | ConnectReturnCode::ConnectionRateExceeded
        | ConnectReturnCode::QuotaExceeded => (
            "the broker is too busy for another client",
            "nothing to do here",
        ),
        ConnectReturnCode::RetainNotSupported | ConnectReturnCode::QoSNotSupported => (
            "the broker does not support retained messages of QoS 1",
            "allow them there: states and the will need them",
        ),
        ConnectReturnCode::TopicNameInvalid => (
            "the broker refuses the topic of the will",
            "check its access list and `mqtt.root`",
        ),
        ConnectReturnCode::UseAnotherServer | ConnectReturnCode::ServerMoved => (
            "the broker sends its clients elsewhere",
            "set `mqtt.url` to the other one",
        ),
        ConnectReturnCode::Success
        | ConnectReturnCode::UnspecifiedError
        | ConnectReturnCode::MalformedPacket
        | ConnectReturnCode::ProtocolError
        | ConnectReturnCode::ImplementationSpecificError
        | ConnectReturnCode::PacketTooLarge
        | ConnectReturnCode::PayloadFormatInvalid => {
            ("the broker refuses the connection", "its log says why")
        }
    };
    format!("{what} ({code:?}); {hint}")
}

fn of_io(error: &io::Error, address: &str) -> String {
    let dialing = error.get_ref().and_then(|inner| inner.downcast_ref());
    match dialing {
        Some(error) => of_dialing(error, address),
        None => format!("no connection to {address}: {error}"),
    }
}

fn of_dialing(error: &DialError, address: &str) -> String {
    match error {
        DialError::Lookup(error) => format!(
            "the name in {address} can't be resolved; check `mqtt.url` and the name server: {error}"
        ),
        DialError::NoAddress => {
            format!("the name in {address} has no address; check `mqtt.url` and the name server")
        }
        DialError::NoAnswer => format!(
            "nothing answers at {address}; check the network, and that `mqtt.url` is right and no firewall on the way"
        ),
        DialError::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {address}; is the broker running, and is `mqtt.url` right?")
        }
        DialError::Connect(error) => format!("no connection to {address}: {error}"),
        DialError::SilentHandshake => format!(
            "{address} takes the connection and says nothing in TLS; check the port and the scheme of `mqtt.url`"
        ),
        DialError::Tls(error) => format!(
            "{address} ended the TLS handshake: {error}; check the port and the scheme of `mqtt.url`"
        ),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enums may grow, and its own words serve"
)]
fn of_tls(error: &TlsError, url: &BrokerUrl, tls: &Tls) -> String {
    let address = url.authority();
    let trusted = match &tls.ca_file {
        Some(path) => format!("`mqtt.ca_file` ({})", path.display()),
        None => "this system's certificates (no `mqtt.ca_file` is set)".to_owned(),
    };
    let why = match error {
        TlsError::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                format!("its certificate is not vouched for by {trusted}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it, or set this computer's clock".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; set this computer's clock".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let name = tls.server_name.as_deref().unwrap_or(url.host());
                format!(
                    "its certificate is for another name than {name}; use the certificate's name in `mqtt.url`, or set \
                     `mqtt.server_name`"
                )
            }
            CertificateError::Revoked => "its certificate has been revoked".to_owned(),
            other => format!("its certificate can't be used: {other:?}"),
        },
        TlsError::AlertReceived(AlertDescription::ProtocolVersion)
        | TlsError::PeerIncompatible(_) => {
            "it offers neither TLS 1.2 nor 1.3 with a cipher of today; bring it up to date"
                .to_owned()
        }
        TlsError::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError),
        ) => match &tls.client {
            Some(files) => format!(
                "it refuses the certificate in `mqtt.client_certificate_file` ({}): {alert:?}",
                files.certificate.display()
            ),
            None => format!(
                "it asks for a certificate of the node; set `mqtt.client_certificate_file` and `mqtt.client_key_file` ({alert:?})"
            ),
        },
        TlsError::InvalidMessage(_) => {
            "it does not speak TLS there; check the port and the scheme of `mqtt.url`".to_owned()
        }
        other => other.to_string(),
    };
    format!("no trusted connection to {address}: {why}")
}

/// The first cause of this kind, also within an I/O error, which does not tell what it wraps as its source.
pub(super) fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(inner) => cause(inner as &(dyn Error + 'static)),
        None => error.source().and_then(cause),
    }
}

/// A `DISCONNECT` from the broker.
pub(super) fn of_disconnect(code: DisconnectReasonCode, reason: Option<&str>) -> String {
    let said = reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    if code == DisconnectReasonCode::SessionTakenOver {
        return format!(
            "another client has connected with this node's client id{said}; give each node its own `node.id` or `mqtt.client_id`"
        );
    }
    format!("the broker ended the session ({code:?}){said}")
}

/// A refused subscription; `None` when it was granted.
pub(super) fn of_subscription(code: &SubscribeReasonCode, filter: &str) -> Option<String> {
    let why = match code {
        SubscribeReasonCode::Success(_) => return None,
        SubscribeReasonCode::NotAuthorized => {
            "not authorized; let this user read it in the broker's access list"
        }
        SubscribeReasonCode::QuotaExceeded => "too many subscriptions; raise the broker's limit",
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => {
            "the broker allows no wildcards; commands to single segments won't arrive"
        }
        SubscribeReasonCode::Failure
        | SubscribeReasonCode::Unspecified
        | SubscribeReasonCode::ImplementationSpecific
        | SubscribeReasonCode::TopicFilterInvalid
        | SubscribeReasonCode::PkidInUse
        | SubscribeReasonCode::SharedSubscriptionsNotSupported
        | SubscribeReasonCode::SubscriptionIdNotSupported => {
            "the broker refuses it; its log says why"
        }
    };
    Some(format!("{filter}: {why} ({code:?})"))
}

/// A refused message, whose topic the acknowledgement does not tell; `None` when it was taken.
pub(super) fn of_publication(reason: PubAckReason) -> Option<String> {
    let why = match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return None,
        PubAckReason::NotAuthorized => {
            "not authorized; let this user write the node's topics in the broker's access list"
        }
        PubAckReason::QuotaExceeded => "too many messages; raise the broker's limit",
        PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::TopicNameInvalid
        | PubAckReason::PacketIdentifierInUse
        | PubAckReason::PayloadFormatInvalid => "its log says why",
    };
    Some(format!("{why} ({reason:?})"))
}
