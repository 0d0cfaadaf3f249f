//! Somebody with a name at the guarded broker: a client that tells what the broker answers to each of its steps.

use std::fs;

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{
    AsyncClient, Broker, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming,
    IncomingPacketSizeLimit, LastWill, MqttOptions, PublishOptions, PublishProperties, QoS,
    StateError, TlsConfiguration, Transport,
};

use super::guarded::Guarded;
use super::{Heard, heard, within};

/// How somebody shows who they are, and at which of the listeners.
#[derive(Debug, Clone)]
pub enum Pass {
    /// A user name with a password, over TLS.
    Password(String, String),
    /// The same in a websocket.
    Websocket(String, String),
    /// A client certificate and its key.
    Certificate(Vec<u8>, Vec<u8>),
    /// None, where a password is asked for.
    Nothing,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The broker's answer to the name.
    Answer(ConnectReturnCode),
    /// There was no connection to answer on.
    Hangup,
}

/// The broker's answer to who is not known, and to a will that is not allowed.
pub const NOT_AUTHORIZED: Refusal = Refusal::Answer(ConnectReturnCode::NotAuthorized);

/// How it went, without the connection.
pub fn outcome(entered: Result<Guest, Refusal>) -> Result<(), Refusal> {
    entered.map(|_guest| ())
}

/// A connection that is polled while something is waited for.
pub struct Guest {
    requests: AsyncClient,
    events: EventLoop,
    /// What came and has not been taken.
    pub inbox: Vec<Heard>,
    /// The largest packet the broker takes, as it says.
    pub packet_limit: Option<u32>,
}

impl Pass {
    /// The password that the script has made.
    pub fn of(broker: &Guarded, name: &str) -> Self {
        Self::Password(name.to_owned(), broker.password_of(name))
    }

    /// The certificate that the script has made.
    pub fn certificate_of(broker: &Guarded, name: &str) -> Self {
        let read = |file| fs::read(broker.file_of(name, file)).expect("the script has made it");
        Self::Certificate(read("client.pem"), read("client.key"))
    }

    /// The options of a connection with it, under a client id.
    pub fn options(&self, broker: &Guarded, client_id: &str) -> MqttOptions {
        let mut options = match self {
            Self::Password(..) | Self::Nothing => over_tls(broker, broker.tls, client_id, None),
            Self::Certificate(certificate, key) => {
                let identity = Some((certificate.clone(), key.clone()));
                over_tls(broker, broker.certificates, client_id, identity)
            }
            Self::Websocket(..) => {
                let url = format!("wss://localhost:{}/mqtt", broker.websockets);
                let tls = trusting(broker, None);
                MqttOptions::websocket_with_tls_config(client_id, url, tls).expect("a URL")
            }
        };
        options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(256 * 1024));
        if let Self::Password(name, password) | Self::Websocket(name, password) = self {
            options.set_credentials(name, password.clone());
        }
        options
    }
}

/// The options of a connection over TLS to one of the broker's ports.
pub fn over_tls(
    broker: &Guarded,
    port: u16,
    client_id: &str,
    identity: Option<(Vec<u8>, Vec<u8>)>,
) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, Broker::tcp("localhost", port));
    options.set_transport(Transport::tls_with_config(trusting(broker, identity)));
    options
}

fn trusting(broker: &Guarded, client_auth: Option<(Vec<u8>, Vec<u8>)>) -> TlsConfiguration {
    TlsConfiguration::Simple {
        ca: fs::read(broker.dir().join("config/ca.pem")).expect("the script has made it"),
        alpn: None,
        client_auth,
    }
}

impl Guest {
    /// Connects with a client id of its own.
    pub async fn connect(broker: &Guarded, pass: &Pass) -> Result<Self, Refusal> {
        let id = format!("guest-{:016x}", fastrand::u64(..));
        Self::open(pass.options(broker, &id)).await
    }

