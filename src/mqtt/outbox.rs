//! What goes out.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, DisconnectProperties, DisconnectReasonCode, PublishOptions,
    PublishProperties,
};
use tokio::sync::watch;

use super::answers::{Answers, NotTaken};
use super::delivery::Delivery;
use super::options::qos;
use super::{CALM, Link, QUEUE, RESERVED};
use crate::protocol::Message;

/// What a packet needs besides topic and payload, in bytes: headers and properties, generously.
const OVERHEAD: usize = 256;

/// How long a broker that is left may take to acknowledge what is on its way.
const LEAVE: Duration = Duration::from_secs(2);

/// Hands messages to the session without ever waiting.
#[derive(Clone)]
pub struct Outbox {
    link: watch::Receiver<Link>,
    traffic: Arc<Traffic>,
}

/// What outbox and session share.
pub(super) struct Traffic {
    /// The way into the library; another one after a move to another broker.
    client: Mutex<AsyncClient>,
    /// Taken before `client` where both are needed.
    answers: Mutex<Answers>,
    /// Messages that were not handed over.
    dropped: AtomicU64,
    /// Where each broker is, in the order of the configuration.
    places: Vec<String>,
    /// Which of them the session is with, or was with last.
    broker: AtomicUsize,
    /// Whether the session is ended only to go on with the first broker.
    leaving: AtomicBool,
    /// The largest packet that the broker takes, in bytes.
    pub(super) packet_limit: AtomicU32,
    /// Messages handed over and not yet written.
    waiting: AtomicUsize,
    /// The connection, counted from 1, that is taken for dead.
    pub(super) suspected: watch::Sender<u64>,
}

impl Traffic {
    pub(super) fn new(client: AsyncClient, places: Vec<String>) -> Self {
        Self {
            client: Mutex::new(client),
            answers: Mutex::default(),
            dropped: AtomicU64::new(0),
            places,
            broker: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            packet_limit: AtomicU32::new(u32::MAX),
            waiting: AtomicUsize::new(0),
            suspected: watch::Sender::new(0),
        }
    }

    /// The way into the library.
    pub(super) fn client(&self) -> MutexGuard<'_, AsyncClient> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the answers that were acknowledged, and hands over those that wait while there is room for them.
    pub(super) fn hand_over_answers(&self) {
        let mut answers = self.answers();
        answers.settle();
        let dropped = answers.hand_over(|message| {
            if !self.fits(message) {
                return Err(NotTaken::Undeliverable);
            }
            if !self.has_room_for_answers() {
                return Err(NotTaken::Full);
            }
            let (topic, payload) = (message.topic.clone(), message.payload.clone());
            let handed =
                self.client()
                    .try_publish_tracked(topic, payload, publish_options(message));
            match handed {
                Ok(notice) => {
                    self.waiting.fetch_add(1, Ordering::Relaxed);
                    Ok(notice)
                }
                Err(ClientError::RequestChannelFull(_)) => Err(NotTaken::Full),
                Err(_) => Err(NotTaken::Undeliverable),
            }
        });
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// The link is gone and the library has given everything up.
    pub(super) fn recover_answers(&self) {
        self.answers().recover();
    }

    fn has_room_for_answers(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < QUEUE - RESERVED
    }

    /// One packet over the broker's limit would tear the link down and everything queued with it.
    fn fits(&self, message: &Message) -> bool {
        let size = message.topic.len()
            + message.payload.len()
            + message.correlation.as_ref().map_or(0, Vec::len)
            + OVERHEAD;
        size <= self.packet_limit.load(Ordering::Relaxed) as usize
    }

    /// Which broker the session is with, or was with last.
    pub(super) fn broker(&self) -> usize {
        self.broker.load(Ordering::Relaxed)
    }

    /// Ends the session with a broker that is not the first, to go on with the first: the will is sent, for the node is gone
    /// from there.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        let end = DisconnectProperties {
            session_expiry_interval: Some(0),
            ..no_properties()
        };
        let reason = DisconnectReasonCode::DisconnectWithWillMessage;
        let asked = self
            .client()
            .try_disconnect_with_properties_timeout(reason, end, LEAVE);
        if asked.is_err() {
            self.leaving.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the session ended to go on with the first broker; asking forgets it.
    pub(super) fn take_leave(&self) -> bool {
        self.leaving.swap(false, Ordering::Relaxed)
    }

    /// A message has been written.
    pub(super) fn written(&self) {
        // What the library sends once more after a reconnect was not handed over again: never below zero.
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.waiting
            .store(waiting.saturating_sub(1), Ordering::Relaxed);
    }

    /// A new connection has taken the broker's limit and begins with nothing on its way.
    pub(super) fn begin(&self, broker: usize, packet_limit: Option<u32>) {
        self.broker.store(broker, Ordering::Relaxed);
        self.packet_limit
            .store(packet_limit.unwrap_or(u32::MAX), Ordering::Relaxed);
        self.waiting.store(0, Ordering::Relaxed);
    }
}

/// What became of a message that was handed over; whatever is not [`Queued`](Self::Queued) was dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// It is on its way.
    Queued,
    /// The queue is full: there is room again soon.
    QueueFull,
    /// The broker takes no packet that large, or none with that topic.
    Undeliverable,
    /// The broker is not there.
    LinkDown,
}

