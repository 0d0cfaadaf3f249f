//! Whole nodes on a real Mosquitto of the test's own. `tests/run` runs them; they need mosquitto, its clients and openssl.

#![cfg(feature = "demo")]

mod support;

use std::fs;

use piglow_node::light::Frame;
use piglow_node::mqtt::Link;
use support::mosquitto::{Mosquitto, make_certificates, run};
use support::program::Program;
use support::{BRIGHT, Client, LIMIT, NODE, TestNode, all_at, retained, until};

const SET: &str = "piglow/pi/light/set";

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_command_is_latched_kept_as_state_and_answered() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    let result = client
        .ask(NODE, "a1", r#"{"id":"a1","color":"red","from":"the test"}"#)
        .await;
    assert_eq!(result["status"], "shown", "{result}");
    let red = Frame(std::array::from_fn(
        |led| if led % 6 == 0 { LIMIT } else { 0 },
    ));
    assert_eq!(node.bus.shown(), red);
    let state = retained(broker.address(), "piglow/pi/light/state")
        .await
        .json();
    assert_eq!(
        (&state["effect"], &state["from"]),
        (&"solid".into(), &"the test".into())
    );
    node.stop().await.expect("a clean end");
    assert_eq!(
        retained(broker.address(), "piglow/pi/availability")
            .await
            .text(),
        "offline"
    );
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn malformed_commands_are_rejected_and_the_node_obeys_the_next() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(
        broker.address(),
        &["piglow/pi/light/result", "piglow/pi/availability"],
    )
    .await;
    let node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    for payload in ["", "{", "\u{0}", "brethe", r#"{"id":"x","brightness":300}"#] {
        client.command(NODE, payload).await;
        let result = client.next("piglow/pi/light/result").await.json();
        assert_eq!(result["status"], "rejected", "{payload:?}: {result}");
    }
    client.command(NODE, BRIGHT).await;
    assert_eq!(client.result(NODE, "bright").await["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn after_the_brokers_return_the_node_is_born_again_and_obeys() {
    let mut broker = Mosquitto::open().await;
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    until("a connection", &mut node.view.link, |link| {
        *link == Link::Up(1)
    })
    .await;
    broker.kill();
    until("the loss", &mut node.view.link, |link| *link == Link::Down).await;
    broker.restart().await;
    until("the second connection", &mut node.view.link, |link| {
        *link == Link::Up(2)
    })
    .await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    client.online(NODE).await;
    assert_eq!(
        retained(broker.address(), "piglow/pi/info").await.json()["contract"],
        1
    );
    client.command(NODE, BRIGHT).await;
    node.shows("the command after the return", |board| {
        board.frame == all_at(LIMIT)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn the_broker_says_offline_for_a_killed_process() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/pi/availability"]).await;
    let url = format!("mqtt://{}", broker.address());
    let mut node = Program::start(&[
        "--url",
        &url,
        "--id",
        NODE,
        "--panel",
        "simulated",
        "--set",
        "light.state_file=",
    ]);
    client.online(NODE).await;
    node.signal("KILL");
    assert_eq!(node.ends().await, None);
    client
        .hear("the will", |heard| heard.text() == "offline")
        .await;
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn senders_of_mqtt_3_1_1_and_requesters_of_mqtt_5_are_answered() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    let port = broker.port.to_string();
    let folder = broker.folder.path();
    let to = ["-h", "127.0.0.1", "-p", &port, "-t", SET];
    let old = [&to[..], &["-V", "mqttv311", "-q", "1", "-m", BRIGHT]].concat();
    run("mosquitto_pub", &old, folder);
    assert_eq!(client.result(NODE, "bright").await["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
    let (runner, folder) = (to.map(str::to_owned), folder.to_owned());
    let answer = tokio::task::spawn_blocking(move || {
        let to: Vec<&str> = runner.iter().map(String::as_str).collect();
        let request = [
            &to[..],
            &["-V", "5", "-e", "answers/here", "-W", "20", "-m", "off"],
        ]
        .concat();
        run("mosquitto_rr", &request, &folder)
    });
    let answer = answer.await.expect("mosquitto_rr");
    assert!(answer.contains(r#""status":"shown""#), "{answer}");
    assert_eq!(node.bus.shown(), Frame::DARK);
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn websockets_carry_a_session() {
    let websocket = support::free_port();
    let broker = Mosquitto::start(&format!(
        "allow_anonymous true\nlistener {websocket} 127.0.0.1\nprotocol websockets\n"
    ))
    .await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let url = format!("ws://127.0.0.1:{websocket}");
    let node = TestNode::start(NODE, broker.address(), &[("mqtt.url", &url)]);
    client.online(NODE).await;
    client.command(NODE, BRIGHT).await;
    node.shows("the command", |board| board.frame == all_at(LIMIT))
        .await;
    node.stop().await.expect("a clean end");
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn tls_is_trusted_by_its_ca_and_by_no_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_certificates(folder.path());
    let (tls, secure_websocket) = (support::free_port(), support::free_port());
    let certificates = "certfile FOLDER/server.pem\nkeyfile FOLDER/server.key\n";
    let more = format!(
        "allow_anonymous true\nlistener {tls} 127.0.0.1\n{certificates}\
         listener {secure_websocket} 127.0.0.1\nprotocol websockets\n{certificates}"
    );
    let broker = Mosquitto::start_in(folder, &more).await;
    let ca = broker.folder.path().join("ca.pem").display().to_string();
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    for (id, url) in [
        ("over-tls", format!("mqtts://localhost:{tls}")),
        ("over-wss", format!("wss://localhost:{secure_websocket}")),
    ] {
        let node = TestNode::start(
            id,
            broker.address(),
            &[("mqtt.url", &url), ("mqtt.ca_file", &ca)],
        );
        client.online(id).await;
        node.stop().await.expect("a clean end");
    }

    let other = tempfile::tempdir().expect("a temporary folder");
    make_certificates(other.path());
    let wrong = format!("mqtt.ca_file={}", other.path().join("ca.pem").display());
    let url = format!("mqtts://localhost:{tls}");
    let mut node = Program::start(&[
        "--url",
        &url,
        "--id",
        "distrusting",
        "--panel",
        "simulated",
        "--log",
        "piglow_node=debug",
        "--set",
        &wrong,
        "--set",
        "light.state_file=",
    ]);
    let said = node.says("not connected").await;
    assert!(
        said.contains("mqtt.ca_file") && said.contains("WARN"),
        "{said}"
    );
    // The next attempts fail as well, and are told at a level that nobody reads by default.
    node.says("still not connected").await;
    let warnings = node
        .said()
        .iter()
        .filter(|line| line.contains("WARN") && line.contains("ca_file"))
        .count();
    assert_eq!(warnings, 1, "{:#?}", node.said());
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn passwords_come_from_a_file_and_a_wrong_one_is_said_in_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(
        "mosquitto_passwd",
        &["-b", "-c", "passwords", "pi", "let me in"],
        folder.path(),
    );
    fs::write(folder.path().join("right"), "let me in\n").expect("a file");
    let broker = Mosquitto::start_in(
        folder,
        "allow_anonymous false\npassword_file FOLDER/passwords\n",
    )
    .await;
    let url = format!("mqtt://{}", broker.address());
    let right = format!(
        "mqtt.password_file={}",
        broker.folder.path().join("right").display()
    );
    let common = [
        "--url",
        &url,
        "--panel",
        "simulated",
        "--set",
        "mqtt.username=pi",
        "--set",
        "light.state_file=",
    ];
    let mut node = Program::start(&[&common[..], &["--id", "known", "--set", &right]].concat());
    node.says("connected").await;
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    assert!(
        !node.said().concat().contains("let me in"),
        "{:#?}",
        node.said()
    );

    let wrong = [
        &common[..],
        &["--id", "unknown", "--set", "mqtt.password=a wrong secret"],
    ]
    .concat();
    let mut node = Program::start(&wrong);
    let said = node.says("not connected").await;
    assert!(
        said.contains("mqtt.username") && said.contains("mqtt.password"),
        "{said}"
    );
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    assert!(
        !node.said().concat().contains("a wrong secret"),
        "{:#?}",
        node.said()
    );
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_second_client_with_the_same_id_is_told() {
    let broker = Mosquitto::open().await;
    let url = format!("mqtt://{}", broker.address());
    let arguments = [
        "--url",
        &url,
        "--id",
        NODE,
        "--panel",
        "simulated",
        "--set",
        "light.state_file=",
    ];
    let mut first = Program::start(&arguments);
    first.says("connected").await;
    let mut second = Program::start(&arguments);
    second.says("connected").await;
    let said = first.says("not connected").await;
    assert!(said.contains("mqtt.client_id"), "{said}");
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn what_an_access_list_denies_is_said_once_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let access = "topic readwrite piglow/pi/light/#\ntopic read piglow/pi/#\ntopic write piglow/+/light/set\n";
    fs::write(folder.path().join("access"), access).expect("a file");
    let broker =
        Mosquitto::start_in(folder, "allow_anonymous true\nacl_file FOLDER/access\n").await;
    let url = format!("mqtt://{}", broker.address());
    let mut node = Program::start(&[
        "--url",
        &url,
        "--id",
        NODE,
        "--panel",
        "simulated",
        "--set",
        "light.state_file=",
    ]);
    let mut client = Client::connect(broker.address(), &["piglow/pi/light/result"]).await;
    node.says("connected").await;
    for _ in 0..3 {
        client.command(NODE, BRIGHT).await;
        let result = client.result(NODE, "bright").await;
        assert_eq!(result["status"], "shown", "{result}");
    }
    node.signal("TERM");
    assert_eq!(node.ends().await, Some(0));
    let refusals = node
        .said()
        .iter()
        .filter(|line| line.contains("WARN") && line.contains("access list"))
        .count();
    assert_eq!(refusals, 1, "{:#?}", node.said());
    assert!(!node.said().concat().contains("Pkid"), "{:#?}", node.said());
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn an_impossible_response_topic_costs_nothing_but_that_answer() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    client.online(NODE).await;
    for topic in ["answers/+/x", "#", SET, "$SYS/answers", "a//b", "/"] {
        client.request(NODE, BRIGHT, topic, b"x").await;
        assert_eq!(
            client.result(NODE, "bright").await["status"],
            "shown",
            "{topic}"
        );
    }
    assert_eq!(*node.view.link.borrow_and_update(), Link::Up(1));
}

#[tokio::test]
#[ignore = "needs mosquitto; tests/run runs it"]
async fn a_retained_command_is_stale_live_and_when_it_is_replayed() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/pi/light/result"]).await;
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    node.shows_anything().await;
    until("a connection", &mut node.view.link, |link| {
        *link == Link::Up(1)
    })
    .await;
    client
        .publish(SET, r#"{"id":"kept","state":"OFF"}"#, true)
        .await;
    let live = client.result(NODE, "kept").await;
    assert_eq!(live["reason"], "stale", "{live}");
    node.stop().await.expect("a clean end");
    let mut node = TestNode::start(NODE, broker.address(), &[]);
    let replayed = client.result(NODE, "kept").await;
    assert_eq!(replayed["reason"], "stale", "{replayed}");
    // Before the panel has shown anything, a command is accepted, not shown.
    node.shows_anything().await;
    client.command(NODE, BRIGHT).await;
    assert_eq!(client.result(NODE, "bright").await["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
}
