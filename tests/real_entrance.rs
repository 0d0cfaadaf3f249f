//! The broker as it is shipped: who comes in, by which door, and what a whole node does there. `tests/run` runs them; they need
//! mosquitto and openssl.

#![cfg(feature = "demo")]

mod support;

use std::fs;
use std::process::Output;

use rumqttc::QoS;
use support::gate::Gate;
use support::guarded::{Guarded, PEOPLE};
use support::guest::{Guest, NOT_AUTHORIZED, Pass, Refusal, outcome, over_tls};
use support::mosquitto::{make_certificates, program};
use support::program::{Program, output};

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn who_has_no_name_is_not_let_in() {
    let mut people = PEOPLE.to_vec();
    people.extend([
        "node porch --login certificate",
        "node gone --login certificate",
    ]);
    let broker = Guarded::start(&people).await;
    let gone = Pass::certificate_of(&broker, "gone");
    broker.credentials(&["remove", "gone"]);
    broker.reload().await;

    let password = broker.password_of("kitchen");
    let named = |name: &str, password: &str| Pass::Password(name.to_owned(), password.to_owned());
    let in_a_websocket =
        |name: &str, password: &str| Pass::Websocket(name.to_owned(), password.to_owned());
    let stranger = tempfile::tempdir().expect("a temporary folder");
    make_certificates(stranger.path());
    let read = |file: &str| fs::read(stranger.path().join(file)).expect("a file");
    let foreign = Pass::Certificate(read("server.pem"), read("server.key"));

    let porch = Pass::certificate_of(&broker, "porch");
    let wrong_in_a_websocket = in_a_websocket("kitchen", "guessed");
    let (entered, refused, cut) = (Ok(()), Err(NOT_AUTHORIZED), Err(Refusal::Hangup));
    for (what, pass, expected) in [
        ("a password", named("kitchen", &password), &entered),
        (
            "one in a websocket",
            in_a_websocket("kitchen", &password),
            &entered,
        ),
        ("a certificate", porch, &entered),
        ("nothing", Pass::Nothing, &refused),
        ("a wrong password", named("kitchen", "guessed"), &refused),
        ("an empty password", named("kitchen", ""), &refused),
        ("another's password", named("hall", &password), &refused),
        ("an unknown name", named("root", &password), &refused),
        ("a name with a certificate", named("porch", ""), &refused),
        ("a wrong one in a websocket", wrong_in_a_websocket, &refused),
        ("another authority's certificate", foreign, &cut),
        ("a revoked certificate", gone, &cut),
    ] {
        let entering = outcome(Guest::connect(&broker, &pass).await);
        assert_eq!(&entering, expected, "{what}; {}", broker.log());
    }
    // The listener of certificates asks for one before anything is said.
    let mut options = over_tls(&broker, broker.certificates, "no-certificate", None);
    options.set_credentials("kitchen", password.clone());
    assert_eq!(outcome(Guest::open(options).await), cut);
    // The log tells who came, and no secret.
    assert!(broker.log().contains("u'kitchen'") && !broker.log().contains(&password));
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn no_listener_speaks_without_tls_or_an_old_one() {
    let broker = Guarded::start(&PEOPLE).await;
    for port in [broker.tls, broker.certificates, broker.websockets] {
        let options = rumqttc::MqttOptions::new("plain", rumqttc::Broker::tcp("localhost", port));
        let plain = outcome(Guest::open(options).await);
        assert_eq!(plain, Err(Refusal::Hangup), "port {port} without TLS");
        // This machine's own policy would stop the old ones before the broker is asked.
        for (version, is_spoken) in [
            ("tls1", false),
            ("tls1_1", false),
            ("tls1_2", true),
            ("tls1_3", true),
        ] {
            let said = handshake(port, &format!("-{version}"));
            assert_eq!(
                !said.contains("Cipher is (NONE)"),
                is_spoken,
                "port {port}, {version}: {said}"
            );
            assert!(
                is_spoken || said.contains("alert"),
                "the broker says so: {said}"
            );
        }
        let weak = handshake(port, "-tls1_2 -cipher AES128-SHA:AES256-SHA@SECLEVEL=0");
        assert!(
            weak.contains("Cipher is (NONE)"),
            "port {port} without forward secrecy: {weak}"
        );
    }
}

/// Shakes hands with openssl, which is told to allow everything.
fn handshake(port: u16, version: &str) -> String {
    let address = format!("localhost:{port}");
    let mut arguments = vec!["s_client", "-connect", &address];
    arguments.extend(version.split(' '));
    if !version.contains("-cipher") {
        arguments.extend(["-cipher", "ALL:@SECLEVEL=0"]);
    }
    let Output { stdout, stderr, .. } = std::process::Command::new(program("openssl"))
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl starts");
    format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    )
}

