//! The dashboard's service under 10,000 nodes, beside a bare subscriber of the same messages in the same run.
//!
//! `cargo bench --bench fleet`; needs `mosquitto` (Debian: apt-get install mosquitto) and takes about five minutes. All processes
//! are this benchmark's own, on free ports of 127.0.0.1. Figures go to standard output, and a figure that misses its goal ends the
//! run with an error, so that it can serve as a guard.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use piglow_node::fleet::registry::{Registry, Rules};
use piglow_node::protocol::{self, Leaf, Qos, Topics};
use piglow_node::telemetry::{CpuLoad, Run, Sample, Stamp, Usage};
use piglow_node::units::{NodeId, Percent};
use rumqttc::{
    AsyncClient, Event, IncomingPacketSizeLimit, MqttOptions, Packet, PublishOptions, QoS,
    SubscribeFilterInput,
};

/// The fleet: one sample of each in 5 s are 2,000 messages a second.
const NODES: usize = 10_000;

/// The burst: as many samples a second more, in the name of so many nodes, on one connection.
const BURST_PER_SEC: f64 = 8_000.0;
const BURST_NODES: u64 = 400;

/// How long each figure is taken.
const WINDOW: Duration = Duration::from_secs(45);

/// How long the burst is watched; it lasts five seconds longer.
const BURST: Duration = Duration::from_secs(15);

/// Nothing here takes as long on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The goal: no more CPU for a message than this many times what a bare subscriber spends.
const RATIO: f64 = 2.0;

/// The goal: bytes of a node with 24 hours of history.
const NODE_BYTES: f64 = 8.0 * 1024.0;

/// The goal: what an hour's traffic may add to memory.
const GROWTH: f64 = 0.01;

