//! A broker that speaks just enough MQTT 5 to be believed, byte by byte, and the log of what runs beside it.

use std::io::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::subscriber::DefaultGuard;

use super::{PATIENCE, within};

pub const CONNECT: u8 = 0x10;
pub const PUBLISH: u8 = 0x30;
pub const SUBSCRIBE: u8 = 0x80;
pub const UNSUBSCRIBE: u8 = 0xA0;

/// A connection as the broker sees it.
pub struct Peer(TcpStream);

/// A packet: its first byte and what follows the length.
pub struct Packet {
    pub head: u8,
    pub body: Vec<u8>,
}

impl Packet {
    pub fn kind(&self) -> u8 {
        self.head & 0xF0
    }

    /// The filters of a SUBSCRIBE or an UNSUBSCRIBE.
    pub fn filters(&self) -> Vec<String> {
        // After the identifier come the properties, of less than 128 bytes; with each filter of a subscription its options.
        let options = usize::from(self.kind() == SUBSCRIBE);
        let mut rest = &self.body[3 + usize::from(self.body[2])..];
        let mut filters = Vec::new();
        while let [high, low, after @ ..] = rest {
            let (filter, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            filters.push(String::from_utf8(filter.to_vec()).expect("UTF-8"));
            rest = &after[options..];
        }
        filters
    }

    /// The topic of a PUBLISH, its packet identifier if it has one, and its payload.
    pub fn publish(&self) -> (String, Option<[u8; 2]>, Vec<u8>) {
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
    pub async fn accept(listener: &TcpListener) -> Self {
        let accepted = within("a connection", listener.accept()).await;
        let (stream, _) = accepted.expect("the listener works");
        stream.set_nodelay(true).expect("the socket works");
        Self(stream)
    }

    /// Accepts a connection and lets the client in, with these properties.
    pub async fn greet(listener: &TcpListener, properties: &[u8]) -> Self {
        let mut peer = Self::accept(listener).await;
        assert_eq!(peer.read().await.kind(), CONNECT);
        let mut connack = vec![0x20, 3 + properties.len() as u8, 0, 0];
        connack.push(properties.len() as u8);
        connack.extend(properties);
        peer.write(&connack).await;
        peer
    }

    pub async fn read(&mut self) -> Packet {
        within("a packet", self.try_read())
            .await
            .expect("the client has closed the connection")
    }

    pub async fn try_read(&mut self) -> std::io::Result<Packet> {
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
    pub async fn read_kind(&mut self, kind: u8) -> Packet {
        loop {
            let packet = self.read().await;
            if packet.kind() == kind {
                return packet;
            }
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the client listens");
    }

    /// Grants every filter of a subscription.
    pub async fn grant(&mut self, subscribe: &Packet) {
        let codes = vec![1; subscribe.filters().len()];
        self.answer(subscribe, &codes).await;
    }

    /// Answers a SUBSCRIBE or an UNSUBSCRIBE with a code for each filter.
    pub async fn answer(&mut self, request: &Packet, codes: &[u8]) {
        let mut answer = vec![request.kind() + 0x10, 3 + codes.len() as u8];
        answer.extend(&request.body[..2]);
        answer.push(0);
        answer.extend(codes);
        self.write(&answer).await;
    }

    /// Sends a message of QoS 0.
    pub async fn publish(&mut self, topic: &str, payload: &str) {
        self.send(PUBLISH, topic, payload).await;
    }

    /// Sends a message of QoS 0 that the broker had kept.
    pub async fn tell(&mut self, topic: &str, payload: &str) {
        self.send(PUBLISH | 1, topic, payload).await;
    }

    async fn send(&mut self, head: u8, topic: &str, payload: &str) {
        let length = 2 + topic.len() + 1 + payload.len();
        assert!(length < 128);
        let mut packet = vec![head, length as u8, 0, topic.len() as u8];
        packet.extend(topic.as_bytes());
        packet.push(0);
        packet.extend(payload.as_bytes());
        self.write(&packet).await;
    }
}

pub async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a port")
}

/// The log of what runs in this thread.
pub struct Log {
    pub text: watch::Receiver<String>,
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
    pub fn start() -> Self {
        // Without one for all threads, a line that another test's thread reaches first may be taken for one of no interest.
        drop(tracing::subscriber::set_global_default(
            tracing_subscriber::fmt()
                .with_writer(std::io::sink)
                .finish(),
        ));
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

    pub async fn says(&mut self, words: &str) {
        let waited =
            tokio::time::timeout(PATIENCE, self.text.wait_for(|text| text.contains(words)));
        let is_said = waited.await.is_ok();
        assert!(is_said, "{words:?} is not said: {}", *self.text.borrow());
    }

    pub fn count(&self, words: &str) -> usize {
        self.text.borrow().matches(words).count()
    }
}
