//! The program as a person uses it.

#![cfg(feature = "demo")]

mod support;

use std::process::Output;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use support::program::{Program, output};
use support::{Client, NODE, TestNode, free_port, retained};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("a broker")
}

#[tokio::test]
async fn the_configuration_in_effect_is_printed_with_its_origins_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("pi.toml");
    std::fs::write(
        &file,
        "[mqtt]\nurl = \"mqtt://me:hush@broker.example\"\n[node]\ngroups = [\"file\"]\n",
    )
    .expect("a file");
    let file = file.display().to_string();
    let arguments = [
        "--config",
        &file,
        "--set",
        "telemetry.interval_secs=7",
        "check-config",
    ];
    let environment = [
        ("PIGLOW_NODE__GROUPS", "kitchen,rack-1"),
        ("PIGLOW_NODE__ID", "attic"),
    ];
    let (code, printed, errors) = said(&output(&arguments, &environment).await);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(!printed.contains("hush"), "{printed}");
    let line = |key: &str| {
        let found = printed
            .lines()
            .find(|line| line.starts_with(&format!("{key} ")));
        found
            .unwrap_or_else(|| panic!("{key} in {printed}"))
            .to_owned()
    };
    assert!(
        line("id").contains("attic") && line("id").contains("PIGLOW_NODE__ID"),
        "{printed}"
    );
    assert!(
        line("groups").contains(r#"["kitchen", "rack-1"]"#),
        "{printed}"
    );
    assert!(
        line("url").contains("***") && line("url").contains(&file),
        "{printed}"
    );
    assert!(
        line("interval_secs").contains('7') && line("interval_secs").contains("--set"),
        "{printed}"
    );
    assert!(line("gamma").contains("default"), "{printed}");
}

#[tokio::test]
async fn every_mistake_in_the_configuration_is_told_at_once_with_exit_code_78() {
    let environment = [
        ("PIGLOW_MQTT__ROOOT", "x"),
        ("PIGLOW_TELEMETRY__INTERVAL_SECS", "often"),
        ("PIGLOW_LIGHT__BRIGHTNESS_LIMIT", "300"),
        ("PIGLOW_LIGHT__DEFAULT_EFFECT", "brethe"),
    ];
    let (code, printed, errors) = said(&output(&["run"], &environment).await);
    assert_eq!((code, printed.as_str()), (Some(78), ""));
    for expected in [
        "4 problems",
        "PIGLOW_MQTT__ROOOT; did you mean PIGLOW_MQTT__ROOT?",
        "telemetry.interval_secs` is \"often\"; expected whole seconds, 1 to 3600",
        "light.brightness_limit` is 300; expected",
        "did you mean \"breathe\"?",
    ] {
        assert!(errors.contains(expected), "{expected:?} in {errors}");
    }
}

#[tokio::test]
async fn a_missing_password_file_is_refused_before_anything_is_opened() {
    let arguments = [
        "--panel",
        "simulated",
        "--set",
        "mqtt.username=me",
        "--set",
        "mqtt.password_file=/nowhere/secret",
    ];
    let (code, _, errors) = said(&output(&arguments, &[]).await);
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("/nowhere/secret"), "{errors}");
}

