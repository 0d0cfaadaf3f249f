//! What the tests of whole nodes share: a node with a simulated panel, and a small client that remembers what it heard.
//!
//! Nothing here sleeps: a test waits for a message or for a watch, and [`within`] ends a test that hangs.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file compiles this module for itself and uses a part of it"
)]

pub mod authority;
pub mod browser;
#[cfg(feature = "fleet")]
pub mod dashboard;
pub mod gate;
pub mod guarded;
pub mod guest;
pub mod http;
pub mod i2c;
pub mod ledger;
pub mod mosquitto;
pub mod node_red;
pub mod page;
pub mod peer;
pub mod program;
pub mod proxy;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use piglow_node::clock::Wall;
use piglow_node::config::{self, Config, Override, Sources};
use piglow_node::light::Frame;
use piglow_node::light::effect::EFFECTS;
use piglow_node::node::{Node, View};
use piglow_node::panel::{Latched, SimBus};
use piglow_node::supervisor::Fault;
use piglow_node::telemetry::Sample;
use piglow_node::warden::Warden;
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, IncomingPacketSizeLimit, MqttOptions, PublishOptions,
    PublishProperties, QoS, SubscribeFilterInput,
};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine; a test that gets here has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than the longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(31);

/// Lets the node's pause before its next attempt to connect be over.
pub async fn hurry() {
    tokio::time::pause();
    tokio::time::advance(LONGEST_PAUSE).await;
    tokio::time::resume();
}

/// The node of a test that has only one.
pub const NODE: &str = "pi";

/// The brightest an LED gets by default.
pub const LIMIT: u8 = 48;

/// A command for the whole board, all of it as bright as it gets, in one step.
pub const BRIGHT: &str = r#"{"id":"bright","leds":[255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255]}"#;

