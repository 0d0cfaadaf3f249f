//! Senders and brokers that mean no good: whatever arrives, the node says what is wrong, or nothing, and obeys the next.
#![cfg(feature = "demo")]

mod support;

use std::net::SocketAddr;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::mqtt::Link;
use piglow_node::protocol::PAYLOAD_MAX;
use serde_json::Value;
use support::{BRIGHT, Client, LIMIT, NODE, TestNode, all_at, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SET: &str = "piglow/pi/light/set";
const RESULT: &str = "piglow/pi/light/result";

/// The longest answer to a bad command, in bytes.
const ANSWER_MAX: usize = 1536;

/// Still, so that what is latched is what was commanded.
const STILL: [(&str, &str); 2] = [("light.default_effect", "solid"), ("node.groups", "attic")];

async fn scene() -> (EmbeddedBroker, TestNode, Client) {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts");
    let mut client = Client::connect(broker.address(), &["piglow/pi/availability", RESULT]).await;
    let mut node = TestNode::start(NODE, broker.address(), &STILL);
    client.online(NODE).await;
    node.shows_anything().await;
    (broker, node, client)
}

/// Sends a message and takes the answer, which has to be a rejection that repeats little of it.
async fn refused(client: &mut Client, topic: &str, payload: &[u8]) -> Value {
    client.publish(topic, payload, false).await;
    let heard = client.next(RESULT).await;
    let sent = payload.escape_ascii();
    assert!(heard.payload.len() <= ANSWER_MAX, "{topic} {sent}");
    let answer = heard.json();
    assert_eq!(answer["status"], "rejected", "{topic} {sent}: {answer}");
    let expected = answer["expected"].as_str().unwrap_or_default();
    assert!(!expected.is_empty(), "{topic} {sent}: {answer}");
    answer
}

async fn obeys(node: &TestNode, client: &mut Client) {
    client.forget();
    assert_eq!(
        client.ask(NODE, "off", r#"{"state":"OFF"}"#).await["status"],
        "shown"
    );
    assert_eq!(client.ask(NODE, "bright", BRIGHT).await["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
    assert_eq!(*node.view.link.borrow(), Link::Up(1), "the session held");
}

#[tokio::test]
async fn any_bytes_on_any_topic_that_is_heard_are_answered_and_change_nothing() {
    let (_broker, node, mut client) = scene().await;
    let before = node.bus.shown();
    let deep = "[".repeat(PAYLOAD_MAX);
    let full = vec![0xFF; PAYLOAD_MAX];
    let payloads: [(&[u8], &str); 9] = [
        (b"\0", "malformed"),
        (b"\xff\xfe\0\0", "malformed"),
        (b"\xef\xbb\xbf{\"state\":\"ON\"}", "malformed"),
        (b"NaN", "malformed"),
        (b"-1", "out_of_range"),
        (b"18446744073709551616", "out_of_range"),
        (b"[[1]]", "malformed"),
        (deep.as_bytes(), "malformed"),
        (&full, "malformed"),
    ];
    let topics = [
        SET,
        "piglow/pi/light/ring/red/set",
        "piglow/pi/light/led/18/set",
        "piglow/pi/identify",
        "piglow/pi/frame/watch",
        "piglow/all/light/set",
        "piglow/all/identify",
        "piglow/group/attic/light/set",
        "piglow/group/attic/identify",
    ];
    for topic in topics {
        for (payload, reason) in payloads {
            let answer = refused(&mut client, topic, payload).await;
            assert_eq!(
                answer["reason"],
                reason,
                "{topic} {}: {answer}",
                payload.escape_ascii()
            );
            assert_eq!(
                node.bus.shown(),
                before,
                "{topic} {}",
                payload.escape_ascii()
            );
        }
    }
    obeys(&node, &mut client).await;
}

#[tokio::test]
async fn any_size_that_a_packet_may_have_is_answered() {
    let (_broker, node, mut client) = scene().await;
    // Within the largest packet that the node lets its broker send, 64 KiB.
    for size in [PAYLOAD_MAX + 1, 16 * 1024, 65_000] {
        for topic in [SET, "piglow/pi/identify", "piglow/pi/frame/watch"] {
            let answer = refused(&mut client, topic, &vec![b'7'; size]).await;
            assert_eq!(answer["reason"], "too_large", "{topic}: {answer}");
            assert_eq!(answer["value"], size, "{topic}: {answer}");
        }
    }
    let mut padded = br#"{"state":"ON"}"#.to_vec();
    padded.resize(PAYLOAD_MAX, b' ');
    client.publish(SET, padded, false).await;
    assert_eq!(client.next(RESULT).await.json()["status"], "shown");
    obeys(&node, &mut client).await;
}

#[tokio::test]
async fn any_topic_below_the_nodes_own_is_answered_or_ignored() {
    let (_broker, node, mut client) = scene().await;
    let long = "x".repeat(2000);
    for (segment, value) in [
        ("ring/pink", "ring/pink"),
        ("led/01", "led/01"),
        ("led/0", "led/0"),
        ("led/19", "led/19"),
        ("led/\u{661}", "led/\u{661}"),
        ("RING/RED", "RING/RED"),
        ("ring/r\u{435}d", "ring/r\u{435}d"),
        ("/", "/"),
        (" ", " "),
        ("set", "set"),
        ("$SYS/x", "$SYS/x"),
        (&long, ""),
    ] {
        let answer = refused(
            &mut client,
            &format!("piglow/pi/light/{segment}/set"),
            b"on",
        )
        .await;
        assert_eq!(answer["reason"], "unknown_segment", "{answer}");
        if !value.is_empty() {
            assert_eq!(answer["value"], value, "{answer}");
        }
    }
    // What a node itself says is nobody's command, and others' topics are not heard.
    for topic in [
        "piglow/pi/light/state",
        "piglow/pi/light/set/",
        "piglow/pi/light/ring/red/x/set",
        "piglow/pi/frame/watch/now",
        "piglow/pi",
        "piglow/all/frame/watch",
        "piglow/group/cellar/light/set",
        "piglow/pi2/light/set",
        "piglow/PI/light/set",
        "piglow//light/set",
    ] {
        client.publish(topic, "OFF", false).await;
    }
    client.publish(SET, r#"{"id":"after"}"#, false).await;
    let answer = client.next(RESULT).await.json();
    assert_eq!(
        answer["id"], "after",
        "nothing before it was answered: {answer}"
    );
    obeys(&node, &mut client).await;
}

#[tokio::test]
async fn each_message_of_a_hostile_flood_is_answered_once() {
    /// Fewer than the answers that a node has room for.
    const WAVE: usize = 300;
    const WAVES: usize = 3;
    let (_broker, node, mut client) = scene().await;
    let payloads = [
        vec![0xFF; 1000],
        vec![b'['; PAYLOAD_MAX],
        format!("{{\"{}\":1}}", "x".repeat(4000)).into_bytes(),
        vec![b' '; 20_000],
    ];
    for _ in 0..WAVES {
        for payload in payloads.iter().cycle().take(WAVE) {
            client.publish(SET, payload.clone(), false).await;
        }
        for _ in 0..WAVE {
            let answer = client.next(RESULT).await.json();
            assert_eq!(answer["status"], "rejected", "{answer}");
        }
    }
    let end = client.ask(NODE, "end", r#"{"state":"ON"}"#).await;
    assert_eq!(end["status"], "shown");
    assert!(client.heard_on(RESULT).is_empty(), "answered twice");
    obeys(&node, &mut client).await;
}

/// A broker that says what it likes: it lets the client in and then speaks for itself.
struct Impostor(TcpListener);

impl Impostor {
    async fn start() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.expect("a port"))
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// Accepts a connection, and hears the client out up to its subscriptions.
    async fn greet(&self) -> TcpStream {
        let (mut stream, _) = within("a connection", self.0.accept())
            .await
            .expect("the listener works");
        read_kind(&mut stream, 0x10).await;
        // No session, success, no properties (MQTT 5, section 3.2).
        stream
            .write_all(&[0x20, 3, 0, 0, 0])
            .await
            .expect("the client listens");
        read_kind(&mut stream, 0x80).await;
        stream
    }
}

/// Reads up to the first packet of a kind.
async fn read_kind(stream: &mut TcpStream, kind: u8) {
    let found = async {
        loop {
            let head = stream.read_u8().await.expect("the client speaks");
            let mut length = 0;
            for shift in [0, 7, 14, 21] {
                let byte = stream.read_u8().await.expect("the client speaks");
                length |= usize::from(byte & 0x7F) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream
                .read_exact(&mut body)
                .await
                .expect("the client speaks");
            if head & 0xF0 == kind {
                return;
            }
        }
    };
    within("a packet", found).await;
}

/// A packet with this first byte and body.
fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![head];
    let mut length = body.len();
    loop {
        let digit = (length % 128) as u8;
        length /= 128;
        packet.push(digit | if length > 0 { 0x80 } else { 0 });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// A message of QoS 0 on a topic of any bytes.
fn publish(topic: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = u16::try_from(topic.len())
        .expect("a short topic")
        .to_be_bytes()
        .to_vec();
    body.extend(topic);
    body.push(0);
    body.extend(payload);
    packet(0x30, &body)
}

#[tokio::test]
async fn a_broker_that_breaks_the_protocol_is_left_and_met_again() {
    let breaches: [(&str, Vec<u8>); 9] = [
        (
            "a packet beyond the announced limit",
            publish(SET.as_bytes(), &vec![b'x'; 70_000]),
        ),
        (
            "a length without an end",
            vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ),
        ("a length of 256 MiB", vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
        ("a packet of no kind", vec![0x00, 0x00]),
        (
            "a topic longer than its packet",
            packet(0x30, &[0xFF, 0xFF, b'x']),
        ),
        (
            "a property of no kind",
            packet(0x30, &[0, 1, b'x', 2, 0x7E, 0]),
        ),
        (
            "a topic that is no text",
            publish(b"piglow/pi/light/\xff/set", b"off"),
        ),
        ("a topic with a NUL", publish(b"piglow/pi/\0/set", b"off")),
        (
            "a topic with a wildcard",
            publish(b"piglow/+/light/set", b"off"),
        ),
    ];
    for (breach, bytes) in breaches {
        let impostor = Impostor::start().await;
        let mut node = TestNode::start(NODE, impostor.address(), &STILL);
        let mut stream = impostor.greet().await;
        // The client may hang up before it has read everything.
        stream.write_all(&bytes).await.unwrap_or_default();
        let mut stream = within(breach, impostor.greet()).await;
        obeys_an_impostor(&mut node, &mut stream).await;
    }
}

#[tokio::test]
async fn topics_that_nobody_asked_for_are_ignored() {
    let impostor = Impostor::start().await;
    let mut node = TestNode::start(NODE, impostor.address(), &STILL);
    let mut stream = impostor.greet().await;
    let long = "x/".repeat(15_000);
    for topic in [
        "$SYS/broker/load",
        "piglow",
        "piglow/",
        "/",
        " ",
        "\u{202e}",
        &long,
    ] {
        let bytes = publish(topic.as_bytes(), b"off");
        stream.write_all(&bytes).await.expect("the client listens");
    }
    obeys_an_impostor(&mut node, &mut stream).await;
    assert_eq!(*node.view.link.borrow(), Link::Up(1), "the session held");
}

/// Commands the node over the raw connection, which has to be there still.
async fn obeys_an_impostor(node: &mut TestNode, stream: &mut TcpStream) {
    node.shows_anything().await;
    let bytes = publish(SET.as_bytes(), BRIGHT.as_bytes());
    stream.write_all(&bytes).await.expect("the client listens");
    node.shows("the command", |board| board.frame == all_at(LIMIT))
        .await;
}
