//! `piglow-node doctor`: what keeps the LEDs dark or the broker away, and what to do.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::settings::Flags;
use super::{BAD_CONFIG, DONE, FAILED, runtime};
use crate::config::{Backend, Config, Loaded, Problems, StateFile};
use crate::doctor::{self, Finding, Level, Place, Readings, Report, Section, Subject, Target};
use crate::mqtt::{self, Errand, examine};
use crate::picture::Palette;
use crate::protocol::{self, Address, Leaf, Topics};
use crate::warden;
use crate::{clock, node};

/// How long reading the host may take: small files, of which the firmware's may hang with it.
const READING: Duration = Duration::from_secs(15);

/// How long one broker may take in all; each of its steps has its own, shorter limit.
const BROKER: Duration = Duration::from_secs(60);

/// The bus that is looked at when the configuration can't be read.
const USUAL_BUS: &str = "/dev/i2c-1";

#[derive(Args)]
#[command(after_help = NOTES)]
pub(super) struct Doctor {
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Checks the host, the way to the LEDs, the configuration, each broker and what it allows, and the clock; says what is wrong and what to
do, with commands to copy for a host or a container. Changes nothing, and runs beside a node that runs. Ask as the user and with the
options of the node: sudo piglow-node --config /etc/piglow/piglow-node.toml doctor, docker exec NAME /piglow-node doctor.

Exit codes: 0 nothing failed (there may be warnings), 1 something failed, 78 the configuration is wrong.";

impl Doctor {
    pub(super) fn run(&self, flags: &Flags) -> anyhow::Result<u8> {
        let loaded = flags.load();
        let runtime = runtime()?;
        let report = runtime.block_on(report(loaded));
        // A name look-up may take half a minute where nobody answers.
        runtime.shutdown_background();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", text(&report));
        }
        Ok(match report.level() {
            Level::Fail if report.is_misconfigured() => BAD_CONFIG,
            Level::Fail => FAILED,
            Level::Ok | Level::Info | Level::Skip | Level::Warn => DONE,
        })
    }
}

/// Wrapped and coloured on a terminal; elsewhere each finding is one line.
fn text(report: &Report) -> String {
    if !io::stdout().is_terminal() {
        return doctor::render(report, None, None);
    }
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| columns.into());
    let palette = Palette::detect(|name| std::env::var(name).ok());
    doctor::render(report, Some(columns), Some(palette))
}

async fn report(loaded: Result<Loaded, Problems>) -> Report {
    let config = loaded.as_ref().ok().map(|loaded| &loaded.config);
    let bus = config.map_or_else(
        || PathBuf::from(USUAL_BUS),
        |config| config.panel.bus.clone(),
    );
    let is_simulated = config.is_some_and(|config| config.panel.backend == Backend::Simulated);
    let id = config.map(|config| config.node.id.to_string());

    let asked = match config.and_then(|config| config.health.socket.as_ref()) {
        Some(address) => Some(warden::ask(address).await),
        None => None,
    };
    let running = asked.as_ref().and_then(|asked| asked.as_ref().ok());
    let mut findings = Vec::new();
    let readings = read(&bus).unwrap_or_else(|| {
        let text = format!("reading /proc, /sys and /dev did not end within {READING:?}");
        findings.push(
            Finding::new(Section::Host, "readings", Level::Fail, text)
                .run("sudo dmesg | tail -n 20"),
        );
        Readings::default()
    });
    findings.extend(doctor::host(&readings, id.as_deref(), asked.as_ref()));
    let target = Target {
        bus: &bus,
        is_simulated,
        node: running,
    };
    let probe = if is_simulated {
        doctor::Probe::NotAsked
    } else {
        doctor::probe(&bus)
    };
    findings.extend(doctor::panel(&readings, &target, probe));
    let place = Place::of(&readings);
    match &loaded {
        Ok(loaded) => {
            findings.extend(of_configuration(loaded, place));
            findings.extend(of_brokers(&loaded.config, place, running).await);
        }
        Err(problems) => {
            findings.extend(doctor::problems(problems));
            let skipped = "not checked: the configuration can't be used";
            findings.push(Finding::new(Section::Broker, "login", Level::Skip, skipped));
        }
    }
    let night = config.is_some_and(|config| config.light.night.is_some());
    findings.extend(doctor::clock(&readings, clock::unix_millis(), night));
    Report {
        place,
        node: id,
        findings,
    }
}