/// Waits, and fails with what was waited for when it does not come.
pub async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wanted).await {
        Ok(found) => found,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// Waits until a watched value is as wanted.
pub async fn until<T: Clone>(
    what: &str,
    watch: &mut watch::Receiver<T>,
    wanted: impl FnMut(&T) -> bool,
) -> T {
    within(what, watch.wait_for(wanted))
        .await
        .expect("the watched task has ended")
        .clone()
}

/// A frame with every LED at this PWM value.
pub const fn all_at(level: u8) -> Frame {
    Frame([level; 18])
}

/// A frame in which one ring, 0 to 5 from the outside in, is as bright as it gets by default, and nothing else is lit.
pub fn only(ring: usize) -> Frame {
    Frame(std::array::from_fn(
        |led| {
            if led % 6 == ring { LIMIT } else { 0 }
        },
    ))
}

/// Whether any LED of a ring is lit.
pub fn is_lit(frame: &Frame, ring: usize) -> bool {
    frame.0.iter().skip(ring).step_by(6).any(|level| *level > 0)
}

/// A port that nobody uses, below those the system gives to outgoing connections: it can be taken again after a while.
pub fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..30_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// The configuration of a node with a simulated panel.
pub fn config(id: &str, url: &str, settings: &[(&str, &str)]) -> Config {
    let effects: Vec<&str> = EFFECTS.iter().map(|effect| effect.name).collect();
    let own = [
        ("node.id", id),
        ("mqtt.url", url),
        ("panel.backend", "simulated"),
        ("telemetry.interval_secs", "1"),
    ];
    let overrides = own.iter().chain(settings).map(|(key, value)| Override {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        flag: "the test".to_owned(),
    });
    let sources = Sources {
        overrides: overrides.collect(),
        host_name: "test-host",
        effects: &effects,
        ..Sources::default()
    };
    match config::load(&sources) {
        Ok(loaded) => loaded.config,
        Err(problems) => panic!("{:?}", problems.lines().collect::<Vec<_>>()),
    }
}

/// A node that runs inside the test.
pub struct TestNode {
    pub id: String,
    pub bus: SimBus,
    pub view: View,
    stop: CancellationToken,
    task: JoinSet<Result<(), Fault>>,
}

impl TestNode {
    /// Starts a node; nothing is waited for.
    pub fn start(id: &str, broker: SocketAddr, settings: &[(&str, &str)]) -> Self {
        Self::start_on(id, broker, settings, SimBus::new())
    }

    /// Starts a node on a bus that the test has prepared.
    pub fn start_on(id: &str, broker: SocketAddr, settings: &[(&str, &str)], bus: SimBus) -> Self {
        let config = config(id, &format!("mqtt://{broker}"), settings);
        let node = Node::start(&config, bus.clone()).expect("the node starts");
        Self::run(id, bus, node)
    }

    /// Starts a node beside a wall clock of the test's.
    pub fn start_beside(
        id: &str,
        broker: SocketAddr,
        settings: &[(&str, &str)],
        wall: &'static dyn Wall,
    ) -> Self {
        let config = config(id, &format!("mqtt://{broker}"), settings);
        let bus = SimBus::new();
        let node = Node::start_beside(&config, bus.clone(), wall).expect("the node starts");
        Self::run(id, bus, node)
    }

    /// Starts a node as the program does: with a warden, on whose thread the panel's writer is.
    pub fn start_watched(
        id: &str,
        broker: SocketAddr,
        settings: &[(&str, &str)],
        warden: &mut Warden,
    ) -> Self {
        let config = config(id, &format!("mqtt://{broker}"), settings);
        let bus = SimBus::new();
        let node = Node::start_on(warden.thread(), &config, bus.clone()).expect("the node starts");
        let stand_in = warden.look_after(node.view()).expect("signals");
        Self::run_beside(id, bus, node, stand_in)
    }

    fn run(id: &str, bus: SimBus, node: Node) -> Self {
        Self::run_beside(id, bus, node, std::future::pending())
    }

    fn run_beside(
        id: &str,
        bus: SimBus,
        node: Node,
        stand_in: impl Future<Output = Infallible> + Send + 'static,
    ) -> Self {
        let view = node.view();
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let ended = node.run(stop.clone());
        task.spawn(async {
            tokio::select! {
                biased;
                ended = ended => ended,
                never = stand_in => match never {},
            }
        });
        Self {
            id: id.to_owned(),
            bus,
            view,
            stop,
            task,
        }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<(), Fault> {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> Result<(), Fault> {
        within("the node's end", self.task.join_next())
            .await
            .expect("the node runs")
            .expect("the node does not panic")
    }

    /// Takes it out of the world, as a power cut does: nothing is said to the broker.
    pub async fn vanish(mut self) {
        self.task.abort_all();
        within("the node's end", self.task.join_next()).await;
    }

    /// Waits until the board shows what is wanted.
    pub async fn shows(&self, what: &str, wanted: impl FnMut(&Latched) -> bool) -> Latched {
        until(what, &mut self.bus.subscribe(), wanted).await
    }

    /// Waits until this many more frames have been latched.
    pub async fn latches(&self, count: u64) {
        let mut board = self.bus.subscribe();
        let before = board.borrow().latches;
        until("more frames", &mut board, |board| {
            board.latches >= before + count
        })
        .await;
    }

    /// The newest sample's number.
    pub fn newest(&self) -> Option<u64> {
        let sample = self.view.measured.sample.borrow();
        sample.as_ref().map(|sample| sample.stamp.sequence)
    }

    /// Lets time fly until this many more samples have been taken; the newest one's number.
    pub async fn take(&mut self, count: u64) -> u64 {
        let wanted = self.newest().map_or(count - 1, |newest| newest + count);
        let has_taken = |sample: &Option<Sample>| {
            sample
                .as_ref()
                .is_some_and(|sample| sample.stamp.sequence >= wanted)
        };
        tokio::time::pause();
        // Not within: it is the test's own clock that flies.
        let taken = self.view.measured.sample.wait_for(has_taken).await;
        drop(taken.expect("the sampler runs"));
        tokio::time::resume();
        self.newest().expect("a sample")
    }

    /// Waits until the panel has been found and shows the first frame.
    pub async fn shows_anything(&mut self) {
        until("the first frame", &mut self.view.receipts, Option::is_some).await;
    }
}

/// A message as a subscriber gets it.
#[derive(Debug, Clone)]
pub struct Heard {
    pub topic: String,
    pub payload: Vec<u8>,
    pub retained: bool,
    pub correlation: Option<Vec<u8>>,
}

impl Heard {
    /// The payload as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }

    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// A client that remembers what it heard until somebody asks for it.
pub struct Client {
    requests: AsyncClient,
    events: mpsc::Receiver<Incoming>,
    inbox: VecDeque<Heard>,
    _task: JoinSet<()>,
}

impl Client {
    /// Connects, and subscribes to these filters.
    pub async fn connect(broker: SocketAddr, filters: &[&str]) -> Self {
        let id = format!("test-{:016x}", fastrand::u64(..));
        let mut options = MqttOptions::new(id, (broker.ip().to_string(), broker.port()));
        options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(256 * 1024));
        let (requests, events) = AsyncClient::builder(options).capacity(4096).build();
        let (sender, receiver) = mpsc::channel(16_384);
        let mut task = JoinSet::new();
        task.spawn(poll(events, sender));
        let mut client = Self {
            requests,
            events: receiver,
            inbox: VecDeque::new(),
            _task: task,
        };
        client
            .packet("CONNACK", |packet| matches!(packet, Incoming::ConnAck(_)))
            .await;
        client.subscribe(filters).await;
        client
    }

    /// Subscribes to more.
    pub async fn subscribe(&mut self, filters: &[&str]) {
        if filters.is_empty() {
            return;
        }
        let filters: Vec<SubscribeFilterInput> = filters
            .iter()
            .map(|filter| SubscribeFilterInput::new(*filter, QoS::AtLeastOnce))
            .collect();
        self.requests
            .subscribe_many(filters)
            .await
            .expect("the client runs");
        self.packet("SUBACK", |packet| matches!(packet, Incoming::SubAck(_)))
            .await;
    }

    /// Hands a message over.
    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>, retain: bool) {
        let options = PublishOptions::at_least_once().retain(retain);
        self.requests
            .publish(topic, payload.into(), options)
            .await
            .expect("the client runs");
    }

    /// Sends a command to a node's whole board, as a sender without MQTT 5 does: no properties.
    pub async fn command(&self, node: &str, payload: impl Into<Vec<u8>>) {
        self.publish(&format!("piglow/{node}/light/set"), payload, false)
            .await;
    }

    /// Sends a command with an MQTT 5 response topic and correlation data.
    pub async fn request(&self, node: &str, payload: &str, response_topic: &str, data: &[u8]) {
        let options = PublishOptions::at_least_once().properties(PublishProperties {
            response_topic: Some(response_topic.to_owned()),
            correlation_data: Some(data.to_vec().into()),
            ..PublishProperties::default()
        });
        self.requests
            .publish(
                format!("piglow/{node}/light/set"),
                payload.to_owned(),
                options,
            )
            .await
            .expect("the client runs");
    }

    /// Takes the first message that is wanted, of those heard before and those to come.
    pub async fn hear(&mut self, what: &str, mut wanted: impl FnMut(&Heard) -> bool) -> Heard {
        if let Some(index) = self.inbox.iter().position(&mut wanted) {
            return self.inbox.remove(index).expect("it is there");
        }
        let found = async {
            loop {
                let packet = self.events.recv().await.expect("the client runs");
                let Some(heard) = heard(&packet) else {
                    continue;
                };
                if wanted(&heard) {
                    return heard;
                }
                self.inbox.push_back(heard);
            }
        };
        within(what, found).await
    }

    /// Takes the next message on a topic.
    pub async fn next(&mut self, topic: &str) -> Heard {
        self.hear(topic, |heard| heard.topic == topic).await
    }

    /// Takes the result with this `id`.
    pub async fn result(&mut self, node: &str, id: &str) -> Value {
        let topic = format!("piglow/{node}/light/result");
        self.hear(&format!("the result of {id}"), |heard| {
            heard.topic == topic && heard.json()["id"] == id
        })
        .await
        .json()
    }

    /// Sends a command with an `id` and takes its result.
    pub async fn ask(&mut self, node: &str, id: &str, command: &str) -> Value {
        let mut document: Value = serde_json::from_str(command).expect("a JSON object");
        document["id"] = id.into();
        self.command(node, document.to_string()).await;
        self.result(node, id).await
    }

    /// Waits until the node has said `online`: subscriptions and everything retained come before.
    pub async fn online(&mut self, node: &str) {
        let topic = format!("piglow/{node}/availability");
        self.hear(&format!("{node} online"), |heard| {
            heard.topic == topic && heard.payload == b"online"
        })
        .await;
    }

    /// Forgets what was heard, up to this moment.
    pub fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
        self.inbox.clear();
    }

    /// What has been heard on a topic and not been taken.
    pub fn heard_on(&mut self, topic: &str) -> Vec<Heard> {
        while let Ok(packet) = self.events.try_recv() {
            self.inbox.extend(heard(&packet));
        }
        self.inbox
            .iter()
            .filter(|heard| heard.topic == topic)
            .cloned()
            .collect()
    }

    /// Everything that has been heard and not been taken when the broker is gone.
    pub async fn heard_to_the_end(&mut self) -> Vec<Heard> {
        let rest = async {
            while let Some(packet) = self.events.recv().await {
                self.inbox.extend(heard(&packet));
            }
        };
        within("the connection's end", rest).await;
        self.inbox.drain(..).collect()
    }

    async fn packet(&mut self, what: &str, wanted: impl Fn(&Incoming) -> bool) {
        let found = async {
            loop {
                let packet = self.events.recv().await.expect("the client runs");
                if wanted(&packet) {
                    return;
                }
                self.inbox.extend(heard(&packet));
            }
        };
        within(what, found).await;
    }
}

/// What the broker keeps on a topic.
pub async fn retained(broker: SocketAddr, topic: &str) -> Heard {
    let mut client = Client::connect(broker, &[topic]).await;
    client
        .hear(&format!("retained {topic}"), |heard| {
            heard.topic == topic && heard.retained
        })
        .await
}

fn heard(packet: &Incoming) -> Option<Heard> {
    let Incoming::Publish(publish) = packet else {
        return None;
    };
    let properties = publish.properties.as_ref();
    Some(Heard {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.to_vec(),
        retained: publish.retain,
        correlation: properties.and_then(|p| p.correlation_data.as_ref().map(|data| data.to_vec())),
    })
}

/// Polls until the client is dropped or its broker goes away; it does not come back.
async fn poll(mut events: EventLoop, sender: mpsc::Sender<Incoming>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(packet)) => {
                if sender.send(packet).await.is_err() {
                    return;
                }
            }
            Ok(Event::Outgoing(_) | Event::Auth(_)) => {}
            // Whoever waits for it hears that it is gone.
            Err(_) => return,
        }
    }
}
