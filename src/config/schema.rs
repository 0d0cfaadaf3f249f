//! The keys: each is declared by being read, with its kind and limits. Their meaning is documented in `config.toml`.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::broker_url::{self, BrokerUrl};
use super::problems::{did_you_mean, nearest};
use super::reader::{Reader, Section};
use super::scenes;
use super::{
    Backend, Broker, ClientFiles, Config, Credentials, Discovery, Fleet, Health, History, Light,
    Log, LogFormat, Mqtt, Node, OnStop, Panel, Password, Secret, ServerFiles, Sources, StateFile,
    Telemetry, Tls,
};
use crate::events::Thresholds;
use crate::light::{Hours, Night};
use crate::protocol::EntityKind;
use crate::units::{GroupName, NodeId, TopicRoot};
use crate::warden::Address;

/// The longest client id, in bytes. 128: every broker in use takes that many; MQTT 5 promises only 23.
const CLIENT_ID_MAX: usize = 128;

/// The longest text in MQTT, in bytes (MQTT 5, section 1.5.4).
const MQTT_TEXT_MAX: usize = 65_535;

/// The most brokers: with more, a round through all of them takes minutes.
const BROKERS_MAX: usize = 8;
/// The longest link, in bytes: no browser minds, and the discovery message stays small.
const LINK_MAX: usize = 512;

/// The longest name of a group of subscribers, in bytes; MQTT sets no limit.
const SHARE_GROUP_MAX: usize = 64;

/// The words a bare directive may be.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads every key; `None` when the reader has noted a problem.
pub(super) fn read(reader: &mut Reader, sources: &Sources<'_>) -> Option<Config> {
    let node = node(&mut reader.section("node"), sources.host_name);
    let id = node.as_ref().map(|node| &node.id);
    let mqtt = mqtt(&mut reader.section("mqtt"), id);
    let panel = panel(&mut reader.section("panel"));
    let telemetry = telemetry(&mut reader.section("telemetry"));
    let history = history(&mut reader.section("history"));
    let names = scenes::names(&reader.section("scenes"));
    let shown: Vec<&str> = sources
        .effects
        .iter()
        .copied()
        .chain(names.iter().map(String::as_str))
        .collect();
    let light = light(&mut reader.section("light"), &shown);
    let health = health(&mut reader.section("health"), id);
    let discovery = discovery(&mut reader.section("discovery"));
    let events = events(&mut reader.section("events"));
    let fleet = fleet(&mut reader.section("fleet"));
    let log = log(&mut reader.section("log"));
    let scenes = scenes::read(
        &mut reader.section("scenes"),
        sources.file.as_deref(),
        light.as_ref().is_some_and(|light| light.allow_fast_flashes),
    );
    Some(Config {
        node: node?,
        mqtt: mqtt?,
        panel: panel?,
        telemetry: telemetry?,
        history: history?,
        light: light?,
        health: health?,
        discovery: discovery?,
        events: events?,
        fleet: fleet?,
        log: log?,
        scenes: scenes?,
    })
}

fn node(section: &mut Section<'_>, host_name: &str) -> Option<Node> {
    let id = section.parsed("id", |text| match text {
        "" => Ok(None),
        _ => text.parse::<NodeId>().map(Some),
    });
    let groups = section.list("groups", str::parse::<GroupName>);
    let id = id?.unwrap_or_else(|| {
        let id = NodeId::from_host_name(host_name);
        section.derived("id", id.as_str(), "the host's name");
        id
    });
    Some(Node {
        id,
        groups: groups?,
    })
}

