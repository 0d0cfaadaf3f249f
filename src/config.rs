//! Configuration: documented defaults, a file, the environment and flags, merged and validated into one [`Config`].
//!
//! Everything that is wrong is reported at once, each with its origin, its key, its value and what is allowed.

mod broker_url;
mod given;
mod layers;
mod origin;
mod problems;
mod reader;
mod scenes;
mod schema;
mod secret;
mod settings;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::Targets;

pub use broker_url::{BrokerUrl, BrokerUrlError, Scheme};
pub use layers::environment;
pub use origin::Origin;
pub use problems::Problems;
pub use secret::Secret;
pub use settings::{Setting, render};

use crate::events::Thresholds;
use crate::light::{Night, Scenes};
use crate::protocol::Entities;
use crate::units::{GroupName, NodeId, TopicRoot};
use crate::warden::Address;
use layers::Layers;
use reader::Reader;

/// The defaults, and the documentation of every key, as TOML.
pub const DEFAULTS: &str = include_str!("../config.toml");

/// What a configuration is made from; later fields win over earlier ones.
///
/// Not `Debug`: it holds secrets.
#[derive(Default)]
pub struct Sources<'a> {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those without `PIGLOW_` and `__` in their names are not looked at. See [`environment`].
    pub environment: Vec<(String, String)>,
    /// What flags of the command line set.
    pub overrides: Vec<Override>,
    /// The host's name, for a node without an id.
    pub host_name: &'a str,
    /// The names of the effects there are.
    pub effects: &'a [&'a str],
}

/// A key set by a flag.
pub struct Override {
    /// Section and key, `mqtt.url`.
    pub key: String,
    /// The value as text.
    pub value: String,
    /// The flag as a person types it, `--url`.
    pub flag: String,
}

/// A valid configuration and where each part of it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every key, in the order of `config.toml`.
    pub settings: Vec<Setting>,
}

/// Merges the sources and validates the result.
///
/// Reads [`Sources::file`] and nothing else.
///
/// # Errors
///
/// Everything that is wrong with any of the sources. A value that a later layer replaces is not looked at.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, Problems> {
    load_over(DEFAULTS, sources)
}

fn load_over(defaults: &str, sources: &Sources<'_>) -> Result<Loaded, Problems> {
    let (layers, mut problems) = Layers::collect(defaults, sources);
    let tree = match layers.merge() {
        Ok(tree) => tree,
        Err(error) => {
            problems.push(error.to_string());
            return Err(problems);
        }
    };
    let mut reader = Reader::new(tree, problems.count() > 0);
    let config = schema::read(&mut reader, sources);
    let (settings, found) = reader.finish(&layers);
    problems.append(found);
    match config {
        Some(config) if problems.count() == 0 => Ok(Loaded { config, settings }),
        _ => Err(problems),
    }
}

/// Everything a node can be told before it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Who the node is.
    pub node: Node,
    /// Its broker.
    pub mqtt: Mqtt,
    /// Its LEDs' hardware.
    pub panel: Panel,
    /// What it tells about the host.
    pub telemetry: Telemetry,
    /// What it keeps of that while the broker is away.
    pub history: History,
    /// What the LEDs show.
    pub light: Light,
    /// How it is asked for its health.
    pub health: Health,
    /// How Home Assistant finds it.
    pub discovery: Discovery,
    /// When something is worth telling.
    pub events: Thresholds,
    /// The dashboard of all nodes.
    pub fleet: Fleet,
    /// What it logs.
    pub log: Log,
    /// The scenes that it has beside the effects.
    pub scenes: Arc<Scenes>,
}

/// Who the node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name in topics.
    pub id: NodeId,
    /// The groups whose commands it obeys.
    pub groups: Vec<GroupName>,
}

/// The broker, and how to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// The brokers in the order in which they are tried, 1 to 8.
    pub brokers: Vec<Broker>,
    /// Whether the node goes back to the first of them when that is reachable again.
    pub return_to_first: bool,
    /// The first levels of every topic.
    pub root: TopicRoot,
    /// The MQTT client id, 1 to 128 bytes.
    pub client_id: String,
    /// Between signs of life, 5 s to 3600 s.
    pub keep_alive: Duration,
    /// How long the broker keeps the session of a node that is away, up to a day; zero: not at all.
    pub session_expiry: Duration,
    /// How the broker is recognised, and how it recognises the node.
    pub tls: Tls,
}

impl Mqtt {
    /// The brokers as a person reads them, passwords masked.
    #[must_use]
    pub fn broker_names(&self) -> String {
        let names: Vec<String> = self.brokers.iter().map(|b| b.url.to_string()).collect();
        names.join(", ")
    }
}

/// A broker, and who the node is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Where it is. For user and password see `credentials`, which has those of the URL too.
    pub url: BrokerUrl,
    /// Who the node says it is; `None`: it does not say.
    pub credentials: Option<Credentials>,
}

/// How the broker is recognised over TLS, and how it recognises the node.
///
/// A file may begin with `$CREDENTIALS_DIRECTORY/`, the folder that systemd gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The certificates that vouch for the broker, PEM; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// What the node shows to the broker.
    pub client: Option<ClientFiles>,
    /// The name that the broker's certificate has to have; `None`: the URL's.
    pub server_name: Option<String>,
    /// Whether any certificate will do: the broker may be anybody then.
    pub accept_any_certificate: bool,
}

