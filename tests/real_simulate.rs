//! `piglow-node simulate` on a Mosquitto: the nodes are born, obey, and go, as real ones do. `tests/run` runs them.

#![cfg(feature = "fleet")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use support::mosquitto::{Mosquitto, make_certificates, run};
use support::program::Program;
use support::{Client, Heard, retained};

const NODES: usize = 40;

fn simulate(url: &str, more: &[&str]) -> Program {
    let own = [
        "--url",
        url,
        "simulate",
        "--nodes",
        "40",
        "--interval-secs",
        "1",
    ];
    Program::start(&[&own, more].concat())
}

/// Waits until every node has said this of its availability.
async fn all_say(client: &mut Client, word: &str) {
    let mut said = BTreeSet::new();
    while said.len() < NODES {
        let heard = client
            .hear(&format!("{word} of each node"), |heard| {
                heard.topic.ends_with("/availability") && heard.payload == word.as_bytes()
            })
            .await;
        said.insert(heard.topic);
    }
}

async fn next_sample(client: &mut Client, node: &str) -> Value {
    client
        .next(&format!("piglow/{node}/telemetry"))
        .await
        .json()
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn nodes_come_with_all_they_have_and_leave_with_a_word() {
    // One unacknowledged message at a time: a birth has 35.
    let broker = Mosquitto::start("allow_anonymous true\nmax_inflight_messages 1\n").await;
    let mut client = Client::connect(broker.address(), &["piglow/+/availability"]).await;
    let mut nodes = simulate(&format!("mqtt://{}", broker.address()), &["--groups", "4"]);
    all_say(&mut client, "online").await;

    let info = retained(broker.address(), "piglow/sim-07/info")
        .await
        .json();
    assert_eq!(info["groups"], serde_json::json!(["rack-3"]));
    assert_eq!(info["telemetry_interval_secs"], 1);
    for topic in [
        "light/state",
        "light/led/18/state",
        "health",
        "siren/state",
        "setting/effect_speed/state",
    ] {
        let kept = retained(broker.address(), &format!("piglow/sim-40/{topic}")).await;
        assert!(kept.retained && !kept.payload.is_empty(), "{topic}");
    }
    client.subscribe(&["piglow/sim-07/telemetry"]).await;
    let first = next_sample(&mut client, "sim-07").await;
    let second = next_sample(&mut client, "sim-07").await;
    let number = |sample: &Value| sample["sequence"].as_u64().expect("a number");
    assert_eq!(number(&second), number(&first) + 1);
    assert_eq!(first["run"], second["run"]);

    nodes.signal("TERM");
    assert_eq!(nodes.ends().await, Some(0), "{:#?}", nodes.said());
    all_say(&mut client, "offline").await;
    assert!(
        nodes
            .said()
            .iter()
            .any(|line| line.contains("40 of 40 connected"))
    );
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn a_command_to_a_group_is_obeyed_by_each_of_it_and_a_wrong_one_refused() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(
        broker.address(),
        &["piglow/+/availability", "piglow/+/light/result"],
    )
    .await;
    let _nodes = simulate(&format!("mqtt://{}", broker.address()), &["--groups", "4"]);
    all_say(&mut client, "online").await;

    let command = r##"{"id":"g","color":"#0000ff","for_secs":1}"##;
    client
        .publish("piglow/group/rack-2/light/set", command, false)
        .await;
    let mut shown = BTreeSet::new();
    while shown.len() < NODES / 4 {
        let heard = client
            .hear("a result of each of the group", |heard| {
                heard.json()["id"] == "g"
            })
            .await;
        assert_eq!(heard.json()["status"], "shown", "{}", heard.text());
        assert!(shown.insert(heard.topic), "answered twice");
    }
    assert!(shown.contains("piglow/sim-02/light/result"), "{shown:?}");
    let state = retained(broker.address(), "piglow/sim-02/light/state")
        .await
        .json();
    assert_eq!(state["color"]["b"], 255);

    client.subscribe(&["piglow/sim-02/light/state"]).await;
    let is_base = |heard: &Heard| {
        heard.topic.ends_with("sim-02/light/state") && heard.json()["layer"] == "base"
    };
    client
        .hear("what lay below, when the lease has ended", is_base)
        .await;

    let refused = client.ask("sim-02", "w", r#"{"brightness":300}"#).await;
    assert_eq!(refused["reason"], "out_of_range");
    let dark = client.ask("sim-02", "d", r#"{"state":"OFF"}"#).await;
    assert_eq!(dark["status"], "shown");
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn frames_are_mirrored_while_somebody_watches() {
    let broker = Mosquitto::open().await;
    let filters = [
        "piglow/+/availability",
        "piglow/sim-01/frame",
        "piglow/sim-01/light/result",
    ];
    let mut client = Client::connect(broker.address(), &filters).await;
    let _nodes = simulate(&format!("mqtt://{}", broker.address()), &[]);
    all_say(&mut client, "online").await;
    client.ask("sim-01", "spin", r#"{"effect":"spin"}"#).await;
    assert!(
        client.heard_on("piglow/sim-01/frame").is_empty(),
        "nobody watches"
    );

    client
        .publish("piglow/sim-01/frame/watch", "30", false)
        .await;
    let mut frames = BTreeSet::new();
    while frames.len() < 5 {
        frames.insert(client.next("piglow/sim-01/frame").await.text());
    }
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn nodes_that_die_leave_their_will_and_come_back_after_their_broker_does() {
    let mut broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/+/availability"]).await;
    let nodes = simulate(
        &format!("mqtt://{}", broker.address()),
        &["--set", "mqtt.keep_alive_secs=5"],
    );
    all_say(&mut client, "online").await;

    // It has no persistence: what it keeps after this is what the nodes have told it again.
    broker.restart().await;
    let mut client = Client::connect(broker.address(), &["piglow/+/availability"]).await;
    all_say(&mut client, "online").await;

    client.forget();
    nodes.signal("KILL");
    all_say(&mut client, "offline").await;
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn recorded_samples_are_played_over_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificates(folder.path());
    let tls = support::free_port();
    let broker = Mosquitto::start_in(
        folder,
        &format!(
            "allow_anonymous true\nlistener {tls} 127.0.0.1\ncertfile FOLDER/server.pem\nkeyfile FOLDER/server.key\n"
        ),
    )
    .await;
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/telemetry.json");
    let recorded: Value =
        serde_json::from_slice(&std::fs::read(golden).expect("a sample")).expect("JSON");
    let file = broker.folder.path().join("recorded");
    std::fs::write(&file, format!("piglow/attic/telemetry {recorded}\n")).expect("a recording");

    let mut client = Client::connect(broker.address(), &["piglow/sim-33/telemetry"]).await;
    let authority = format!(
        "mqtt.ca_file={}",
        broker.folder.path().join("ca.pem").display()
    );
    let replay = file.display().to_string();
    let more = ["--replay", replay.as_str(), "--set", authority.as_str()];
    let _nodes = simulate(&format!("mqtts://localhost:{tls}"), &more);
    let sample = next_sample(&mut client, "sim-33").await;
    for key in [
        "cpu",
        "memory",
        "disk",
        "network",
        "temperature_celsius",
        "load_average",
    ] {
        assert_eq!(sample[key], recorded[key], "{key}");
    }
    assert_ne!(sample["time"], recorded["time"]);
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn what_mosquitto_sub_prints_can_be_played() {
    let broker = Mosquitto::open().await;
    let mut client = Client::connect(broker.address(), &["piglow/+/availability"]).await;
    let url = format!("mqtt://{}", broker.address());
    let _nodes = simulate(&url, &[]);
    all_say(&mut client, "online").await;
    let port = broker.port.to_string();
    let arguments = ["-p", &port, "-t", "piglow/+/telemetry", "-v", "-C", "60"];
    let printed = run("mosquitto_sub", &arguments, Path::new("/"));
    let file = broker.folder.path().join("recorded");
    std::fs::write(&file, printed).expect("a recording");
    let replay = file.display().to_string();
    let mut again = simulate(&url, &["--prefix", "again", "--replay", &replay]);
    again.says("40 of 40 connected").await;
}
