//! `mosquitto/credentials`: what it makes, that it does so once, and what it says to bad input. `tests/run` runs them; they
//! need openssl and mosquitto.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::guarded::credentials;
use support::mosquitto::run;

/// Runs the script, which has to succeed; what it said.
fn make(folder: &Path, command: &str) -> String {
    let output = credentials(folder, &command.split(' ').collect::<Vec<_>>());
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {trouble}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every file of a folder, with its mode and its contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, (mode & 0o777, bytes));
        }
    }
    found
}

const ALL: [&str; 6] = [
    "server broker.example.org 192.0.2.7 fd00::7",
    "node kitchen --groups attic,rack-1",
    "node hall --login certificate",
    "user me --role operator --login both",
    "user wall --role dashboard",
    "user eye --role monitor",
];

#[test]
#[ignore = "needs openssl and mosquitto; tests/run runs it"]
fn a_second_run_changes_nothing() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("broker");
    let said: String = ALL.iter().map(|command| make(&folder, command)).collect();
    let made = files(&folder);
    for command in ALL {
        assert_eq!(make(&folder, command), "nothing to change\n", "{command}");
    }
    make(&folder, "node kitchen");
    make(&folder, "renew");
    make(&folder, "ca");
    make(&folder, "list");
    assert_eq!(files(&folder), made);

    let mut secrets = 0;
    for (path, (mode, bytes)) in &made {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = String::from_utf8_lossy(bytes);
        if name.ends_with(".key")
            || name == "password"
            || name == "passwords"
            || text.contains("PRIVATE")
        {
            assert_eq!(*mode, 0o600, "{}", path.display());
            secrets += 1;
        }
        assert!(
            name != "password" || !said.contains(text.trim_end()),
            "it is written, not said"
        );
    }
    // The keys of the authority, the server and two users; the passwords of four, and the broker's file.
    assert_eq!(secrets, 4 + 4 + 1);
    let folders = ["", "ca", "clients", "config", "data"].map(|name| {
        let metadata = fs::metadata(folder.join(name)).expect("a folder");
        metadata.permissions().mode() & 0o777
    });
    assert_eq!(folders, [0o711, 0o700, 0o700, 0o700, 0o700]);
}

#[test]
#[ignore = "needs openssl and mosquitto; tests/run runs it"]
fn certificates_are_for_the_names_given_and_vouched_for_by_the_authority() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("broker");
    for command in ALL {
        make(&folder, command);
    }
    let text = |file: &str| {
        run(
            "openssl",
            &["x509", "-in", file, "-noout", "-text"],
            &folder,
        )
    };
    let server = text("config/server.pem");
    for wanted in [
        "DNS:broker.example.org, IP Address:192.0.2.7, IP Address:FD00:0:0:0:0:0:0:7",
        "TLS Web Server Authentication",
        "ASN1 OID: prime256v1",
        "CA:FALSE",
    ] {
        assert!(server.contains(wanted), "{wanted}: {server}");
    }
    let hall = text("clients/hall/client.pem");
    assert!(
        hall.contains("Subject: CN = hall") || hall.contains("Subject: CN=hall"),
        "{hall}"
    );
    assert!(hall.contains("TLS Web Client Authentication"), "{hall}");
    for (purpose, file) in [
        ("sslserver", "config/server.pem"),
        ("sslclient", "clients/hall/client.pem"),
    ] {
        let verify = [
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            "config/ca.pem",
            file,
        ];
        run("openssl", &verify, &folder);
    }
    assert!(!folder.join("clients/hall/password").exists());
    assert!(!folder.join("clients/kitchen/client.key").exists());
}

