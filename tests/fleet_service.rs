//! The dashboard's service: the picture, its changes, commands and what becomes of them.
#![cfg(feature = "demo")]

mod support;

use std::net::SocketAddr;

use piglow_node::demo::{BrokerOptions, EmbeddedBroker};
use piglow_node::fleet::OPENAPI;
use piglow_node::light::Frame;
use serde_json::{Value, json};
use support::dashboard::{Answer, Dashboard};
use support::peer::{Peer, SUBSCRIBE, UNSUBSCRIBE, listener};
use support::program::output;
use support::{Client, LIMIT, NODE, TestNode, all_at, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const STREAM: &str = "/api/v1/events?stream=a-stream-of-the-test";
const VIEW: &str = "/api/v1/streams/a-stream-of-the-test/view";
const COMMANDS: &str = "/api/v1/commands";

/// Still, so that what is latched is what was commanded.
const STILL: [(&str, &str); 2] = [("light.default_effect", "solid"), ("node.groups", "attic")];

async fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(BrokerOptions { port: None })
        .await
        .expect("the broker starts")
}

async fn scene() -> (EmbeddedBroker, TestNode, Dashboard) {
    let broker = broker().await;
    let mut node = TestNode::start(NODE, broker.address(), &STILL);
    node.shows_anything().await;
    let dashboard = Dashboard::start(broker.address(), &[]).await;
    dashboard
        .row(NODE, |row| row["light"].is_object() && row["at"].is_i64())
        .await;
    (broker, node, dashboard)
}

fn light(to: Value, payload: Value) -> Value {
    json!({"to": to, "kind": "light", "payload": payload})
}

#[tokio::test]
async fn the_picture_has_a_node_and_what_it_says() {
    let (_broker, _node, dashboard) = scene().await;
    let row = dashboard
        .row(NODE, |row| row["groups"] == json!(["attic"]))
        .await;
    assert_eq!(row["online"], true);
    assert_eq!(row["stale"], false);
    assert_eq!(row["interval_secs"], 1);
    assert_eq!(row["light"]["effect"], "solid");
    assert_eq!(row["light"]["layer"], "base");
    let node = dashboard.get("/api/v1/nodes/pi").await.json();
    assert_eq!(node["info"]["id"], NODE);
    let effects = node["info"]["effects"].as_array().unwrap();
    assert!(
        effects.iter().any(|effect| effect["name"] == "fire"),
        "{node}"
    );
    assert!(node["sample"]["cpu"].is_object(), "{node}");
    assert_eq!(dashboard.get("/healthz").await.text(), "ok\n");
}

#[tokio::test]
async fn a_command_changes_the_latched_leds_and_its_result_comes_as_an_event() {
    let (_broker, node, dashboard) = scene().await;
    let mut events = dashboard.follow(STREAM, &[]).await;
    let bright = light(json!({"nodes": [NODE]}), json!({"leds": vec![255; 18]}));
    let sent = dashboard.post(COMMANDS, &bright).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    assert_eq!(sent.json()["messages"], 1);
    let id = sent.json()["id"].clone();
    let result = events.next("result", |data| data["id"] == id).await;
    assert_eq!(result.data["node"], NODE);
    assert_eq!(result.data["status"], "shown");
    assert_eq!(node.bus.shown(), all_at(LIMIT));
    let row = dashboard
        .row(NODE, |row| row["light"]["leds"].is_array())
        .await;
    assert_eq!(row["light"]["from"], "dashboard/local");
    let told = dashboard.get("/api/v1/nodes/pi").await.json();
    assert_eq!(told["results"][0]["id"], id);
}

