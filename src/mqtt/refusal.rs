//! What went wrong between node and broker, in words, with what to do.

use std::io;

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{
    ConnectReturnCode, ConnectionError, DisconnectReasonCode, StateError, SubscribeReasonCode,
    mqttbytes,
};

use crate::config::BrokerUrl;

/// A connection that failed, or ended after the broker had let the node in.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum may grow, and its own words serve"
)]
pub(super) fn of_connection(error: &ConnectionError, url: &BrokerUrl, was_in: bool) -> String {
    let address = url.authority();
    match error {
        ConnectionError::ConnectionRefused(code) => of_connack(*code),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => of_connack(*reason),
        ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) => {
            of_io(error, &address)
        }
        ConnectionError::Timeout(_) => {
            format!(
                "{address} did not accept the connection in time; check the network, and that `mqtt.url` is a broker's, with \
                 its scheme"
            )
        }
        ConnectionError::Tls(error) => of_tls(&error.to_string(), &address),
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
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return format!(
            "nothing listens at {address}; is the broker running, and is `mqtt.url` right?"
        );
    }
    let text = error.to_string();
    if text.contains("lookup") {
        return format!(
            "the name in {address} can't be resolved; check `mqtt.url` and the name server: {text}"
        );
    }
    if text.contains("certificate") {
        return of_tls(&text, address);
    }
    format!("no connection to {address}: {text}")
}

fn of_tls(text: &str, address: &str) -> String {
    format!(
        "no trusted connection to {address}: {text}; check that `mqtt.ca_file` vouches for the broker, that the name in \
         `mqtt.url` is the certificate's, and the clock"
    )
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