#[test]
#[ignore = "needs openssl and mosquitto; tests/run runs it"]
fn changing_one_leaves_the_others_alone() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("broker");
    for command in ALL {
        make(&folder, command);
    }
    let changed = |command: &str| -> Vec<String> {
        let before = files(&folder);
        make(&folder, command);
        let after = files(&folder);
        let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed = paths
            .into_iter()
            .filter(|path| before.get(*path) != after.get(*path));
        changed
            .map(|path| {
                path.strip_prefix(&folder)
                    .expect("below it")
                    .display()
                    .to_string()
            })
            // Their names have the serial number in them.
            .filter(|path| !path.starts_with("ca/issued/"))
            .collect()
    };
    assert_eq!(
        changed("node kitchen --groups cellar"),
        [
            "clients/kitchen/piglow-node.toml",
            "config/access",
            "register"
        ]
    );
    assert_eq!(
        changed("user wall --role operator"),
        ["config/access", "register"]
    );
    assert_eq!(
        changed("renew wall"),
        ["clients/wall/password", "config/passwords"]
    );
    assert_eq!(
        changed("renew hall"),
        [
            "ca/revoked",
            "clients/hall/client.key",
            "clients/hall/client.pem",
            "config/revoked.pem"
        ]
    );
    assert_eq!(
        changed("renew server"),
        ["config/server.key", "config/server.pem"]
    );
    assert_eq!(
        changed("remove kitchen"),
        [
            "clients/kitchen/ca.pem",
            "clients/kitchen/password",
            "clients/kitchen/piglow-node.toml",
            "config/access",
            "config/passwords",
            "register",
        ]
    );
    // What others have put there stays: their users, their rules, and what was changed in the configuration.
    for (file, text) in [
        ("config/passwords", "lamp:$7$101$hash$hash\n"),
        ("config/mosquitto.conf", "max_connections 7\n"),
        ("access.local", "user lamp\ntopic readwrite lamp/#\n"),
    ] {
        let path = folder.join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, before + text).expect("a file");
    }
    make(&folder, "renew wall");
    make(&folder, "node kitchen");
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("a file");
    assert!(read("config/passwords").contains("lamp:$7$101$hash$hash\n"));
    assert!(read("config/mosquitto.conf").ends_with("max_connections 7\n"));
    assert!(read("config/access").ends_with("user lamp\ntopic readwrite lamp/#\n"));
}

#[test]
#[ignore = "needs openssl and mosquitto; tests/run runs it"]
fn the_root_and_the_discovery_prefix_are_everywhere() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("broker");
    for command in ALL {
        make(&folder, command);
    }
    make(
        &folder,
        "user ha --role homeassistant --root home/leds --discovery ha",
    );
    let access = fs::read_to_string(folder.join("config/access")).expect("a file");
    let rules: Vec<&str> = access
        .lines()
        .filter(|line| line.starts_with("topic "))
        .collect();
    assert!(rules.len() > 50, "{access}");
    for rule in rules {
        let topic = rule.splitn(3, ' ').nth(2).unwrap_or_default();
        let is_known = ["home/leds/", "ha/", "$SYS/"]
            .iter()
            .any(|prefix| topic.starts_with(prefix));
        assert!(is_known, "{rule}");
    }
    let node = fs::read_to_string(folder.join("clients/hall/piglow-node.toml")).expect("a file");
    assert!(
        node.contains("root = \"home/leds\"") && node.contains("prefix = \"ha\""),
        "{node}"
    );
}

#[test]
#[ignore = "needs openssl and mosquitto; tests/run runs it"]
fn bad_input_is_refused_in_words_and_changes_nothing() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("broker");
    let empty = credentials(&folder, &["list"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(!folder.exists(), "to look makes nothing");
    for command in ALL {
        make(&folder, command);
    }
    let before = files(&folder);
    for (command, code, wanted) in [
        ("nodes x", 2, "no command 'nodes'; expected server, node"),
        ("server", 2, "names and addresses"),
        (
            "server a_b",
            2,
            "'a_b' is neither a DNS name nor an IP address",
        ),
        ("server 192.0.2.256", 2, "no IPv4 address"),
        ("server 192.0.2", 2, "no IPv4 address"),
        ("server fd00:::1", 1, "fd00:::1"),
        ("node", 2, "takes one name"),
        ("node all", 2, "'all' is taken"),
        (
            "node a/b",
            2,
            "'a/b' is not valid; expected 1 to 64 letters",
        ),
        ("node x+ --groups y", 2, "'x+' is not valid"),
        ("node x --groups a,,b", 2, "the group '' is not valid"),
        ("node x --groups a,#", 2, "the group '#' is not valid"),
        ("node x --role operator", 2, "--role is not for node"),
        (
            "node x --login magic",
            2,
            "expected password, certificate or both",
        ),
        ("node x --root a/#", 2, "the root 'a/#' is not valid"),
        ("node x --root homeassistant/x", 1, "lie in each other"),
        ("node x --groups", 2, "--groups needs a value"),
        ("node x --force", 2, "no option '--force'"),
        ("node me", 1, "me is a user already; remove it first"),
        ("user x", 2, "needs --role: dashboard, operator"),
        (
            "user x --role king",
            2,
            "no role 'king'; expected dashboard",
        ),
        (
            "user kitchen --role monitor",
            1,
            "kitchen is a node already",
        ),
        ("renew nobody", 1, "there is no nobody"),
        ("remove kitchen nobody", 1, "there is no nobody"),
    ] {
        let output = credentials(&folder, &command.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(said.contains(wanted), "{command}: {said}");
        assert!(files(&folder) == before, "{command} has changed something");
    }
}