#[tokio::test]
async fn version_and_help_teach() {
    let (code, version, _) = said(&output(&["--version"], &[]).await);
    assert_eq!(code, Some(0));
    assert_eq!(
        version.trim(),
        format!("piglow-node {}", piglow_node::VERSION)
    );
    let (code, help, _) = said(&output(&["--help"], &[]).await);
    assert_eq!(code, Some(0));
    for word in [
        "demo",
        "send",
        "watch",
        "check-config",
        "--config",
        "Examples",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
}

#[tokio::test]
async fn the_demo_prints_commands_that_work_when_copied_and_ends_on_ctrl_c() {
    let port = free_port().to_string();
    let mut demo = Program::start(&["demo", "--port", &port]);
    assert!(demo.says("embedded broker at").await.contains(&port));
    demo.says("demo: online").await;
    let commands: Vec<String> = demo
        .said()
        .iter()
        .filter(|line| line.starts_with("  /") && line.contains(" send "))
        .map(|line| line.trim().to_owned())
        .collect();
    assert_eq!(commands.len(), 2, "{:#?}", demo.said());
    for command in commands {
        let run = tokio::process::Command::new("sh")
            .args(["-c", &command])
            .output();
        let run = support::within(&command, run).await.expect("a shell");
        assert_eq!(said(&run).0, Some(0), "{command}: {run:?}");
        assert!(
            text(&run.stdout).contains("demo: shown"),
            "{command}: {run:?}"
        );
    }
    // A colour tints the effect that runs.
    demo.says("light breathe").await;
    demo.signal("INT");
    assert_eq!(demo.ends().await, Some(0));
}

#[tokio::test]
async fn a_demo_on_a_taken_port_says_so_and_its_watch_command_works_when_copied() {
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let mut demo = Program::start(&["demo", "--port", &port.to_string()]);
    let introduction = demo.says("embedded broker at").await;
    assert!(
        introduction.contains(&format!("port {port} is taken")),
        "{introduction}"
    );
    let command = demo.says(" watch ").await;
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let mut watch = Program::start(&arguments);
    watch.says("demo: online").await;
    watch.says("demo: LEDs ").await;
    // The broker goes with the demo: whoever watches is told so, and can still leave.
    demo.signal("INT");
    assert_eq!(demo.ends().await, Some(0));
    watch.says("not connected").await;
    watch.signal("INT");
    assert_eq!(watch.ends().await, Some(0));
}

#[tokio::test]
async fn a_demo_of_several_nodes_has_them_all() {
    let port = free_port().to_string();
    let mut demo = Program::start(&["demo", "--port", &port, "--nodes", "3"]);
    let url = demo.says("embedded broker at").await;
    let url = url
        .split_whitespace()
        .find(|word| word.starts_with("mqtt://"))
        .expect("an address");
    let url = url.trim_end_matches(';');
    demo.says("demo-1: online").await;
    let (code, printed, errors) =
        said(&output(&["--url", url, "send", "--all", "--json", "red"], &[]).await);
    assert_eq!(code, Some(0), "{errors}");
    let mut nodes: Vec<String> = printed
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["node"].to_string()
        })
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["\"demo-1\"", "\"demo-2\"", "\"demo-3\""]);
    demo.signal("TERM");
    assert_eq!(demo.ends().await, Some(0));
}

