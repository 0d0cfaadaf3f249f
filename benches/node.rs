//! A whole node beside a private Mosquitto: latency side by side with the broker's own, and the footprint at rest.
//!
//! `cargo bench --bench node`, or with `-- latency`, `-- bus` or `-- process` a part of it; needs `mosquitto` (Debian: apt-get install mosquitto). Figures go to standard output, and
//! a figure that misses its goal ends the run with an error, so that it can serve as a guard.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use piglow_node::config::{self, Config, Override, Sources};
use piglow_node::node::Node;
use piglow_node::panel::{Receipt, SimBus};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, PublishOptions, QoS,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Pairs of measurements, command and round trip in turn.
const ROUNDS: usize = 1000;

/// The stall of a missing TCP_NODELAY is 40 ms and more.
const STALL: Duration = Duration::from_millis(40);

/// How long a node is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// How long a node may take to settle after its start, and after a flood.
const SETTLE: Duration = Duration::from_secs(3);

/// How long the bus is kept busy.
const BUSY: Duration = Duration::from_secs(5);

/// How long the flood lasts, and how many commands a second it has.
const FLOOD: Duration = Duration::from_secs(10);
const FLOOD_PER_SEC: f64 = 10_000.0;

/// Where the build without demo goes: the features differ from this benchmark's own.
const LEAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lean");

fn main() -> ExitCode {
    let broker = Mosquitto::start();
    let mut missed = Vec::new();
    if is_wanted("latency") {
        missed.extend(latency(&broker));
    }
    if is_wanted("bus") {
        missed.extend(bus_use(&broker, 100_000));
        missed.extend(bus_use(&broker, 400_000));
    }
    if is_wanted("process") {
        LeanNode::build();
        missed.extend(rest(&broker));
        missed.extend(moving(&broker));
        missed.extend(flood(&broker));
    }
    for goal in &missed {
        println!("MISSED: {goal}");
    }
    if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a part is to be measured: all are, unless some are named.
fn is_wanted(part: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|word| word != "--bench");
    let first = named.next();
    first.is_none() || first.as_deref() == Some(part) || named.any(|word| word == part)
}

/// A broker of this benchmark's own, on a free port, killed at the end.
struct Mosquitto {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("mosquitto.conf");
        let text =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n");
        fs::write(&file, text).expect("the broker's configuration");
        let program = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find_map(|program| {
                Command::new(program)
                    .arg("-c")
                    .arg(&file)
                    .stderr(Stdio::null())
                    .spawn()
                    .ok()
            });
        let process = program.expect("mosquitto is needed: apt-get install mosquitto");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A client that is set up as the node's own, so that the figures compare.
fn open(id: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(id, ("127.0.0.1", port));
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_network_options(network)
        .set_outgoing_inflight_upper_limit(64);
    AsyncClient::builder(options).capacity(64).build()
}

/// An MQTT client on a thread of its own: what it publishes comes in by a channel, what it hears goes out by one.
struct Client {
    client: AsyncClient,
    heard: mpsc::Receiver<Instant>,
}

impl Client {
    fn start(port: u16, id: &str, filter: Option<String>) -> Self {
        let (client, mut events) = open(id, port);
        let (tell, heard) = mpsc::sync_channel(64);
        let subscriber = client.clone();
        thread::spawn(move || {
            runtime().block_on(async {
                loop {
                    let Ok(event) = events.poll().await else {
                        return;
                    };
                    match (event, &filter) {
                        (Event::Incoming(Packet::ConnAck(_)), Some(filter)) => {
                            drop(subscriber.try_subscribe(filter, QoS::AtMostOnce));
                        }
                        (
                            Event::Incoming(
                                Packet::ConnAck(_) | Packet::Publish(_) | Packet::SubAck(_),
                            ),
                            _,
                        ) => match tell.try_send(Instant::now()) {
                            // Its owner is done.
                            Err(TrySendError::Disconnected(_)) => return,
                            sent => sent.expect("room for what is heard"),
                        },
                        _ => {}
                    }
                }
            });
        });
        let client = Self { client, heard };
        // Connected, and subscribed where there is something to hear.
        client.wait();
        client
    }

    fn publish(&self, topic: &str, payload: String, qos: QoS) {
        let options = PublishOptions::new(qos);
        self.client
            .try_publish(topic, payload, options)
            .expect("the queue has room");
    }

    /// Publishes at QoS 0; false when the queue is full.
    fn try_publish(&self, topic: &str, payload: &str) -> bool {
        let options = PublishOptions::new(QoS::AtMostOnce);
        self.client
            .try_publish(topic, payload.to_owned(), options)
            .is_ok()
    }

