//! A Prometheus reads the dashboard by the shipped configuration; the rules and the Grafana dashboards ask for what there is.
//! `tests/run` runs them.

#![cfg(feature = "fleet")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::http::{exchange, request};
use support::mosquitto::{Mosquitto, program, run};
use support::program::Program;
use support::{free_port, within};
use tokio::process::Command;

const NODES: usize = 12;

const DASHBOARDS: [&str; 2] = ["grafana/fleet.json", "grafana/node.json"];

/// Tokens have at least 16 characters.
const TOKEN: &str = "a-token-of-the-test-0123456789";

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("integrations")
        .join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(shipped(path)).expect("a shipped file")
}

#[test]
#[ignore = "needs promtool"]
fn the_shipped_rules_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["prometheus.yml", "alerts.yml", "alerts_test.yml"] {
        fs::copy(
            shipped(&format!("prometheus/{file}")),
            folder.path().join(file),
        )
        .expect("a copy");
    }
    fs::write(folder.path().join("token"), TOKEN).expect("a token");
    let said = run(
        "promtool",
        &["check", "config", "prometheus.yml"],
        folder.path(),
    );
    assert!(said.contains("1 rule files found"), "{said}");
    let said = run(
        "promtool",
        &["test", "rules", "alerts_test.yml"],
        folder.path(),
    );
    assert!(said.contains("SUCCESS"), "{said}");
    // Every alert is raised in some test.
    let tests = read("prometheus/alerts_test.yml");
    let tested: BTreeSet<&str> = tests
        .split("alertname: ")
        .skip(1)
        .filter(|test| {
            test.lines()
                .nth(1)
                .is_some_and(|line| line.contains("exp_alerts"))
        })
        .filter_map(|test| test.lines().next())
        .collect();
    let rules = read("prometheus/alerts.yml");
    let alerts: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert_eq!(tested, alerts);
}

/// Every metric of ours that a text names.
fn names(text: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_of_name(c))
        .filter(|word| word.starts_with("piglow_") || word.starts_with("piglow:"))
        .map(str::to_owned)
        .collect()
}

/// Every expression of a Grafana dashboard, with what Grafana would put in, and the labels that its legend names.
fn expressions(dashboard: &Value) -> Vec<(String, Vec<&str>)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets
        .map(|target| {
            let text = target["expr"].as_str().expect("an expression");
            let text = text
                .replace("$__rate_interval", "10s")
                .replace("$node", "sim-01");
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let labels = legend.split("{{").skip(1);
            let labels = labels.filter_map(|rest| rest.split("}}").next());
            (text, labels.collect())
        })
        .collect()
}