/// Why a message was not acknowledged at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// The broker is not there.
    #[error("the broker is not connected")]
    Down,
    /// The broker did not acknowledge in time.
    #[error("the broker did not acknowledge within {0:?}")]
    Timeout(Duration),
    /// The link went down, or the broker refused.
    #[error("{0}")]
    Refused(String),
}

impl Outbox {
    pub(super) fn new(traffic: Arc<Traffic>, link: watch::Receiver<Link>) -> Self {
        Self { link, traffic }
    }

    /// Whether an answer may be handed over: the last places of the queue are for states and telemetry, which have to get
    /// through a flood of commands.
    #[must_use]
    pub fn has_room_for_answers(&self) -> bool {
        self.traffic.has_room_for_answers()
    }

    /// Hands an answer over, and again after a broken link until the broker has acknowledged it; kept meanwhile in bounded
    /// memory, also while the link is down. One for which there is no room is dropped and counted.
    pub fn answer(&self, message: Message) {
        let kept = self.traffic.answers().keep(message);
        if !kept {
            self.give_up();
        }
        if *self.link.borrow() != Link::Down {
            self.traffic.hand_over_answers();
        }
    }

    /// Answers that were handed over more than once, because the link broke before the broker acknowledged them.
    #[must_use]
    pub fn answers_repeated(&self) -> u64 {
        self.traffic.answers().repeated()
    }

    /// Where the broker in use is, without who connects; while the link is down, the last one.
    #[must_use]
    pub fn broker(&self) -> &str {
        let place = self.traffic.places.get(self.traffic.broker());
        place.map_or("", String::as_str)
    }

