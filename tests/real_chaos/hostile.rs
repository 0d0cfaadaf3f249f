//! Messages that nobody should send, to every topic that a node listens to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use rumqttc::{AsyncClient, MqttOptions, PublishOptions, PublishProperties, QoS};
use tokio::task::JoinSet;

/// The topics below a node that take commands, and some that look like it.
const LEAVES: [&str; 12] = [
    "light/set",
    "light/ring/red/set",
    "light/led/18/set",
    "light/led/19/set",
    "light/ring/pink/set",
    "light/x/set",
    "identify",
    "frame/watch",
    "siren/set",
    "setting/effect_speed/set",
    "setting/brightness_limit/set",
    "setting/warp/set",
];

/// A message that no node may obey, whatever its topic.
pub fn message(rng: &mut Rng, node: &str) -> (String, Vec<u8>, PublishOptions) {
    let leaf = LEAVES[rng.usize(..LEAVES.len())];
    let topic = format!("piglow/{node}/{leaf}");
    let payload = payload(rng);
    // Now and then as something that the broker keeps, or with properties at their limits.
    let options = match rng.u8(..12) {
        0 => PublishOptions::new(QoS::AtLeastOnce).retain(true),
        1 => PublishOptions::new(QoS::AtLeastOnce).properties(PublishProperties {
            response_topic: Some(match rng.u8(..3) {
                0 => "x".repeat(rng.usize(1..2000)),
                1 => format!("piglow/{node}/light/set"),
                _ => format!("piglow/{node}/reply/{}", rng.u16(..)),
            }),
            correlation_data: Some(bytes(rng, 3000).into()),
            ..PublishProperties::default()
        }),
        2..6 => PublishOptions::new(QoS::AtLeastOnce),
        _ => PublishOptions::new(QoS::AtMostOnce),
    };
    (topic, payload, options)
}

fn payload(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..12) {
        // Never UTF-8, so never a word or a number.
        0 => [&[0xFF], &*bytes(rng, 200)].concat(),
        1 => "[".repeat(rng.usize(1..4096)).into_bytes(),
        2 => format!(
            "{}1{}",
            r#"{"leds":"#.repeat(rng.usize(100..400)),
            "}".repeat(99)
        )
        .into_bytes(),
        3 => br#"{"brightness":1e999}"#.to_vec(),
        4 => br#"{"brightness":NaN,"state":"ON"}"#.to_vec(),
        5 => br#"{"brightness":1,"brightness":2}"#.to_vec(),
        6 => format!(r#"{{"transition":{}}}"#, rng.f64() * 1e9).into_bytes(),
        // Over the limit of a command, and now and then over that of a packet.
        7 => vec![b'7'; [4097, 20_000, 65_000, 90_000][rng.usize(..4)]],
        8 => format!(r#"{{"state":"{}"}}"#, "\u{202e}ОN".repeat(rng.usize(1..50))).into_bytes(),
        9 => br#"{"state":"ON","expires_at":"1970-01-01T00:00:00Z"}"#.to_vec(),
        10 => format!(r#"{{"colour":"red","n{}":-0}}"#, rng.u32(..)).into_bytes(),
        _ => br#"{"effect":"breathe","params":{"breaths_per_minute":-1}}"#.to_vec(),
    }
}

fn bytes(rng: &mut Rng, max: usize) -> Vec<u8> {
    let length = rng.usize(..max);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// Sends such messages until it is dropped.
pub struct Villain {
    sent: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Villain {
    /// Sends to all these nodes in turn, in bursts of up to `burst`, and so many a second on average.
    pub fn start(broker: SocketAddr, mut rng: Rng, nodes: Vec<String>, per_sec: u32) -> Self {
        let options = MqttOptions::new("chaos-villain", (broker.ip().to_string(), broker.port()));
        let (requests, mut events) = AsyncClient::builder(options).capacity(1024).build();
        let sent = Arc::<AtomicU64>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                // While the broker is away, its messages wait.
                if events.poll().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        let count = Arc::clone(&sent);
        tasks.spawn(async move {
            let mut pause = tokio::time::interval(Duration::from_millis(100));
            loop {
                pause.tick().await;
                for _ in 0..rng.u32(..=per_sec / 5) {
                    let node = nodes[rng.usize(..nodes.len())].clone();
                    let (topic, payload, options) = message(&mut rng, &node);
                    if requests.publish(topic, payload, options).await.is_err() {
                        return;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            sent,
            _tasks: tasks,
        }
    }

    /// Messages handed over.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}
