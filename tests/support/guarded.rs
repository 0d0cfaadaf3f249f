//! The broker as `mosquitto/` ships it, with credentials made by its script. Only its ports are the test's own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::mosquitto::{program, run};
use super::{free_port, within};

/// One of each, with the nodes' groups as the table of mosquitto/README.md has them.
pub const PEOPLE: [&str; 7] = [
    "node kitchen --groups attic",
    "node hall --groups cellar",
    "user wall --role dashboard",
    "user me --role operator",
    "user hass --role homeassistant",
    "user tidy --role steward",
    "user eye --role monitor",
];

/// A running broker, killed when it is dropped.
pub struct Guarded {
    process: Option<Child>,
    folder: TempDir,
    /// MQTT over TLS, with passwords.
    pub tls: u16,
    /// MQTT over TLS, with client certificates.
    pub certificates: u16,
    /// Websockets over TLS, with passwords.
    pub websockets: u16,
}

/// Runs the script on a folder.
pub fn credentials(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/mosquitto/credentials"
    ))
    .args(["--dir", &folder.display().to_string()])
    .args(arguments)
    .env("PATH", path())
    .stdin(Stdio::null())
    .output()
    .expect("the script starts")
}

/// `mosquitto_passwd` and the daemon may lie outside of a user's path.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

impl Guarded {
    /// Makes a server's certificate for this machine, then whom these commands of the script ask for, and starts the broker.
    pub async fn start(people: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut broker = Self {
            process: None,
            folder,
            tls: free_port(),
            certificates: free_port(),
            websockets: free_port(),
        };
        let mut server = vec!["server", "localhost", "127.0.0.1"];
        // As root the broker becomes another user, as on Debian.
        let metadata = fs::metadata(broker.folder.path()).expect("the folder");
        if metadata.uid() == 0 {
            server.extend(["--owner", "mosquitto"]);
            let open = fs::Permissions::from_mode(0o711);
            fs::set_permissions(broker.folder.path(), open).expect("the folder");
        }
        broker.credentials(&server);
        for command in people {
            broker.credentials(&command.split(' ').collect::<Vec<_>>());
        }
        broker.listen_on_own_ports();
        broker.restart().await;
        broker
    }

    /// What mosquitto/README.md tells who wants other ports: other numbers in these lines.
    fn listen_on_own_ports(&self) {
        let file = self.dir().join("config/mosquitto.conf");
        let mut text = fs::read_to_string(&file).expect("the configuration");
        for (shipped, own) in [
            (8883, self.tls),
            (8884, self.certificates),
            (9001, self.websockets),
        ] {
            let line = format!("\nlistener {shipped}\n");
            assert_eq!(text.matches(&line).count(), 1, "{line}");
            text = text.replace(&line, &format!("\nlistener {own} 127.0.0.1\n"));
        }
        fs::write(&file, text).expect("the configuration");
    }

    /// The folder that the script fills.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("broker")
    }

    /// A file that the script has made for somebody.
    pub fn file_of(&self, name: &str, file: &str) -> PathBuf {
        self.dir().join("clients").join(name).join(file)
    }

    /// Somebody's password.
    pub fn password_of(&self, name: &str) -> String {
        let file = self.file_of(name, "password");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        text.trim_end().to_owned()
    }

    /// Runs the script, which has to succeed; what it said.
    pub fn credentials(&self, arguments: &[&str]) -> String {
        let output = credentials(&self.dir(), arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let trouble = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}{trouble}");
        said
    }

    /// Starts it, again if it runs.
    pub async fn restart(&mut self) {
        self.kill();
        let log = fs::File::create(self.log_file()).expect("the broker's log");
        let process = Command::new(program("mosquitto"))
            .args(["-c", "config/mosquitto.conf"])
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto starts");
        self.process = Some(process);
        for port in [self.tls, self.certificates, self.websockets] {
            within(&format!("mosquitto to listen ({})", self.log()), async {
                while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    }

    /// Lets it read users, rights and certificates anew, as `systemctl reload` does.
    pub async fn reload(&self) {
        let reloads = || self.log().matches("Reloading config").count();
        let before = reloads();
        let id = self.process.as_ref().expect("it runs").id().to_string();
        run("kill", &["-s", "HUP", &id], self.folder.path());
        // It says so and does it before it looks at a socket again.
        within("the reload", async {
            while reloads() == before {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub async fn says(&self, text: &str) {
        within(&format!("the broker to say {text:?}"), async {
            while !self.log().contains(text) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ends it as a service is ended: it writes down what it has to keep.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = process.id().to_string();
            run("kill", &["-s", "TERM", &id], self.folder.path());
            let status = process.wait().expect("its end");
            assert!(status.success(), "{status}: {}", self.log());
        }
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}
