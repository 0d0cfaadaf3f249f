//! How the session gets over outages, held against brokers that speak just enough to be believed: what is sent again and what
//! is not, which broker is tried, which files are read.

mod support;

use std::time::Duration;

use piglow_node::config::{Broker, Tls};
use piglow_node::mqtt::{self, Link, Outbox, Session, Settings};
use piglow_node::protocol::{Message, Qos};
use support::peer::{Log, PUBLISH, Packet, Peer, SUBSCRIBE, listener};
use support::{config, until, within};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CONNECT: u8 = 0x10;
const PINGREQ: u8 = 0xC0;
const DISCONNECT: u8 = 0xE0;

/// Session Present, in the first byte of a CONNACK.
const PRESENT: u8 = 1;

/// A session that runs; it ends with the test.
struct Running {
    outbox: Outbox,
    heard: mpsc::Receiver<String>,
    _tasks: JoinSet<()>,
}

fn settings(urls: &str) -> Settings {
    let config = config("pi", urls, &[]);
    Settings {
        brokers: config.mqtt.brokers,
        return_to_first: false,
        homing_interval: Duration::from_millis(50),
        client_id: "pi".to_owned(),
        keep_alive: Duration::from_secs(15),
        session_expiry: Duration::from_secs(300),
        tls: Tls::default(),
        will: Some(Message {
            retain: true,
            ..message("offline")
        }),
        filters: vec!["a/set".to_owned()],
        loose_filters: Vec::new(),
    }
}

fn run(settings: Settings) -> Running {
    let (outbox, session): (Outbox, Session) = mqtt::open(settings).expect("a session");
    let (sender, heard) = mpsc::channel(100);
    let mut tasks = JoinSet::new();
    if let Some(homing) = session.homing() {
        tasks.spawn(homing.run(CancellationToken::new()));
    }
    tasks.spawn(session.run(CancellationToken::new(), move |message| {
        let text = String::from_utf8_lossy(message.payload).into_owned();
        sender.try_send(text).expect("somebody listens");
    }));
    Running {
        outbox,
        heard,
        _tasks: tasks,
    }
}

impl Running {
    async fn up(&self, connection: u64) {
        let mut link = self.outbox.link();
        until("the link", &mut link, |link| *link == Link::Up(connection)).await;
    }

    async fn down(&self) {
        let mut link = self.outbox.link();
        until("the loss", &mut link, |link| *link == Link::Down).await;
    }
}

fn message(payload: &str) -> Message {
    Message {
        topic: "a/result".to_owned(),
        payload: payload.as_bytes().to_vec(),
        qos: Qos::AtLeastOnce,
        retain: false,
        expiry: None,
        correlation: None,
    }
}

fn url(listener: &TcpListener) -> String {
    format!("mqtt://{}", listener.local_addr().expect("a port"))
}

/// What a CONNECT says (MQTT 5, section 3.1).
#[derive(Debug)]
struct Greeting {
    clean_start: bool,
    client_id: String,
    password: Option<String>,
}

impl Greeting {
    fn of(connect: &Packet) -> Self {
        let flags = connect.body[7];
        let properties = usize::from(connect.body[10]);
        let mut rest = Texts(&connect.body[11 + properties..]);
        let client_id = rest.take();
        if flags & 0x04 != 0 {
            // The will has no properties, which makes one byte.
            rest.0 = &rest.0[1..];
            let (_topic, _payload) = (rest.take(), rest.take());
        }
        let user = (flags & 0x80 != 0).then(|| rest.take());
        let password = (flags & 0x40 != 0).then(|| rest.take());
        Self {
            clean_start: flags & 0x02 != 0,
            client_id,
            password: user.and(password),
        }
    }
}

/// Texts with their lengths in front (MQTT 5, section 1.5.4).
struct Texts<'a>(&'a [u8]);