/// Clock ticks a second in `/proc/PID/stat`: the kernel's interface, whatever its own clock does (proc(5), sysconf(3)).
const TICKS: f64 = 100.0;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let part = arguments.next();
    let mut port = || {
        arguments
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    };
    match part.as_deref() {
        Some("bare") => {
            bare(port());
            return ExitCode::SUCCESS;
        }
        Some("burst") => {
            burst(port());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut missed = memory();
    missed.extend(traffic());
    for goal in &missed {
        println!("MISSED: {goal}");
    }
    if missed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the registry needs of memory, by simulated time: a day thinly, its last hour in full, then another hour.
fn memory() -> Vec<String> {
    const SAMPLED: usize = 2_000;
    const HOUR: i64 = 3_600_000;
    /// 2026-02-01.
    const START: i64 = 1_769_904_000_000;
    let topics = Topics::new("piglow".parse().expect("a root"));
    let before = resident("self");
    let mut registry = Registry::new(Rules {
        topics: topics.clone(),
        nodes_max: SAMPLED,
        is_shared: false,
        hot_celsius: 80.0,
        cool_celsius: 75.0,
        own_commands: "bench".to_owned(),
    });
    let ids: Vec<NodeId> = (0..SAMPLED)
        .map(|number| format!("sim-{number:05}").parse().expect("an id"))
        .collect();
    let info = protocol::Info {
        version: "0.1.0",
        model: Some("Raspberry Pi 4 Model B Rev 1.5".to_owned()),
        telemetry_interval_secs: 5,
        ..protocol::Info::default()
    };
    registry.set_link(START, Some(1), "127.0.0.1:1883");
    for id in &ids {
        for message in [
            protocol::info(&topics, id, &info),
            protocol::health(&topics, id, &protocol::Health::default()),
            protocol::availability(&topics, id, true),
        ] {
            registry.take(START, &message.topic, &message.payload, true);
        }
    }
    let mut sequence = 0;
    let mut feed = |registry: &mut Registry, from: i64, to: i64, step: i64| {
        let mut now = from;
        while now < to {
            for (number, id) in ids.iter().enumerate() {
                let sample = sample(now, sequence, number);
                let message = protocol::telemetry(&topics, id, &sample, Qos::AtMostOnce);
                registry.take(now, &message.topic, &message.payload, false);
            }
            sequence += 1;
            // As the service does, which tells its readers.
            drop(registry.flush(now, "0.0"));
            now += step;
        }
    };
    feed(&mut registry, START, START + 23 * HOUR, 300_000);
    feed(&mut registry, START + 23 * HOUR, START + 24 * HOUR, 5_000);
    let full = resident("self") - before;
    let taking = Instant::now();
    feed(&mut registry, START + 24 * HOUR, START + 25 * HOUR, 5_000);
    let taken = taking.elapsed();
    let grown = resident("self") - before;
    assert_eq!(
        registry.tally().missed_samples,
        0,
        "the benchmark counts on"
    );

    let each = full / SAMPLED as f64;
    let growth = grown / full - 1.0;
    println!(
        "memory: {each:.0} bytes a node with 24 hours of history; after another hour of 5 s samples {:+.2} % ({:.1} µs a sample with \
         its making)",
        growth * 100.0,
        taken.as_secs_f64() * 1e6 / (SAMPLED * 720) as f64
    );
    let mut missed = Vec::new();
    if each > NODE_BYTES {
        missed.push(format!(
            "{each:.0} bytes a node; the goal is {NODE_BYTES:.0}"
        ));
    }
    if growth > GROWTH {
        missed.push(format!("memory grew by {:.2} % in an hour", growth * 100.0));
    }
    missed
}

fn sample(unix_ms: i64, sequence: u64, number: usize) -> Sample {
    let wave = (sequence as usize * 7 + number * 13) % 100;
    let percent = |value: usize| Percent::saturating(value as f32).unwrap_or_default();
    Sample {
        stamp: Stamp {
            run: Run(1),
            sequence,
            unix_ms,
            since_boot: None,
        },
        cpu: Some(CpuLoad {
            total: percent(wave),
            cores: vec![percent(wave); 4],
        }),
        memory: Some(Usage {
            used: percent(40),
            total_bytes: 4 << 30,
        }),
        temperature_celsius: Some(40.0 + wave as f32 / 5.0),
        ..Sample::default()
    }
}

/// The whole service under load, beside the bare subscriber.
fn traffic() -> Vec<String> {
    let broker = Broker::start();
    let port = free_port();
    let listen = format!("fleet.listen=127.0.0.1:{port}");
    let service = Process::node(
        &broker,
        &[
            "--set",
            &listen,
            "--set",
            "fleet.nodes_max=20000",
            "--set",
            "fleet.history_file=",
            "fleet",
        ],
    );
    let mut bare = Bare::start(&broker);
    wait("the service", || {
        metric(port, "piglow_fleet_broker_connected") == Some(1.0)
    });
    let fleet = Process::node(
        &broker,
        &["simulate", "--nodes", &NODES.to_string(), "--rate", "250"],
    );
    let online = |nodes: usize| {
        let wanted = r#"piglow_fleet_nodes{state="online"}"#;
        move || metric(port, wanted) == Some(nodes as f64)
    };
    wait("every node to be live", online(NODES));

    let mut missed = Vec::new();
    let look = |bare: &mut Bare| Look::take(port, &service, bare);
    let steady = Window::over(WINDOW, || look(&mut bare));
    steady.print("10,000 nodes, nobody looks");
    let stream = follow(port);
    let followed = Window::over(WINDOW, || look(&mut bare));
    followed.print("10,000 nodes, one page open");
    if steady.ratio() > RATIO {
        missed.push(format!(
            "{:.2} times the CPU of a bare subscriber",
            steady.ratio()
        ));
    }
    println!(
        "resident: {:.0} MiB",
        resident(&service.id()) / f64::from(1 << 20)
    );

    let burst = Command::new(env::current_exe().expect("a path"))
        .args(["burst", &broker.port.to_string()])
        .spawn();
    let mut burst = burst.expect("the publisher starts");
    // It begins when it is connected.
    thread::sleep(Duration::from_secs(2));
    let flood = Window::over(BURST, || look(&mut bare));
    flood.print("10,000 nodes and a burst, one page open");
    drop(stream);
    assert!(
        burst.wait().is_ok_and(|status| status.success()),
        "the publisher was held up"
    );
    // The nodes say good-bye; what was on its way has been taken when both have as much.
    drop(fleet);
    let settled = Instant::now();
    let (mut ours, mut theirs) = (0, 0);
    while settled.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(500));
        let now = look(&mut bare);
        if now.samples == now.bare_samples && (now.samples, now.bare_samples) == (ours, theirs) {
            break;
        }
        (ours, theirs) = (now.samples, now.bare_samples);
    }
    let lost = metric(port, "piglow_fleet_samples_missed_total").expect("the metric");
    println!(
        "samples: {ours} by the service, {theirs} by the bare subscriber, {lost} missing in the nodes' own counts"
    );
    if ours != theirs || lost > 0.0 {
        missed.push(format!("{lost} samples are missing; the goal is none"));
    }
    missed
}