#[tokio::test]
async fn send_tells_results_rejections_and_silence_by_its_exit_code() {
    let broker = broker().await;
    let _node = TestNode::start(NODE, broker.address(), &[("node.groups", "attic")]);
    let mut client = Client::connect(broker.address(), &["piglow/pi/availability"]).await;
    client.online(NODE).await;
    let url = format!("mqtt://{}", broker.address());
    let send =
        async |more: &[&str]| said(&output(&[&["--url", &url, "send"], more].concat(), &[]).await);
    let (code, printed, _) = send(&["--node", NODE, "red"]).await;
    assert_eq!(
        (code, printed.starts_with("pi: shown after")),
        (Some(0), true),
        "{printed}"
    );
    let (code, printed, _) = send(&["--group", "attic", "off"]).await;
    assert_eq!(
        (code, printed.starts_with("pi: shown")),
        (Some(0), true),
        "{printed}"
    );
    let (code, printed, _) = send(&["--node", NODE, r#"{"brightness":300}"#]).await;
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("`brightness` is 300; expected 0 to 255"),
        "{printed}"
    );
    let (code, _, errors) = send(&["--node", "nobody", "--timeout", "0.5", "on"]).await;
    assert_eq!(code, Some(69));
    assert!(errors.contains("nobody"), "{errors}");
    let (code, _, errors) = send(&["--node", NODE, "{"]).await;
    assert_eq!(code, Some(1), "{errors}");
    let (code, _, _) = send(&["--node", "a/b", "on"]).await;
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn send_says_that_no_broker_is_there() {
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    let arguments = [
        "--url",
        &url,
        "send",
        "--node",
        NODE,
        "--timeout",
        "0.5",
        "on",
    ];
    let (code, _, errors) = said(&output(&arguments, &[]).await);
    assert_eq!(code, Some(69));
    assert!(
        errors.contains("no connection to") && errors.contains("nothing listens"),
        "{errors}"
    );
}

#[tokio::test]
async fn watch_prints_what_happens() {
    let broker = broker().await;
    let _node = TestNode::start(NODE, broker.address(), &[]);
    let url = format!("mqtt://{}", broker.address());
    let mut watch = Program::start(&["--url", &url, "watch", "--node", NODE]);
    watch.says("pi: online").await;
    watch.says("pi: LEDs ").await;
    watch.says("pi: load ").await;
    let mut client = Client::connect(broker.address(), &["piglow/pi/light/result"]).await;
    client
        .command(NODE, r#"{"id":"x","color":"red","from":"the test"}"#)
        .await;
    client.result(NODE, "x").await;
    watch
        .says("pi: light solid at 255, by the test (remote)")
        .await;
    watch.says("pi: command shown").await;
    watch.signal("INT");
    assert_eq!(watch.ends().await, Some(0));
}

#[tokio::test]
async fn a_node_without_an_i2c_bus_says_so_once_and_accepts_commands() {
    let broker = broker().await;
    let url = format!("mqtt://{}", broker.address());
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut node = Program::start(&[
        "--url",
        &url,
        "--id",
        NODE,
        "--bus",
        "/dev/i2c-nowhere",
        "--set",
        "light.state_file=",
    ]);
    node.says("panel lost").await;
    client.online(NODE).await;
    for id in ["one", "two"] {
        let answer = client.ask(NODE, id, r#"{"state":"OFF"}"#).await;
        assert_eq!(answer["status"], "accepted", "{answer}");
        assert!(
            answer["panel"].to_string().contains("/dev/i2c-nowhere"),
            "{answer}"
        );
    }
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    let lost = node
        .said()
        .iter()
        .filter(|line| line.contains("panel lost"))
        .count();
    assert_eq!(lost, 1, "{:#?}", node.said());
}

#[tokio::test]
async fn run_ends_cleanly_on_sigterm_and_keeps_what_was_commanded() {
    let broker = broker().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("mqtt://{}", broker.address());
    let kept = format!(
        "light.state_file={}",
        folder.path().join("light.json").display()
    );
    let arguments = [
        "--url",
        &url,
        "--id",
        NODE,
        "--panel",
        "simulated",
        "--log-format",
        "json",
        "--set",
        &kept,
    ];
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut node = Program::start(&arguments);
    client.online(NODE).await;
    client
        .ask(NODE, "x", r#"{"id":"x","color":"green","from":"the test"}"#)
        .await;
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    assert_eq!(
        retained(broker.address(), "piglow/pi/availability")
            .await
            .text(),
        "offline"
    );
    for line in node.said() {
        assert!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok(),
            "{line}"
        );
    }
    client.forget();
    let mut again = Program::start(&arguments);
    client.online(NODE).await;
    let state = retained(broker.address(), "piglow/pi/light/state")
        .await
        .json();
    assert_eq!(
        (&state["layer"], &state["from"]),
        (&"remote".into(), &"the test".into())
    );
    again.signal("TERM");
    assert_eq!(again.ends().await, Some(0));
}

#[tokio::test]
async fn a_node_that_is_gone_is_forgotten_and_one_that_is_online_is_not() {
    let broker = broker().await;
    let url = format!("mqtt://{}", broker.address());
    let mut watcher = Client::connect(broker.address(), &["piglow/#", "homeassistant/#"]).await;
    let node = TestNode::start(NODE, broker.address(), &[]);
    watcher.online(NODE).await;
    let discovery = "homeassistant/device/piglow-pi/config";
    watcher.next(discovery).await;
    let forget = ["--url", &url, "forget", "--node", NODE];
    let sure = ["--url", &url, "forget", "--node", NODE, "--yes"];

    let (code, _, errors) = said(&output(&sure, &[]).await);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("pi is online; stop it first"), "{errors}");

    node.stop().await.expect("it stops");
    let (code, printed, errors) = said(&output(&forget, &[]).await);
    assert_eq!(code, Some(1), "nobody can be asked: {errors}");
    assert!(printed.contains(discovery), "{printed}");
    assert!(errors.contains("use --yes"), "{errors}");

    let (code, printed, errors) = said(&output(&sure, &[]).await);
    assert_eq!(code, Some(0), "{errors}");
    for topic in ["piglow/pi/availability", "piglow/pi/siren/state", discovery] {
        assert!(printed.contains(&format!("cleared {topic}")), "{printed}");
    }
    let (code, printed, errors) = said(&output(&sure, &[]).await);
    assert_eq!(code, Some(0), "{errors}");
    assert!(printed.contains("nothing of pi can be seen"), "{printed}");
}
