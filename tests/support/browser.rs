//! Debian's Chromium, driven over WebDriver (W3C), with a profile of its own.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::http::{exchange, request};
use super::mosquitto::program;
use super::program::Program;
use super::within;

/// Without a screen, without a sandbox (a container has none to offer), and without a word to anybody else.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// What a driver says of an element that is being moved or drawn anew.
const MOVING: [&str; 4] = [
    "element click intercepted",
    "element not interactable",
    "no such element",
    "stale element reference",
];

/// Light or dark, as the device prefers.
#[derive(Debug, Clone, Copy)]
pub enum Scheme {
    Light,
    Dark,
}

/// A browser with one window; closed when it is dropped.
pub struct Browser {
    server: SocketAddr,
    session: String,
    _profile: TempDir,
    _driver: Program,
}

impl Browser {
    /// Starts a browser with a window of this size.
    pub async fn start(scheme: Scheme, (width, height): (u32, u32)) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut driver = Program::spawn(Command::new(program("chromedriver")).arg("--port=0"));
        let said = driver.says("started successfully on port").await;
        let port = said
            .rsplit_once("port ")
            .and_then(|(_, port)| port.trim_end_matches('.').parse().ok())
            .unwrap_or_else(|| panic!("chromedriver names its port: {said}"));
        let server = SocketAddr::from(([127, 0, 0, 1], port));

        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push(format!("--window-size={width},{height}"));
        arguments.push(match scheme {
            Scheme::Light => "--blink-settings=preferredColorScheme=1".to_owned(),
            Scheme::Dark => "--force-dark-mode".to_owned(),
        });
        let options = json!({"binary": program("chromium"), "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 80_000, "pageLoad": 80_000},
        }}});
        let (_, answer) = request(server, "POST", "/session", Some(wanted)).await;
        let session = answer["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("chromium does not start: {answer}"));
        Self {
            server,
            session: format!("/session/{session}"),
            _profile: profile,
            _driver: driver,
        }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.tell("/url", json!({"url": url})).await;
    }

    /// Waits, in the page, until an expression in JavaScript is true; its value.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0];
             const look = () => {{
                 let found;
                 try {{ found = ({expression}); }} catch {{}}
                 // Not at the next frame: drawing without a graphics processor leaves no time for the page.
                 found ? done(found) : setTimeout(look, 50);
             }};
             look();"
        );
        let body = json!({"script": script, "args": []});
        let (status, answer) = self.send("POST", "/execute/async", Some(body)).await;
        assert_eq!(
            status,
            200,
            "waited in vain for {what}: {}\n{}",
            answer["value"]["message"],
            self.text().await
        );
        answer["value"].clone()
    }

    /// Clicks, as a mouse does, on what a CSS selector finds, once it is there and has come to rest.
    pub async fn click(&self, selector: &str) {
        let quoted = Value::from(selector);
        self.until(selector, &format!("document.querySelector({quoted})"))
            .await;
        let clicked = async {
            while let Err(moving) = self.try_click(selector).await {
                let error = moving["error"].as_str().unwrap_or_default();
                assert!(MOVING.contains(&error), "{selector}: {moving}");
            }
        };
        within(selector, clicked).await;
    }

    async fn try_click(&self, selector: &str) -> Result<(), Value> {
        let element = self.element(selector).await?;
        self.try_tell(&format!("/element/{element}/click"), json!({}))
            .await?;
        Ok(())
    }

    /// What the driver calls the element that a CSS selector finds.
    async fn element(&self, selector: &str) -> Result<String, Value> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.try_tell("/element", body).await?;
        let element = found
            .as_object()
            .and_then(|reference| reference.values().next())
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("an element: {found}"));
        Ok(element.to_owned())
    }

    /// Presses keys one after the other, as they are named by WebDriver.
    pub async fn press(&self, keys: &[char]) {
        let presses: Vec<Value> = keys
            .iter()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({"type": way, "value": key})))
            .collect();
        let body = json!({"actions": [{"type": "key", "id": "keys", "actions": presses}]});
        self.tell("/actions", body).await;
    }

    /// Types into what a CSS selector finds.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        self.tell(&format!("/element/{element}/value"), json!({"text": text}))
            .await;
    }

    /// Takes this size in pixels of the page, each as many of the screen's.
    pub async fn resize(&self, (width, height): (u32, u32), pixels: f32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": pixels, "mobile": width < 600,
        });
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        self.tell("/goog/cdp/execute", body).await;
    }

    /// Runs a script in the page; what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.tell("/execute/sync", json!({"script": script, "args": []}))
            .await
    }

    /// What is to be read in the window.
    pub async fn text(&self) -> String {
        let body = json!({"script": "return document.body.innerText", "args": []});
        let (_, answer) = self.send("POST", "/execute/sync", Some(body)).await;
        answer["value"].as_str().unwrap_or_default().to_owned()
    }

    /// The errors in the browser's console.
    pub async fn errors(&self) -> Vec<Value> {
        let said = self.tell("/se/log", json!({"type": "browser"})).await;
        let all = said.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .collect()
    }

    /// A picture of the window, as PNG in base64.
    pub async fn picture(&self) -> String {
        let (status, answer) = self.send("GET", "/screenshot", None).await;
        assert_eq!(status, 200, "{answer}");
        answer["value"].as_str().unwrap_or_default().to_owned()
    }

    async fn tell(&self, path: &str, body: Value) -> Value {
        self.try_tell(path, body)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_tell(&self, path: &str, body: Value) -> Result<Value, Value> {
        let (status, mut answer) = self.send("POST", path, Some(body)).await;
        let value = answer["value"].take();
        if status == 200 { Ok(value) } else { Err(value) }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("{}{path}", self.session);
        request(self.server, method, &path, body).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser that it has started; killed, it would leave it behind.
        drop(exchange(
            self.server,
            &format!("DELETE {}", self.session),
            None,
        ));
    }
}