fn read(bus: &Path) -> Option<Readings> {
    let bus = bus.to_owned();
    doctor::within(READING, move || {
        Readings::take(Path::new("/"), &bus, |name| std::env::var_os(name))
    })
}

fn of_configuration(loaded: &Loaded, place: Place) -> Vec<Finding> {
    let config = &loaded.config;
    let exposed = mqtt::exposed(&config.mqtt.brokers, &config.mqtt.tls);
    let state = config
        .light
        .state_file
        .resolved(&config.node.id, |name| std::env::var_os(name));
    let kept = match &state {
        StateFile::Path(path) => Some(("light.state_file", path.clone())),
        StateFile::None | StateFile::Auto => None,
    };
    let history = config.history.file.clone();
    let files: Vec<doctor::Writable> = kept
        .into_iter()
        .chain(history.map(|path| ("history.file", path)))
        .map(|(key, path)| doctor::Writable {
            key,
            folder: folder(&path),
            path,
        })
        .collect();
    let mut effective = loaded.clone();
    effective.config.light.state_file = state;
    doctor::configuration(&effective, place, &exposed, &files)
}

/// The nearest folder that is there, and whether a file can be made in it.
fn folder(file: &Path) -> Option<(PathBuf, bool)> {
    use rustix::fs::{Access, access};
    let folder = file.ancestors().skip(1).find(|folder| folder.is_dir())?;
    let may = access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    Some((folder.to_owned(), may))
}

async fn of_brokers(
    config: &Config,
    place: Place,
    running: Option<&warden::Report>,
) -> Vec<Finding> {
    let topics = Topics::new(config.mqtt.root.clone());
    let id = &config.node.id;
    let settings = mqtt::Settings {
        client_id: format!("piglow-doctor-{:08x}", fastrand::u32(..)),
        will: None,
        session_expiry: Duration::ZERO,
        ..node::session_settings(config, &topics)
    };
    let mut errand = Errand {
        filters: settings.filters.clone(),
        kept: vec![topics.everything_of(id)],
        topics: topics.written(id),
    };
    if config.discovery.enabled {
        let discovery = protocol::discovery_topic(&config.discovery.prefix, id);
        errand
            .filters
            .push(protocol::birth_topic(&config.discovery.prefix));
        errand.kept.push(discovery.clone());
        errand.topics.push(discovery);
    }
    let availability = topics.build(&Address::Node(id.clone()), Leaf::Availability);
    let groups: Vec<String> = config.node.groups.iter().map(ToString::to_string).collect();
    let count = config.mqtt.brokers.len();
    let mut findings = Vec::new();
    for broker in &config.mqtt.brokers {
        let subject = Subject {
            url: &broker.url,
            name: (count > 1).then(|| broker.url.place()),
            user: broker
                .credentials
                .as_ref()
                .map(|user| user.username.as_str()),
            node: id,
            running,
            availability: &availability,
            place,
            groups: &groups,
        };
        let examined = tokio::time::timeout(BROKER, examine(&settings, broker, &errand)).await;
        match examined {
            Ok(exam) => findings.extend(doctor::broker(&exam, &subject)),
            Err(_) => findings.push(
                Finding::new(
                    Section::Broker,
                    "login",
                    Level::Fail,
                    format!(
                        "{} took longer than {BROKER:?} for everything that was asked",
                        broker.url.place()
                    ),
                )
                .run("sudo journalctl -u mosquitto -n 20   # where the broker runs"),
            ),
        }
    }
    findings
}