#[tokio::test]
async fn groups_and_all_are_reached_by_one_message_and_segments_by_each_nodes_own() {
    let (_broker, node, dashboard) = scene().await;
    for to in [json!({"group": "attic"}), json!({"all": true})] {
        let off = dashboard
            .post(COMMANDS, &light(to.clone(), json!({"state": "OFF"})))
            .await;
        assert_eq!(
            (off.status, off.json()["messages"].as_i64()),
            (202, Some(1))
        );
        node.shows("darkness", |board| board.frame == Frame::DARK)
            .await;
        let arm = json!({"to": to, "kind": "light", "segment": "arm/top", "payload": {"brightness": 255}});
        assert_eq!(dashboard.post(COMMANDS, &arm).await.status, 202);
        node.shows("an arm", |board| board.frame.0[0] > 0).await;
    }
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_with_the_field_and_what_is_allowed() {
    let (_broker, _node, dashboard) = scene().await;
    let payload = json!({"state": "ON"});
    let one = json!({"nodes": [NODE]});
    for (command, field) in [
        (json!({"kind": "light"}), "to"),
        (json!({"to": one}), "kind"),
        (json!({"to": one, "kind": "song"}), "kind"),
        (
            json!({"to": one, "kind": "light", "payload": "on"}),
            "payload",
        ),
        (
            json!({"to": one, "kind": "light", "segment": "ring/pink", "payload": payload}),
            "segment",
        ),
        (
            json!({"to": one, "kind": "siren", "segment": "ring/red", "payload": payload}),
            "segment",
        ),
        (
            json!({"to": one, "kind": "setting", "setting": "volume", "payload": 1}),
            "setting",
        ),
        (
            json!({"to": one, "kind": "light", "payload": payload, "when": 1}),
            "when",
        ),
        (
            light(json!({"nodes": ["nobody"]}), payload.clone()),
            "to.nodes",
        ),
        (light(json!({"nodes": []}), payload.clone()), "to.nodes"),
        (
            light(json!({"group": "nobody"}), payload.clone()),
            "to.group",
        ),
        (light(json!({"all": false}), payload.clone()), "to"),
    ] {
        let refused = dashboard.post(COMMANDS, &command).await;
        assert_eq!(refused.status, 400, "{command}");
        let error = &refused.json()["error"];
        assert_eq!(error["field"], field, "{command}: {error}");
        assert!(
            error["expected"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let malformed = dashboard.ask("POST", COMMANDS, &[], "{").await;
    assert_eq!(malformed.status, 400);
    let large = dashboard
        .ask("POST", COMMANDS, &[], &"x".repeat(70_000))
        .await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn a_setting_is_kept_by_the_node_and_told_in_its_document() {
    let (_broker, _node, dashboard) = scene().await;
    let settings = async |wanted: Value| {
        within(&format!("the settings {wanted}"), async {
            while dashboard.get("/api/v1/nodes/pi").await.json()["settings"] != wanted {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    settings(json!({"effect_speed": 100, "brightness_limit": LIMIT})).await;
    let set = json!({"to": {"all": true}, "kind": "setting", "setting": "brightness_limit", "payload": 20});
    assert_eq!(dashboard.post(COMMANDS, &set).await.status, 202);
    settings(json!({"effect_speed": 100, "brightness_limit": 20})).await;
}

#[tokio::test]
async fn frames_of_what_is_in_view_are_mirrored() {
    let (_broker, node, dashboard) = scene().await;
    let mut events = dashboard.follow(STREAM, &[]).await;
    events.next("hello", |_| true).await;
    let seen = dashboard
        .ask("PUT", VIEW, &[], r#"{"nodes":["pi","nobody"]}"#)
        .await;
    assert_eq!(seen.status, 204, "{}", seen.text());
    let bright = light(json!({"nodes": [NODE]}), json!({"leds": vec![255; 18]}));
    assert_eq!(dashboard.post(COMMANDS, &bright).await.status, 202);
    let shown = format!("{LIMIT:02x}").repeat(18);
    events.next("frames", |data| data[NODE] == *shown).await;
    assert_eq!(node.bus.shown(), all_at(LIMIT));
    let unknown = dashboard
        .ask(
            "PUT",
            "/api/v1/streams/another-stream/view",
            &[],
            r#"{"nodes":[]}"#,
        )
        .await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_node_that_goes_is_offline_and_one_that_is_forgotten_is_gone() {
    let (broker, node, dashboard) = scene().await;
    let fleet = dashboard.get("/api/v1/fleet").await.json();
    let path = format!("{STREAM}&cursor={}", fleet["cursor"].as_str().unwrap());
    let mut events = dashboard.follow(&path, &[]).await;
    node.stop().await.unwrap();
    let of_node = |data: &Value, field: &str| {
        let rows = data["rows"].as_array().cloned().unwrap_or_default();
        rows.into_iter()
            .find(|row| row["id"] == NODE)
            .map(|row| row[field].clone())
    };
    events
        .next("delta", |data| {
            of_node(data, "online") == Some(json!(false))
        })
        .await;
    let row = dashboard.row(NODE, |row| row["online"] == false).await;
    assert!(row["since"].is_i64(), "{row}");
    let client = Client::connect(broker.address(), &[]).await;
    client.publish("piglow/pi/availability", b"", true).await;
    events
        .next("delta", |data| data["gone"] == json!([NODE]))
        .await;
    let fleet = dashboard.get("/api/v1/fleet").await.json();
    assert_eq!(fleet["nodes"], json!([]));
    assert_eq!(dashboard.get("/api/v1/nodes/pi").await.status, 404);
}

#[tokio::test]
async fn a_reader_resumes_where_it_was_and_begins_anew_where_nobody_knows_that() {
    let (_broker, _node, dashboard) = scene().await;
    let mut events = dashboard.follow(STREAM, &[]).await;
    let seen = events.next("delta", |_| true).await.id.unwrap();
    let (epoch, number) = seen.split_once('.').unwrap();
    let number: u64 = number.parse().unwrap();
    events.next("delta", |_| true).await;
    drop(events);
    let resumed = format!("Last-Event-ID: {seen}");
    let mut events = dashboard.follow(STREAM, &[&resumed]).await;
    let hello = events.next("hello", |_| true).await;
    assert_eq!(hello.data["cursor"], *seen);
    let next = events.next("delta", |_| true).await;
    assert_eq!(next.id.unwrap(), format!("{epoch}.{}", number + 1));
    for unknown in ["1.1", "odd", &format!("{epoch}.99999999")] {
        let mut events = dashboard
            .follow(&format!("{STREAM}&cursor={unknown}"), &[])
            .await;
        events.next("hello", |_| true).await;
        let first = events.any().await.unwrap();
        assert_eq!(first.name, "reset", "{unknown}");
    }
}

#[tokio::test]
async fn when_the_broker_goes_nothing_is_shown_as_live_and_when_it_is_back_everything_is() {
    let (broker, _node, dashboard) = scene().await;
    let port = broker.address().port();
    let mut events = dashboard.follow(STREAM, &[]).await;
    broker.stop().await.unwrap();
    events
        .next("broker", |data| data["connected"] == false)
        .await;
    dashboard.row(NODE, |row| row["stale"] == true).await;
    let refused = dashboard
        .post(
            COMMANDS,
            &light(json!({"all": true}), json!({"state": "ON"})),
        )
        .await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(dashboard.get("/healthz").await.status, 503);
    let _broker = EmbeddedBroker::start(BrokerOptions { port: Some(port) })
        .await
        .unwrap();
    events
        .next("broker", |data| data["connected"] == true)
        .await;
    dashboard
        .row(NODE, |row| row["stale"] == false && row["online"] == true)
        .await;
}

#[tokio::test]
async fn samples_that_come_late_fill_the_history_by_their_own_times() {
    let broker = broker().await;
    let dashboard = Dashboard::start(broker.address(), &[]).await;
    let client = Client::connect(broker.address(), &[]).await;
    client
        .publish("piglow/late/availability", b"online", true)
        .await;
    dashboard.row("late", |_| true).await;
    let now = dashboard.get("/api/v1/session").await.json()["now"]
        .as_i64()
        .unwrap();
    let sample = |ago_secs: i64, load: f64| {
        let time = jiff::Timestamp::from_millisecond(now - ago_secs * 1000).unwrap();
        json!({"time": time.to_string(), "run": "a", "sequence": 1, "cpu": {"load_percent": load},
            "memory": {"used_percent": 40.0}, "temperature_celsius": 50.0})
    };
    let history = json!({"samples": [sample(1800, 10.0), sample(1795, 20.0), sample(100_000, 99.0), sample(-1000, 99.0)],
        "in_doubt": 0, "dropped": 0, "remaining": 0});
    client
        .publish(
            "piglow/late/telemetry/history",
            history.to_string().as_bytes(),
            false,
        )
        .await;
    let known = |answer: &Answer| -> Vec<f64> {
        let values = answer.json()["load"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        values.iter().filter_map(Value::as_f64).collect()
    };
    within("the late samples", async {
        while known(&dashboard.get("/api/v1/nodes/late/history?window=1h").await) != [10.0, 20.0] {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let day = known(&dashboard.get("/api/v1/nodes/late/history?window=24h").await);
    assert!(day == [15.0] || day == [10.0, 20.0], "{day:?}");
    let lines = dashboard
        .get("/api/v1/sparklines?nodes=late,nobody")
        .await
        .json();
    assert_eq!(lines["late"]["load"].as_array().unwrap().len(), 60);
    assert!(lines.get("nobody").is_none());
}

#[tokio::test]
async fn the_history_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.redb");
    let settings = [("fleet.history_file", file.to_str().unwrap())];
    let broker = broker().await;
    let node = TestNode::start(NODE, broker.address(), &STILL);
    let dashboard = Dashboard::start(broker.address(), &settings).await;
    dashboard.row(NODE, |row| row["memory"].is_number()).await;
    node.stop().await.unwrap();
    dashboard.row(NODE, |row| row["online"] == false).await;
    let past = |answer: Answer| {
        answer.json()["memory"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(Value::as_f64)
            .collect::<Vec<_>>()
    };
    let before = past(dashboard.get("/api/v1/nodes/pi/history").await);
    assert!(!before.is_empty());
    dashboard.stop().await;
    let dashboard = Dashboard::start(broker.address(), &settings).await;
    dashboard.row(NODE, |_| true).await;
    assert_eq!(
        past(dashboard.get("/api/v1/nodes/pi/history").await),
        before
    );
    dashboard.stop().await;
}

#[tokio::test]
async fn whatever_is_published_the_dashboard_goes_on_and_believes_no_other_name() {
    let broker = broker().await;
    let client = Client::connect(broker.address(), &["piglow/old/telemetry"]).await;
    // A sample that the broker keeps may be of any age.
    let sample = br#"{"cpu":{"load_percent":50}}"#;
    client.publish("piglow/old/telemetry", sample, true).await;
    let dashboard = Dashboard::start(broker.address(), &[]).await;
    let mut events = dashboard.follow(STREAM, &[]).await;
    events
        .next("broker", |data| data["connected"] == true)
        .await;
    let leaves = [
        "availability",
        "info",
        "telemetry",
        "telemetry/history",
        "health",
        "light/state",
        "light/result",
        "event",
        "frame",
        "setting/effect_speed/state",
    ];
    for leaf in leaves {
        for payload in [
            "",
            "{",
            "[]",
            "null",
            "\u{0}",
            r#"{"leds":[1]}"#,
            r#"{"cpu":{"load_percent":1e999}}"#,
            r#"{"version":1}"#,
        ] {
            client
                .publish(&format!("piglow/odd/{leaf}"), payload.as_bytes(), false)
                .await;
            client
                .publish(&format!("piglow/od d/{leaf}"), payload.as_bytes(), false)
                .await;
        }
    }
    let spoof = "{\"id\":\"x\",\n\"event_type\":\"hot\",\"node\":\"pi\",\"at\":1}";
    client
        .publish("piglow/liar/availability", b"online", false)
        .await;
    // Messages of different QoS may overtake one another.
    dashboard.row("liar", |row| row["online"] == true).await;
    client
        .publish("piglow/liar/event", spoof.as_bytes(), false)
        .await;
    let event = events
        .next("event", |data| data["event_type"] == "hot")
        .await;
    assert_eq!(event.data["node"], "liar");
    assert_ne!(event.data["at"], 1);
    client
        .publish(
            "piglow/liar/telemetry",
            br#"{"cpu":{"load_percent":500},"temperature_celsius":9000,"memory":null}"#,
            false,
        )
        .await;
    let row = dashboard.row("liar", |row| row["at"].is_i64()).await;
    assert_eq!(
        (&row["load"], &row["temperature"]),
        (&Value::Null, &Value::Null)
    );
    let fleet = dashboard.get("/api/v1/fleet").await.json();
    let ids: Vec<&str> = fleet["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["id"].as_str())
        .collect();
    assert!(!ids.contains(&"old") && !ids.contains(&"od d"), "{ids:?}");
    let metrics = dashboard.get("/metrics").await.text();
    assert!(
        !metrics.contains("piglow_fleet_messages_unreadable_total 0\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn metrics_tell_what_is_live_and_nothing_of_who_is_not() {
    let (_broker, node, dashboard) = scene().await;
    let metrics = dashboard.get("/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = metrics.text();
    for line in [
        "piglow_node_online{node=\"pi\"} 1",
        "piglow_node_panel_ok{node=\"pi\"} 1",
        "piglow_fleet_nodes{state=\"online\"} 1",
        "piglow_fleet_broker_connected 1",
        "# TYPE piglow_node_cpu_load_ratio gauge",
    ] {
        assert!(
            text.lines().any(|of| of == line),
            "{line} is not in\n{text}"
        );
    }
    let reading = "piglow_node_memory_used_ratio{node=\"pi\"} 0.";
    assert!(text.contains(reading), "{text}");
    node.stop().await.unwrap();
    dashboard.row(NODE, |row| row["online"] == false).await;
    let text = dashboard.get("/metrics").await.text();
    assert!(text.contains("piglow_node_online{node=\"pi\"} 0"));
    assert!(!text.contains(reading), "{text}");
}

#[tokio::test]
async fn the_page_has_strict_headers_and_is_not_sent_twice() {
    let (_broker, _node, dashboard) = scene().await;
    let page = dashboard.get("/").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let tag = format!("If-None-Match: {}", page.header("etag").unwrap());
    assert_eq!(dashboard.ask("GET", "/", &[&tag], "").await.status, 304);
    let packed = dashboard
        .ask("GET", "/assets/main.js", &["Accept-Encoding: gzip"], "")
        .await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(dashboard.get("/assets/none.js").await.status, 404);
    assert_eq!(dashboard.get("/assets/..%2fmod.rs").await.status, 404);
}

/// Asks for the health of what listens at an address; the exit code, and what was said.
async fn health(address: SocketAddr, own: &[&str]) -> (Option<i32>, String) {
    let set = format!("fleet.listen={address}");
    let asked = [&["health", "--fleet", "--set", set.as_str()], own].concat();
    let told = output(&asked, &[]).await;
    let said = [told.stdout, told.stderr].concat();
    (
        told.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn the_command_health_tells_of_a_dashboard_by_its_exit_code() {
    let dashboard = Dashboard::start(SocketAddr::from(([127, 0, 0, 1], 1)), &[]).await;
    let (code, said) = health(dashboard.address, &[]).await;
    assert_eq!(code, Some(0), "a restart brings no broker back: {said}");
    assert!(said.contains("not connected to the broker"), "{said}");
    let (code, _) = health(dashboard.address, &["--require", "broker"]).await;
    assert_eq!(code, Some(1));
    let gone = dashboard.address;
    dashboard.stop().await;
    let (code, said) = health(gone, &[]).await;
    assert_eq!(code, Some(69));
    assert!(said.contains("is `piglow-node fleet` running?"), "{said}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (code, said) = health(silent.local_addr().unwrap(), &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("it hangs"), "{said}");
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap();
    let answers = async {
        let (mut stream, _) = other.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    };
    let ((), (code, said)) = tokio::join!(answers, health(address, &[]));
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("is no dashboard: HTTP/1.1 404"), "{said}");
}

/// The schema of an answer, with the document's other schemas beside it.
fn schema(document: &Value, name: &str) -> jsonschema::Validator {
    let mut schema = json!({"$ref": format!("#/components/schemas/{name}")});
    schema["components"] = document["components"].clone();
    jsonschema::validator_for(&schema).expect("a schema")
}

#[tokio::test]
async fn every_answer_is_as_the_openapi_document_says_and_every_route_is_in_it() {
    let (_broker, _node, dashboard) = scene().await;
    let served = dashboard.get("/api/v1/openapi.json").await.json();
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    assert_eq!(served, document);
    let source = include_str!("../src/fleet/http/mod.rs").replace(['\n', ' '], "");
    let mut routes: Vec<&str> = source
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let mut documented: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    routes.sort_unstable();
    documented.sort_unstable();
    assert_eq!(routes, documented);
    let id = dashboard
        .post(
            COMMANDS,
            &light(json!({"all": true}), json!({"state": "ON"})),
        )
        .await;
    assert!(
        schema(&document, "Accepted").is_valid(&id.json()),
        "{}",
        id.text()
    );
    for (path, name) in [
        ("/api/v1/session", "Session"),
        ("/api/v1/fleet", "Fleet"),
        ("/api/v1/sparklines?nodes=pi", "Sparklines"),
        ("/api/v1/nodes/pi", "Node"),
        ("/api/v1/nodes/pi/history?window=1h", "History"),
        ("/api/v1/nodes/pi/history?window=24h", "History"),
        ("/api/v1/nodes/pi/history?window=1y", "Error"),
        ("/api/v1/nodes/nobody", "Error"),
        ("/api/v1/none", "Error"),
    ] {
        let answer = dashboard.get(path).await.json();
        let errors: Vec<String> = schema(&document, name)
            .iter_errors(&answer)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{path}: {answer}");
    }
    let mut events = dashboard.follow(STREAM, &[]).await;
    for (event, name) in [("hello", "Hello"), ("frames", "Frames"), ("delta", "Delta")] {
        let data = events.next(event, |_| true).await.data;
        assert!(schema(&document, name).is_valid(&data), "{event}: {data}");
        if event == "hello" {
            let seen = dashboard.ask("PUT", VIEW, &[], r#"{"nodes":["pi"]}"#).await;
            assert_eq!(seen.status, 204);
        }
    }
}

/// A broker that sends what it keeps only to who names the topic in full, as RabbitMQ does.
#[tokio::test]
async fn what_the_broker_has_not_sent_is_asked_for_by_topic_and_listened_to_for_a_moment() {
    let listener = listener().await;
    let dashboard = Dashboard::start(listener.local_addr().unwrap(), &[]).await;
    let mut broker = Peer::greet(&listener, &[]).await;
    let whole = broker.read_kind(SUBSCRIBE).await;
    broker.grant(&whole).await;
    let sample = r#"{"cpu":{"load_percent":50.0}}"#;
    broker.publish("piglow/attic/telemetry", sample).await;
    let row = dashboard.row("attic", |row| row["online"] == true).await;
    assert_eq!(row["light"], Value::Null);
    let asked = broker.read_kind(SUBSCRIBE).await;
    assert_eq!(asked.filters(), ["piglow/attic/availability"]);
    broker.grant(&asked).await;
    broker.tell("piglow/attic/availability", "online").await;
    let asked = broker.read_kind(SUBSCRIBE).await;
    let topics = [
        "piglow/attic/light/state",
        "piglow/attic/health",
        "piglow/attic/setting/effect_speed/state",
        "piglow/attic/setting/brightness_limit/state",
        "piglow/attic/info",
    ];
    assert_eq!(asked.filters(), topics);
    // The last is refused.
    broker.answer(&asked, &[0, 0, 0, 0, 0x87]).await;
    let light = r#"{"state":"ON","brightness":255,"effect":"fire","layer":"command"}"#;
    broker.tell("piglow/attic/light/state", light).await;
    dashboard
        .row("attic", |row| row["light"]["effect"] == "fire")
        .await;
    let mut dismissed = Vec::new();
    while dismissed.len() < 5 {
        let packet = broker.read_kind(UNSUBSCRIBE).await;
        dismissed.extend(packet.filters());
        broker
            .answer(&packet, &vec![0; packet.filters().len()])
            .await;
    }
    assert_eq!(dismissed[0], "piglow/attic/availability");
    assert_eq!(dismissed[1..], topics[..4]);
    // What has come is not asked for again.
    let again = broker.read_kind(SUBSCRIBE).await;
    assert_eq!(again.filters(), topics[1..]);
    let metrics = dashboard.get("/metrics").await.text();
    let line = "piglow_fleet_states_asked_again_total 10";
    assert!(metrics.lines().any(|of| of == line), "{metrics}");
    dashboard.stop().await;
}

/// The brokers of a RabbitMQ cluster hand every message on, and keep each its own.
#[tokio::test]
async fn what_the_broker_has_not_of_a_node_that_is_heard_is_asked_of_the_others() {
    let (near, far) = (listener().await, listener().await);
    let urls = [&near, &far].map(|listener| format!("mqtt://{}", listener.local_addr().unwrap()));
    let urls = urls.join(",");
    let settings = [("mqtt.url", urls.as_str())];
    let dashboard = Dashboard::start(near.local_addr().unwrap(), &settings).await;
    let mut broker = Peer::greet(&near, &[]).await;
    let whole = broker.read_kind(SUBSCRIBE).await;
    broker.grant(&whole).await;
    let sample = r#"{"cpu":{"load_percent":50.0}}"#;
    broker.publish("piglow/attic/telemetry", sample).await;
    for _ in 0..2 {
        let asked = broker.read_kind(SUBSCRIBE).await;
        assert_eq!(asked.filters(), ["piglow/attic/availability"]);
        broker.grant(&asked).await;
    }
    let mut other = Peer::greet(&far, &[]).await;
    let asked = other.read_kind(SUBSCRIBE).await;
    assert_eq!(asked.filters(), ["piglow/attic/availability"]);
    other.grant(&asked).await;
    other.tell("piglow/attic/availability", "online").await;
    let asked = other.read_kind(SUBSCRIBE).await;
    assert_eq!(asked.filters().len(), 5);
    other.grant(&asked).await;
    let light = r#"{"state":"ON","brightness":255,"effect":"fire","layer":"command"}"#;
    other.tell("piglow/attic/light/state", light).await;
    dashboard
        .row("attic", |row| row["light"]["effect"] == "fire")
        .await;
    // The dashboard takes its leave.
    within("the end of the other session", async {
        while other.try_read().await.is_ok() {}
    })
    .await;
    dashboard.stop().await;
}
