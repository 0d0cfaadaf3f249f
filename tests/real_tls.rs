//! Nodes over TLS on a real Mosquitto, with certificates of the test's own. `tests/run` runs them; they need mosquitto and
//! openssl.

#![cfg(feature = "demo")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use support::authority::Authority;
use support::mosquitto::{Mosquitto, program, run};
use support::peer::Log;
use support::program::output;
use support::{Client, NODE, TestNode, free_port};

const NAMES: &str = "DNS:localhost,IP:127.0.0.1";

/// A broker with a plain listener and one for TLS, which has this server certificate and more configuration.
async fn broker(authority: &Authority, server: &str, more: &str) -> (Mosquitto, u16) {
    let port = free_port();
    let (certificate, key) = (
        authority.text(&format!("{server}.pem")),
        authority.text(&format!("{server}.key")),
    );
    let text = format!(
        "allow_anonymous true\nlistener {port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n{more}\n"
    );
    (Mosquitto::start(&text).await, port)
}

/// A node that reaches the broker over TLS with these settings, until it is online.
async fn gets_in(broker: &Mosquitto, id: &str, url: &str, settings: &[(&str, &str)]) {
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let mut all = vec![("mqtt.url", url)];
    all.extend(settings);
    let node = TestNode::start(id, broker.address(), &all);
    client.online(id).await;
    node.stop().await.expect("a clean end");
}