    /// Connects as a user that the script has made.
    pub async fn enter(broker: &Guarded, name: &str) -> Self {
        Self::connect(broker, &Pass::of(broker, name))
            .await
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}; {}", broker.log()))
    }

    /// Connects with a will on this topic, and vanishes as in a power cut.
    pub async fn dies_with_will(broker: &Guarded, name: &str, topic: &str) {
        let id = format!("mortal-{:016x}", fastrand::u64(..));
        let mut options = Pass::of(broker, name).options(broker, &id);
        options.set_last_will(LastWill::new(
            topic,
            format!("the will of {name}"),
            QoS::AtLeastOnce,
            true,
            None,
        ));
        let guest = Self::open(options).await;
        drop(guest.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}")));
        // Its will is sent before its end is told.
        broker.says(&format!("Client {id} closed")).await;
    }

    /// Connects with these options.
    pub async fn open(options: MqttOptions) -> Result<Self, Refusal> {
        let (requests, mut events) = AsyncClient::builder(options).capacity(64).build();
        loop {
            match within("CONNACK", events.poll()).await {
                Ok(Event::Incoming(Incoming::ConnAck(connack))) => {
                    let properties = connack.properties.as_ref();
                    return Ok(Self {
                        requests,
                        events,
                        inbox: Vec::new(),
                        packet_limit: properties.and_then(|p| p.max_packet_size),
                    });
                }
                Ok(_) => {}
                Err(
                    ConnectionError::ConnectionRefused(code)
                    | ConnectionError::MqttState(StateError::ConnFail { reason: code }),
                ) => return Err(Refusal::Answer(code)),
                Err(_) => return Err(Refusal::Hangup),
            }
        }
    }

    /// Whether the broker takes a message.
    pub async fn may_publish(&mut self, topic: &str, payload: &str, retain: bool) -> bool {
        let options = PublishOptions::at_least_once().retain(retain);
        let answers = [
            PubAckReason::Success,
            PubAckReason::NoMatchingSubscribers,
            PubAckReason::NotAuthorized,
        ];
        let answer = self.publish(topic, payload, options).await;
        assert!(answers.contains(&answer), "{topic}: {answer:?}");
        answer != PubAckReason::NotAuthorized
    }

    /// Publishes a request, to be answered on this topic.
    pub async fn request(&mut self, topic: &str, payload: &str, response_topic: &str) {
        let properties = PublishProperties {
            response_topic: Some(response_topic.to_owned()),
            correlation_data: Some(payload.to_owned().into()),
            ..PublishProperties::default()
        };
        let options = PublishOptions::at_least_once().properties(properties);
        let reason = self.publish(topic, payload, options).await;
        assert_eq!(reason, PubAckReason::Success, "{topic}");
    }

    /// Publishes with QoS 1; the broker's answer.
    async fn publish(
        &mut self,
        topic: &str,
        payload: &str,
        options: PublishOptions,
    ) -> PubAckReason {
        self.requests
            .publish(topic, payload.to_owned(), options)
            .await
            .expect("the client runs");
        loop {
            if let Incoming::PubAck(puback) = self.packet("PUBACK").await {
                return puback.reason;
            }
        }
    }

    /// Subscribes; what is retained there comes after it.
    pub async fn subscribe(&mut self, filter: &str, qos: QoS) {
        self.requests
            .subscribe(filter, qos)
            .await
            .expect("the client runs");
        while !matches!(self.packet("SUBACK").await, Incoming::SubAck(_)) {}
    }

    /// Waits until all that was sent to it before has come: the broker answers in order.
    pub async fn catch_up(&mut self) {
        self.subscribe("fence", QoS::AtMostOnce).await;
    }

    /// Waits until a message on this topic has come, and takes it.
    pub async fn hear(&mut self, topic: &str) -> Heard {
        // All the while others may come.
        within(topic, async {
            loop {
                if let Some(index) = self.inbox.iter().position(|heard| heard.topic == topic) {
                    return self.inbox.remove(index);
                }
                self.packet(topic).await;
            }
        })
        .await
    }

    /// Waits until the broker has cut the connection.
    pub async fn loses_connection(mut self) {
        within("the end of the connection", async {
            while self.events.poll().await.is_ok() {}
        })
        .await;
    }

    /// The next packet; a message is put aside as well.
    async fn packet(&mut self, what: &str) -> Incoming {
        loop {
            let event = within(what, self.events.poll()).await;
            if let Event::Incoming(packet) = event.unwrap_or_else(|error| panic!("{what}: {error}"))
            {
                self.inbox.extend(heard(&packet));
                return packet;
            }
        }
    }
}
