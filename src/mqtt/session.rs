//! The poll loop: it polls, and hands on what it hears without waiting.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{
    AsyncClient, ConnAck, ConnectionError, Event, EventLoop, Outgoing, Packet, Publish, QoS,
    SubAck, SubscribeFilterInput,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, trace, warn};

use super::backoff::Backoff;
use super::outbox::Traffic;
use super::{Link, Settings, refusal};

/// A connection that lasted this long was a good one: the next failure is met without patience.
const LASTING: Duration = Duration::from_secs(10);

/// In a flood the other tasks get their turn after this many packets, a part of what their queues take.
const BURST: u32 = 32;

/// A message that arrived.
#[derive(Debug)]
pub struct Inbound<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// What it carries.
    pub payload: &'a [u8],
    /// Whether it carries the retain flag.
    pub retained: bool,
    /// Where an answer is wanted (MQTT 5, section 3.3.2.3.5).
    pub response_topic: Option<&'a str>,
    /// What an answer has to carry (MQTT 5, section 3.3.2.3.6).
    pub correlation: Option<&'a [u8]>,
}

/// The session with a broker, which begins again for as long as the node lives.
pub struct Session {
    client: AsyncClient,
    events: EventLoop,
    link: watch::Sender<Link>,
    traffic: Arc<Traffic>,
    settings: Settings,
    backoff: Backoff,
    connections: u64,
    connected_at: Option<Instant>,
    /// The last trouble that was logged: each is said once, not at every attempt.
    said: Option<String>,
    /// What the broker refused since the connection began; each is said once.
    refused: BTreeSet<String>,
    heard: u32,
}

impl Session {
    pub(super) fn new(
        client: AsyncClient,
        events: EventLoop,
        link: watch::Sender<Link>,
        traffic: Arc<Traffic>,
        settings: Settings,
    ) -> Self {
        Self {
            client,
            events,
            link,
            traffic,
            settings,
            backoff: Backoff::default(),
            connections: 0,
            connected_at: None,
            said: None,
            refused: BTreeSet::new(),
            heard: 0,
        }
    }

    /// Polls until the session is ended by [`super::Outbox::disconnect`], or by `stop` while the broker is away.
    pub async fn run(mut self, stop: CancellationToken, mut on_message: impl FnMut(Inbound<'_>)) {
        info!(broker = %self.settings.url, client_id = self.settings.client_id, "connecting");
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(packet)) => {
                    self.hear(packet, &mut on_message);
                    self.heard = self.heard.wrapping_add(1);
                    if self.heard.is_multiple_of(BURST) {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(Event::Outgoing(Outgoing::Publish(_))) => self.traffic.written(),
                Ok(Event::Outgoing(_) | Event::Auth(_)) => {}
                Err(ConnectionError::RequestsDone) => {
                    debug!("session ended");
                    return;
                }
                Err(error) => {
                    self.lose(&error);
                    if stop.is_cancelled() {
                        return;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(self.backoff.next()) => {}
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    fn hear(&mut self, packet: Packet, on_message: &mut impl FnMut(Inbound<'_>)) {
        match packet {
            Packet::ConnAck(connack) => self.greet(&connack),
            Packet::Publish(publish) => hand_on(&publish, on_message),
            Packet::SubAck(suback) => self.check_subscriptions(&suback),
            Packet::PubAck(puback) => self.check_publication(puback.reason),
            Packet::Disconnect(disconnect) => {
                let reason = disconnect
                    .properties
                    .as_ref()
                    .and_then(|p| p.reason_string.as_deref());
                self.say(refusal::of_disconnect(disconnect.reason_code, reason));
            }
            Packet::Auth(_)
            | Packet::Connect(..)
            | Packet::PingReq
            | Packet::PingResp
            | Packet::Subscribe(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_) => {}
        }
    }

    fn greet(&mut self, connack: &ConnAck) {
        let limit = connack.properties.as_ref().and_then(|p| p.max_packet_size);
        self.traffic.begin(limit);
        self.connections += 1;
        self.connected_at = Some(Instant::now());
        self.said = None;
        self.refused.clear();
        info!(broker = %self.settings.url, connections = self.connections, "connected");
        self.subscribe();
        self.link.send_replace(Link::Up(self.connections));
    }

    fn subscribe(&self) {
        let filters: Vec<SubscribeFilterInput> = self
            .settings
            .filters
            .iter()
            // A sender who sets the retain flag hears at once that it is wrong, not only after the next reconnect.
            .map(|filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce).preserve_retain(true))
            .collect();
        if filters.is_empty() {
            return;
        }
        if let Err(error) = self.client.try_subscribe_many(filters) {
            error!(%error, "failed to queue the subscriptions");
        }
    }

    fn check_subscriptions(&mut self, suback: &SubAck) {
        for (filter, code) in self.settings.filters.iter().zip(&suback.return_codes) {
            if let Some(refusal) = refusal::of_subscription(code, filter)
                && self.refused.insert(refusal.clone())
            {
                warn!(refusal, "the broker refuses a subscription");
            }
        }
    }

    fn check_publication(&mut self, reason: PubAckReason) {
        if let Some(refusal) = refusal::of_publication(reason)
            && self.refused.insert(refusal.clone())
        {
            warn!(refusal, "the broker refuses a message");
        }
    }

    fn lose(&mut self, error: &ConnectionError) {
        self.link.send_replace(Link::Down);
        let connected_at = self.connected_at.take();
        if connected_at.is_some_and(|since| since.elapsed() >= LASTING) {
            self.backoff.reset();
        }
        let url = &self.settings.url;
        self.say(refusal::of_connection(error, url, connected_at.is_some()));
    }

    fn say(&mut self, trouble: String) {
        if self.said.as_ref() == Some(&trouble) {
            debug!(trouble, "still not connected");
        } else {
            warn!(trouble, "not connected");
            self.said = Some(trouble);
        }
    }
}

fn hand_on(publish: &Publish, on_message: &mut impl FnMut(Inbound<'_>)) {
    let Ok(topic) = std::str::from_utf8(&publish.topic) else {
        debug!("a topic that is not UTF-8 was ignored");
        return;
    };
    trace!(topic, payload = %publish.payload.escape_ascii(), "received");
    let properties = publish.properties.as_ref();
    on_message(Inbound {
        topic,
        payload: &publish.payload,
        retained: publish.retain,
        response_topic: properties.and_then(|p| p.response_topic.as_deref()),
        correlation: properties.and_then(|p| p.correlation_data.as_deref()),
    });
}