fn mqtt(section: &mut Section<'_>, node: Option<&NodeId>) -> Option<Mqtt> {
    let urls = section.one_or_more(
        "url",
        broker_url::split,
        broker_url::masked,
        BrokerUrl::to_string,
        str::parse::<BrokerUrl>,
    );
    let return_to_first = section.boolean("return_to_first");
    let root = section.parsed("root", str::parse::<TopicRoot>);
    let username = section.text("username", MQTT_TEXT_MAX);
    let password = section.secret("password");
    let password_file = path(section, "password_file");
    let client_id = section.text("client_id", CLIENT_ID_MAX);
    let keep_alive = section.count_of("keep_alive_secs", "seconds", 5..=3600);
    let session_expiry = section.count_of("session_expiry_secs", "seconds", 0..=86_400);
    let tls = tls(section);
    let urls = few(section, urls?);
    let brokers = brokers(section, urls?, &username?, password?, password_file?);
    let client_id = match (client_id?, node) {
        (given, _) if !given.is_empty() => given,
        (_, node) => {
            let id = format!("piglow-{}", node?);
            section.derived("client_id", &id, "`node.id`");
            id
        }
    };
    Some(Mqtt {
        brokers: brokers?,
        return_to_first: return_to_first?,
        root: root?,
        client_id,
        keep_alive: Duration::from_secs(keep_alive?),
        session_expiry: Duration::from_secs(session_expiry?),
        tls: tls?,
    })
}

fn few(section: &mut Section<'_>, urls: Vec<BrokerUrl>) -> Option<Vec<BrokerUrl>> {
    let count = urls.len();
    if (1..=BROKERS_MAX).contains(&count) {
        return Some(urls);
    }
    let what = format!("has {count} URLs; expected 1 to {BROKERS_MAX}");
    section.refuse("url", &what);
    None
}

fn tls(section: &mut Section<'_>) -> Option<Tls> {
    let ca_file = path(section, "ca_file");
    let certificate = path(section, "client_certificate_file");
    let key = path(section, "client_key_file");
    let server_name = section.parsed("server_name", |text| match text {
        "" => Ok(None),
        _ if broker_url::is_host(text) => Ok(Some(text.to_owned())),
        _ => Err("no name or address; expected one such as broker.example.org"),
    });
    let accept_any_certificate = section.boolean("insecure_accept_any_certificate");
    let client = match (non_empty(certificate?), non_empty(key?)) {
        (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            let what = "is given without its key; expected `mqtt.client_key_file` as well";
            section.refuse("client_certificate_file", what);
            return None;
        }
        (None, Some(_)) => {
            let what =
                "is given without its certificate; expected `mqtt.client_certificate_file` as well";
            section.refuse("client_key_file", what);
            return None;
        }
    };
    Some(Tls {
        ca_file: non_empty(ca_file?),
        client,
        server_name: server_name?,
        accept_any_certificate: accept_any_certificate?,
    })
}

/// Brings together what the URLs and the keys say; `None` when they contradict each other.
fn brokers(
    section: &mut Section<'_>,
    urls: Vec<BrokerUrl>,
    username: &str,
    password: String,
    password_file: PathBuf,
) -> Option<Vec<Broker>> {
    let user = urls.iter().find_map(BrokerUrl::username);
    let has_password = urls.iter().any(|url| url.password().is_some());
    let mut agree = true;
    let mut refuse = |key: &str, what: &str| {
        section.refuse(key, what);
        agree = false;
    };
    let file = non_empty(password_file);
    if !username.is_empty() && user.is_some() {
        refuse(
            "username",
            "is given, and `mqtt.url` has a user name; expected one of them",
        );
    }
    if !password.is_empty() && has_password {
        refuse(
            "password",
            "is given, and `mqtt.url` has a password; expected one of them",
        );
    }
    if file.is_some() && has_password {
        refuse(
            "password_file",
            "is given, and `mqtt.url` has a password; expected one of them",
        );
    }
    if file.is_some() && !password.is_empty() {
        refuse(
            "password_file",
            "is given, and so is `mqtt.password`; expected one of them",
        );
    }
    let nobody = username.is_empty() && user.is_none();
    if nobody && !password.is_empty() {
        refuse(
            "password",
            "is given without a user name; expected `mqtt.username` as well",
        );
    }
    if nobody && file.is_some() {
        refuse(
            "password_file",
            "is given without a user name; expected `mqtt.username` as well",
        );
    }
    let shared = match file {
        Some(file) => Password::File(file),
        None if password.is_empty() => Password::None,
        None => Password::Text(Secret::new(password)),
    };
    let broker = |url: BrokerUrl| {
        let password = match url.password() {
            Some(password) => Password::Text(password.clone()),
            None => shared.clone(),
        };
        let username = url.username().unwrap_or(username).to_owned();
        let credentials = (!username.is_empty()).then_some(Credentials { username, password });
        Broker { url, credentials }
    };
    agree.then(|| urls.into_iter().map(broker).collect())
}