    fn wait(&self) -> Instant {
        self.heard
            .recv_timeout(Duration::from_secs(10))
            .expect("an answer within 10 s")
    }
}

/// The least that answers a message by the same library: what it hears on `ask` it says on `answer`, for ever.
fn parrot(port: u16) {
    let (client, mut events) = open("bench-parrot", port);
    let (tell, subscribed) = mpsc::sync_channel(1);
    thread::spawn(move || {
        runtime().block_on(async {
            while let Ok(event) = events.poll().await {
                match event {
                    Event::Incoming(Packet::ConnAck(_)) => {
                        drop(client.try_subscribe("ask", QoS::AtLeastOnce));
                    }
                    Event::Incoming(Packet::SubAck(_)) => drop(tell.try_send(())),
                    Event::Incoming(Packet::Publish(heard)) => {
                        let options = PublishOptions::new(heard.qos);
                        drop(client.try_publish("answer", heard.payload, options));
                    }
                    Event::Incoming(_) | Event::Outgoing(_) | Event::Auth(_) => {}
                }
            }
        });
    });
    subscribed
        .recv_timeout(Duration::from_secs(10))
        .expect("a subscription within 10 s");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn configure(broker: &Mosquitto) -> Config {
    configure_with(broker, &[])
}

fn configure_with(broker: &Mosquitto, own: &[(&'static str, &str)]) -> Config {
    let own = own.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let set = [
        ("mqtt.url", broker.url()),
        ("node.id", "bench".to_owned()),
        ("panel.backend", "simulated".to_owned()),
        ("telemetry.interval_secs", "1".to_owned()),
    ];
    let set = set.into_iter().chain(own);
    let overrides = set.map(|(key, value)| Override {
        key: key.to_owned(),
        value,
        flag: "bench".to_owned(),
    });
    config::load(&Sources {
        overrides: overrides.collect(),
        effects: &["cpu_load"],
        ..Sources::default()
    })
    .expect("a valid configuration")
    .config
}

/// Starts a node as a process has it, on a thread of its own and with another one for the panel; gives its latched frames.
fn start_node(
    config: Config,
    bus: SimBus,
    stop: CancellationToken,
) -> (watch::Receiver<Option<Receipt>>, thread::JoinHandle<()>) {
    let (tell, hear) = mpsc::sync_channel(1);
    let node = thread::spawn(move || {
        let panel = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread");
        runtime().block_on(async {
            let node = Node::start_on(panel.handle(), &config, bus).expect("a node");
            tell.send(node.view()).expect("somebody who looks");
            node.run(stop).await.expect("a clean end");
        });
    });
    let mut view = hear.recv().expect("the node's view");
    runtime().block_on(async {
        let up = view
            .link
            .wait_for(|link| *link != piglow_node::mqtt::Link::Down);
        up.await.expect("a connection");
    });
    (view.receipts, node)
}

/// Command → latched and command → result, in turn with the broker's own round trip.
fn latency(broker: &Mosquitto) -> Vec<String> {
    let stop = CancellationToken::new();
    let (mut receipts, node) = start_node(configure(broker), SimBus::new(), stop.clone());
    let publisher = Client::start(broker.port, "bench-publisher", None);
    let results = Client::start(
        broker.port,
        "bench-results",
        Some("piglow/bench/light/result".to_owned()),
    );
    let echo = Client::start(broker.port, "bench-echo", Some("echo".to_owned()));
    let answer = Client::start(broker.port, "bench-answer", Some("answer".to_owned()));
    parrot(broker.port);
    let waiting = runtime();
    let mut missed = Vec::new();
    println!("latency over {ROUNDS} rounds, in turn, one Mosquitto on this machine (ms)");
    println!(
        "{:34} {:>8} {:>8} {:>8} {:>8}",
        "", "p50", "p90", "p99", "max"
    );
    for (name, qos) in [("QoS 0", QoS::AtMostOnce), ("QoS 1", QoS::AtLeastOnce)] {
        let [mut latched, mut answered, mut echoed, mut returned] = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            // Another colour than before, so that each command needs a frame.
            let colour = ["blue", "green"][round % 2];
            let command = format!(r#"{{"color":"{colour}","brightness":128}}"#);
            let sent = Instant::now();
            publisher.publish("piglow/bench/light/set", command.clone(), qos);
            answered.push(results.wait() - sent);
            let seen = waiting.block_on(async {
                let latched =
                    receipts.wait_for(|receipt| receipt.is_some_and(|receipt| receipt.at >= sent));
                latched.await.expect("a receipt").map(|receipt| receipt.at)
            });
            latched.push(seen.expect("a latched frame") - sent);
            let sent = Instant::now();
            publisher.publish("echo", command.clone(), qos);
            echoed.push(echo.wait() - sent);
            let sent = Instant::now();
            publisher.publish("ask", command, qos);
            returned.push(answer.wait() - sent);
        }
        let echo = Spread::print(&format!("{name}: broker's round trip"), echoed);
        let latch = Spread::print(&format!("{name}: command → latched"), latched);
        let answer = Spread::print(&format!("{name}: command → result"), answered);
        Spread::print(&format!("{name}: command → echo by rumqttc"), returned);
        for (at, own, broker, limit) in [
            ("p50", latch.p50, echo.p50, 2.0),
            ("p99", latch.p99, echo.p99, 2.5),
        ] {
            let ratio = own.as_secs_f64() / broker.as_secs_f64();
            println!("{name}: latched / round trip at {at}: {ratio:.2} (goal: at most {limit})");
            if ratio > limit {
                missed.push(format!(
                    "{name}: {at} is {ratio:.2} times the broker's round trip"
                ));
            }
        }
        if latch.max.max(answer.max) > STALL {
            missed.push(format!("{name}: a sample above 40 ms"));
        }
    }
    stop.cancel();
    node.join().expect("the node's thread");
    missed
}

/// Frames a second that a bus of this clock carries when as many are asked for as it takes.
fn bus_use(broker: &Mosquitto, hz: u32) -> Vec<String> {
    // A picture that differs from one frame to the next, as far as frames this close can.
    const MOVING: &str = r#"{"effect":"wave","params":{"waves_per_minute":120}}"#;
    let asked = [
        ("light.frames_per_second", "2000"),
        ("light.brightness_limit", "255"),
    ];
    let (config, stop) = (configure_with(broker, &asked), CancellationToken::new());
    // Kept busy for exactly as long as a transfer lasts: the system's sleep is too coarse for what is measured.
    let bus = SimBus::new().with_bus_hz(Some(hz)).with_sleep(|time| {
        let end = Instant::now() + time;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
    });
    let (_, node) = start_node(config, bus.clone(), stop.clone());
    let publisher = Client::start(broker.port, "bench-publisher", None);
    publisher.publish(
        "piglow/bench/light/set",
        MOVING.to_owned(),
        QoS::AtLeastOnce,
    );
    thread::sleep(Duration::from_secs(1));
    let (before, began) = (bus.transfers(), Instant::now());
    thread::sleep(BUSY);
    let rate = (bus.transfers() - before) as f64 / began.elapsed().as_secs_f64();
    stop.cancel();
    node.join().expect("the node's thread");
    // The address and 24 bytes of nine bits each, start and stop.
    let limit = f64::from(hz) / f64::from(25 * 9 + 2);
    let share = rate / limit * 100.0;
    println!(
        "{} kHz: {rate:.0} of {limit:.0} frames a second, {share:.1} % (goal: at least 95)",
        hz / 1000
    );
    if share < 95.0 {
        vec![format!("{share:.1} % of a bus of {} kHz", hz / 1000)]
    } else {
        Vec::new()
    }
}

struct Spread {
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Spread {
    fn print(name: &str, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{name:34} {:8.3} {:8.3} {:8.3} {:8.3}",
            millis(at(0.5)),
            millis(at(0.9)),
            millis(at(0.99)),
            millis(at(1.0))
        );
        Self {
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// The build without demo as a process of its own; killed at the end.
struct LeanNode(Child);

impl LeanNode {
    fn build() {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--profile",
                "dist",
                "--no-default-features",
                "--locked",
                "--target-dir",
                LEAN,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "the lean build failed"
        );
    }

    fn start(broker: &Mosquitto, effect: &str) -> Self {
        let process = Command::new(format!("{LEAN}/dist/piglow-node"))
            .args([
                "--url",
                &broker.url(),
                "--id",
                "lean",
                "--panel",
                "simulated",
                "--log",
                "error",
            ])
            .args([
                "--set",
                "telemetry.interval_secs=1",
                "--set",
                "light.state_file=",
            ])
            .args(["--set", "light.frames_per_second=60", "--set"])
            .arg(format!("light.default_effect={effect}"))
            .spawn()
            .expect("the node's process");
        thread::sleep(SETTLE);
        Self(process)
    }

    fn read(&self) -> Process {
        Process::read(self.0.id())
    }
}

impl Drop for LeanNode {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Still LEDs, telemetry each second.
fn rest(broker: &Mosquitto) -> Vec<String> {
    let node = LeanNode::start(broker, "solid");
    let before = node.read();
    thread::sleep(WATCHED);
    let after = node.read();
    let wake_ups = (after.wake_ups - before.wake_ups) as f64 / WATCHED.as_secs_f64();
    let resident = after.resident_mib();
    println!("at rest, build without demo, telemetry each second, over {WATCHED:?}:");
    println!("  wake-ups a second: {wake_ups:.2} (goal: at most 3)");
    println!("  threads: {} (goal: 2)", after.threads);
    println!("  resident memory: {resident:.2} MiB (goal: below 6)");
    println!("  CPU: {:.2} % of a core", after.cpu_percent(&before));
    let mut missed = Vec::new();
    if wake_ups > 3.0 {
        missed.push(format!("{wake_ups:.2} wake-ups a second"));
    }
    if after.threads > 2 {
        missed.push(format!("{} threads", after.threads));
    }
    if resident >= 6.0 {
        missed.push(format!("{resident:.2} MiB resident"));
    }
    missed
}

/// A moving effect at 60 frames a second.
fn moving(broker: &Mosquitto) -> Vec<String> {
    let node = LeanNode::start(broker, "rainbow");
    let before = node.read();
    thread::sleep(WATCHED);
    let cpu = node.read().cpu_percent(&before);
    println!("a moving effect at 60 frames a second: {cpu:.2} % of a core (goal: below 1)");
    if cpu < 1.0 {
        Vec::new()
    } else {
        vec![format!("{cpu:.2} % of a core for 60 frames a second")]
    }
}

/// Ten thousand commands a second for some seconds: telemetry keeps its rhythm, memory stays.
fn flood(broker: &Mosquitto) -> Vec<String> {
    let node = LeanNode::start(broker, "solid");
    let samples = Client::start(
        broker.port,
        "bench-samples",
        Some("piglow/lean/telemetry".to_owned()),
    );
    let publisher = Client::start(broker.port, "bench-flood", None);
    let before = node.read();
    let began = Instant::now();
    let mut sent = 0_u64;
    while began.elapsed() < FLOOD {
        // In small bursts, as fast as the publisher's own queue takes them.
        let due = (began.elapsed().as_secs_f64() * FLOOD_PER_SEC) as u64;
        while sent < due
            && publisher.try_publish(
                "piglow/lean/light/set",
                &format!(r#"{{"brightness":{}}}"#, 1 + sent % 255),
            )
        {
            sent += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let seconds = began.elapsed().as_secs_f64();
    thread::sleep(SETTLE);
    let after = node.read();
    let arrived = samples.heard.try_iter().count();
    let grown = after.resident_mib() - before.resident_mib();
    println!(
        "a flood of {:.0} commands a second over {seconds:.1} s:",
        sent as f64 / seconds
    );
    println!("  telemetry messages meanwhile and in the {SETTLE:?} after: {arrived}");
    println!(
        "  resident memory: {:.2} MiB, {grown:+.2} MiB",
        after.resident_mib()
    );
    println!("  CPU: {:.0} % of a core", after.cpu_percent(&before));
    let mut missed = Vec::new();
    if (arrived as f64) < seconds.floor() {
        missed.push(format!("{arrived} samples in {seconds:.1} s of flood"));
    }
    if grown > 1.0 {
        missed.push(format!("{grown:.2} MiB more after the flood"));
    }
    missed
}

/// What the kernel says of a process.
struct Process {
    at: Instant,
    wake_ups: u64,
    threads: usize,
    resident_kib: u64,
    cpu_ticks: u64,
}

impl Process {
    fn resident_mib(&self) -> f64 {
        self.resident_kib as f64 / 1024.0
    }

    /// The processor time since an earlier reading, in clock ticks of 10 ms.
    fn cpu_percent(&self, earlier: &Self) -> f64 {
        let ticks = (self.cpu_ticks - earlier.cpu_ticks) as f64;
        ticks / (self.at - earlier.at).as_secs_f64()
    }

    fn read(id: u32) -> Self {
        let field = |text: &str, name: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            value
                .and_then(|value| value.parse().ok())
                .unwrap_or_default()
        };
        let tasks: Vec<String> = fs::read_dir(format!("/proc/{id}/task"))
            .expect("a process that runs")
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
            .collect();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process that runs");
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("a process that runs");
        let times = stat.rsplit(')').next().unwrap_or_default();
        let times: Vec<u64> = times
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        Self {
            at: Instant::now(),
            // A thread that blocked and was woken: each is one wake-up.
            wake_ups: tasks
                .iter()
                .map(|task| field(task, "voluntary_ctxt_switches:"))
                .sum(),
            threads: tasks.len(),
            resident_kib: field(&status, "VmRSS:"),
            // utime and stime, the 14th and 15th field of proc_pid_stat(5); the state before them is no number.
            cpu_ticks: times.get(10).copied().unwrap_or_default()
                + times.get(11).copied().unwrap_or_default(),
        }
    }
}