    /// Whether so little is on its way that a change of state need not wait.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.traffic.waiting.load(Ordering::Relaxed) < CALM
    }

    /// The largest payload that the broker takes on a topic, in bytes.
    #[must_use]
    pub fn payload_max(&self, topic: &str) -> usize {
        let limit = self.traffic.packet_limit.load(Ordering::Relaxed) as usize;
        limit.saturating_sub(topic.len() + OVERHEAD)
    }

    /// Counts a message that is given up without being handed over.
    pub fn give_up(&self) {
        self.traffic.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the broker is there.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Messages that were not handed over: the link was down, the queue was full or the broker takes no packet that large.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.traffic.dropped.load(Ordering::Relaxed)
    }

    /// Hands a message over.
    pub fn publish(&self, message: Message) -> Handover {
        let handover = self.hand_over(message);
        if handover != Handover::Queued {
            self.give_up();
        }
        handover
    }

    fn hand_over(&self, message: Message) -> Handover {
        if *self.link.borrow() == Link::Down {
            return Handover::LinkDown;
        }
        if !self.traffic.fits(&message) {
            return Handover::Undeliverable;
        }
        let options = publish_options(&message);
        match self
            .traffic
            .client()
            .try_publish(message.topic, message.payload, options)
        {
            Ok(()) => {
                self.traffic.waiting.fetch_add(1, Ordering::Relaxed);
                Handover::Queued
            }
            Err(ClientError::RequestChannelFull(_)) => Handover::QueueFull,
            Err(_) => Handover::Undeliverable,
        }
    }

    /// Hands a message over and waits until the broker has it.
    ///
    /// # Errors
    ///
    /// Tells that the link is or went down, or that it took too long.
    pub async fn publish_acknowledged(
        &self,
        message: Message,
        timeout: Duration,
    ) -> Result<(), StopError> {
        if *self.link.borrow() == Link::Down {
            return Err(StopError::Down);
        }
        let options = publish_options(&message);
        let notice = self
            .traffic
            .client()
            .try_publish_tracked(message.topic, message.payload, options)
            .map_err(|error| StopError::Refused(error.to_string()))?;
        match tokio::time::timeout(timeout, notice.wait_completion_async()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StopError::Refused(error.to_string())),
            Err(_) => Err(StopError::Timeout(timeout)),
        }
    }

    /// Hands a message over whose delivery can be waited for.
    ///
    /// # Errors
    ///
    /// Tells what became of it instead: it was dropped and counted.
    pub fn publish_tracked(&self, message: Message) -> Result<Delivery, Handover> {
        let handover = if *self.link.borrow() == Link::Down {
            Handover::LinkDown
        } else if self.fits(&message) {
            let options = publish_options(&message);
            let handed =
                self.traffic
                    .client()
                    .try_publish_tracked(message.topic, message.payload, options);
            match handed {
                Ok(notice) => {
                    self.traffic.waiting.fetch_add(1, Ordering::Relaxed);
                    return Ok(Delivery::new(notice));
                }
                Err(ClientError::RequestChannelFull(_)) => Handover::QueueFull,
                Err(_) => Handover::Undeliverable,
            }
        } else {
            Handover::Undeliverable
        };
        self.give_up();
        Err(handover)
    }

    /// Whether a packet that names these topics may be sent.
    #[cfg(feature = "fleet")]
    pub(super) fn may_name(&self, topics: &[String]) -> Result<(), Handover> {
        // Each with its length and options.
        let size: usize = topics.iter().map(|topic| topic.len() + 3).sum();
        if *self.link.borrow() == Link::Down {
            Err(Handover::LinkDown)
        } else if size + OVERHEAD > self.traffic.packet_limit.load(Ordering::Relaxed) as usize {
            Err(Handover::Undeliverable)
        } else {
            Ok(())
        }
    }

    /// The way into the library.
    #[cfg(feature = "fleet")]
    pub(super) fn client(&self) -> MutexGuard<'_, AsyncClient> {
        self.traffic.client()
    }

    /// Takes the n-th connection for dead: it is given up, and another one is made.
    pub fn suspect(&self, connection: u64) {
        self.traffic.suspected.send_replace(connection);
    }

    /// Whether the broker takes a packet that large: one over its limit would tear the link down and everything queued with it.
    #[must_use]
    pub fn fits(&self, message: &Message) -> bool {
        self.traffic.fits(message)
    }

    /// Ends the session once everything handed over is written, at the broker too; [`super::Session::run`] returns then.
    pub fn disconnect(&self) -> bool {
        let end = DisconnectProperties {
            session_expiry_interval: Some(0),
            ..no_properties()
        };
        self.traffic
            .client()
            .try_disconnect_with_properties(DisconnectReasonCode::NormalDisconnection, end)
            .is_ok()
    }
}

fn no_properties() -> DisconnectProperties {
    DisconnectProperties {
        session_expiry_interval: None,
        reason_string: None,
        user_properties: Vec::new(),
        server_reference: None,
    }
}

fn publish_options(message: &Message) -> PublishOptions {
    let options = PublishOptions::new(qos(message.qos)).retain(message.retain);
    if message.expiry.is_none() && message.correlation.is_none() {
        return options;
    }
    options.properties(PublishProperties {
        message_expiry_interval: message
            .expiry
            .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
        correlation_data: message.correlation.clone().map(Into::into),
        ..PublishProperties::default()
    })
}