/// What has been counted at an instant.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    cpu_secs: f64,
    messages: f64,
    samples: u64,
    bare_cpu_secs: f64,
    bare_messages: f64,
    bare_samples: u64,
}

impl Look {
    fn take(port: u16, service: &Process, bare: &mut Bare) -> Self {
        let (bare_messages, bare_samples) = bare.counts();
        let metrics = get(port, "/metrics");
        let value =
            |name| value_of(&metrics, name).unwrap_or_else(|| panic!("{name} is no metric"));
        Self {
            at: Instant::now(),
            cpu_secs: cpu_secs(&service.id()),
            messages: value("piglow_fleet_messages_received_total"),
            samples: value("piglow_fleet_samples_total") as u64,
            bare_cpu_secs: cpu_secs(&bare.process.id().to_string()),
            bare_messages: bare_messages as f64,
            bare_samples,
        }
    }
}

/// Two looks and what lies between them.
struct Window(Look, Look);

impl Window {
    fn over(length: Duration, mut look: impl FnMut() -> Look) -> Self {
        let first = look();
        thread::sleep(length);
        Self(first, look())
    }

    /// CPU for a message, in microseconds: the service's and the bare subscriber's.
    fn micros(&self) -> (f64, f64) {
        let Self(a, b) = self;
        let each = |cpu: f64, messages: f64| cpu * 1e6 / messages.max(1.0);
        (
            each(b.cpu_secs - a.cpu_secs, b.messages - a.messages),
            each(
                b.bare_cpu_secs - a.bare_cpu_secs,
                b.bare_messages - a.bare_messages,
            ),
        )
    }

    fn ratio(&self) -> f64 {
        let (ours, theirs) = self.micros();
        ours / theirs
    }

    fn print(&self, what: &str) {
        let Self(a, b) = self;
        let secs = (b.at - a.at).as_secs_f64();
        let (ours, theirs) = self.micros();
        println!(
            "{what}: {:.0} messages/s; CPU for a message {ours:.1} µs, bare {theirs:.1} µs, ratio {:.2}",
            (b.messages - a.messages) / secs,
            self.ratio()
        );
    }
}

