//! What goes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rumqttc::{AsyncClient, ClientError, PublishOptions, PublishProperties};
use tokio::sync::watch;

use super::options::qos;
use super::{CALM, Link, QUEUE, RESERVED};
use crate::protocol::Message;

/// What a packet needs besides topic and payload, in bytes: headers and properties, generously.
const OVERHEAD: usize = 256;

/// Hands messages to the session without ever waiting.
#[derive(Clone)]
pub struct Outbox {
    client: AsyncClient,
    link: watch::Receiver<Link>,
    traffic: Arc<Traffic>,
    dropped: Arc<AtomicU64>,
}

/// What outbox and session tell each other.
#[derive(Debug)]
pub(super) struct Traffic {
    /// The largest packet that the broker takes, in bytes.
    pub(super) packet_limit: AtomicU32,
    /// Messages handed over and not yet written.
    waiting: AtomicUsize,
}

impl Traffic {
    /// A message has been written.
    pub(super) fn written(&self) {
        // What the library sends once more after a reconnect was not handed over again: never below zero.
        let waiting = self.waiting.load(Ordering::Relaxed);
        self.waiting
            .store(waiting.saturating_sub(1), Ordering::Relaxed);
    }

    /// A new connection has taken the broker's limit and begins with nothing on its way.
    pub(super) fn begin(&self, packet_limit: Option<u32>) {
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
    pub(super) fn new(client: AsyncClient, link: watch::Receiver<Link>) -> Self {
        Self {
            client,
            link,
            traffic: Arc::new(Traffic {
                packet_limit: AtomicU32::new(u32::MAX),
                waiting: AtomicUsize::new(0),
            }),
            dropped: Arc::default(),
        }
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Whether an answer may be handed over: the last places of the queue are for states and telemetry, which have to get
    /// through a flood of commands.
    #[must_use]
    pub fn has_room_for_answers(&self) -> bool {
        self.traffic.waiting.load(Ordering::Relaxed) < QUEUE - RESERVED
    }

    /// Whether so little is on its way that a change of state need not wait.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.traffic.waiting.load(Ordering::Relaxed) < CALM
    }

    /// Counts a message that is given up without being handed over.
    pub fn give_up(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the broker is there.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Messages that were not handed over: the link was down, the queue was full or the broker takes no packet that large.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands a message over.
    pub fn publish(&self, message: Message) -> Handover {
        let handover = self.hand_over(message);
        if handover != Handover::Queued {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        handover
    }

    fn hand_over(&self, message: Message) -> Handover {
        if *self.link.borrow() == Link::Down {
            return Handover::LinkDown;
        }
        if !self.fits(&message) {
            return Handover::Undeliverable;
        }
        let options = publish_options(&message);
        match self
            .client
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
            .client
            .try_publish_tracked(message.topic, message.payload, options)
            .map_err(|error| StopError::Refused(error.to_string()))?;
        match tokio::time::timeout(timeout, notice.wait_completion_async()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StopError::Refused(error.to_string())),
            Err(_) => Err(StopError::Timeout(timeout)),
        }
    }

    /// Ends the session once everything handed over is written; [`super::Session::run`] returns then.
    pub fn disconnect(&self) -> bool {
        self.client.try_disconnect().is_ok()
    }

    /// One packet over the broker's limit would tear the link down and everything queued with it.
    fn fits(&self, message: &Message) -> bool {
        let size = message.topic.len()
            + message.payload.len()
            + message.correlation.as_ref().map_or(0, Vec::len)
            + OVERHEAD;
        size <= self.traffic.packet_limit.load(Ordering::Relaxed) as usize
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