/// What a node says that does not get in.
async fn is_told(broker: &Mosquitto, url: &str, settings: &[(&str, &str)], words: &str) {
    let mut log = Log::start();
    let mut all = vec![("mqtt.url", url)];
    all.extend(settings);
    let _node = TestNode::start(NODE, broker.address(), &all);
    log.says(words).await;
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_private_ca_vouches_for_mqtts_and_wss() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    let wss = free_port();
    let more = format!(
        "listener {wss} 127.0.0.1\nprotocol websockets\ncertfile {}\nkeyfile {}",
        authority.text("server.pem"),
        authority.text("server.key")
    );
    let (broker, tls) = broker(&authority, "server", &more).await;
    let ca = authority.text("ca.pem");
    for (id, url) in [
        ("over-tls", format!("mqtts://localhost:{tls}")),
        ("by-address", format!("mqtts://127.0.0.1:{tls}")),
        ("over-wss", format!("wss://localhost:{wss}/mqtt")),
    ] {
        gets_in(&broker, id, &url, &[("mqtt.ca_file", &ca)]).await;
    }
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_certificate_of_another_ca_or_another_name_or_another_time_is_refused_in_words() {
    let authority = Authority::new("test CA");
    authority.issue("elsewhere", "DNS:broker.example.org");
    let other = Authority::new("another CA");
    let (named, port) = broker(&authority, "elsewhere", "").await;
    let (ca, foreign) = (authority.text("ca.pem"), other.text("ca.pem"));
    let url = format!("mqtts://localhost:{port}");

    is_told(
        &named,
        &url,
        &[("mqtt.ca_file", &foreign)],
        "its certificate is not vouched for by `mqtt.ca_file`",
    )
    .await;
    is_told(
        &named,
        &url,
        &[],
        "not vouched for by this system's certificates",
    )
    .await;
    is_told(
        &named,
        &url,
        &[("mqtt.ca_file", &ca)],
        "its certificate is for another name than localhost",
    )
    .await;
    let server_name = ("mqtt.server_name", "broker.example.org");
    gets_in(&named, NODE, &url, &[("mqtt.ca_file", &ca), server_name]).await;

    authority.issue_expired("expired", NAMES);
    let (expired, port) = broker(&authority, "expired", "").await;
    let url = format!("mqtts://localhost:{port}");
    let words = "its certificate has expired";
    is_told(&expired, &url, &[("mqtt.ca_file", &ca)], words).await;
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn nothing_before_tls_1_2_is_spoken() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    let ca = authority.text("ca.pem");
    let broker = Mosquitto::open().await;
    let trusted = ("mqtt.ca_file", ca.as_str());
    // Mosquitto knows a least version only.
    let (_old, url) = only(&authority, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    let words = "it offers neither TLS 1.2 nor 1.3";
    is_told(&broker, &url, &[trusted], words).await;
    let (_strict, url) = only(&authority, &["-tls1_2", "-Verify", "1"]);
    let words = "it asks for a certificate of the node";
    is_told(&broker, &url, &[trusted], words).await;
}

/// A process that is killed when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Something that speaks one version of TLS, and no MQTT; its URL.
fn only(authority: &Authority, arguments: &[&str]) -> (Server, String) {
    let port = free_port();
    let server = Command::new(program("openssl"))
        .args([
            "s_server",
            "-quiet",
            "-cert",
            "server.pem",
            "-key",
            "server.key",
        ])
        .args(["-accept", &port.to_string()])
        .args(arguments)
        .current_dir(authority.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    (Server(server), format!("mqtts://localhost:{port}"))
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_broker_that_asks_for_a_certificate_gets_the_nodes() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    authority.issue("node", "DNS:node");
    let other = Authority::new("another CA");
    other.issue("node", "DNS:node");
    let ca = authority.text("ca.pem");
    let more = format!("cafile {ca}\nrequire_certificate true");
    let (strict, port) = broker(&authority, "server", &more).await;
    let url = format!("mqtts://localhost:{port}");
    let trusted = ("mqtt.ca_file", ca.as_str());
    let words = "it asks for a certificate of the node; set `mqtt.client_certificate_file`";
    is_told(&strict, &url, &[trusted], words).await;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = |name: &str| folder.path().join(name).display().to_string();
    let issue = |from: &Authority| {
        for name in ["node.pem", "node.key"] {
            fs::copy(from.path(name), own(name)).expect("a copy");
        }
    };
    issue(&other);
    let mut log = Log::start();
    let mut client = Client::connect(strict.address(), &["piglow/#"]).await;
    let node = TestNode::start(
        NODE,
        strict.address(),
        &[
            ("mqtt.url", &url),
            trusted,
            ("mqtt.client_certificate_file", &own("node.pem")),
            ("mqtt.client_key_file", &own("node.key")),
        ],
    );
    log.says("it refuses the certificate in `mqtt.client_certificate_file`")
        .await;
    // A renewed one needs no restart.
    issue(&authority);
    client.online(NODE).await;
    node.stop().await.expect("a clean end");
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_key_that_everybody_can_read_is_warned_of() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    authority.issue("node", "DNS:node");
    let (broker, port) = broker(&authority, "server", "").await;
    let url = format!("mqtts://localhost:{port}");
    let key = authority.path("node.key");
    for (mode, warnings) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("the mode");
        let log = Log::start();
        let settings = [
            ("mqtt.ca_file", authority.text("ca.pem")),
            ("mqtt.client_certificate_file", authority.text("node.pem")),
            ("mqtt.client_key_file", authority.text("node.key")),
        ];
        let settings = settings
            .each_ref()
            .map(|(key, value)| (*key, value.as_str()));
        gets_in(&broker, NODE, &url, &settings).await;
        let words = "everybody on this machine can read the key";
        assert_eq!(log.count(words), warnings, "{}", *log.text.borrow());
    }
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn any_certificate_is_accepted_only_with_warnings_at_the_start_and_at_each_connection() {
    let authority = Authority::new("test CA");
    authority.issue_expired("anybody", "DNS:broker.example.org");
    let (broker, port) = broker(&authority, "anybody", "").await;
    let url = format!("mqtts://localhost:{port}");
    let log = Log::start();
    let insecure = ("mqtt.insecure_accept_any_certificate", "true");
    gets_in(&broker, NODE, &url, &[insecure]).await;
    let text = log.text.borrow().clone();
    assert_eq!(
        log.count("`mqtt.insecure_accept_any_certificate` is true"),
        1,
        "{text}"
    );
    assert_eq!(log.count("certificate was not checked"), 1, "{text}");
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_password_that_changes_in_its_file_works_without_a_restart() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let passwords = ["-c", "-b", "passwords", NODE, "HUNTER-right"];
    run("mosquitto_passwd", &passwords, folder.path());
    let port = free_port();
    let text = format!(
        "per_listener_settings true\nallow_anonymous true\nlistener {port} 127.0.0.1\nallow_anonymous false\n\
         password_file {}\ncertfile {}\nkeyfile {}\n",
        folder.path().join("passwords").display(),
        authority.text("server.pem"),
        authority.text("server.key"),
    );
    let broker = Mosquitto::start(&text).await;
    let secret = folder.path().join("secret");
    fs::write(&secret, "HUNTER-wrong\n").expect("a file");
    let mut log = Log::start();
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let node = TestNode::start(
        NODE,
        broker.address(),
        &[
            ("mqtt.url", &format!("mqtts://localhost:{port}")),
            ("mqtt.ca_file", &authority.text("ca.pem")),
            ("mqtt.username", NODE),
            ("mqtt.password_file", &secret.display().to_string()),
        ],
    );
    log.says("check `mqtt.username` and `mqtt.password`").await;
    fs::write(&secret, "HUNTER-right\n").expect("a file");
    client.online(NODE).await;
    node.stop().await.expect("a clean end");
    assert_eq!(log.count("HUNTER"), 0, "{}", *log.text.borrow());
}

#[tokio::test]
#[ignore = "needs mosquitto, openssl; tests/run runs it"]
async fn a_command_is_sent_over_tls_by_the_second_of_two_brokers() {
    let authority = Authority::new("test CA");
    authority.issue("server", NAMES);
    let (broker, port) = broker(&authority, "server", "").await;
    let mut client = Client::connect(broker.address(), &["piglow/#"]).await;
    let ca = authority.text("ca.pem");
    let url = format!("mqtt://127.0.0.1:{},mqtts://localhost:{port}", free_port());
    let settings = [("mqtt.url", url.as_str()), ("mqtt.ca_file", &ca)];
    let node = TestNode::start(NODE, broker.address(), &settings);
    client.online(NODE).await;
    let trusted = format!("mqtt.ca_file={ca}");
    let sent = output(
        &[
            "--url", &url, "--set", &trusted, "send", "--node", NODE, "red",
        ],
        &[],
    )
    .await;
    let said = String::from_utf8_lossy(&sent.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&sent.stderr).into_owned();
    assert!(sent.status.success(), "{said}{complaints}");
    assert!(said.starts_with("pi: shown after"), "{said}{complaints}");
    node.stop().await.expect("a clean end");
}