struct Prometheus {
    address: SocketAddr,
    _program: Program,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it with the shipped configuration, told only where the dashboard is and to be quick.
    fn start(dashboard: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = format!("127.0.0.1:{dashboard}");
        let config = read("prometheus/prometheus.yml")
            .replace("127.0.0.1:8080", &target)
            .replace("15s", "1s");
        assert!(config.contains(&target) && config.contains("credentials_file: token"));
        fs::write(folder.path().join("prometheus.yml"), config).expect("a configuration");
        fs::write(folder.path().join("token"), TOKEN).expect("a token");
        fs::copy(
            shipped("prometheus/alerts.yml"),
            folder.path().join("alerts.yml"),
        )
        .expect("a copy");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(program("prometheus"));
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path());
        Self {
            address,
            _program: Program::spawn(&mut command),
            _folder: folder,
        }
    }

    /// The samples that an expression gives at this moment.
    async fn ask(&self, expression: &str) -> Vec<Value> {
        let query: String = expression
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let path = format!("/api/v1/query?query={query}");
        let (status, answer) = request(self.address, "GET", &path, None).await;
        assert_eq!(status, 200, "{expression}: {answer}");
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until an expression gives anything: rates need two looks.
    async fn finds(&self, expression: &str) -> Vec<Value> {
        within(&format!("{expression} to find something"), async {
            loop {
                let found = self.ask(expression).await;
                if !found.is_empty() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Waits until an expression gives this number.
    async fn tells(&self, expression: &str, wanted: &str) {
        let asked = async {
            loop {
                let found = self.ask(expression).await;
                if found
                    .first()
                    .is_some_and(|found| found["value"][1] == wanted)
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        within(&format!("{expression} to be {wanted}"), asked).await;
    }
}

#[tokio::test]
#[ignore = "needs mosquitto and prometheus"]
async fn prometheus_reads_the_fleet_and_every_rule_and_panel_finds_its_series() {
    let broker = Mosquitto::open().await;
    let url = format!("mqtt://{}", broker.address());
    let tokens = broker.folder.path().join("tokens");
    fs::write(&tokens, format!("{TOKEN}\n")).expect("a token file");
    let port = free_port();
    let history = broker.folder.path().join("fleet.redb");
    let own = [
        format!("fleet.listen=127.0.0.1:{port}"),
        format!("fleet.view_token_file={}", tokens.display()),
        format!("fleet.history_file={}", history.display()),
    ];
    let mut arguments = vec!["--url", &url];
    for setting in &own {
        arguments.extend(["--set", setting]);
    }
    arguments.push("fleet");
    let mut dashboard = Program::start(&arguments);
    dashboard.says("dashboard").await;
    let simulate = [
        "--url",
        &url,
        "simulate",
        "--nodes",
        "12",
        "--interval-secs",
        "1",
        "--groups",
        "3",
    ];
    let nodes = Program::start(&simulate);
    let prometheus = Prometheus::start(port);
    within("prometheus to be ready", async {
        // It listens before it has opened its database.
        while !exchange(prometheus.address, "GET /-/ready", None)
            .is_ok_and(|(status, _)| status == 200)
        {
            tokio::task::yield_now().await;
        }
    })
    .await;

    prometheus.tells(r#"up{job="piglow"}"#, "1").await;
    prometheus
        .tells("count(piglow_node_cpu_load_ratio)", &NODES.to_string())
        .await;
    prometheus
        .tells("count(piglow:group_cpu_load_ratio:avg)", "3")
        .await;
    prometheus
        .tells("piglow_fleet_samples_missed_total", "0")
        .await;
    prometheus
        .tells(r#"count(piglow_node_info{group="rack-2"})"#, "4")
        .await;
    for (expression, least, most) in [
        ("piglow_node_cpu_load_ratio", 0.0, 1.0),
        ("piglow_node_memory_used_ratio", 0.05, 1.0),
        ("piglow_node_temperature_celsius", 10.0, 110.0),
        (
            "time() - piglow_node_last_sample_timestamp_seconds",
            -1.0,
            20.0,
        ),
    ] {
        for sample in prometheus.ask(expression).await {
            let value: f64 = sample["value"][1]
                .as_str()
                .expect("a text")
                .parse()
                .expect("a number");
            assert!((least..=most).contains(&value), "{expression}: {sample}");
        }
    }

    let dashboards: Vec<Value> = DASHBOARDS
        .map(|path| serde_json::from_str(&read(path)).expect("JSON"))
        .to_vec();
    let mut wanted = names(&read("prometheus/alerts.yml"));
    for dashboard in &dashboards {
        wanted.extend(
            expressions(dashboard)
                .iter()
                .flat_map(|(text, _)| names(text)),
        );
    }
    for name in &wanted {
        prometheus.finds(&format!("count({name})")).await;
    }
    for (expression, labels) in dashboards.iter().flat_map(expressions) {
        // Nobody is silent.
        if expression.starts_with("sort(") {
            prometheus.ask(&expression).await;
            continue;
        }
        for sample in prometheus.finds(&expression).await {
            for label in &labels {
                assert!(
                    sample["metric"][*label].is_string(),
                    "{label} of {expression}: {sample}"
                );
            }
        }
    }
    // What the nodes' own dashboard offers to choose from.
    let chosen = &dashboards[1]["templating"]["list"][1]["query"]["query"];
    assert_eq!(*chosen, "label_values(piglow_node_online, node)");
    let path = "/api/v1/label/node/values?match[]=piglow_node_online";
    let (_, offered) = request(prometheus.address, "GET", path, None).await;
    let offered = offered["data"].as_array().expect("values");
    assert_eq!(offered.len(), NODES);
    assert!(offered.contains(&"sim-01".into()), "{offered:?}");

    // Whoever is gone has no numbers any more, only that it is gone.
    nodes.signal("KILL");
    prometheus
        .tells("count(piglow_node_online == 0)", &NODES.to_string())
        .await;
    assert!(
        prometheus
            .ask("piglow_node_cpu_load_ratio")
            .await
            .is_empty()
    );
    let pending = r#"count(ALERTS{alertname="PiglowNodeOffline",alertstate="pending"})"#;
    prometheus.tells(pending, &NODES.to_string()).await;
}

/// The variables that a text uses, `$name` or `${name}`, but for Grafana's own.
fn used(text: &str) -> BTreeSet<&str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split('$')
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            rest.split(|c| !is_of_name(c)).next()
        })
        .filter(|name| !name.is_empty() && !name.starts_with("__"))
        .collect()
}

#[test]
fn the_grafana_dashboards_hold_together() {
    let mut uids = BTreeSet::new();
    for path in DASHBOARDS {
        let dashboard: Value = serde_json::from_str(&read(path)).expect("JSON");
        uids.insert(dashboard["uid"].as_str().expect("a uid").to_owned());
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<u64> = panels
            .iter()
            .map(|panel| panel["id"].as_u64().expect("an id"))
            .collect();
        assert_eq!(ids.len(), panels.len(), "{path}: an id stands there twice");
        let mut taken = BTreeSet::new();
        for panel in panels {
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{path}: {}",
                panel["title"]
            );
            assert!(
                panel["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            assert!(
                place("x") + place("w") <= 24,
                "{path}: {} is too wide",
                panel["title"]
            );
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(
                        taken.insert((x, y)),
                        "{path}: {} lies on another one",
                        panel["title"]
                    );
                }
            }
        }
        let variables = dashboard["templating"]["list"]
            .as_array()
            .expect("variables");
        let known: BTreeSet<&str> = variables
            .iter()
            .filter_map(|v| v["name"].as_str())
            .collect();
        assert_eq!(used(&dashboard.to_string()), known, "{path}");
    }
    assert_eq!(uids.len(), 2);
    for path in DASHBOARDS {
        for link in read(path).split("/d/").skip(1) {
            let uid = link.split(['"', '?']).next().expect("a uid");
            assert!(
                uids.contains(uid),
                "{path} leads to {uid}, which is not here"
            );
        }
    }
}