/// A node with the configuration that the script wrote for it, at this URL instead of that of the shipped port.
fn node(broker: &Guarded, name: &str, port: u16, url: &str) -> Program {
    let text = fs::read_to_string(broker.file_of(name, "piglow-node.toml"))
        .expect("the script has made it");
    let shipped = format!("mqtts://localhost:{port}");
    assert!(text.contains(&shipped), "{text}");
    let folder = broker.dir().join("clients").join(name);
    let text = text
        .replace(&shipped, url)
        .replace("/etc/piglow", &folder.display().to_string());
    let file = broker.dir().join("piglow-node.toml");
    fs::write(&file, text).expect("a file");
    let file = file.display().to_string();
    Program::start(&[
        "--config",
        &file,
        "--panel",
        "simulated",
        "--set",
        "light.state_file=",
        "--set",
        "telemetry.interval_secs=1",
    ])
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_node_with_what_the_script_made_for_it_does_all_it_has_to() {
    let broker = Guarded::start(&PEOPLE).await;
    for url in [
        format!("mqtts://localhost:{}", broker.tls),
        format!("wss://localhost:{}", broker.websockets),
    ] {
        let mut operator = Guest::enter(&broker, "me").await;
        operator
            .subscribe("piglow/kitchen/#", QoS::AtLeastOnce)
            .await;
        let mut node = node(&broker, "kitchen", 8883, &url);
        node.says("connected").await;
        while operator.hear("piglow/kitchen/availability").await.text() != "online" {}
        for topic in [
            "info",
            "light/state",
            "light/ring/red/state",
            "health",
            "telemetry",
        ] {
            operator.hear(&format!("piglow/kitchen/{topic}")).await;
        }
        for (topic, command, field, expected) in [
            (
                "piglow/kitchen/light/set",
                r#"{"id":"own","color":"red"}"#,
                "id",
                "own",
            ),
            (
                "piglow/kitchen/light/arm/top/set",
                r#"{"id":"part","brightness":9}"#,
                "id",
                "part",
            ),
            (
                "piglow/kitchen/light/typo/set",
                "9",
                "reason",
                "unknown_segment",
            ),
            (
                "piglow/group/attic/light/set",
                r#"{"id":"group","color":"blue"}"#,
                "id",
                "group",
            ),
            (
                "piglow/all/light/set",
                r#"{"id":"all","color":"green"}"#,
                "id",
                "all",
            ),
        ] {
            assert!(operator.may_publish(topic, command, false).await);
            let result = operator.hear("piglow/kitchen/light/result").await.json();
            assert_eq!(result[field], expected, "{topic}: {result}");
        }
        // Another group's command does not come: the next answer is that of the next command.
        assert!(
            operator
                .may_publish("piglow/group/cellar/light/set", r#"{"id":"other"}"#, false)
                .await
        );
        let mine = "piglow/kitchen/reply/me/1";
        operator
            .request(
                "piglow/kitchen/light/set",
                r#"{"id":"mine","state":"ON"}"#,
                mine,
            )
            .await;
        let answer = operator.hear(mine).await;
        assert_eq!(answer.json()["id"], "mine");
        assert!(answer.correlation.is_some());
        assert_eq!(
            operator.hear("piglow/kitchen/light/result").await.json()["id"],
            "mine"
        );
        assert!(
            operator
                .may_publish("piglow/kitchen/frame/watch", "10", false)
                .await
        );
        operator.hear("piglow/kitchen/frame").await;
        assert!(
            !node.said().concat().contains("refuses"),
            "{:#?}",
            node.said()
        );
        // An answer outside of what is the node's is refused, and the other one comes.
        operator
            .request(
                "piglow/kitchen/light/set",
                r#"{"id":"yours","state":"OFF"}"#,
                "elsewhere/me",
            )
            .await;
        assert_eq!(
            operator.hear("piglow/kitchen/light/result").await.json()["id"],
            "yours"
        );
        node.says("the broker refuses a message").await;
        // In the end it says so, by the rights it has.
        node.signal("TERM");
        assert_eq!(node.ends().await, Some(0));
        while operator.hear("piglow/kitchen/availability").await.text() != "offline" {}
        assert!(
            !node
                .said()
                .concat()
                .contains(&broker.password_of("kitchen"))
        );
    }
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn an_operator_commands_from_a_shell() {
    let broker = Guarded::start(&PEOPLE).await;
    let url = format!("mqtts://localhost:{}", broker.tls);
    let mut running = node(&broker, "kitchen", 8883, &url);
    running.says("connected").await;
    for (user, code) in [("me", Some(0)), ("wall", Some(69))] {
        let set = |key: &str, file: String| format!("mqtt.{key}={file}");
        let password = set(
            "password_file",
            broker.file_of(user, "password").display().to_string(),
        );
        let ca = set(
            "ca_file",
            broker.file_of(user, "ca.pem").display().to_string(),
        );
        let name = set("username", user.to_owned());
        let sent = output(
            &[
                "--url",
                &url,
                "--set",
                &name,
                "--set",
                &password,
                "--set",
                &ca,
                "send",
                "--node",
                "kitchen",
                "--timeout",
                "2",
                "red",
            ],
            &[],
        )
        .await;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&sent.stdout),
            String::from_utf8_lossy(&sent.stderr)
        );
        assert_eq!(sent.status.code(), code, "{user}: {said}");
    }
}

const DISCOVERY: &str = "homeassistant/device/piglow-porch/config";

/// Home Assistant and an operator, who listen to what they may know of the porch's node.
async fn at_home(broker: &Guarded) -> (Guest, Guest) {
    let mut home = Guest::enter(broker, "hass").await;
    for filter in ["homeassistant/#", "piglow/porch/#"] {
        home.subscribe(filter, QoS::AtLeastOnce).await;
    }
    let mut operator = Guest::enter(broker, "me").await;
    operator.subscribe("piglow/porch/#", QoS::AtLeastOnce).await;
    (home, operator)
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_node_with_a_certificate_is_at_home_in_home_assistant() {
    let people = [
        &PEOPLE[..],
        &["node porch --login certificate --groups attic"],
    ]
    .concat();
    let mut broker = Guarded::start(&people).await;
    let (mut home, mut operator) = at_home(&broker).await;
    let gate = Gate::to(([127, 0, 0, 1], broker.certificates).into()).await;
    gate.open();
    let url = format!("mqtts://localhost:{}", gate.address.port());
    let mut node = node(&broker, "porch", 8884, &url);
    node.says("connected").await;

    let announced = home.hear(DISCOVERY).await;
    let components = announced.json()["cmps"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    assert!(components > 40, "{}", announced.text());
    for (leaf, first, command, expected) in [
        (
            "siren",
            r#"{"state":"OFF"}"#,
            r#"{"state":"ON","tone":"critical","duration":9}"#,
            r#"{"state":"ON","tone":"critical","duration":9}"#,
        ),
        ("setting/brightness_limit", "48", "30", "30"),
        ("setting/effect_speed", "100", "150", "150"),
    ] {
        let state = format!("piglow/porch/{leaf}/state");
        assert_eq!(home.hear(&state).await.text(), first, "{leaf}");
        assert!(
            home.may_publish(&format!("piglow/porch/{leaf}/set"), command, false)
                .await
        );
        assert_eq!(home.hear(&state).await.text(), expected, "{leaf}");
    }
    // What was wrong is told as an event, and where the sender wants it.
    let mine = "piglow/porch/reply/me/1";
    operator
        .request("piglow/porch/light/set", "much", mine)
        .await;
    assert_eq!(operator.hear(mine).await.json()["status"], "rejected");
    assert_eq!(
        home.hear("piglow/porch/event").await.json()["event_type"],
        "command_rejected"
    );
    // Home Assistant starts, and the node is made known to it again.
    assert!(
        home.may_publish("homeassistant/status", "online", false)
            .await
    );
    assert_eq!(home.hear(DISCOVERY).await.payload, announced.payload);

    // The samples after the first, which asks for an acknowledgement, are not known to have arrived: the broker gets them again.
    for _ in 0..3 {
        operator.hear("piglow/porch/telemetry").await;
    }
    gate.shut();
    broker.stop();
    node.says("not connected").await;
    broker.restart().await;
    let (mut home, mut operator) = at_home(&broker).await;
    assert!(home.hear(DISCOVERY).await.retained);
    gate.open();
    let late = operator.hear("piglow/porch/telemetry/history").await.json();
    assert!(
        late["samples"]
            .as_array()
            .is_some_and(|samples| !samples.is_empty()),
        "{late}"
    );
    while home.hear("piglow/porch/availability").await.text() != "online" {}

    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    while home.hear("piglow/porch/availability").await.text() != "offline" {}
    let said = node.said();
    let troubles = said
        .iter()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let (lost, others): (Vec<_>, Vec<_>) =
        troubles.partition(|line| line.contains("not connected"));
    assert!(!lost.is_empty() && others.is_empty(), "{others:#?}");
}