fn panel(section: &mut Section<'_>) -> Option<Panel> {
    let backend = section.choice(
        "backend",
        &[("i2c", Backend::I2c), ("simulated", Backend::Simulated)],
    );
    let bus = section.parsed("bus", |text| match text {
        "" => Err("is empty; expected a bus such as /dev/i2c-1"),
        _ => Ok(PathBuf::from(text)),
    });
    let refresh = section.count_of("refresh_secs", "seconds", 0..=3600);
    Some(Panel {
        backend: backend?,
        bus: bus?,
        refresh: refresh.map(|secs| (secs > 0).then(|| Duration::from_secs(secs)))?,
    })
}

fn telemetry(section: &mut Section<'_>) -> Option<Telemetry> {
    let interval = section.count_of("interval_secs", "seconds", 1..=3600);
    Some(Telemetry {
        interval: Duration::from_secs(interval?),
    })
}

fn history(section: &mut Section<'_>) -> Option<History> {
    let memory = section.count_of("memory_secs", "seconds", 60..=86_400);
    let file = path(section, "file");
    let file_max = section.count_of("file_max_bytes", "bytes", 16_384..=67_108_864);
    let file_interval = section.count_of("file_interval_secs", "seconds", 60..=86_400);
    Some(History {
        memory: Duration::from_secs(memory?),
        file: non_empty(file?),
        file_max_bytes: file_max?,
        file_interval: Duration::from_secs(file_interval?),
    })
}

fn light(section: &mut Section<'_>, effects: &[&str]) -> Option<Light> {
    let default_effect = section.one_of("default_effect", effects);
    let brightness_limit = section.integer("brightness_limit", 1..=255);
    let gamma = section.number("gamma", 1.0..=4.0);
    let frames_per_second = section.integer("frames_per_second", 1..=2000);
    let load_interval = section.count_of("load_interval_ms", "milliseconds", 200..=10_000);
    let current_limit = section.count_of("current_limit_milliamps", "milliamperes", 0..=500);
    let hours = section.parsed("night", |text| match text {
        "" => Ok(None),
        _ => text.parse::<Hours>().map(Some),
    });
    let night_limit = section.integer("night_brightness_limit", 0..=255);
    let allow_fast_flashes = section.boolean("allow_fast_flashes");
    let offline_after = section.count_of("offline_after_secs", "seconds", 0..=86_400);
    let on_stop = section.choice("on_stop", &[("dark", OnStop::Dark), ("keep", OnStop::Keep)]);
    let kept_in = path(section, "state_file");
    Some(Light {
        default_effect: default_effect?,
        brightness_limit: u8::try_from(brightness_limit?).ok()?,
        gamma: gamma? as f32,
        frames_per_second: u16::try_from(frames_per_second?).ok()?,
        load_interval: Duration::from_millis(load_interval?),
        current_limit_milliamps: Some(current_limit? as f32).filter(|limit| *limit > 0.0),
        night: match (hours?, u8::try_from(night_limit?).ok()?) {
            (Some(hours), brightness_limit) => Some(Night {
                hours,
                brightness_limit,
            }),
            (None, _) => None,
        },
        allow_fast_flashes: allow_fast_flashes?,
        offline_after: Some(Duration::from_secs(offline_after?)).filter(|limit| !limit.is_zero()),
        on_stop: on_stop?,
        state_file: state_file(kept_in?),
    })
}

