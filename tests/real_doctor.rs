//! `piglow-node doctor` on a real Mosquitto: what lets the node in, what does not, and what it may do there. `tests/run` runs
//! them; they need mosquitto, openssl and umockdev.

#![cfg(feature = "demo")]

mod support;

use std::fs;

use rumqttc::QoS;
use serde_json::Value;
use support::authority::Authority;
use support::guarded::Guarded;
use support::guest::Guest;
use support::i2c::MockedBus;
use support::mosquitto::{Mosquitto, run};
use support::program::{Program, output};
use support::{Client, TestNode, free_port, within};
use tokio::net::TcpStream;

/// What the doctor says of a node on a broker.
async fn diagnose(arguments: &[&str]) -> Value {
    let mut all = vec!["--panel", "simulated"];
    all.extend(arguments);
    all.extend(["doctor", "--json"]);
    let output = output(&all, &[]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let failed = report["result"] == "fail";
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{text}");
    report
}

/// Waits until a listener is there that the broker opens after its first one.
async fn listens(port: u16) {
    within("the listener", async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The levels and texts of the broker's checks.
fn of_broker(report: &Value) -> Vec<(&str, &str, &str)> {
    report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["section"] == "broker")
        .map(|finding| {
            (
                finding["check"].as_str().expect("a name"),
                finding["level"].as_str().expect("a level"),
                finding["text"].as_str().expect("a text"),
            )
        })
        .collect()
}

fn says(report: &Value, check: &str, level: &str, words: &str) {
    let findings = of_broker(report);
    let found = findings
        .iter()
        .any(|(name, is, text)| (*name, *is) == (check, level) && text.contains(words));
    assert!(found, "{check} {level} {words:?}: {findings:#?}");
}

fn configuration_of(broker: &Guarded, name: &str) -> Vec<String> {
    let settings = [
        format!("node.id={name}"),
        format!("mqtt.ca_file={}", broker.file_of(name, "ca.pem").display()),
        format!("mqtt.username={name}"),
        format!(
            "mqtt.password_file={}",
            broker.file_of(name, "password").display()
        ),
    ];
    let url = format!("mqtts://localhost:{}", broker.tls);
    let mut arguments = vec!["--url".to_owned(), url];
    for setting in settings {
        arguments.extend(["--set".to_owned(), setting]);
    }
    arguments
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn the_shipped_broker_is_all_right_for_its_node_and_nothing_is_delivered_by_asking() {
    let broker = Guarded::start(&[
        "node kitchen --groups attic",
        "user me --role operator",
        "user hass --role homeassistant",
    ])
    .await;
    let mut operator = Guest::enter(&broker, "me").await;
    operator.subscribe("piglow/#", QoS::AtLeastOnce).await;
    let mut home = Guest::enter(&broker, "hass").await;
    home.subscribe("homeassistant/#", QoS::AtLeastOnce).await;
    let settings = configuration_of(&broker, "kitchen");
    let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    arguments.extend(["--set", "node.groups=attic"]);

    let report = diagnose(&arguments).await;

    says(&report, "tls", "ok", "TLS 1.3, its certificate is trusted");
    says(&report, "login", "ok", "MQTT 5");
    says(&report, "limits", "ok", "QoS 2");
    says(&report, "subscriptions", "ok", "granted");
    says(&report, "publishing", "ok", "of the node may be written");
    says(&report, "retained", "info", "this user may not read it");
    assert_ne!(report["result"], "fail", "{report:#}");
    operator.catch_up().await;
    home.catch_up().await;
    assert!(operator.inbox.is_empty(), "{:?}", operator.inbox);
    assert!(home.inbox.is_empty(), "{:?}", home.inbox);

    // As another node it may write nothing of this one's, each topic by itself.
    arguments.extend(["--set", "node.id=hall"]);
    let report = diagnose(&arguments).await;
    says(
        &report,
        "publishing",
        "fail",
        "kitchen may not write 15 of 15 topics",
    );
    let next = &report["next"]["fix"][0]["run"];
    let command = next.as_str().expect("a command");
    assert!(
        command.starts_with("mosquitto/credentials node hall --groups attic"),
        "{command}"
    );
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_wrong_password_and_none_at_all_are_refused_at_the_login() {
    let broker = Guarded::start(&["node kitchen"]).await;
    let mut settings = configuration_of(&broker, "kitchen");
    let wrong = broker.dir().join("wrong");
    fs::write(&wrong, "guessed\n").expect("a file");
    settings.extend([
        "--set".to_owned(),
        format!("mqtt.password_file={}", wrong.display()),
    ]);
    let arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    let report = diagnose(&arguments).await;
    says(&report, "tls", "ok", "trusted");
    says(
        &report,
        "login",
        "fail",
        "the broker does not let this user in",
    );
    says(&report, "publishing", "skip", "");
    assert!(
        report
            .to_string()
            .contains("mosquitto/credentials renew kitchen"),
        "{report:#}"
    );

    let ca = format!(
        "mqtt.ca_file={}",
        broker.file_of("kitchen", "ca.pem").display()
    );
    let url = format!("mqtts://localhost:{}", broker.tls);
    let report = diagnose(&["--url", &url, "--set", &ca, "--set", "node.id=kitchen"]).await;
    says(&report, "login", "fail", "");
    assert!(
        report
            .to_string()
            .contains("mosquitto/credentials node kitchen"),
        "{report:#}"
    );
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_certificate_that_can_not_be_trusted_is_told_with_why() {
    let authority = Authority::new("test CA");
    authority.issue("server", "DNS:localhost,IP:127.0.0.1");
    authority.issue("elsewhere", "DNS:broker.example.org");
    authority.issue_expired("expired", "DNS:localhost");
    let other = Authority::new("another CA");
    let (ca, foreign) = (authority.text("ca.pem"), other.text("ca.pem"));
    for (server, ca, level, words) in [
        // It is good for two days only.
        ("server", &ca, "warn", "ends within 30 days"),
        (
            "server",
            &foreign,
            "fail",
            "not vouched for by `mqtt.ca_file`",
        ),
        ("elsewhere", &ca, "fail", "for another name than localhost"),
        ("expired", &ca, "fail", "has expired"),
    ] {
        let port = free_port();
        let (certificate, key) = (
            authority.text(&format!("{server}.pem")),
            authority.text(&format!("{server}.key")),
        );
        let _broker = Mosquitto::start(&format!(
            "allow_anonymous true\nlistener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
        ))
        .await;
        listens(port).await;
        let url = format!("mqtts://localhost:{port}");
        let ca = format!("mqtt.ca_file={ca}");
        let report = diagnose(&["--url", &url, "--set", &ca]).await;
        says(&report, "tls", level, words);
    }
    let plain = Mosquitto::open().await;
    let url = format!("mqtts://localhost:{}", plain.port);
    let ca = format!("mqtt.ca_file={ca}");
    let report = diagnose(&["--url", &url, "--set", &ca]).await;
    says(&report, "tls", "fail", "");
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn rights_are_asked_for_in_as_many_turns_as_the_broker_has_room_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let allowed = [
        "availability",
        "info",
        "health",
        "telemetry",
        "telemetry/history",
    ];
    let rules: Vec<String> = allowed
        .iter()
        .map(|leaf| format!("topic write piglow/pi/{leaf}\n"))
        .collect();
    fs::write(folder.path().join("access"), rules.concat()).expect("a file");
    let text = "allow_anonymous true\nacl_file FOLDER/access\nmax_inflight_messages 2\n";
    let broker = Mosquitto::start_in(folder, text).await;
    let url = format!("mqtt://{}", broker.address());
    let report = diagnose(&["--url", &url, "--id", "pi"]).await;
    says(
        &report,
        "publishing",
        "fail",
        "nobody may not write 10 of 15 topics",
    );
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn limits_of_the_broker_that_a_node_can_not_live_with_are_told() {
    for (line, level, words) in [
        ("retain_available false", "fail", "keeps no messages"),
        ("max_packet_size 4096", "warn", "at most 4096 bytes"),
        ("max_qos 0", "fail", "knows no QoS 1"),
        ("max_qos 1", "ok", "QoS 1"),
    ] {
        let broker = Mosquitto::start(&format!("allow_anonymous true\n{line}\n")).await;
        let url = format!("mqtt://{}", broker.address());
        let report = diagnose(&["--url", &url, "--id", "pi"]).await;
        says(&report, "limits", level, words);
        if line.starts_with("max_qos") {
            says(
                &report,
                "publishing",
                "skip",
                "rights are asked for by QoS 2",
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_websocket_is_examined_like_any_other_way() {
    let port = free_port();
    let broker = Mosquitto::start(&format!(
        "allow_anonymous true\nlistener {port} 127.0.0.1\nprotocol websockets\n"
    ))
    .await;
    listens(port).await;
    let url = format!("ws://127.0.0.1:{port}/mqtt");
    let report = diagnose(&["--url", &url, "--id", "pi"]).await;
    says(&report, "login", "ok", "MQTT 5");
    says(&report, "publishing", "ok", "");
    drop(broker);
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn beside_a_node_that_runs_it_sees_the_node_and_leaves_it_alone() {
    let broker = Mosquitto::open().await;
    let url = format!("mqtt://{}", broker.address());
    let id = format!("doctored-{:08x}", fastrand::u32(..));
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let arguments = ["--panel", "simulated", "--url", &url, "--id", &id];
    let mut node = Program::start(&arguments);
    client.online(&id).await;
    client.forget();

    let report = diagnose(&["--url", &url, "--id", &id]).await;

    says(&report, "retained", "ok", "online");
    let findings = report["findings"].as_array().expect("findings");
    let runs = findings
        .iter()
        .find(|finding| finding["check"] == "node")
        .expect("the node");
    assert_eq!(runs["level"], "ok", "{runs:#}");
    assert_ne!(report["result"], "fail", "{report:#}");
    // It answers, and was never away.
    let result = client.ask(&id, "after", r#"{"color":"red"}"#).await;
    assert_eq!(result["status"], "shown", "{result}");
    let availability = format!("piglow/{id}/availability");
    assert_eq!(client.heard_on(&availability).len(), 0);
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));

    // Another machine's node of the same id, as this one sees it.
    let elsewhere = TestNode::start(&id, broker.address(), &[]);
    client.online(&id).await;
    let report = diagnose(&["--url", &url, "--id", &id]).await;
    says(
        &report,
        "retained",
        "warn",
        "does another machine have the same id?",
    );
    elsewhere.stop().await.expect("a clean end");
}

#[tokio::test]
#[ignore = "needs mosquitto, mosquitto_pub; tests/run runs it"]
async fn a_retained_command_is_found_with_the_command_that_clears_it() {
    let broker = Mosquitto::open().await;
    let port = broker.port.to_string();
    let to = ["-h", "127.0.0.1", "-p", &port, "-t", "piglow/pi/light/set"];
    run(
        "mosquitto_pub",
        &[&to[..], &["-r", "-m", "red"]].concat(),
        broker.folder.path(),
    );
    let url = format!("mqtt://{}", broker.address());
    let report = diagnose(&["--url", &url, "--id", "pi"]).await;
    says(
        &report,
        "retained",
        "warn",
        "a retained command lies on piglow/pi/light/set",
    );
    let clearing = format!("mosquitto_pub -h 127.0.0.1 -p {port} -t piglow/pi/light/set -r -n");
    assert!(report.to_string().contains(&clearing), "{report:#}");
    run(
        "mosquitto_pub",
        &[&to[..], &["-r", "-n"]].concat(),
        broker.folder.path(),
    );
    let report = diagnose(&["--url", &url, "--id", "pi"]).await;
    assert!(
        !report.to_string().contains("a retained command"),
        "{report:#}"
    );
}

#[tokio::test]
#[ignore = "needs umockdev; tests/run runs it"]
async fn the_chip_is_asked_by_one_byte_that_changes_nothing_and_each_fault_is_told() {
    let mut bus = MockedBus::plugged().await;
    let url = format!("mqtt://127.0.0.1:{}", free_port());
    for (order, level, check, words) in [
        ("mend", "ok", "chip", "a chip answers at 0x54"),
        ("fail 121 RDWR", "fail", "chip", "no device answers at 0x54"),
        ("fail 110 RDWR", "fail", "chip", "timed out"),
        ("fail 5 RDWR", "fail", "chip", "a transfer failed"),
        (
            "fail 16 SLAVE",
            "fail",
            "driver",
            "a kernel driver has the address",
        ),
    ] {
        bus.order(order).await;
        let environment = bus.environment();
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let output = output(&["--url", &url, "doctor", "--json"], &environment).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let findings = report["findings"].as_array().expect("findings");
        let found = findings.iter().any(|finding| {
            finding["section"] == "panel"
                && finding["check"] == check
                && finding["level"] == level
                && finding["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        });
        assert!(found, "{order}: {check} {level} {words:?}: {report:#}");
    }
    let told = bus.told();
    let written: Vec<(u8, &[u8])> = told
        .transfers
        .iter()
        .map(|transfer| (transfer.address, transfer.bytes.as_slice()))
        .collect();
    assert_eq!(written, [(0x54, &[0x16][..])]);
    assert_eq!(told.strange, [""; 0]);
}
