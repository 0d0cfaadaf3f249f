//! Questions and answers in MQTT, one after the other, each with a limit of time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v5::{
    ConnAck, Connect, ConnectProperties, ConnectReturnCode, Disconnect, DisconnectReasonCode,
    Packet, PubRecReason, Publish, Subscribe, SubscribeFilter,
};
use rumqttc::{ConnectionError, QoS, StateError, mqttbytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Kept, Verdict};
use crate::config::Broker;
use crate::mqtt::dial::Socket;
use crate::mqtt::files::Access;
use crate::mqtt::{INCOMING_MAX, Settings, refusal};

/// 5 s: how long the broker may take to answer.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// 300 ms: a broker that looks for what it keeps beside everything else has told it until then.
const QUIET: Duration = Duration::from_millis(300);

/// Messages that are taken in, at most: a node has about 40.
const KEPT_MAX: usize = 1000;

/// What stands in a message that is only to be asked about: no JSON, so that nobody takes it for more, should a broker deliver it.
const QUESTION: &[u8] = b"piglow-node doctor asks whether this may be published";

/// A connection on which the broker has been greeted.
pub(super) struct Exchange {
    socket: Box<dyn Socket>,
    buffer: BytesMut,
}

impl Exchange {
    /// Says hello as the node does, but without a will, and with nothing to be kept afterwards.
    pub(super) async fn begin(
        socket: Box<dyn Socket>,
        settings: &Settings,
        broker: &Broker,
        access: &Access,
    ) -> Result<(Self, ConnAck), ConnectionError> {
        let mut exchange = Self {
            socket,
            buffer: BytesMut::new(),
        };
        let connect = Connect {
            keep_alive: u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX),
            client_id: settings.client_id.clone(),
            clean_start: true,
            properties: Some(ConnectProperties {
                max_packet_size: Some(INCOMING_MAX),
                ..ConnectProperties::new()
            }),
        };
        let login = access.login(broker);
        exchange
            .send(&Packet::Connect(connect, None, login))
            .await?;
        let answer = exchange.answer().await?;
        let Packet::ConnAck(connack) = answer else {
            return Err(ConnectionError::NotConnAck(Box::new(answer)));
        };
        if connack.code != ConnectReturnCode::Success {
            return Err(ConnectionError::ConnectionRefused(connack.code));
        }
        Ok((exchange, connack))
    }

    /// Subscribes as the node does; for each filter, why it was refused if it was.
    pub(super) async fn subscribe(
        &mut self,
        filters: &[String],
    ) -> Result<Vec<Option<String>>, ConnectionError> {
        let asked = filters.iter().map(|filter| SubscribeFilter {
            preserve_retain: true,
            ..SubscribeFilter::new(filter.as_str(), QoS::AtLeastOnce)
        });
        let mut subscribe = Subscribe::new_many(asked, None);
        subscribe.pkid = 1;
        self.send(&Packet::Subscribe(subscribe)).await?;
        loop {
            if let Packet::SubAck(suback) = self.answer().await? {
                let codes = suback.return_codes.iter();
                return Ok(filters
                    .iter()
                    .zip(codes)
                    .map(|(filter, code)| refusal::of_subscription(code, filter))
                    .collect());
            }
        }
    }

    /// What the broker keeps below these filters, as far as this user may read it.
    pub(super) async fn kept(&mut self, filters: &[String]) -> Result<Vec<Kept>, ConnectionError> {
        let mut kept = Vec::new();
        let mut take = |packet: Packet| {
            if let Packet::Publish(publish) = packet
                && publish.retain
                && kept.len() < KEPT_MAX
            {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                kept.push(Kept {
                    topic,
                    payload: publish.payload.to_vec(),
                });
            }
        };
        for filter in filters {
            let mut subscribe =
                Subscribe::new(SubscribeFilter::new(filter.as_str(), QoS::AtMostOnce), None);
            subscribe.pkid = 2;
            self.send(&Packet::Subscribe(subscribe)).await?;
        }
        // What is kept mostly comes before the answer to this; some brokers take their time.
        self.send(&Packet::PingReq).await?;
        let mut packet = self.answer().await?;
        while packet != Packet::PingResp {
            take(packet);
            packet = self.answer().await?;
        }
        let end = Instant::now() + QUIET;
        while let Ok(packet) = timeout_at(end, self.next()).await {
            take(packet?);
        }
        Ok(kept)
    }

    /// Asks whether a message would be taken, by the first half of the handshake of QoS 2.
    pub(super) async fn ask(
        &mut self,
        topic: &str,
        identifier: u16,
    ) -> Result<Verdict, ConnectionError> {
        let mut publish = Publish::new(topic, QoS::ExactlyOnce, Bytes::from_static(QUESTION), None);
        publish.pkid = identifier;
        self.send(&Packet::Publish(publish)).await?;
        loop {
            if let Packet::PubRec(pubrec) = self.answer().await?
                && pubrec.pkid == identifier
            {
                return Ok(match pubrec.reason {
                    PubRecReason::Success | PubRecReason::NoMatchingSubscribers => Verdict::Taken,
                    PubRecReason::NotAuthorized
                    | PubRecReason::UnspecifiedError
                    | PubRecReason::ImplementationSpecificError
                    | PubRecReason::TopicNameInvalid
                    | PubRecReason::PacketIdentifierInUse
                    | PubRecReason::QuotaExceeded
                    | PubRecReason::PayloadFormatInvalid => {
                        Verdict::Refused(format!("{:?}", pubrec.reason))
                    }
                });
            }
        }
    }

    /// Says good-bye; what was on its way is forgotten with the session.
    pub(super) async fn leave(mut self) {
        let farewell = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
        // Whoever is gone needs none.
        drop(self.send(&Packet::Disconnect(farewell)).await);
        drop(timeout(LIMIT, self.socket.shutdown()).await);
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), ConnectionError> {
        let mut bytes = BytesMut::new();
        packet
            .write(&mut bytes, None)
            .map_err(StateError::Deserialization)?;
        let write = async {
            self.socket.write_all(&bytes).await?;
            self.socket.flush().await
        };
        Ok(timeout(LIMIT, write).await??)
    }

    /// The next packet within the limit of time.
    async fn answer(&mut self) -> Result<Packet, ConnectionError> {
        timeout(LIMIT, self.next()).await?
    }

    async fn next(&mut self) -> Result<Packet, ConnectionError> {
        loop {
            match Packet::read(&mut self.buffer, Some(INCOMING_MAX)) {
                Ok(Packet::Disconnect(disconnect)) => {
                    let properties = disconnect.properties;
                    return Err(ConnectionError::MqttState(StateError::ServerDisconnect {
                        reason_code: disconnect.reason_code,
                        reason_string: properties.and_then(|p| p.reason_string),
                    }));
                }
                Ok(packet) => return Ok(packet),
                Err(mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => return Err(StateError::Deserialization(error).into()),
            }
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(StateError::ConnectionAborted.into());
            }
        }
    }
}

/// Whether something answers in MQTT 3.1.1, be it with a refusal (MQTT 3.1.1, section 3.2).
pub(super) async fn answers_3_1_1(mut socket: Box<dyn Socket>, client_id: &str) -> bool {
    /// The least that every broker takes (MQTT 3.1.1, section 3.1.3.1).
    const ID_MAX: usize = 23;
    let id = &client_id.as_bytes()[..client_id.len().min(ID_MAX)];
    let mut hello = vec![0x10, 12 + id.len() as u8, 0, 4];
    // Version 4, a clean session, a sign of life each 10 s.
    hello.extend(b"MQTT\x04\x02\x00\x0a\x00");
    hello.push(id.len() as u8);
    hello.extend(id);
    let mut answer = [0; 4];
    let exchange = async {
        socket.write_all(&hello).await?;
        socket.flush().await?;
        socket.read_exact(&mut answer).await
    };
    matches!(timeout(LIMIT, exchange).await, Ok(Ok(_))) && answer[..2] == [0x20, 0x02]
}