fn health(section: &mut Section<'_>, node: Option<&NodeId>) -> Option<Health> {
    /// What the text says, before the node's id is known.
    enum Socket {
        None,
        Auto,
        At(Address),
    }
    let socket = section.parsed("socket", |text| match text {
        "" => Ok(Socket::None),
        "auto" => Ok(Socket::Auto),
        _ => text.parse().map(Socket::At),
    });
    let socket = match socket? {
        Socket::None => None,
        Socket::At(address) => Some(address),
        Socket::Auto => {
            let address = Address::of_node(node?);
            section.derived("socket", &address.to_string(), "`node.id`");
            Some(address)
        }
    };
    Some(Health { socket })
}

fn discovery(section: &mut Section<'_>) -> Option<Discovery> {
    let enabled = section.boolean("enabled");
    let prefix = section.parsed("prefix", str::parse::<TopicRoot>);
    let entities = section.list("entities", |name| {
        name.parse::<EntityKind>().map_err(|error| {
            let near = nearest(name, EntityKind::ALL.into_iter().map(EntityKind::name));
            format!("{error}{}", did_you_mean(near.map(str::to_owned)))
        })
    });
    let configuration_url = section.parsed("configuration_url", |text| {
        let fits = ["http://", "https://"].iter().any(|scheme| {
            text.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
        let is_plain = text.chars().all(|c| c.is_ascii_graphic());
        match text {
            "" => Ok(None),
            _ if text.len() > LINK_MAX => Err(format!(
                "has {} bytes; expected at most {LINK_MAX}",
                text.len()
            )),
            _ if fits && is_plain => Ok(Some(text.to_owned())),
            _ => Err("is no link; expected one such as http://broker.local:8080".to_owned()),
        }
    });
    Some(Discovery {
        enabled: enabled?,
        prefix: prefix?,
        entities: entities?.into_iter().collect(),
        configuration_url: configuration_url?,
    })
}

fn events(section: &mut Section<'_>) -> Option<Thresholds> {
    let load_high = section.number("load_high_percent", 1.0..=100.0);
    let load_normal = section.number("load_normal_percent", 1.0..=100.0);
    let load_for = section.count_of("load_for_secs", "seconds", 0..=3600);
    let hot = section.number("hot_celsius", 0.0..=120.0);
    let cool = section.number("cool_celsius", 0.0..=120.0);
    let hot_for = section.count_of("hot_for_secs", "seconds", 0..=3600);
    let settle = section.count_of("settle_secs", "seconds", 0..=3600);
    let rejected_interval = section.count_of("rejected_interval_secs", "seconds", 1..=3600);
    for (low_key, low, high_key, high) in [
        (
            "load_normal_percent",
            load_normal,
            "load_high_percent",
            load_high,
        ),
        ("cool_celsius", cool, "hot_celsius", hot),
    ] {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            section.refuse(
                low_key,
                &format!("is {low:?}; expected at most `events.{high_key}`, {high:?}"),
            );
            return None;
        }
    }
    Some(Thresholds {
        load_high_percent: load_high? as f32,
        load_normal_percent: load_normal? as f32,
        load_for: Duration::from_secs(load_for?),
        hot_celsius: hot? as f32,
        cool_celsius: cool? as f32,
        hot_for: Duration::from_secs(hot_for?),
        settle: Duration::from_secs(settle?),
        rejected_interval: Duration::from_secs(rejected_interval?),
    })
}

fn fleet(section: &mut Section<'_>) -> Option<Fleet> {
    let listen = section.parsed("listen", |text| {
        text.parse::<SocketAddr>().map_err(
            |_| "is no address with a port; expected one such as 127.0.0.1:8080 or [::]:8080",
        )
    });
    let host_names = section.list("host_names", |text| {
        if broker_url::is_host(text) {
            Ok(text.to_ascii_lowercase())
        } else {
            Err("is no name of a host; expected one such as dashboard.example.org")
        }
    });
    let control_token_file = path(section, "control_token_file");
    let view_token_file = path(section, "view_token_file");
    let certificate = path(section, "certificate_file");
    let key = path(section, "key_file");
    let trusted_proxies = section.list("trusted_proxies", |text| {
        text.parse::<IpAddr>()
            .map_err(|_| "is no address; expected one such as 127.0.0.1")
    });
    let streams_max = section.count_of("streams_max", "streams", 1..=10_000);
    let nodes_max = section.count_of("nodes_max", "nodes", 1..=1_000_000);
    let share_group = section.parsed("share_group", |text| match text {
        "" => Ok(None),
        _ if text.contains(['/', '+', '#']) || text.chars().any(char::is_control) => {
            Err("has a character that MQTT forbids there; expected a name without `/`, `+` and `#`")
        }
        _ if text.len() > SHARE_GROUP_MAX => Err("is too long; expected at most 64 bytes"),
        _ => Ok(Some(text.to_owned())),
    });
    let history_file = path(section, "history_file");
    let tls = match (non_empty(certificate?), non_empty(key?)) {
        (Some(certificate), Some(key)) => Some(ServerFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            let what = "is given without its key; expected `fleet.key_file` as well";
            section.refuse("certificate_file", what);
            return None;
        }
        (None, Some(_)) => {
            let what =
                "is given without its certificate; expected `fleet.certificate_file` as well";
            section.refuse("key_file", what);
            return None;
        }
    };
    Some(Fleet {
        listen: listen?,
        host_names: host_names?,
        control_token_file: non_empty(control_token_file?),
        view_token_file: non_empty(view_token_file?),
        tls,
        trusted_proxies: trusted_proxies?,
        streams_max: usize::try_from(streams_max?).ok()?,
        nodes_max: usize::try_from(nodes_max?).ok()?,
        share_group: share_group?,
        history_file: state_file(history_file?),
    })
}

fn state_file(path: PathBuf) -> StateFile {
    match path {
        path if path.as_os_str().is_empty() => StateFile::None,
        path if path.as_os_str() == "auto" => StateFile::Auto,
        path => StateFile::Path(path),
    }
}

fn log(section: &mut Section<'_>) -> Option<Log> {
    let filter = section.parsed("level", directives);
    let format = section.choice(
        "format",
        &[
            ("auto", LogFormat::Auto),
            ("human", LogFormat::Human),
            ("json", LogFormat::Json),
        ],
    );
    Some(Log {
        filter: filter?,
        format: format?,
    })
}

/// Parses a list as in `RUST_LOG`. A bare word has to be a level: `inof` would otherwise be a module nobody has.
fn directives(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for directive in text.split(',').map(str::trim) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive),
        };
        // An empty text would parse, as `error`.
        let parsed: Option<LevelFilter> = level.parse().ok().filter(|_| !level.is_empty());
        let level = parsed.ok_or_else(|| {
            let near = nearest(level, LEVELS.into_iter()).map(|near| format!("`{near}`"));
            format!(
                "{level:?} is not a level; expected {}, alone or after `module=`{}",
                LEVELS.join(", "),
                did_you_mean(near),
            )
        })?;
        targets = match target {
            Some("") => return Err("has no module before `=`; expected one".to_owned()),
            Some(target) => targets.with_target(target, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

fn path(section: &mut Section<'_>, key: &str) -> Option<PathBuf> {
    section.parsed(key, |text| Ok::<_, Infallible>(PathBuf::from(text)))
}

fn non_empty(path: PathBuf) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then_some(path)
}