/// A broker that lets a new subscriber have everything it keeps of 10,000 nodes at once.
struct Broker {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Broker {
    fn start() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("mosquitto.conf");
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n"
        );
        fs::write(&file, text).expect("the broker's configuration");
        let start = |program: &str| {
            let command = format!(
                "ulimit -n $(ulimit -Hn); exec {program} -c {}",
                file.display()
            );
            Command::new("sh")
                .args(["-c", &command])
                .stderr(Stdio::null())
                .spawn()
        };
        let process = start("$(PATH=$PATH:/usr/sbin command -v mosquitto)")
            .expect("mosquitto is needed: apt-get install mosquitto");
        wait("mosquitto (apt-get install mosquitto)", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self {
            process,
            port,
            _folder: folder,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The program at work; asked to stop when it is dropped, and waited for.
struct Process(Child);

impl Process {
    fn node(broker: &Broker, arguments: &[&str]) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_piglow-node"))
            .args([
                "--url",
                &format!("mqtt://127.0.0.1:{}", broker.port),
                "--log",
                "warn",
            ])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        Self(process.expect("the program starts"))
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(
            Command::new("kill")
                .args(["-s", "TERM", &self.id()])
                .status(),
        );
        drop(self.0.wait());
    }
}

/// The bare subscriber, a process like the service.
struct Bare {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bare {
    fn start(broker: &Broker) -> Self {
        let mut process = Command::new(env::current_exe().expect("a path"))
            .args(["bare", &broker.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bare subscriber starts");
        let mut bare = Self {
            ask: process.stdin.take().expect("a pipe"),
            answers: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
        };
        assert_eq!(bare.line(), "subscribed");
        bare
    }

    /// All messages, and the samples among them.
    fn counts(&mut self) -> (u64, u64) {
        writeln!(self.ask).expect("it runs");
        let line = self.line();
        let (messages, samples) = line.split_once(' ').expect("two numbers");
        let number = |text: &str| text.parse().expect("a number");
        (number(messages), number(samples))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it runs");
        line.trim().to_owned()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A runtime of one thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Subscribes to what the service does and counts; says the counts whenever it is asked.
fn bare(port: u16) {
    runtime().block_on(async {
        let topics = Topics::new("piglow".parse().expect("a root"));
        let mut options = MqttOptions::new("bare", ("127.0.0.1", port));
        options.set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(64 * 1024));
        let (client, mut events) = AsyncClient::builder(options).capacity(64).build();
        let filters = topics.fleet(None);
        let (surely, loosely) = (filters.surely.iter(), filters.at_most_once.iter());
        let filters: Vec<SubscribeFilterInput> = surely
            .map(|filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce))
            .chain(loosely.map(|filter| SubscribeFilterInput::new(filter, QoS::AtMostOnce)))
            .collect();
        client
            .try_subscribe_many(filters)
            .expect("room for one request");
        let telemetry = format!("/{}", Leaf::Telemetry);
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let seen = Arc::clone(&counts);
        thread::spawn(move || {
            for _ in std::io::stdin().lines() {
                let [messages, samples] =
                    [0, 1].map(|index: usize| seen[index].load(Ordering::Relaxed));
                println!("{messages} {samples}");
            }
        });
        loop {
            match events.poll().await.expect("the broker stays") {
                Event::Incoming(Packet::SubAck(_)) => println!("subscribed"),
                Event::Incoming(Packet::Publish(publish)) => {
                    counts[0].fetch_add(1, Ordering::Relaxed);
                    let is_sample = publish.topic.ends_with(telemetry.as_bytes());
                    counts[1].fetch_add(u64::from(is_sample), Ordering::Relaxed);
                }
                Event::Incoming(_) | Event::Outgoing(_) | Event::Auth(_) => {}
            }
        }
    });
}

/// Publishes samples in the name of many nodes, as fast as the burst is to be.
fn burst(port: u16) {
    runtime().block_on(async {
        let topics = Topics::new("piglow".parse().expect("a root"));
        let options = MqttOptions::new("burst", ("127.0.0.1", port));
        let (client, mut events) = AsyncClient::builder(options).capacity(4096).build();
        let polls = async { while events.poll().await.is_ok() {} };
        let publishes = async {
            let begun = Instant::now();
            let mut count = 0_u64;
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while begun.elapsed() < BURST + Duration::from_secs(5) {
                tick.tick().await;
                let due = (begun.elapsed().as_secs_f64() * BURST_PER_SEC) as u64;
                while count < due {
                    let (number, sequence) = (count % BURST_NODES, count / BURST_NODES);
                    let id: NodeId = format!("burst-{number:03}").parse().expect("an id");
                    let sample = sample(1_769_904_000_000, sequence, count as usize);
                    let message = protocol::telemetry(&topics, &id, &sample, Qos::AtMostOnce);
                    let options = PublishOptions::at_most_once();
                    let sent = client
                        .publish(message.topic, message.payload, options)
                        .await;
                    sent.expect("the connection stays");
                    count += 1;
                }
            }
            client.disconnect().await.expect("the connection stays");
        };
        tokio::join!(polls, publishes);
    });
}

/// Follows the service's events as a page does, until it is dropped.
fn follow(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the service listens");
    let request = format!(
        "GET /api/v1/events?stream=benchmark HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the service reads");
    let mut reader = stream.try_clone().expect("a second handle");
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    stream
}

fn metric(port: u16, name: &str) -> Option<f64> {
    TcpStream::connect(("127.0.0.1", port)).ok()?;
    value_of(&get(port, "/metrics"), name)
}

fn value_of(metrics: &str, name: &str) -> Option<f64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(value)
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the service listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the service reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the service answers");
    answer
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        // Not oftener: 10,000 nodes make a long answer.
        thread::sleep(Duration::from_secs(1));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

/// What a process has of memory at this moment, in bytes.
fn resident(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .expect("a number");
    kib * 1024.0
}

/// What a process has used of the CPU, in seconds (proc(5): utime and stime).
fn cpu_secs(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = |index: usize| fields.split_whitespace().nth(index)?.parse::<f64>().ok();
    (ticks(11).expect("utime") + ticks(12).expect("stime")) / TICKS
}
