//! A node that is watched: asked for its health, fed to a service manager's watchdog, ended when it does not end.

#![cfg(feature = "demo")]

mod support;

use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::light::Frame;
use piglow_node::pulse::Sabotage;
use piglow_node::supervisor::Fault;
use piglow_node::warden::{Address, AskError, Duties, Report, Service, Signals, Warden, ask};
use support::program::{Program, output};
use support::{Client, NODE, TestNode, free_port, until, within};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A port where nobody listens: what is tested here needs no broker.
fn nobody() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// An address of the test's own.
fn address() -> Address {
    format!("@piglow-test/{:016x}", fastrand::u64(..))
        .parse()
        .expect("an address")
}

/// A node with a still picture, and a warden that answers there.
async fn watched(duties: Duties) -> (TestNode, Warden) {
    let still = [
        ("light.default_effect", "solid"),
        ("panel.refresh_secs", "1"),
    ];
    let mut warden = Warden::start(duties, CancellationToken::new()).expect("a thread");
    let mut node = TestNode::start_watched(NODE, nobody(), &still, &mut warden);
    node.shows_anything().await;
    (node, warden)
}

async fn at(address: &Address) -> (TestNode, Warden) {
    let duties = Duties {
        socket: Some(address.clone()),
        ..Duties::default()
    };
    let watched = watched(duties).await;
    answered(address).await;
    watched
}

