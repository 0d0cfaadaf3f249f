//! What the session relies on in its MQTT library, held against a broker that speaks just enough to be believed.

mod support;

use std::io::Write;
use std::time::Duration;

use piglow_node::mqtt::{self, Handover, Link, Outbox, Settings};
use piglow_node::protocol::{Message, Qos};
use support::{NODE, TestNode, config, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;

/// The shortest that can be configured.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x80;

/// A connection as the broker sees it.
struct Peer(TcpStream);

/// A packet: its first byte and what follows the length.
struct Packet {
    head: u8,
    body: Vec<u8>,
}

impl Packet {
    fn kind(&self) -> u8 {
        self.head & 0xF0
    }

    /// The topic of a PUBLISH, its packet identifier if it has one, and its payload.
    fn publish(&self) -> (String, Option<[u8; 2]>, Vec<u8>) {
        let length = usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        let topic = String::from_utf8(self.body[2..2 + length].to_vec()).expect("UTF-8");
        let mut rest = &self.body[2 + length..];
        let mut identifier = None;
        if self.head & 0x06 != 0 {
            identifier = Some([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        // The properties of what these tests look at take less than 128 bytes.
        let properties = usize::from(rest[0]);
        (topic, identifier, rest[1 + properties..].to_vec())
    }
}

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let accepted = within("a connection", listener.accept()).await;
        let (stream, _) = accepted.expect("the listener works");
        stream.set_nodelay(true).expect("the socket works");
        Self(stream)
    }

    /// Accepts a connection and lets the client in, with these properties.
    async fn greet(listener: &TcpListener, properties: &[u8]) -> Self {
        let mut peer = Self::accept(listener).await;
        assert_eq!(peer.read().await.kind(), CONNECT);
        let mut connack = vec![0x20, 3 + properties.len() as u8, 0, 0];
        connack.push(properties.len() as u8);
        connack.extend(properties);
        peer.write(&connack).await;
        peer
    }

    async fn read(&mut self) -> Packet {
        within("a packet", self.try_read())
            .await
            .expect("the client has closed the connection")
    }

    async fn try_read(&mut self) -> std::io::Result<Packet> {
        let head = self.0.read_u8().await?;
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.0.read_u8().await?;
            length |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Packet { head, body })
    }

    /// Reads up to the next packet of a kind.
    async fn read_kind(&mut self, kind: u8) -> Packet {
        loop {
            let packet = self.read().await;
            if packet.kind() == kind {
                return packet;
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client listens");
    }

    /// Grants the subscription with as many filters as a node has.
    async fn grant(&mut self, subscribe: &Packet) {
        let codes = [1; 7];
        let mut suback = vec![0x90, 3 + codes.len() as u8];
        suback.extend(&subscribe.body[..2]);
        suback.push(0);
        suback.extend(codes);
        self.write(&suback).await;
    }

    /// Sends a message of QoS 0.
    async fn publish(&mut self, topic: &str, payload: &str) {
        let length = 2 + topic.len() + 1 + payload.len();
        assert!(length < 128);
        let mut packet = vec![PUBLISH, length as u8, 0, topic.len() as u8];
        packet.extend(topic.as_bytes());
        packet.push(0);
        packet.extend(payload.as_bytes());
        self.write(&packet).await;
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a port")
}

/// A session that runs; it ends with the test.
struct Running {
    outbox: Outbox,
    _task: JoinSet<()>,
}

fn session(port: u16, filters: &[&str]) -> Running {
    let config = config(NODE, &format!("mqtt://127.0.0.1:{port}"), &[]);
    let (outbox, session) = mqtt::open(Settings {
        url: config.mqtt.url,
        client_id: config.mqtt.client_id,
        credentials: None,
        keep_alive: KEEP_ALIVE,
        ca_file: None,
        will: None,
        filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
    })
    .expect("a session");
    let mut task = JoinSet::new();
    task.spawn(session.run(CancellationToken::new(), |_| {}));
    Running {
        outbox,
        _task: task,
    }
}

fn message(payload: Vec<u8>) -> Message {
    Message {
        topic: "test/topic".to_owned(),
        payload,
        qos: Qos::AtLeastOnce,
        retain: false,
        expiry: None,
        correlation: None,
    }
}

/// The log of what runs in this thread.
struct Log {
    text: watch::Receiver<String>,
    _guard: DefaultGuard,
}

#[derive(Clone)]
struct LogWriter(watch::Sender<String>);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .send_modify(|text| text.push_str(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let sender = watch::Sender::new(String::new());
        let text = sender.subscribe();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || LogWriter(sender.clone()))
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    async fn says(&mut self, words: &str) {
        until(words, &mut self.text, |text| text.contains(words)).await;
    }

    fn count(&self, words: &str) -> usize {
        self.text.borrow().matches(words).count()
    }
}

#[tokio::test]
async fn the_packet_limit_is_announced() {
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);

    let mut peer = Peer::accept(&listener).await;
    let connect = peer.read().await;

    // "MQTT", version 5, clean start; then keep alive and the properties (MQTT 5, section 3.1.2).
    assert_eq!(connect.body[..7], *b"\x00\x04MQTT\x05");
    assert_eq!(connect.body[7] & 0b10, 0b10, "clean start");
    assert_eq!(connect.body[8..10], [0, 5], "keep alive");
    let properties = &connect.body[11..11 + usize::from(connect.body[10])];
    let maximum_packet_size = [0x27, 0x00, 0x01, 0x00, 0x00];
    assert!(
        properties
            .windows(5)
            .any(|part| part == maximum_packet_size),
        "{properties:02x?}"
    );
}

#[tokio::test]
async fn subscriptions_are_made_after_every_connack_and_keep_the_retain_flag() {
    let listener = listener().await;
    let port = listener.local_addr().expect("a port").port();
    let session = session(port, &["a/set", "b/+/set"]);
    let mut link = session.outbox.link();
    for connection in 1..=3 {
        let mut peer = Peer::greet(&listener, &[]).await;
        let subscribe = peer.read_kind(SUBSCRIBE).await;
        let filters = b"\x00\x05a/set\x09\x00\x07b/+/set\x09";
        assert_eq!(
            subscribe.body[3..],
            filters[..],
            "QoS 1, retain as published"
        );
        until("the link", &mut link, |link| *link == Link::Up(connection)).await;
    }
}

#[tokio::test]
async fn what_the_broker_refuses_is_said_once_with_what_to_do() {
    let mut log = Log::start();
    let listener = listener().await;
    let port = listener.local_addr().expect("a port").port();
    let session = session(port, &["a/set", "b/+/set"]);
    let mut peer = Peer::greet(&listener, &[]).await;
    let subscribe = peer.read_kind(SUBSCRIBE).await;
    // SUBACK: the first is granted, the second not authorized.
    let [high, low] = [subscribe.body[0], subscribe.body[1]];
    peer.write(&[0x90, 5, high, low, 0, 1, 0x87]).await;
    log.says("b/+/set: not authorized; let this user read it in the broker's access list")
        .await;
    for _ in 0..3 {
        session.outbox.publish(message(b"x".to_vec()));
        let (_, identifier, _) = peer.read_kind(PUBLISH).await.publish();
        let [high, low] = identifier.expect("QoS 1");
        // PUBACK: not authorized.
        peer.write(&[0x40, 4, high, low, 0x87, 0]).await;
    }
    log.says("let this user write the node's topics").await;
    // What comes back tells that the refusals have been heard.
    peer.write(&[0xE0, 0x02, 0x8B, 0x00]).await;
    log.says("the broker ended the session").await;
    assert_eq!(log.count("refuses a subscription"), 1);
    assert_eq!(log.count("refuses a message"), 1);
}

#[tokio::test]
async fn a_message_larger_than_the_broker_takes_is_dropped_and_the_link_stays_up() {
    let listener = listener().await;
    let session = session(listener.local_addr().expect("a port").port(), &[]);
    // Maximum Packet Size: 1000 bytes.
    let mut peer = Peer::greet(&listener, &[0x27, 0, 0, 0x03, 0xE8]).await;
    until("the link", &mut session.outbox.link(), |link| {
        *link == Link::Up(1)
    })
    .await;

    let large = session.outbox.publish(message(vec![b'x'; 2000]));
    let small = session.outbox.publish(message(b"small".to_vec()));

    assert_eq!(large, Handover::Undeliverable);
    assert_eq!(session.outbox.dropped(), 1);
    assert_eq!(small, Handover::Queued);
    let (topic, _, payload) = peer.read_kind(PUBLISH).await.publish();
    assert_eq!(
        (topic.as_str(), payload.as_slice()),
        ("test/topic", &b"small"[..])
    );
    assert_eq!(*session.outbox.link().borrow(), Link::Up(1));
}

#[tokio::test]
async fn a_topic_that_no_broker_takes_is_dropped_and_the_link_stays_up() {
    let listener = listener().await;
    let session = session(listener.local_addr().expect("a port").port(), &[]);
    let mut peer = Peer::greet(&listener, &[]).await;
    until("the link", &mut session.outbox.link(), |link| {
        *link == Link::Up(1)
    })
    .await;

    for topic in ["", "a/#", "a/+/b"] {
        let odd = session.outbox.publish(Message {
            topic: topic.to_owned(),
            ..message(b"x".to_vec())
        });
        assert_eq!(odd, Handover::Undeliverable, "{topic:?}");
    }

    assert_eq!(
        session.outbox.publish(message(b"small".to_vec())),
        Handover::Queued
    );
    assert_eq!(peer.read_kind(PUBLISH).await.publish().2, b"small");
}

/// A node whose broker acknowledges nothing, so that its queue is full and what it said last was dropped.
async fn choked(listener: &TcpListener) -> (TestNode, Peer) {
    let address = listener.local_addr().expect("a port");
    let settings = [("light.default_effect", "solid")];
    let mut node = TestNode::start(NODE, address, &settings);
    // Receive Maximum: 4 messages.
    let mut peer = Peer::greet(listener, &[0x21, 0, 4]).await;
    let subscribe = peer.read_kind(SUBSCRIBE).await;
    peer.grant(&subscribe).await;
    node.shows_anything().await;
    for brightness in 200..240_u8 {
        // Each changes the board and all its parts: 29 states and an answer.
        peer.publish("piglow/pi/light/set", &brightness.to_string())
            .await;
        until("the brightness", &mut node.view.state, |state| {
            state.look.brightness == brightness
        })
        .await;
    }
    peer.publish("piglow/pi/light/set", "off").await;
    until("off", &mut node.view.state, |state| !state.look.on).await;
    (node, peer)
}

/// Acknowledges everything until the last word on each of the node's states is `OFF`, and it is online.
async fn hear_out(peer: &mut Peer) {
    let mut last = std::collections::HashMap::new();
    let complete = |last: &std::collections::HashMap<String, Vec<u8>>| {
        let states = || last.iter().filter(|(topic, _)| topic.ends_with("/state"));
        let is_off = |payload: &[u8]| payload.windows(13).any(|part| part == br#""state":"OFF""#);
        states().count() == 28
            && states().all(|(_, payload)| is_off(payload))
            && last
                .get("piglow/pi/availability")
                .is_some_and(|payload| payload == b"online")
    };
    let all = async {
        while !complete(&last) {
            let packet = peer.read_kind(PUBLISH).await;
            let (topic, identifier, payload) = packet.publish();
            if let Some([high, low]) = identifier {
                peer.write(&[0x40, 2, high, low]).await;
            }
            last.insert(topic, payload);
        }
    };
    within("the last word on everything", all).await;
}

#[tokio::test]
async fn what_a_full_queue_dropped_is_said_when_there_is_room() {
    let listener = listener().await;
    let (_node, mut peer) = choked(&listener).await;
    hear_out(&mut peer).await;
}

#[tokio::test]
async fn a_full_queue_keeps_nobody_from_subscribing_again() {
    let listener = listener().await;
    let (_node, peer) = choked(&listener).await;
    drop(peer);
    let mut peer = Peer::greet(&listener, &[]).await;
    let subscribe = peer.read_kind(SUBSCRIBE).await;
    peer.grant(&subscribe).await;
    hear_out(&mut peer).await;
}

#[tokio::test]
async fn a_broker_of_mqtt_3_1_1_is_told_so() {
    let mut log = Log::start();
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);
    let mut peer = Peer::accept(&listener).await;
    peer.read().await;
    // CONNACK of MQTT 3.1.1: unacceptable protocol version.
    peer.write(&[0x20, 0x02, 0x00, 0x01]).await;
    drop(peer);
    log.says("MQTT 5").await;
    log.says("Mosquitto").await;
}

#[tokio::test]
async fn something_that_is_no_broker_is_told_so() {
    let mut log = Log::start();
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);
    let mut peer = Peer::accept(&listener).await;
    peer.read().await;
    peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    drop(peer);
    log.says("is that a broker").await;
}

#[tokio::test]
async fn two_clients_with_one_id_are_told_so_in_one_line() {
    let mut log = Log::start();
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);
    let mut peer = Peer::greet(&listener, &[]).await;
    // DISCONNECT: session taken over.
    peer.write(&[0xE0, 0x02, 0x8E, 0x00]).await;
    drop(peer);
    Peer::accept(&listener).await;
    log.says("another client has connected with this node's client id")
        .await;
    assert_eq!(log.count("WARN"), 1, "{}", *log.text.borrow());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_nothing_is_given_up_in_words_and_tried_again() {
    let mut log = Log::start();
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);
    let _silent = Peer::accept(&listener).await;
    log.says("did not accept the connection in time").await;
    let _again = Peer::accept(&listener).await;
}

#[tokio::test]
async fn a_link_that_has_gone_silent_is_noticed() {
    let mut log = Log::start();
    let listener = listener().await;
    let session = session(listener.local_addr().expect("a port").port(), &[]);
    let _silent = Peer::greet(&listener, &[]).await;
    let mut link = session.outbox.link();
    until("the link", &mut link, |link| *link == Link::Up(1)).await;
    tokio::time::pause();
    log.says("has not answered for two keep-alives").await;
    until("the loss", &mut link, |link| *link == Link::Down).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_again_without_a_pause_and_the_trouble_is_said_once() {
    let log = Log::start();
    let listener = listener().await;
    let _session = session(listener.local_addr().expect("a port").port(), &[]);
    let mut attempts = 0;
    let closing = async {
        loop {
            drop(listener.accept().await.expect("the listener works"));
            attempts += 1;
        }
    };
    let minute = tokio::time::timeout(Duration::from_secs(60), closing).await;
    assert!(minute.is_err());
    // At most 0.25, 0.5, 1 … 30 s, on average half of it, and ten more when an attempt is not answered.
    assert!(
        (3..40).contains(&attempts),
        "{attempts} attempts in a minute"
    );
    assert!(log.count("WARN") <= 2, "{}", *log.text.borrow());
}

#[tokio::test]
async fn nothing_that_listens_is_said_once() {
    let mut log = Log::start();
    let port = {
        let listener = listener().await;
        listener.local_addr().expect("a port").port()
    };
    let _session = session(port, &[]);
    log.says("nothing listens at").await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(log.count("WARN"), 1, "{}", *log.text.borrow());
}