/// A client's certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, and those between it and its CA, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// A user of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, never empty.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// Where the password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// There is none.
    None,
    /// In the configuration.
    Text(Secret),
    /// In a file, to be read before each attempt to connect.
    File(PathBuf),
}

/// The LEDs' hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// What shows the picture.
    pub backend: Backend,
    /// The I2C bus.
    pub bus: PathBuf,
    /// After how long a still picture is written again, up to 3600 s; `None`: never.
    pub refresh: Option<Duration>,
}

/// What shows the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A PiGlow on the I2C bus.
    I2c,
    /// A register model of its chip.
    Simulated,
}

/// What the node tells about the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Between two samples, 1 s to 3600 s.
    pub interval: Duration,
}

/// What is kept of the samples while the broker is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The time whose samples memory has room for, 60 s to 86,400 s.
    pub memory: Duration,
    /// The file that survives a restart; `None`: there is none.
    pub file: Option<PathBuf>,
    /// How large it gets, in bytes, 16 KiB to 64 MiB.
    pub file_max_bytes: u64,
    /// Between two writes to it, 60 s to 86,400 s.
    pub file_interval: Duration,
}

/// What the LEDs show, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
    /// The name of the effect, or of the scene, shown while nobody commands anything.
    pub default_effect: String,
    /// The brightest any LED gets, in PWM steps, 1 to 255.
    pub brightness_limit: u8,
    /// The exponent between level and PWM step, 1.0 to 4.0.
    pub gamma: f32,
    /// Frames a second while the picture moves, 1 to 2000.
    pub frames_per_second: u16,
    /// Between two readings of the CPU for the gauge, 200 ms to 10 s.
    pub load_interval: Duration,
    /// The most current the LEDs may draw, in milliamperes, up to 500; `None`: no limit.
    pub current_limit_milliamps: Option<f32>,
    /// Hours in which the board is dimmer.
    pub night: Option<Night>,
    /// Whether `strobe` may flash more than three times a second.
    pub allow_fast_flashes: bool,
    /// How long the broker may be away before the default effect is shown instead of what was commanded, up to a day;
    /// `None`: for ever.
    pub offline_after: Option<Duration>,
    /// What the LEDs do when the node stops.
    pub on_stop: OnStop,
    /// Where what was commanded is kept across a restart.
    pub state_file: StateFile,
}

/// Where what was commanded is kept across a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateFile {
    /// Nowhere.
    None,
    /// In the folder that the service manager or the user's home has for it.
    Auto,
    /// In this file.
    Path(PathBuf),
}

/// What the LEDs do when the node stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// They go dark.
    Dark,
    /// They keep the last picture.
    Keep,
}

impl StateFile {
    /// Finds the folder for `auto` by the environment, and a node's file in it; nowhere when there is none.
    #[must_use]
    pub fn resolved(&self, node: &NodeId, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        self.in_state_folder(&format!("light-{node}.json"), variable)
    }

    /// The same for a file of this name.
    #[must_use]
    pub fn in_state_folder(&self, name: &str, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        match self {
            Self::None | Self::Path(_) => self.clone(),
            Self::Auto => {
                let folder = |name: &str| {
                    variable(name)
                        .filter(|value| !value.is_empty())
                        .map(PathBuf::from)
                };
                // With several folders, systemd separates them by colons; ours is the first.
                let systemd = folder("STATE_DIRECTORY").and_then(|paths| {
                    let first = paths.to_str()?.split(':').next()?.to_owned();
                    Some(PathBuf::from(first))
                });
                systemd
                    .or_else(|| Some(folder("XDG_STATE_HOME")?.join("piglow-node")))
                    .or_else(|| Some(folder("HOME")?.join(".local/state/piglow-node")))
                    .map_or(Self::None, |folder| Self::Path(folder.join(name)))
            }
        }
    }
}

/// How the node is asked for its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where; `None`: nowhere.
    pub socket: Option<Address>,
}

/// How Home Assistant finds the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// Whether it does.
    pub enabled: bool,
    /// The first levels of its topics.
    pub prefix: TopicRoot,
    /// Which entities it gets.
    pub entities: Entities,
    /// The link of the device's page.
    pub configuration_url: Option<String>,
}

/// The dashboard of all nodes: a process of its own, `piglow-node fleet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The names by which browsers may call it, besides addresses and this host's own names.
    pub host_names: Vec<String>,
    /// The tokens of those who may see and command; `None`: there are none.
    pub control_token_file: Option<PathBuf>,
    /// The tokens of those who may see; `None`: there are none.
    pub view_token_file: Option<PathBuf>,
    /// Its certificate and key; `None`: it speaks HTTP without TLS.
    pub tls: Option<ServerFiles>,
    /// The proxies whose word about who asks is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// The most browsers and programs that follow it at a time, 1 to 10,000.
    pub streams_max: usize,
    /// The most nodes it keeps, 1 to 1,000,000.
    pub nodes_max: usize,
    /// The group in which several dashboards share the samples (MQTT 5, section 4.8.2).
    pub share_group: Option<String>,
    /// Where the nodes' history is kept across a restart.
    pub history_file: StateFile,
}

/// A server's certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// The certificate, and those between it and its CA, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Which events.
    pub filter: Targets,
    /// In which form.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human, with colours on a terminal only.
    Auto,
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests;
