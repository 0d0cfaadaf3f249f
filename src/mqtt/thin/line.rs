//! One connection: what goes out waits in order for the broker to take it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v5::{
    ConnAck, Connect, ConnectAuth, Disconnect, DisconnectReasonCode, Packet, PubAck, Publish,
    PublishProperties, Subscribe, SubscribeFilter,
};
use rumqttc::{ConnectReturnCode, ConnectionError, QoS, StateError, mqttbytes};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use super::super::dial::Socket;
use super::super::options::{last_will, qos};
use super::super::session::hand_on;
use super::super::{INCOMING_MAX, Inbound};
use super::Client;
use crate::protocol::{Message, Qos};

/// The most messages that wait: a birth is about 40, and each command is answered by a few.
const QUEUE: usize = 128;

/// The most unacknowledged messages, where the broker allows as many.
const WINDOW: u16 = 64;

/// What is read at a time, by all lines of a thread in turn.
const CHUNK: usize = 16 * 1024;

thread_local! {
    static CHUNKS: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// A connection that the broker has accepted.
pub(super) struct Line {
    socket: Box<dyn Socket>,
    /// The beginning of a packet that has not arrived whole.
    unread: BytesMut,
    waiting: VecDeque<Message>,
    /// Packets of the protocol itself, which go first.
    urgent: BytesMut,
    unacknowledged: u16,
    window: u16,
    last_id: u16,
    packet_limit: u32,
    keep_alive: Duration,
    heard: Instant,
    has_asked: bool,
    /// Messages that found no room, or were too large.
    pub(super) dropped: u64,
}

impl Line {
    /// Introduces the client to the broker.
    pub(super) async fn open(
        socket: Box<dyn Socket>,
        client: &impl Client,
        login: &ConnectAuth,
        keep_alive: Duration,
    ) -> Result<Self, ConnectionError> {
        let mut line = Self {
            socket,
            unread: BytesMut::new(),
            waiting: VecDeque::new(),
            urgent: BytesMut::new(),
            unacknowledged: 0,
            window: WINDOW,
            last_id: 0,
            packet_limit: u32::MAX,
            keep_alive,
            heard: Instant::now(),
            has_asked: false,
            dropped: 0,
        };
        let connect = Connect {
            keep_alive: u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX),
            client_id: client.client_id().to_owned(),
            clean_start: true,
            properties: None,
        };
        let will = Some(last_will(&client.will()));
        line.put(&Packet::Connect(connect, will, login.clone()))?;
        line.flush().await?;
        let greeting = loop {
            if let Some(packet) = line.next_packet()? {
                break packet;
            }
            line.read().await?;
        };
        let Packet::ConnAck(connack) = greeting else {
            return Err(ConnectionError::NotConnAck(Box::new(greeting)));
        };
        if connack.code != ConnectReturnCode::Success {
            return Err(ConnectionError::ConnectionRefused(connack.code));
        }
        line.mind_limits(&connack);
        let filters = client.filters().into_iter().map(|filter| SubscribeFilter {
            preserve_retain: true,
            ..SubscribeFilter::new(filter, QoS::AtLeastOnce)
        });
        let mut subscribe = Subscribe::new_many(filters, None);
        subscribe.pkid = line.next_id();
        line.put(&Packet::Subscribe(subscribe))?;
        Ok(line)
    }

    fn mind_limits(&mut self, connack: &ConnAck) {
        let Some(properties) = &connack.properties else {
            return;
        };
        self.window = WINDOW.min(properties.receive_max.unwrap_or(WINDOW)).max(1);
        self.packet_limit = properties.max_packet_size.unwrap_or(u32::MAX);
        if let Some(secs) = properties.server_keep_alive {
            self.keep_alive = Duration::from_secs(u64::from(secs).max(1));
        }
    }

    /// Lets messages wait for their turn; one that finds no room is dropped and counted.
    pub(super) fn send(&mut self, messages: &mut Vec<Message>) {
        for message in messages.drain(..) {
            if self.waiting.len() < QUEUE {
                self.waiting.push_back(message);
            } else {
                self.dropped += 1;
            }
        }
    }

    /// Writes what the broker takes, and returns how many messages that were.
    pub(super) async fn flush(&mut self) -> Result<u64, ConnectionError> {
        let mut buffer = std::mem::take(&mut self.urgent);
        let mut count = 0;
        while let Some(message) = self.waiting.front() {
            let assured = message.qos == Qos::AtLeastOnce;
            if assured && self.unacknowledged >= self.window {
                break;
            }
            let Some(message) = self.waiting.pop_front() else {
                break;
            };
            let id = if assured { self.next_id() } else { 0 };
            let packet = Packet::Publish(publish(message, id));
            if packet.size() > self.packet_limit as usize {
                self.dropped += 1;
                continue;
            }
            packet.write(&mut buffer, None).map_err(StateError::from)?;
            self.unacknowledged += u16::from(assured);
            count += 1;
        }
        if self.waiting.is_empty() {
            // Only a birth needs as much, and that is rare.
            self.waiting = VecDeque::new();
        }
        if !buffer.is_empty() {
            self.socket.write_all(&buffer).await?;
            self.socket.flush().await?;
        }
        Ok(count)
    }

    /// Waits for something to arrive and hands messages on. May be dropped while it waits.
    pub(super) async fn hear(
        &mut self,
        on_message: &mut impl FnMut(Inbound<'_>),
    ) -> Result<(), ConnectionError> {
        self.read().await?;
        while let Some(packet) = self.next_packet()? {
            match packet {
                Packet::Publish(publish) => {
                    hand_on(&publish, on_message);
                    if publish.qos != QoS::AtMostOnce {
                        self.put(&Packet::PubAck(PubAck::new(publish.pkid, None)))?;
                    }
                }
                Packet::PubAck(_) => {
                    self.unacknowledged = self.unacknowledged.saturating_sub(1);
                }
                Packet::Disconnect(disconnect) => {
                    let properties = disconnect.properties;
                    return Err(ConnectionError::MqttState(StateError::ServerDisconnect {
                        reason_code: disconnect.reason_code,
                        reason_string: properties.and_then(|properties| properties.reason_string),
                    }));
                }
                Packet::Auth(_)
                | Packet::Connect(..)
                | Packet::ConnAck(_)
                | Packet::PingReq
                | Packet::PingResp
                | Packet::Subscribe(_)
                | Packet::SubAck(_)
                | Packet::PubRec(_)
                | Packet::PubRel(_)
                | Packet::PubComp(_)
                | Packet::Unsubscribe(_)
                | Packet::UnsubAck(_) => {}
            }
        }
        Ok(())
    }

    /// When the broker has to be asked for a sign of life, or is to be taken for dead.
    pub(super) fn next_sign(&self) -> Instant {
        let patience = if self.has_asked { 2 } else { 1 };
        self.heard + self.keep_alive * patience
    }

    /// Asks for a sign of life; an error when the last question was not answered.
    pub(super) fn ask(&mut self) -> Result<(), ConnectionError> {
        if Instant::now() < self.next_sign() {
            return Ok(());
        }
        if self.has_asked {
            return Err(ConnectionError::MqttState(StateError::AwaitPingResp));
        }
        self.has_asked = true;
        self.put(&Packet::PingReq)
    }

    /// Ends the session, with these as its last words.
    pub(super) async fn close(mut self, last: &mut Vec<Message>) -> Result<(), ConnectionError> {
        // Nothing waits for an acknowledgement any more: the broker reads in order, and `DISCONNECT` comes last.
        self.window = u16::MAX;
        self.send(last);
        self.flush().await?;
        let end = Disconnect::new(DisconnectReasonCode::NormalDisconnection);
        self.put(&Packet::Disconnect(end))?;
        self.flush().await?;
        self.socket.shutdown().await?;
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ConnectionError> {
        let (socket, unread) = (&mut self.socket, &mut self.unread);
        let count = poll_fn(|context| {
            CHUNKS.with_borrow_mut(|chunk| {
                let mut buffer = ReadBuf::new(chunk);
                let socket = std::pin::Pin::new(&mut *socket);
                ready!(socket.poll_read(context, &mut buffer))?;
                unread.extend_from_slice(buffer.filled());
                Poll::Ready(io::Result::Ok(buffer.filled().len()))
            })
        })
        .await?;
        if count == 0 {
            return Err(ConnectionError::MqttState(StateError::ConnectionAborted));
        }
        self.heard = Instant::now();
        self.has_asked = false;
        Ok(())
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, ConnectionError> {
        if self.unread.is_empty() {
            // Gives the memory back: thousands of lines are silent at any time.
            self.unread = BytesMut::new();
            return Ok(None);
        }
        match Packet::read(&mut self.unread, Some(INCOMING_MAX)) {
            Ok(packet) => Ok(Some(packet)),
            Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(ConnectionError::MqttState(error.into())),
        }
    }

    fn put(&mut self, packet: &Packet) -> Result<(), ConnectionError> {
        packet
            .write(&mut self.urgent, None)
            .map_err(StateError::from)?;
        Ok(())
    }

    /// Identifiers come round after 65,535, and at most [`WINDOW`] are in use.
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

fn publish(message: Message, id: u16) -> Publish {
    let properties =
        (message.expiry.is_some() || message.correlation.is_some()).then(|| PublishProperties {
            message_expiry_interval: message
                .expiry
                .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
            correlation_data: message.correlation.map(Into::into),
            ..PublishProperties::default()
        });
    let mut publish = Publish::new(
        message.topic,
        qos(message.qos),
        Bytes::from(message.payload),
        properties,
    );
    publish.retain = message.retain;
    publish.pkid = id;
    publish
}
