//! A full disk under the dashboard's history: nothing ends, it is told, and what was owed is written when there is room.
#![cfg(feature = "demo")]

mod support;

use std::net::SocketAddr;
use std::path::Path;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use support::dashboard::{Dashboard, get};
use support::program::{Program, output};
use support::{NODE, TestNode, free_port, within};
use tokio::process::Command;

/// A dashboard none of whose files may be longer than nothing: the system refuses its writes as a full disk does (EFBIG, setrlimit(2);
/// the signal that comes with it is ignored), and needs neither a file system nor rights for that.
fn start_without_room(broker: SocketAddr, listen: SocketAddr, history: &Path) -> Program {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" XFSZ; ulimit -S -f 0; exec "$@""#, "sh"])
        .arg(env!("CARGO_BIN_EXE_piglow-node"))
        .args(["--url", &format!("mqtt://{broker}"), "fleet"])
        .args(["--listen", &listen.to_string()])
        .args([
            "--set",
            &format!("fleet.history_file={}", history.display()),
        ]);
    Program::spawn(&mut command)
}

fn make_room(process: &Program) {
    let limit = std::process::Command::new("prlimit")
        .args(["--pid", &process.id().to_string(), "--fsize=unlimited"])
        .status()
        .expect("prlimit is needed: apt-get install util-linux");
    assert!(limit.success());
}

#[tokio::test]
async fn without_room_for_its_history_the_dashboard_goes_on_and_writes_it_when_there_is_some() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = folder.path().join("fleet.redb");
    let broker = EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts");
    let node = TestNode::start(NODE, broker.address(), &[]);
    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut dashboard = start_without_room(broker.address(), listen, &history);

    let said = dashboard.says("history is not written").await;
    assert!(said.contains(&history.display().to_string()), "{said}");
    assert!(said.contains("File too large"), "{said}");
    dashboard.says(" dashboard url=").await;
    within("a sample", async {
        while get(listen, "/api/v1/nodes/pi").await.json()["row"]["memory"].is_null() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let set = format!("fleet.listen={listen}");
    let health = output(
        &["health", "--fleet", "--require", "broker", "--set", &set],
        &[],
    )
    .await;
    assert_eq!(health.status.code(), Some(0), "{health:?}");
    let health = String::from_utf8_lossy(&health.stdout).into_owned();
    assert!(health.contains("the history is not written"), "{health}");
    let metrics = get(listen, "/metrics").await.text();
    for line in [
        "piglow_fleet_history_ok 0\n",
        "piglow_fleet_history_failures_total 1\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }

    // What is known later can only come from the file.
    node.stop().await.expect("it stops");
    make_room(&dashboard);
    dashboard.signal("TERM");
    assert_eq!(dashboard.ends().await, Some(0));
    dashboard.says("history is written again").await;

    let settings = [("fleet.history_file", history.to_str().expect("UTF-8"))];
    let dashboard = Dashboard::start(broker.address(), &settings).await;
    dashboard.row(NODE, |row| row["online"] == false).await;
    let past = dashboard
        .get("/api/v1/nodes/pi/history?window=24h")
        .await
        .json();
    let known = past["memory"]
        .as_array()
        .expect("a past")
        .iter()
        .filter(|value| !value.is_null());
    assert!(known.count() >= 1, "{past}");
    dashboard.stop().await;
}
