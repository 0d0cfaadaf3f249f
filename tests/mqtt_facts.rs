//! What the session relies on in its MQTT library, held against a broker that speaks just enough to be believed.

mod support;

use std::time::Duration;

use piglow_node::mqtt::{self, Handover, Link, Outbox, Settings};
use piglow_node::protocol::{Message, Qos};
use support::peer::{Log, PUBLISH, Peer, SUBSCRIBE, listener};
use support::{NODE, TestNode, config, until, within};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The shortest that can be configured.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A session that runs; it ends with the test.
struct Running {
    outbox: Outbox,
    _task: JoinSet<()>,
}

fn session(port: u16, filters: &[&str]) -> Running {
    let config = config(NODE, &format!("mqtt://127.0.0.1:{port}"), &[]);
    let (outbox, session) = mqtt::open(Settings {
        brokers: config.mqtt.brokers,
        return_to_first: false,
        homing_interval: mqtt::HOMING_INTERVAL,
        client_id: config.mqtt.client_id,
        keep_alive: KEEP_ALIVE,
        session_expiry: config.mqtt.session_expiry,
        tls: config.mqtt.tls,
        will: None,
        filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
        loose_filters: Vec::new(),
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
    let session_expiry = [0x11, 0x00, 0x00, 0x01, 0x2C];
    assert!(
        properties.windows(5).any(|part| part == session_expiry),
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

#[cfg(feature = "fleet")]
#[tokio::test]
async fn topics_that_are_asked_for_are_answered_to_who_asked_and_may_be_refused_without_a_word() {
    let mut log = Log::start();
    let listener = listener().await;
    let port = listener.local_addr().expect("a port").port();
    let session = session(port, &["a/set", "b/+/set"]);
    let mut peer = Peer::greet(&listener, &[]).await;
    let own = peer.read_kind(SUBSCRIBE).await;
    until("the link", &mut session.outbox.link(), |link| {
        *link == mqtt::Link::Up(1)
    })
    .await;
    let topics = ["x/info".to_owned(), "y/info".to_owned()];
    let question = session.outbox.ask(topics.to_vec()).expect("a link");
    let asked = peer.read_kind(SUBSCRIBE).await;
    assert_eq!(asked.filters(), topics);
    // Not authorized: the second of each. They need not be answered in order.
    peer.answer(&asked, &[0, 0x87]).await;
    assert_eq!(question.answer().await, Some(vec!["x/info".to_owned()]));
    assert_eq!(log.count("refuses a subscription"), 0);
    peer.answer(&own, &[1, 0x87]).await;
    log.says("b/+/set: not authorized").await;
    session.outbox.dismiss(&topics[..1]).expect("a link");
    let dismissed = peer.read_kind(support::peer::UNSUBSCRIBE).await;
    assert_eq!(dismissed.filters(), topics[..1]);
    peer.answer(&dismissed, &[0]).await;
    // A connection that ends answers nobody.
    let question = session.outbox.ask(topics.to_vec()).expect("a link");
    peer.read_kind(SUBSCRIBE).await;
    drop(peer);
    assert_eq!(within("no answer", question.answer()).await, None);
    assert_eq!(log.count("refuses a subscription"), 1);
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
        let states = || {
            last.iter()
                .filter(|(topic, _)| topic.contains("/light/") && topic.ends_with("/state"))
        };
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
    log.says("takes the connection and says nothing in MQTT")
        .await;
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
