//! The poll loop: it polls, and hands on what it hears without waiting.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::v5::PubAckReason;
use rumqttc::{
    ConnAck, ConnectionError, Event, EventLoop, NoticeFailureReason, Outgoing, Packet, Publish,
    QoS, StateError, SubAck, SubscribeFilterInput,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, trace, warn};

use super::files::Access;
use super::options::{self, Start};
use super::outbox::Traffic;
use super::route::Route;
use super::{Homing, Link, OpenError, Settings, refusal};
use crate::{config, pulse};

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
    /// Whether it came with QoS 1: its sender wants to be sure.
    pub assured: bool,
    /// Where an answer is wanted (MQTT 5, section 3.3.2.3.5).
    pub response_topic: Option<&'a str>,
    /// What an answer has to carry (MQTT 5, section 3.3.2.3.6).
    pub correlation: Option<&'a [u8]>,
}

/// The session with a broker, which begins again for as long as the node lives.
pub struct Session {
    events: EventLoop,
    link: watch::Sender<Link>,
    traffic: Arc<Traffic>,
    settings: Settings,
    route: Route,
    /// The broker that may have kept this process's session.
    session_with: Option<usize>,
    connections: u64,
    connected_at: Option<Instant>,
    /// The last trouble with each broker that was logged: each is said once, not at every attempt.
    said: Vec<Option<String>>,
    /// What the broker refused since the connection began; each is said once.
    refused: BTreeSet<String>,
    subscription: Subscription,
    heard: u32,
}

/// Where the packet is that subscribes to the filters of the settings: the first of its kind on each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscription {
    Queued,
    /// With this packet identifier.
    Sent(u16),
    Answered,
}

/// How a connection, or the attempt to make one, ended.
enum End {
    /// It was to end.
    Wanted,
    /// It was to end only to go on with the first broker.
    Moving,
    Broken(ConnectionError),
}

impl Session {
    pub(super) fn new(
        events: EventLoop,
        link: watch::Sender<Link>,
        traffic: Arc<Traffic>,
        settings: Settings,
    ) -> Self {
        Self {
            events,
            link,
            traffic,
            route: Route::new(settings.brokers.len()),
            session_with: None,
            connections: 0,
            connected_at: None,
            said: vec![None; settings.brokers.len()],
            refused: BTreeSet::new(),
            subscription: Subscription::Answered,
            heard: 0,
            settings,
        }
    }

    /// What brings the session back to the first of several brokers, if that is wanted; it is to run beside the session.
    #[must_use]
    pub fn homing(&self) -> Option<Homing> {
        (self.settings.return_to_first && self.settings.brokers.len() > 1).then(|| {
            Homing::new(
                &self.settings,
                self.link.subscribe(),
                Arc::clone(&self.traffic),
            )
        })
    }