/// Asks until somebody listens.
async fn answered(address: &Address) -> Report {
    within("an answer", async {
        loop {
            match ask(address).await {
                Ok(report) => return report,
                Err(AskError::NoNode { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

/// What a service manager has been told, and its watchdog's limit.
#[derive(Clone)]
struct Told(watch::Receiver<Vec<String>>);

impl Told {
    fn service(watchdog: Option<Duration>) -> (Self, Service) {
        let (sender, receiver) = watch::channel(Vec::new());
        let sender = Mutex::new(sender);
        let notify = Box::new(move |lines: &[sd_notify::NotifyState<'_>]| {
            let sender = sender.lock().expect("a lock");
            sender.send_modify(|told| told.extend(lines.iter().map(ToString::to_string)));
            Ok(())
        });
        (Self(receiver), Service::new(notify, watchdog))
    }

    /// Waits until this was told after the first `skip` lines; how many lines there are by then.
    async fn hears(&mut self, line: &str, skip: usize) -> usize {
        let heard = |told: &Vec<String>| told.iter().skip(skip).any(|told| told.starts_with(line));
        until(line, &mut self.0, heard).await.len()
    }

    fn count(&self, line: &str) -> usize {
        let told = self.0.borrow();
        told.iter().filter(|told| *told == line).count()
    }
}

#[tokio::test]
async fn a_node_tells_that_its_loops_turn_and_what_is_away() {
    let address = address();
    let (node, _warden) = at(&address).await;
    let report = ask(&address).await.expect("a report");
    assert!(report.healthy, "{report:?}");
    assert_eq!(report.loops.stuck, [""; 0]);
    for name in [
        "panel",
        "renderer",
        "sampler",
        "publisher",
        "mirror",
        "session",
    ] {
        assert!(
            report.loops.turning.iter().any(|turning| turning == name),
            "{name}"
        );
    }
    assert_eq!(
        (report.node.as_str(), report.broker.connected),
        (NODE, false)
    );
    assert!(report.panel.is_ok() && !report.stopping);
    node.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_stuck_panel_is_named_until_it_goes_on() {
    let address = address();
    let (node, _warden) = at(&address).await;
    let transfers = node.bus.transfers();
    node.bus.hold();
    // The refresh hangs.
    within("the transfer", async {
        while node.bus.transfers() == transfers {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let report = ask(&address).await.expect("a report");
    assert_eq!(report.loops.stuck, ["panel"]);
    assert!(
        !report.healthy && report.to_string().contains("stuck: panel"),
        "{report}"
    );
    node.bus.release();
}

#[tokio::test]
async fn two_nodes_do_not_take_each_others_address_and_a_stale_file_is_replaced() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("health");
    let address: Address = path.display().to_string().parse().expect("an address");
    // What a killed process leaves behind: a socket's file, and nobody who listens.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let (one, first) = at(&address).await;
    let mode = std::fs::metadata(&path).expect("a file").permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );

    let (mut told, service) = Told::service(None);
    let duties = Duties {
        socket: Some(address.clone()),
        service: Some(service),
        ..Duties::default()
    };
    let mut second = Warden::start(duties, CancellationToken::new()).expect("a thread");
    let other = TestNode::start_watched("other", nobody(), &[], &mut second);
    // It has tried to take the address by then.
    told.hears("READY=1", 0).await;
    assert_eq!(ask(&address).await.expect("a report").node, NODE);
    other.stop().await.expect("a clean stop");
    drop(second);
    assert_eq!(ask(&address).await.expect("a report").node, NODE);

    one.stop().await.expect("a clean stop");
    drop(first);
    assert!(!path.exists(), "it goes with its node");
    assert!(matches!(ask(&address).await, Err(AskError::NoNode { .. })));
}

#[tokio::test]
async fn whoever_asks_and_does_not_listen_keeps_nobody_waiting() {
    let address = address();
    let (_node, _warden) = at(&address).await;
    let Address::Name(name) = &address else {
        panic!("a name");
    };
    let mut silent = Vec::new();
    for _ in 0..20 {
        let stream = tokio::net::UnixStream::connect(format!("\0{name}")).await;
        silent.push(stream.expect("a connection"));
    }
    assert!(ask(&address).await.expect("a report").healthy);
}

#[tokio::test]
async fn the_service_manager_hears_that_the_node_is_ready_what_changes_and_that_it_stops() {
    let (mut told, service) = Told::service(None);
    let duties = Duties {
        service: Some(service),
        ..Duties::default()
    };
    let (mut node, _warden) = watched(duties).await;
    let lines = told.hears("READY=1", 0).await;
    told.hears("STATUS=broker away; panel ok", 0).await;
    node.bus.unplug();
    told.hears(
        "STATUS=broker away; panel missing: no device answers",
        lines,
    )
    .await;
    node.bus.replug();
    told.hears("STATUS=broker away; panel ok", lines).await;
    assert_eq!(told.count("READY=1"), 1);
    assert_eq!(told.count("WATCHDOG=1"), 0);
    node.bus.panic_once();
    assert_eq!(node.ended().await, Err(Fault::Ended("panel")));
    told.hears("STOPPING=1", 0).await;
    assert_eq!(told.count("WATCHDOG=1"), 1, "fed once more, for the stop");
}

#[tokio::test]
async fn the_watchdog_is_fed_while_the_loops_turn_and_no_longer() {
    let (mut told, service) = Told::service(Some(Duration::from_millis(200)));
    let duties = Duties {
        service: Some(service),
        ..Duties::default()
    };
    let (node, _warden) = watched(duties).await;
    let fed = told.hears("WATCHDOG=1", 0).await;
    told.hears("WATCHDOG=1", fed).await;

    node.bus.hold();
    let stuck = told.hears("STATUS=stuck: panel", 0).await;
    let before = told.count("WATCHDOG=1");
    told.hears("STATUS=stuck: panel", stuck).await;
    assert_eq!(told.count("WATCHDOG=1"), before, "a stuck loop is not fed");
    node.bus.release();
}

#[tokio::test]
async fn a_node_that_hangs_as_a_whole_is_told_by_the_warden() {
    let address = address();
    let (_node, _warden) = at(&address).await;
    // Whoever asks is on a thread of its own, and this one, which the node is on, waits for it.
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(ask(&address))
    });
    let report = asking.join().expect("a thread").expect("a report");
    assert!(!report.healthy, "{report}");
    assert_eq!(report.loops.turning, ["panel"], "{report}");
}

/// Who orders a stop, and who is told that the process would be ended.
fn ordered() -> (watch::Sender<u32>, std::sync::mpsc::Receiver<()>, Duties) {
    let orders = watch::Sender::new(0);
    let (ended, was_ended) = std::sync::mpsc::sync_channel(2);
    let duties = Duties {
        signals: Some((
            Signals::Counted(orders.subscribe()),
            Arc::new(move || ended.send(()).expect("the test waits")),
        )),
        ..Duties::default()
    };
    (orders, was_ended, duties)
}

/// Waits aside: the node is on this thread.
async fn was(ended: std::sync::mpsc::Receiver<()>) {
    tokio::task::spawn_blocking(move || ended.recv_timeout(support::PATIENCE))
        .await
        .expect("a thread")
        .expect("the last resort");
}

#[tokio::test]
async fn a_stop_that_hangs_is_ended_by_a_second_order_and_the_leds_are_dark() {
    let (orders, ended, duties) = ordered();
    let stop = CancellationToken::new();
    let mut warden = Warden::start(duties, stop.clone()).expect("a thread");
    let still = [("light.default_effect", "solid")];
    let mut node = TestNode::start_watched(NODE, nobody(), &still, &mut warden);
    node.shows_anything().await;
    orders.send_modify(|count| *count += 1);
    within("the order", stop.cancelled()).await;
    // Nobody passes it on to the node: it hangs. The second order does not wait for the limit.
    orders.send_modify(|count| *count += 1);
    was(ended).await;
    assert_eq!(node.bus.shown(), Frame::DARK);
}

#[tokio::test]
async fn an_order_is_heard_though_the_bus_hangs_and_the_warden_with_it() {
    let (orders, ended, duties) = ordered();
    let stop = CancellationToken::new();
    let mut warden = Warden::start(duties, stop.clone()).expect("a thread");
    let moving = [("light.default_effect", "rainbow")];
    let mut node = TestNode::start_watched(NODE, nobody(), &moving, &mut warden);
    node.shows_anything().await;
    node.bus.hold();
    let pulses = node.view.pulses.clone();
    within("a transfer that hangs", async {
        while pulses.stuck(Duration::from_millis(100)).await != ["panel"] {}
    })
    .await;
    orders.send_modify(|count| *count += 1);
    within("the order", stop.cancelled()).await;
    orders.send_modify(|count| *count += 1);
    was(ended).await;
    node.bus.release();
}

fn program(id: &str, broker: std::net::SocketAddr, environment: &[(&str, &str)]) -> Program {
    let url = format!("mqtt://{broker}");
    let panel = ["--panel", "simulated", "--set", "light.state_file="];
    let arguments = [&panel[..], &["--url", &url, "--id", id]].concat();
    Program::start_with(&arguments, environment)
}

fn own_id() -> String {
    format!("warden-{:08x}", fastrand::u32(..))
}

#[tokio::test]
async fn the_command_tells_by_its_exit_code() {
    let id = own_id();
    let none = output(&["health", "--id", &id], &[]).await;
    assert_eq!(none.status.code(), Some(69), "{none:?}");
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        said.contains(&format!("no node answers at @piglow-node/{id}")),
        "{said}"
    );

    let mut node = program(&id, nobody(), &[]);
    node.says("panel found").await;
    let address: Address = format!("@piglow-node/{id}").parse().expect("an address");
    answered(&address).await;
    let well = output(&["health", "--id", &id], &[]).await;
    assert_eq!(well.status.code(), Some(0), "{well:?}");
    let said = String::from_utf8_lossy(&well.stdout).into_owned();
    assert!(said.contains("loops turn; broker away, panel ok"), "{said}");
    let json = output(
        &["health", "--json", "--require", "panel", "--id", &id],
        &[],
    )
    .await;
    assert_eq!(json.status.code(), Some(0), "{json:?}");
    let report: Report = serde_json::from_slice(&json.stdout).expect("a report");
    assert!(report.healthy);
    let broker = output(&["health", "--require", "panel,broker", "--id", &id], &[]).await;
    assert_eq!(broker.status.code(), Some(1), "{broker:?}");

    node.signal("STOP");
    let hangs = output(&["health", "--id", &id], &[]).await;
    node.signal("CONT");
    assert_eq!(hangs.status.code(), Some(1), "{hangs:?}");
    let said = String::from_utf8_lossy(&hangs.stderr).into_owned();
    assert!(said.contains("its process hangs"), "{said}");
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
}

#[tokio::test]
async fn the_program_talks_to_a_service_manager_and_to_none_without_one() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    let socket = tokio::net::UnixDatagram::from_std(socket).expect("a socket");
    let heard = Arc::new(Mutex::new(String::new()));
    let hears = async |line: &str| {
        within(line, async {
            while !heard
                .lock()
                .expect("a lock")
                .lines()
                .any(|heard| heard.starts_with(line))
            {
                let mut buffer = [0; 4096];
                let length = socket.recv(&mut buffer).await.expect("a datagram");
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                heard.lock().expect("a lock").push_str(&text);
            }
        })
        .await;
    };
    let notify = path.display().to_string();
    let mut node = program(
        &own_id(),
        nobody(),
        &[("NOTIFY_SOCKET", &notify), ("WATCHDOG_USEC", "200000")],
    );
    hears("READY=1").await;
    hears("STATUS=broker away; panel ok").await;
    for _ in 0..3 {
        heard.lock().expect("a lock").clear();
        hears("WATCHDOG=1").await;
    }
    node.signal("TERM");
    hears("STOPPING=1").await;
    assert_eq!(node.ends().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_a_stop_at_once_with_exit_code_70() {
    // A broker that greets and acknowledges nothing: `offline` is waited for.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut node = program(&own_id(), address, &[]);
    let (mut stream, _) = within("the node", listener.accept()).await.expect("a node");
    let connack = [0x20, 3, 0, 0, 0];
    tokio::io::AsyncWriteExt::write_all(&mut stream, &connack)
        .await
        .expect("the node listens");
    node.says("connected").await;
    node.signal("TERM");
    node.says("stopping").await;
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(70), "{:#?}", node.said());
    node.says("told to stop once more").await;
}

/// Every task of a node; the panel is a thread.
const TASKS: [&str; 5] = ["renderer", "sampler", "publisher", "mirror", "session"];

#[tokio::test]
async fn each_task_that_panics_takes_the_node_down_dark_and_offline() {
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("a broker");
    let mut client = Client::connect(broker.address(), &["piglow/+/availability"]).await;
    for task in TASKS {
        let keep = [("light.default_effect", "solid"), ("light.on_stop", "keep")];
        let mut node = TestNode::start(task, broker.address(), &keep);
        client.online(task).await;
        node.shows_anything().await;
        assert!(node.view.pulses.sabotage(task, Sabotage::Panic));
        assert_eq!(node.ended().await, Err(Fault::Panicked(task)));
        assert_eq!(node.bus.shown(), Frame::DARK, "{task}");
        // By the node, or by its will when the session is gone.
        client
            .hear("offline", |heard| {
                heard.topic == format!("piglow/{task}/availability") && heard.payload == b"offline"
            })
            .await;
    }
}

#[tokio::test]
async fn each_task_that_halts_is_named_and_does_not_hold_up_the_stop() {
    for task in TASKS {
        let mut node = TestNode::start(NODE, nobody(), &[("light.default_effect", "solid")]);
        node.shows_anything().await;
        let pulses = node.view.pulses.clone();
        assert!(pulses.sabotage(task, Sabotage::Halt));
        assert_eq!(pulses.stuck(Duration::from_secs(1)).await, [task]);
        let bus = node.bus.clone();
        node.stop().await.expect("a stop");
        assert_eq!(bus.shown(), Frame::DARK, "{task}");
        assert!(
            pulses.stuck(Duration::from_secs(1)).await.is_empty(),
            "{task}"
        );
    }
}
