//! A Mosquitto of the test's own, on free ports, in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{free_port, within};

/// A running broker, killed when it is dropped.
pub struct Mosquitto {
    process: Option<Child>,
    pub port: u16,
    pub folder: TempDir,
}

impl Mosquitto {
    /// Starts a broker that lets everybody in.
    pub async fn open() -> Self {
        Self::start("allow_anonymous true\n").await
    }

    /// Starts a broker with a listener on a free port and more configuration, in which FOLDER is its folder.
    pub async fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::start_in(folder, more).await
    }

    /// The same in a folder that the test has prepared.
    pub async fn start_in(folder: TempDir, more: &str) -> Self {
        let port = free_port();
        let more = more.replace("FOLDER", &folder.path().display().to_string());
        // As root it would become another user, who can't read a test's folder.
        let text = format!("user root\nlistener {port} 127.0.0.1\nset_tcp_nodelay true\n{more}");
        fs::write(folder.path().join("mosquitto.conf"), text).expect("the broker's configuration");
        let mut broker = Self {
            process: None,
            port,
            folder,
        };
        broker.restart().await;
        broker
    }

    /// Starts it again on the same port with the same configuration.
    pub async fn restart(&mut self) {
        self.kill();
        let log = fs::File::create(self.folder.path().join("log")).expect("the broker's log");
        let process = Command::new(program("mosquitto"))
            .arg("-v")
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto starts");
        self.process = Some(process);
        let address = self.address();
        within("mosquitto to listen", async {
            while TcpStream::connect(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Its plain listener.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where a program is; fails with how to get it.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("{name} is missing: `tests/run real` installs it, or says what to install")
    })
}

/// Runs a program to its end; what it wrote to its standard output.
pub fn run(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a CA and a certificate for `localhost` in a folder: `ca.pem`, `server.pem`, `server.key`.
pub fn make_certificates(folder: &Path) {
    let subject = |name: &str| format!("/CN={name}");
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            &subject("test CA"),
        ],
        folder,
    );
    run(
        "openssl",
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            &subject("localhost"),
        ],
        folder,
    );
    fs::write(
        folder.join("san.cnf"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .expect("a file");
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            "server.pem",
            "-extfile",
            "san.cnf",
        ],
        folder,
    );
}