impl Texts<'_> {
    fn take(&mut self) -> String {
        let length = usize::from(u16::from_be_bytes([self.0[0], self.0[1]]));
        let (text, rest) = self.0[2..].split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

/// Accepts a connection and lets the client in, with or without its session.
async fn let_in(listener: &TcpListener, present: u8) -> (Peer, Greeting) {
    let mut peer = Peer::accept(listener).await;
    let connect = peer.read().await;
    assert_eq!(connect.kind(), CONNECT);
    peer.write(&[0x20, 3, present, 0, 0]).await;
    let greeting = Greeting::of(&connect);
    (peer, greeting)
}

async fn acknowledge(peer: &mut Peer, packet: &Packet) {
    let [high, low] = packet.publish().1.expect("QoS 1");
    peer.write(&[0x40, 2, high, low]).await;
}

/// The payload of the next PUBLISH, and whether it is marked as a duplicate.
async fn published(peer: &mut Peer) -> (String, bool) {
    let packet = peer.read_kind(PUBLISH).await;
    let text = String::from_utf8(packet.publish().2).expect("text");
    (text, packet.head & 0x08 != 0)
}

#[tokio::test]
async fn a_process_begins_with_a_session_of_its_own_and_takes_it_up_after_a_cut() {
    let mut log = Log::start();
    let listener = listener().await;
    let mut running = run(settings(&url(&listener)));
    let (peer, first) = let_in(&listener, 0).await;
    assert!(first.clean_start, "{first:?}");
    running.up(1).await;
    drop(peer);
    let (mut peer, second) = let_in(&listener, PRESENT).await;
    assert!(!second.clean_start, "{second:?}");
    running.up(2).await;
    // A command that waited at the broker, with QoS 1.
    peer.write(b"\x32\x0E\x00\x05a/set\x00\x07\x00late").await;
    let heard = within("the command", running.heard.recv()).await;
    assert_eq!(heard.as_deref(), Some("late"));
    assert_eq!(peer.read_kind(0x40).await.body[..2], [0, 7]);
    log.says("session=\"resumed\"").await;
    drop(peer);
    // The broker has forgotten the session: no error, and it is told.
    let (_peer, third) = let_in(&listener, 0).await;
    assert!(!third.clean_start, "{third:?}");
    running.up(3).await;
    log.says("session=\"lost\"").await;
}

#[tokio::test]
async fn without_a_session_every_connection_begins_anew() {
    let listener = listener().await;
    let running = run(Settings {
        session_expiry: Duration::ZERO,
        ..settings(&url(&listener))
    });
    for connection in 1..=2 {
        let (_peer, greeting) = let_in(&listener, 0).await;
        assert!(greeting.clean_start, "{greeting:?}");
        running.up(connection).await;
    }
}

/// What the library would send again is not: neither what was in flight nor what waited for its turn, whether the broker has
/// kept the session or not. An old state would come after the new ones have been told elsewhere, or for nothing.
#[tokio::test]
async fn states_of_a_dead_connection_are_not_sent_after_it() {
    for present in [PRESENT, 0] {
        let listener = listener().await;
        let running = run(settings(&url(&listener)));
        let (mut peer, _) = let_in(&listener, 0).await;
        running.up(1).await;
        // More than may be in flight: some of them wait.
        for number in 0..100 {
            running.outbox.publish(message(&format!("old {number}")));
        }
        assert_eq!(published(&mut peer).await.0, "old 0");
        drop(peer);
        running.down().await;
        let (mut peer, _) = let_in(&listener, present).await;
        running.up(2).await;
        running.outbox.publish(message("new"));
        assert_eq!(published(&mut peer).await, ("new".to_owned(), false));
    }
}

#[tokio::test]
async fn an_answer_that_was_not_acknowledged_is_sent_again_and_one_that_was_is_not() {
    for present in [PRESENT, 0] {
        let listener = listener().await;
        let running = run(settings(&url(&listener)));
        let (mut peer, _) = let_in(&listener, 0).await;
        running.up(1).await;
        for answer in ["taken", "swallowed", "queued"] {
            running.outbox.answer(message(answer));
        }
        let taken = peer.read_kind(PUBLISH).await;
        acknowledge(&mut peer, &taken).await;
        peer.read_kind(PUBLISH).await;
        drop(peer);
        running.down().await;
        running.outbox.answer(message("made while away"));
        let (mut peer, _) = let_in(&listener, present).await;
        running.up(2).await;
        running.outbox.publish(message("a state"));
        let mut heard = Vec::new();
        for _ in 0..4 {
            let packet = peer.read_kind(PUBLISH).await;
            heard.push(String::from_utf8(packet.publish().2).expect("text"));
            acknowledge(&mut peer, &packet).await;
        }
        assert_eq!(heard, ["swallowed", "queued", "made while away", "a state"]);
        assert_eq!(running.outbox.answers_repeated(), 2);
        assert_eq!(running.outbox.dropped(), 0);
    }
}

#[tokio::test]
async fn answers_beyond_the_room_for_them_are_counted_and_the_first_are_kept() {
    let listener = listener().await;
    let running = run(settings(&url(&listener)));
    for number in 0..600 {
        running.outbox.answer(message(&format!("{number}")));
    }
    assert_eq!(running.outbox.dropped(), 88);
    let (mut peer, _) = let_in(&listener, 0).await;
    for number in 0..512 {
        let packet = peer.read_kind(PUBLISH).await;
        assert_eq!(packet.publish().2, number.to_string().into_bytes());
        acknowledge(&mut peer, &packet).await;
    }
    running.outbox.answer(message("the next"));
    assert_eq!(published(&mut peer).await.0, "the next");
    assert_eq!(running.outbox.dropped(), 88);
}

#[tokio::test]
async fn brokers_are_tried_in_order_and_the_one_that_works_is_kept() {
    let mut log = Log::start();
    let (first, second) = (listener().await, listener().await);
    let urls = format!("{},{}", url(&first), url(&second));
    let gone = first.local_addr().expect("a port");
    drop(first);
    let running = run(settings(&urls));
    let (peer, greeting) = let_in(&second, 0).await;
    assert!(greeting.clean_start);
    running.up(1).await;
    assert_eq!(running.outbox.broker(), url(&second));
    log.says(&format!("nothing listens at {gone}")).await;
    let _first = TcpListener::bind(gone).await.expect("the port is free");
    drop(peer);
    let (_peer, again) = let_in(&second, PRESENT).await;
    assert!(
        !again.clean_start,
        "the second is asked first, for its session"
    );
    running.up(2).await;
}

#[tokio::test]
async fn another_broker_gets_no_session_that_it_does_not_know_and_the_answers_that_are_owed() {
    let (first, second) = (listener().await, listener().await);
    let running = run(settings(&format!("{},{}", url(&first), url(&second))));
    let (mut peer, _) = let_in(&first, 0).await;
    running.up(1).await;
    running.outbox.answer(message("owed"));
    assert_eq!(published(&mut peer).await.0, "owed");
    drop((peer, first));
    let (mut peer, greeting) = let_in(&second, 0).await;
    assert!(greeting.clean_start, "{greeting:?}");
    assert_eq!(published(&mut peer).await, ("owed".to_owned(), false));
}

/// Answers whatever a client of the second broker sends until it takes leave; the code of its DISCONNECT.
async fn serve(mut peer: Peer) -> u8 {
    loop {
        let packet = peer.read().await;
        match packet.kind() {
            SUBSCRIBE => {
                let suback = [0x90, 4, packet.body[0], packet.body[1], 0, 1];
                peer.write(&suback).await;
            }
            PUBLISH => acknowledge(&mut peer, &packet).await,
            PINGREQ => peer.write(&[0xD0, 0]).await,
            DISCONNECT => return packet.body.first().copied().unwrap_or_default(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn the_node_returns_to_the_first_broker_when_that_has_let_a_look_in() {
    let (first, second) = (listener().await, listener().await);
    let home = first.local_addr().expect("a port");
    let mut running = run(Settings {
        return_to_first: true,
        ..settings(&format!("{},{}", url(&first), url(&second)))
    });
    // The first accepts and hangs up, which is no broker's way.
    drop(Peer::accept(&first).await);
    let (peer, _) = let_in(&second, 0).await;
    running.up(1).await;
    let served = serve(peer);
    let returned = async {
        // A look that is dropped changes nothing; the next one is let in.
        drop(Peer::accept(&first).await);
        let (look, greeting) = let_in(&first, 0).await;
        assert_eq!(greeting.client_id, "pi-probe");
        assert_eq!(*running.outbox.link().borrow(), Link::Up(1));
        assert_eq!(serve(look).await, 0, "a look ends with a plain good-bye");
        let_in(&first, 0).await
    };
    let (left, (mut peer, greeting)) = tokio::join!(served, returned);
    assert_eq!(left, 4, "disconnect with will: the node is offline there");
    assert_eq!(greeting.client_id, "pi");
    assert!(greeting.clean_start, "{greeting:?}");
    running.up(2).await;
    assert_eq!(running.outbox.broker(), format!("mqtt://{home}"));
    let subscribe = peer.read_kind(SUBSCRIBE).await;
    let [high, low] = [subscribe.body[0], subscribe.body[1]];
    peer.write(&[0x90, 4, high, low, 0, 1]).await;
    peer.write(b"\x30\x0A\x00\x05a/set\x00on").await;
    let heard = within("a command", running.heard.recv()).await;
    assert_eq!(heard.as_deref(), Some("on"));
    running.outbox.answer(message("answered"));
    let answer = peer.read_kind(PUBLISH).await;
    assert_eq!(answer.publish().2, b"answered");
    acknowledge(&mut peer, &answer).await;
    assert!(running.outbox.disconnect());
    let end = peer.read_kind(DISCONNECT).await;
    // Normal, with a session expiry interval of zero.
    assert_eq!(end.body, [0, 5, 0x11, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_port_that_only_accepts_is_no_reason_to_leave_a_broker_that_works() {
    let (first, second) = (listener().await, listener().await);
    let running = run(Settings {
        return_to_first: true,
        ..settings(&format!("{},{}", url(&first), url(&second)))
    });
    drop(Peer::accept(&first).await);
    let (mut peer, _) = let_in(&second, 0).await;
    running.up(1).await;
    for _ in 0..3 {
        // CONNACK: not authorized.
        let mut look = Peer::accept(&first).await;
        assert_eq!(look.read().await.kind(), CONNECT);
        look.write(&[0x20, 3, 0, 0x87, 0]).await;
    }
    running.outbox.publish(message("still here"));
    assert_eq!(published(&mut peer).await.0, "still here");
    assert_eq!(*running.outbox.link().borrow(), Link::Up(1));
}

#[tokio::test]
async fn a_changed_password_is_used_at_the_next_attempt_and_a_missing_file_is_said_once() {
    let mut log = Log::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("password");
    std::fs::write(&path, "HUNTER-1\n").expect("a file");
    let listener = listener().await;
    let config = config(
        "pi",
        &url(&listener),
        &[
            ("mqtt.username", "pi"),
            ("mqtt.password_file", &path.display().to_string()),
        ],
    );
    let running = run(Settings {
        brokers: config.mqtt.brokers,
        ..settings(&url(&listener))
    });
    let (peer, greeting) = let_in(&listener, 0).await;
    assert_eq!(greeting.password.as_deref(), Some("HUNTER-1"));
    running.up(1).await;
    std::fs::remove_file(&path).expect("the file is there");
    drop(peer);
    log.says("`mqtt.password_file` is").await;
    std::fs::write(&path, "HUNTER-2").expect("a file");
    let (_peer, greeting) = let_in(&listener, PRESENT).await;
    assert_eq!(greeting.password.as_deref(), Some("HUNTER-2"));
    assert!(!greeting.clean_start, "{greeting:?}");
    running.up(2).await;
    assert_eq!(log.count("`mqtt.password_file` is"), 1);
    assert_eq!(log.count("HUNTER"), 0, "{}", *log.text.borrow());
}

#[test]
fn a_file_that_is_missing_at_the_start_is_an_error() {
    let nowhere = "/nowhere/ca.pem".to_owned();
    let config = config("pi", "mqtts://localhost", &[("mqtt.ca_file", &nowhere)]);
    let brokers: Vec<Broker> = config.mqtt.brokers;
    let opened = mqtt::open(Settings {
        brokers,
        tls: config.mqtt.tls,
        ..settings("mqtt://localhost")
    });
    let error = opened.err().expect("an error");
    assert_eq!(
        error.to_string(),
        "`mqtt.ca_file` is /nowhere/ca.pem, which can't be read"
    );
}

#[tokio::test(start_paused = true)]
async fn troubles_of_several_brokers_are_said_once_each() {
    let mut log = Log::start();
    let (first, second) = (listener().await, listener().await);
    let urls = format!("{},{}", url(&first), url(&second));
    drop((first, second));
    let _running = run(settings(&urls));
    log.says("nothing listens at").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(log.count("WARN"), 2, "{}", *log.text.borrow());
}
