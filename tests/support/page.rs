//! The dashboard as a process, and its page in a browser.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::browser::Browser;
use super::http::request;
use super::program::Program;
use super::{free_port, within};

/// A running `piglow-node fleet`, killed when it is dropped.
pub struct Service {
    pub address: SocketAddr,
    pub process: Program,
    broker: SocketAddr,
    settings: Vec<String>,
}

impl Service {
    /// Starts it on a free port with more settings, each `section.key=value`.
    pub async fn start(broker: SocketAddr, settings: &[String]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self {
            address,
            process: spawn(address, broker, settings).await,
            broker,
            settings: settings.to_vec(),
        }
    }

    /// Ends it at once, as a power cut does.
    pub async fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.ends().await;
    }

    /// Starts it again at the same address.
    pub async fn restart(&mut self) {
        self.process = spawn(self.address, self.broker, &self.settings).await;
    }

    /// Waits until it shows a node that the broker has known before: from then on it hears everything.
    pub async fn knows(&self, node: &str) {
        within(&format!("{node} on the dashboard"), async {
            loop {
                let (_, fleet) = request(self.address, "GET", "/api/v1/fleet", None).await;
                let rows = fleet["nodes"].as_array().cloned().unwrap_or_default();
                if rows.iter().any(|row| row["id"] == node) {
                    return;
                }
            }
        })
        .await;
    }

    /// Opens its page.
    pub async fn show(&self, browser: &Browser) {
        browser.open(&format!("http://{}/", self.address)).await;
    }
}

async fn spawn(address: SocketAddr, broker: SocketAddr, settings: &[String]) -> Program {
    let own = [
        format!("mqtt.url=mqtt://{broker}"),
        format!("fleet.listen={address}"),
        "fleet.history_file=".to_owned(),
        "log.format=human".to_owned(),
    ];
    let mut arguments = vec!["fleet".to_owned()];
    for setting in own.iter().chain(settings) {
        arguments.extend(["--set".to_owned(), setting.clone()]);
    }
    let mut process = Program::start(&arguments);
    process.says(&address.to_string()).await;
    process
}

impl Browser {
    /// Waits until a node's tile says that it is `online`, `stale` or `offline`.
    pub async fn tile(&self, node: &str, state: &str) {
        let selector = format!(".tile[data-node=\"{node}\"][data-state=\"{state}\"]");
        self.until(&selector, &format!("document.querySelector('{selector}')"))
            .await;
    }

    /// Chooses a node, as a click does.
    pub async fn pick(&self, node: &str) {
        self.click(&format!(".tile[data-node=\"{node}\"] .pick"))
            .await;
    }

    /// Waits until it is read that a command went like this; its words.
    pub async fn outcome(&self, status: &str, words: &str) -> String {
        let line = format!(
            "[...document.querySelectorAll('.outcomes > [data-status={status}]')]
                .map(line => line.innerText).find(text => text.includes({}))",
            Value::from(words)
        );
        let found = self.until(&format!("{status}: {words}"), &line).await;
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Chooses in a select, as a person does.
    pub async fn choose(&self, selector: &str, value: &str) {
        let chosen = format!(
            "(() => {{
                const select = document.querySelector({});
                select.value = {};
                select.dispatchEvent(new Event('change'));
                return select.value === {1};
            }})()",
            Value::from(selector),
            Value::from(value)
        );
        self.until(selector, &chosen).await;
    }

    /// What keeps people from using what is shown, by the rules of axe.
    pub async fn barriers(&self) -> Vec<Value> {
        self.run(&axe()).await;
        self.run(
            "window.barriers = null;
             axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => {
                 window.barriers = { passes: passes.length, found: violations.map(({ id, help, nodes }) =>
                     ({ id, help, nodes: nodes.map(({ target, failureSummary }) => [target.join(' '), failureSummary]) })) };
             });",
        )
        .await;
        let told = self.until("what axe says", "window.barriers").await;
        assert!(told["passes"].as_u64() > Some(10), "{told}");
        told["found"].as_array().cloned().unwrap_or_default()
    }
}

/// The checker, as tests/run has installed it.
fn axe() -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dashboard");
    let file = folder.join("node_modules/axe-core/axe.min.js");
    fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: `tests/run real` installs it with npm",
            file.display()
        )
    })
}
