//! What the node was told: options, files, folders.

use std::path::PathBuf;

use super::{Finding, Level, Place, Section};
use crate::config::{Config, Loaded, Origin, Password, Problems, StateFile};
use crate::mqtt::Exposed;

/// A folder in which the node keeps something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    /// The key that names the file.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The folder that is there, this one or one above it, and whether this user may write to it.
    pub folder: Option<(PathBuf, bool)>,
}

fn finding(check: &'static str, level: Level, text: impl Into<String>) -> Finding {
    Finding::new(Section::Configuration, check, level, text)
}

/// What is wrong with a configuration that can't be used.
#[must_use]
pub fn problems(problems: &Problems) -> Vec<Finding> {
    problems
        .lines()
        .map(|line| {
            finding("options", Level::Fail, line)
                .run("piglow-node check-config --all   # every option, its range, its default")
        })
        .collect()
}

/// What there is to say of a configuration that can be used.
#[must_use]
pub fn configuration(
    loaded: &Loaded,
    place: Place,
    exposed: &[Exposed],
    files: &[Writable],
) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = vec![options(loaded)];
    findings.extend(secrets(config, place, exposed));
    findings.extend(files.iter().map(|file| writable(file, place)));
    if config.light.state_file == StateFile::None {
        findings.push(
            finding(
                "light.state_file",
                Level::Info,
                "what is commanded is not kept across a restart: there is no folder for it",
            )
            .act("where that matters: set light.state_file to a file in a folder that lasts, in a container on a volume"),
        );
    }
    findings
}

fn options(loaded: &Loaded) -> Finding {
    let mut origins: Vec<String> = Vec::new();
    let mut count = 0_usize;
    for setting in &loaded.settings {
        let origin = match &setting.origin {
            Origin::Default | Origin::Derived(_) => continue,
            Origin::File(path) => path.clone(),
            Origin::Variable(_) => "the environment".to_owned(),
            Origin::Flag(_) => "flags".to_owned(),
        };
        count += 1;
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    let id = &loaded.config.node.id;
    let text = if count == 0 {
        format!("valid, all defaults; the node's id is {id}")
    } else {
        format!(
            "valid; {count} set by {}; the node's id is {id}",
            origins.join(", ")
        )
    };
    finding("options", Level::Ok, text)
}

fn secrets(config: &Config, place: Place, exposed: &[Exposed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A container's files are its own; engines hand secrets in with a mode for everybody.
    if place == Place::Host {
        findings.extend(exposed.iter().map(|file| {
            let path = file.path.display();
            finding(
                "secrets",
                Level::Warn,
                format!(
                    "`{}` is {path}, which everybody on this machine can read (mode {:04o})",
                    file.key, file.mode
                ),
            )
            .run(format!("sudo chmod o= {path}"))
        }));
    }
    for broker in &config.mqtt.brokers {
        let has_password = broker
            .credentials
            .as_ref()
            .is_some_and(|user| user.password != Password::None);
        let url = &broker.url;
        if has_password && !url.scheme().is_tls() && !is_here(url.host()) {
            findings.push(
                finding(
                    "secrets",
                    Level::Warn,
                    format!("the password goes to {} in the clear: whoever is on the way reads it", url.authority()),
                )
                .act("let the broker speak TLS (mosquitto/README.md), and use mqtts:// with mqtt.ca_file"),
            );
        }
    }
    if config.mqtt.tls.accept_any_certificate {
        findings.push(
            finding(
                "secrets",
                Level::Warn,
                "`mqtt.insecure_accept_any_certificate` is true: whoever is on the way can be the broker",
            )
            .act("set mqtt.ca_file to the certificate of the broker's authority instead"),
        );
    }
    if findings.is_empty() {
        findings.push(finding(
            "secrets",
            Level::Ok,
            "nothing is open that should not be",
        ));
    }
    findings
}

/// Whether a name means this machine.
pub(super) fn is_here(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn writable(file: &Writable, place: Place) -> Finding {
    let path = file.path.display();
    match &file.folder {
        Some((folder, true)) => finding(
            file.key,
            Level::Ok,
            format!("{path} can be written (in {})", folder.display()),
        ),
        Some((folder, false)) => {
            let denied = finding(
                file.key,
                Level::Warn,
                format!(
                    "{path} can't be written: {} is not this user's, or read only",
                    folder.display()
                ),
            );
            match place {
                Place::Host => denied.act(format!(
                    "give the folder to the node's user, or let systemd make one: StateDirectory=piglow-node, and {} = \"auto\"",
                    file.key
                )),
                Place::Container(_) => denied.act("mount a volume there that the container's user may write"),
            }
        }
        None => finding(file.key, Level::Warn, format!("{path} has no folder")),
    }
}
