//! The demonstration of docs/containers-move.md: the light follows a container from one Pi to another. The beacon runs as a process,
//! and is ended as a container is. `tests/run` runs them; they need mosquitto and mosquitto_pub.

#![cfg(feature = "demo")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use piglow_node::light::board::{BOARD, Ring};
use piglow_node::panel::Latched;
use rumqttc::QoS;
use support::guarded::{Guarded, PEOPLE};
use support::guest::Guest;
use support::mosquitto::{Mosquitto, program, run};
use support::{TestNode, within};
use tokio::process::{Child, Command};

const BEACON: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/integrations/containers-move/beacon"
);

/// A container with the beacon in it: a process, and what it starts.
struct Container {
    beacon: Child,
}

impl Container {
    /// Starts it as a machine's orchestrator does, with the beacon as the entry point of a command.
    fn start(node: &str, environment: &[(&str, String)], command: &[&str]) -> Self {
        let folder = std::env::temp_dir();
        let beacon = Command::new("sh")
            .arg(BEACON)
            .args(command)
            .env("BEACON_NODE", node)
            .env("BEACON_FROM", "traveller")
            .env("BEACON_LEASE_SECS", "3")
            .env("BEACON_FOLDER", folder)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // So that all of it can be killed at once.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("the beacon starts");
        Self { beacon }
    }

    /// The first process is asked to end, as by `docker stop`.
    async fn stop(self) -> ExitStatus {
        let process = self.beacon.id().expect("it runs").to_string();
        run("kill", &["-TERM", &process], &std::env::temp_dir());
        self.ended().await
    }

    /// All processes are gone, as in a power cut.
    async fn vanish(self) {
        let group = format!("-{}", self.beacon.id().expect("it runs"));
        run("kill", &["-KILL", "--", &group], &std::env::temp_dir());
        assert_eq!(self.ended().await.signal(), Some(9));
    }

    async fn ended(mut self) -> ExitStatus {
        within("the beacon's end", self.beacon.wait())
            .await
            .expect("a process")
    }
}

/// The beacon's green ring, and nothing else.
fn is_green(board: &Latched) -> bool {
    BOARD
        .iter()
        .zip(board.frame.0)
        .all(|(led, level)| (led.ring == Ring::Green) == (level > 0))
}

fn is_not_green(board: &Latched) -> bool {
    !is_green(board)
}

/// Two Pis that light all LEDs while nobody asks for anything.
fn two_nodes(broker: &Mosquitto) -> [TestNode; 2] {
    let settings = [("light.default_effect", "solid"), ("light.state_file", "")];
    ["pi-1", "pi-2"].map(|id| TestNode::start(id, broker.address(), &settings))
}

fn towards(broker: &Mosquitto) -> Vec<(&'static str, String)> {
    drop(program("mosquitto_pub"));
    vec![
        ("BEACON_BROKER", "127.0.0.1".to_owned()),
        ("BEACON_PORT", broker.port.to_string()),
    ]
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn the_light_follows_a_container_that_is_moved() {
    let broker = Mosquitto::open().await;
    let [first, second] = two_nodes(&broker);
    let broker = towards(&broker);

    let replica = Container::start("pi-1", &broker, &["sleep", "600"]);
    first.shows("the replica on pi-1", is_green).await;
    second.shows("nothing on pi-2", is_not_green).await;

    assert_eq!(replica.stop().await.code(), Some(0));
    let replica = Container::start("pi-2", &broker, &["sleep", "600"]);
    first.shows("it gone from pi-1", is_not_green).await;
    second.shows("it on pi-2", is_green).await;
    assert!(is_not_green(&first.bus.subscribe().borrow()));
    assert_eq!(replica.stop().await.code(), Some(0));
    second.shows("it gone from pi-2", is_not_green).await;
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn the_light_of_a_container_that_is_killed_ends_with_its_lease() {
    let broker = Mosquitto::open().await;
    let [first, _] = two_nodes(&broker);
    let replica = Container::start("pi-1", &towards(&broker), &["sleep", "600"]);
    let before = first.shows("the replica", is_green).await;
    // It is renewed: what is latched stays green for longer than one lease.
    let mut commands = support::Client::connect(broker.address(), &["piglow/pi-1/light/set"]).await;
    for _ in 0..4 {
        let renewal = commands.hear("a renewal", |_| true).await;
        assert_eq!(
            renewal.text(),
            r#"{"color":"green","from":"traveller","for_secs":3}"#
        );
    }
    assert!(is_green(&first.bus.subscribe().borrow()));

    replica.vanish().await;
    let after = first.shows("its end", is_not_green).await;
    assert!(after.latches > before.latches);
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_beacon_ends_with_its_command_and_its_exit_code() {
    let broker = Mosquitto::open().await;
    let container = Container::start("pi-1", &towards(&broker), &["sh", "-c", "exit 3"]);
    assert_eq!(container.ended().await.code(), Some(3));

    // A broker that is away is no reason to end before it.
    let nowhere = [
        ("BEACON_BROKER", "127.0.0.1".to_owned()),
        ("BEACON_PORT", support::free_port().to_string()),
    ];
    let container = Container::start("pi-1", &nowhere, &["sh", "-c", "exit 0"]);
    assert_eq!(container.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn an_operator_s_folder_is_all_a_beacon_needs_at_the_broker_that_is_shipped() {
    let broker = Guarded::start(&PEOPLE).await;
    let mut hall = Guest::enter(&broker, "hall").await;
    hall.subscribe("piglow/hall/light/set", QoS::AtLeastOnce)
        .await;
    let file = |name| broker.file_of("me", name).display().to_string();
    let own = [
        ("BEACON_BROKER", "localhost".to_owned()),
        ("BEACON_PORT", broker.tls.to_string()),
        ("BEACON_CA_FILE", file("ca.pem")),
        ("BEACON_USERNAME", "me".to_owned()),
        ("BEACON_PASSWORD_FILE", file("password")),
    ];
    let container = Container::start("hall", &own, &[]);
    let heard = hall.hear("piglow/hall/light/set").await;
    assert!(!heard.retained && heard.text().contains("green"));
    assert_eq!(container.stop().await.code(), Some(0));
    while !hall
        .hear("piglow/hall/light/set")
        .await
        .text()
        .contains("cpu_load")
    {}
}
