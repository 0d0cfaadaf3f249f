//! The dashboard on a Mosquitto, and over HTTPS. `tests/run` runs them: they need `mosquitto` and `openssl`.
#![cfg(feature = "fleet")]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use piglow_node::fleet::probe;
use piglow_node::protocol::{self, Topics};
use piglow_node::units::NodeId;
use serde_json::json;
use support::authority::Authority;
use support::dashboard::Dashboard;
use support::mosquitto::Mosquitto;
use support::{Client, config, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

const SAMPLES: u64 = 200;

/// A counter of a dashboard's.
async fn counter(dashboard: &Dashboard, name: &str) -> u64 {
    let metrics = dashboard.get("/metrics").await.text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()
        .expect("a number")
}

#[ignore = "needs mosquitto"]
#[tokio::test]
async fn dashboards_of_a_group_share_the_samples_and_each_shows_every_node() {
    let broker = Mosquitto::open().await;
    let client = Client::connect(broker.address(), &[]).await;
    for node in ["attic", "cellar"] {
        client
            .publish(&format!("piglow/{node}/availability"), b"online", true)
            .await;
    }
    let group = [("fleet.share_group", "wall")];
    let one = Dashboard::start(broker.address(), &group).await;
    let two = Dashboard::start(broker.address(), &group).await;
    for dashboard in [&one, &two] {
        dashboard.row("attic", |row| row["online"] == true).await;
        dashboard.row("cellar", |row| row["online"] == true).await;
    }
    for number in 0..SAMPLES {
        let node = if number % 2 == 0 { "attic" } else { "cellar" };
        let sample = json!({"run": "1", "sequence": number / 2, "cpu": {"load_percent": 50.0},
            "memory": {"used_percent": 40.0}, "temperature_celsius": 50.0});
        client
            .publish(
                &format!("piglow/{node}/telemetry"),
                sample.to_string().as_bytes(),
                false,
            )
            .await;
    }
    let name = "piglow_fleet_samples_total";
    within("each sample once", async {
        while counter(&one, name).await + counter(&two, name).await < SAMPLES {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client
        .publish("piglow/attic/availability", b"offline", true)
        .await;
    for dashboard in [&one, &two] {
        let row = dashboard.row("attic", |row| row["online"] == false).await;
        assert!(row["since"].is_i64(), "{row}");
        let count = counter(dashboard, name).await;
        assert!((1..SAMPLES).contains(&count), "{count} of {SAMPLES}");
        assert_eq!(
            counter(dashboard, "piglow_fleet_samples_missed_total").await,
            0
        );
    }
    assert_eq!(
        counter(&one, name).await + counter(&two, name).await,
        SAMPLES
    );
}

/// What is answered over TLS to whoever trusts this CA, and the certificate that was shown.
async fn look(address: SocketAddr, ca: &Authority) -> (String, Vec<u8>) {
    let mut roots = RootCertStore::empty();
    let certificate =
        CertificateDer::from_pem_file(ca.path("ca.pem")).expect("the CA's certificate");
    roots.add(certificate).expect("it can be trusted");
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let mut stream = within("a handshake", tls).await.expect("it is trusted");
    let request = "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let shown = stream
        .get_ref()
        .1
        .peer_certificates()
        .expect("a certificate")[0]
        .to_vec();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer))
        .await
        .expect("text");
    (answer, shown)
}

/// They say 24 MB of themselves: more than lies between a Mosquitto and a reader who is a little slower.
const MANY: usize = 2_000;

/// Publishes what nodes say of themselves, and waits until the broker has it.
async fn furnish(broker: SocketAddr, nodes: usize) {
    let topics = Topics::new("piglow".parse().expect("a root"));
    let mut client = Client::connect(broker, &["furnished"]).await;
    let info = protocol::Info {
        version: "0.1.0",
        model: Some("Raspberry Pi 4 Model B Rev 1.5".to_owned()),
        ..protocol::Info::default()
    };
    let light = r#"{"state":"ON","brightness":255,"effect":"fire","layer":"command"}"#;
    for number in 0..nodes {
        let node = NodeId::from_host_name(&format!("made-up-{number}"));
        let of_node = |leaf: &str| format!("piglow/{node}/{leaf}");
        for message in [
            protocol::info(&topics, &node, &info),
            protocol::health(&topics, &node, &protocol::Health::default()),
            protocol::availability(&topics, &node, false),
        ] {
            client.publish(&message.topic, message.payload, true).await;
        }
        client.publish(&of_node("light/state"), light, true).await;
        for setting in ["effect_speed", "brightness_limit"] {
            let topic = of_node(&format!("setting/{setting}/state"));
            client.publish(&topic, "48", true).await;
        }
    }
    client.publish("furnished", "", false).await;
    client.next("furnished").await;
}

/// The limits of the broker's configuration that this project has.
fn own_limits() -> String {
    let lines = include_str!("../mosquitto/mosquitto.conf").lines();
    lines
        .filter(|line| line.starts_with("max_inflight") || line.starts_with("max_queued"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[ignore = "needs mosquitto"]
#[tokio::test]
async fn a_large_fleet_is_soon_whole_whatever_a_mosquitto_drops_by_its_limits() {
    // By Mosquitto's own limits it is up to the reader how much is dropped, by ours most of it is.
    for (limits, is_sure) in [(String::new(), false), (own_limits(), true)] {
        let broker = Mosquitto::start(&format!("allow_anonymous true\n{limits}")).await;
        furnish(broker.address(), MANY).await;
        let begun = Instant::now();
        let dashboard = Dashboard::start(broker.address(), &[]).await;
        within("all nodes to be whole", async {
            while whole(&dashboard).await < MANY {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let asked = counter(&dashboard, "piglow_fleet_states_asked_again_total").await;
        println!(
            "{MANY} nodes are whole after {:.1} s, {asked} states asked for; limits: {limits:?}",
            begun.elapsed().as_secs_f64()
        );
        assert!(asked > 0 || !is_sure, "nothing was dropped");
        dashboard.stop().await;
    }
}

/// The nodes of which a dashboard knows what they are, show, and how they are.
async fn whole(dashboard: &Dashboard) -> usize {
    let fleet = dashboard.get("/api/v1/fleet").await.json();
    let rows = fleet["nodes"].as_array().into_iter().flatten();
    rows.filter(|row| {
        row["model"].is_string() && row["light"].is_object() && row["panel"].is_string()
    })
    .count()
}

#[ignore = "needs openssl"]
#[tokio::test]
async fn it_speaks_https_and_takes_a_certificate_that_was_renewed() {
    let ca = Authority::new("test");
    ca.issue("first", "DNS:localhost");
    ca.issue("second", "DNS:localhost");
    for end in ["pem", "key"] {
        fs::copy(
            ca.path(&format!("first.{end}")),
            ca.path(&format!("now.{end}")),
        )
        .expect("a copy");
    }
    let files = [ca.text("now.pem"), ca.text("now.key")];
    let settings = [
        ("fleet.certificate_file", files[0].as_str()),
        ("fleet.key_file", &files[1]),
    ];
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let dashboard = Dashboard::start(nowhere, &settings).await;
    let (answer, first) = look(dashboard.address, &ca).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    for end in ["key", "pem"] {
        fs::copy(
            ca.path(&format!("second.{end}")),
            ca.path(&format!("now.{end}")),
        )
        .expect("a copy");
    }
    let (answer, second) = look(dashboard.address, &ca).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_ne!(first, second);
    let listen = dashboard.address.to_string();
    let config = config(
        "health",
        "mqtt://127.0.0.1:1",
        &[&settings[..], &[("fleet.listen", &listen)]].concat(),
    );
    let word = probe::ask(&config.fleet).await.expect("it answers");
    assert!(
        word.text.starts_with("not connected to the broker"),
        "{word:?}"
    );
    // Half of a pair is not taken.
    fs::write(ca.path("now.key"), "no key").expect("a file");
    let (_, third) = look(dashboard.address, &ca).await;
    assert_eq!(second, third);
}