    /// Polls until the session is ended by [`super::Outbox::disconnect`], or by `stop` while the broker is away.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async function would hold its argument `self` twice"
    )]
    pub fn run(
        mut self,
        stop: CancellationToken,
        mut on_message: impl FnMut(Inbound<'_>),
    ) -> impl Future<Output = ()> {
        async move { self.work(stop, &mut on_message).await }
    }

    async fn work(&mut self, stop: CancellationToken, on_message: &mut impl FnMut(Inbound<'_>)) {
        let broker = &self.broker().url;
        info!(%broker, client_id = self.settings.client_id, "connecting");
        loop {
            let options = Self::options(&self.settings, self.route.current(), self.start());
            let Some(prepared) = pulse::rest(stop.run_until_cancelled(options)).await else {
                return;
            };
            let pause = match prepared {
                Ok(options) => {
                    self.events.options = options;
                    match self.converse(on_message).await {
                        End::Wanted => {
                            debug!("session ended");
                            return;
                        }
                        End::Moving => match self.move_home() {
                            Ok(()) => Duration::ZERO,
                            Err(error) => self.fail(&error),
                        },
                        End::Broken(error) => self.lose(&error),
                    }
                }
                Err(error) => self.fail(&error),
            };
            if stop.is_cancelled() {
                return;
            }
            let pause = stop.run_until_cancelled(tokio::time::sleep(pause));
            if pulse::rest(pause).await.is_none() {
                return;
            }
        }
    }

    /// Reads the files again and puts together what the next attempt needs.
    async fn options(
        settings: &Settings,
        broker: usize,
        start: Start,
    ) -> Result<rumqttc::MqttOptions, OpenError> {
        let broker = &settings.brokers[broker];
        let access = Access::load_aside(broker, &settings.tls).await?;
        options::build(settings, broker, &access, start)
    }

    fn broker(&self) -> &config::Broker {
        &self.settings.brokers[self.route.current()]
    }

    /// A session is taken up only where this process has begun it: an earlier process's commands are stale, and the library
    /// takes a session that it does not know for an error.
    fn start(&self) -> Start {
        let kept = !self.settings.session_expiry.is_zero();
        if kept && self.session_with == Some(self.route.current()) {
            Start::Resume
        } else {
            Start::Clean
        }
    }

    async fn converse(&mut self, on_message: &mut impl FnMut(Inbound<'_>)) -> End {
        let mut suspected = self.traffic.suspected.subscribe();
        loop {
            match pulse::rest(self.poll(&mut suspected)).await {
                Ok(Event::Incoming(packet)) => {
                    self.hear(packet, on_message);
                    self.heard = self.heard.wrapping_add(1);
                    if self.heard.is_multiple_of(BURST) {
                        tokio::task::yield_now().await;
                    }
                }
                Ok(Event::Outgoing(Outgoing::Publish(_))) => self.traffic.written(),
                Ok(Event::Outgoing(Outgoing::Subscribe(id)))
                    if self.subscription == Subscription::Queued =>
                {
                    self.subscription = Subscription::Sent(id);
                }
                Ok(Event::Outgoing(_) | Event::Auth(_)) => {}
                Err(ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout) => {
                    return if self.traffic.take_leave() {
                        End::Moving
                    } else {
                        End::Wanted
                    };
                }
                Err(error) => return End::Broken(error),
            }
        }
    }

    /// Polls; a connection that is taken for dead is dropped, which the library does by itself only where it has nothing to
    /// send: a message that goes out puts off its next sign of life, and it never asks for one while telemetry flows.
    async fn poll(
        &mut self,
        suspected: &mut watch::Receiver<u64>,
    ) -> Result<Event, ConnectionError> {
        let (connection, is_up) = (self.connections, self.connected_at.is_some());
        let is_suspected = async {
            if !is_up
                || suspected
                    .wait_for(|dead| *dead == connection)
                    .await
                    .is_err()
            {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            event = self.events.poll() => event,
            () = is_suspected => {
                self.events.clean();
                Err(ConnectionError::MqttState(StateError::AwaitPingResp))
            }
        }
    }

    fn hear(&mut self, packet: Packet, on_message: &mut impl FnMut(Inbound<'_>)) {
        match packet {
            Packet::ConnAck(connack) => self.greet(&connack),
            Packet::Publish(publish) => hand_on(&publish, on_message),
            Packet::SubAck(suback) => self.check_subscriptions(&suback),
            Packet::PubAck(puback) => {
                self.check_publication(puback.reason);
                self.traffic.hand_over_answers();
            }
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
        let current = self.route.current();
        let session = match (self.start(), connack.session_present) {
            (Start::Clean, _) => "new",
            (Start::Resume, true) => "resumed",
            // What was sent meanwhile is gone.
            (Start::Resume, false) => "lost",
        };
        let limit = connack.properties.as_ref().and_then(|p| p.max_packet_size);
        self.traffic.begin(current, limit);
        self.route.works();
        self.session_with = Some(current);
        self.connections += 1;
        self.connected_at = Some(Instant::now());
        self.said.fill(None);
        self.refused.clear();
        let broker = &self.broker().url;
        info!(%broker, connections = self.connections, session, "connected");
        if self.settings.tls.accept_any_certificate && broker.scheme().is_tls() {
            warn!(%broker, "the broker's certificate was not checked: it may be anybody");
        }
        self.subscribe();
        self.traffic.hand_over_answers();
        self.link.send_replace(Link::Up(self.connections));
    }

    fn subscribe(&mut self) {
        let surely = self.settings.filters.iter();
        let loosely = self.settings.loose_filters.iter();
        let filters: Vec<SubscribeFilterInput> = surely
            .map(|filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce))
            // A sender who sets the retain flag hears at once that it is wrong, not only after the next reconnect.
            .map(|filter| filter.preserve_retain(true))
            .chain(loosely.map(|filter| SubscribeFilterInput::new(filter, QoS::AtMostOnce)))
            .collect();
        if filters.is_empty() {
            return;
        }
        self.subscription = Subscription::Queued;
        if let Err(error) = self.traffic.client().try_subscribe_many(filters) {
            error!(%error, "failed to queue the subscriptions");
        }
    }

    fn check_subscriptions(&mut self, suback: &SubAck) {
        // What is asked for a moment is answered to who asked.
        if self.subscription != Subscription::Sent(suback.pkid) {
            return;
        }
        self.subscription = Subscription::Answered;
        let filters = self.settings.filters.iter();
        let filters = filters.chain(&self.settings.loose_filters);
        for (filter, code) in filters.zip(&suback.return_codes) {
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

    /// The connection broke, or there was none; the pause before the next attempt.
    fn lose(&mut self, error: &ConnectionError) -> Duration {
        let connected_at = self.connected_at.take();
        self.give_up();
        let broker = &self.broker().url;
        let trouble =
            refusal::of_connection(error, broker, &self.settings.tls, connected_at.is_some());
        self.say(trouble);
        if self.traffic.take_leave() {
            self.route.go_home();
            return Duration::ZERO;
        }
        match connected_at {
            Some(since) => self.route.lose(since.elapsed() >= LASTING),
            None => self.route.fail(),
        }
    }

    /// What an attempt needs is not there; the pause before the next one.
    fn fail(&mut self, error: &OpenError) -> Duration {
        self.say(match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        });
        self.route.fail()
    }

    /// Leaves nothing with the library that it would send after the next connection: what changes is told anew then, and an
    /// old state must not come after it. Answers are handed over again.
    fn give_up(&mut self) {
        self.link.send_replace(Link::Down);
        self.events
            .drain_pending_as_failed(NoticeFailureReason::SessionReset);
        self.events.state = options::idle_state();
        self.traffic.recover_answers();
    }

    /// The session with another broker has ended; the library would not poll any more, so it begins anew with the first.
    fn move_home(&mut self) -> Result<(), OpenError> {
        self.connected_at = None;
        self.give_up();
        let (client, events) = options::client(self.events.options.clone())?;
        self.events = events;
        *self.traffic.client() = client;
        self.traffic.recover_answers();
        self.session_with = None;
        self.route.go_home();
        Ok(())
    }

    fn say(&mut self, trouble: String) {
        let said = &mut self.said[self.route.current()];
        if said.as_ref() == Some(&trouble) {
            debug!(trouble, "still not connected");
        } else {
            warn!(trouble, "not connected");
            *said = Some(trouble);
        }
    }
}

pub(super) fn hand_on(publish: &Publish, on_message: &mut impl FnMut(Inbound<'_>)) {
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
        assured: publish.qos != QoS::AtMostOnce,
        response_topic: properties.and_then(|p| p.response_topic.as_deref()),
        correlation: properties.and_then(|p| p.correlation_data.as_deref()),
    });
}
