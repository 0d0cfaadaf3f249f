use std::collections::BTreeMap;
use std::io::Write as _;

use super::*;

mod refusals;
mod scenes;

use refusals::problems_of;

const EFFECTS: [&str; 3] = ["cpu_load", "breathe", "solid"];

fn sources() -> Sources<'static> {
    Sources {
        host_name: "pi.example.org",
        effects: &EFFECTS,
        ..Sources::default()
    }
}

/// A file that lives as long as the test that made it.
struct TempFile(tempfile::TempDir);

impl TempFile {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut file = std::fs::File::create(dir.path().join("pi.toml")).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("pi.toml")
    }
}

fn with_file(text: &str) -> Result<Loaded, Problems> {
    let file = TempFile::new(text);
    load(&Sources {
        file: Some(file.path()),
        ..sources()
    })
}

fn with_variable(name: &str, value: &str) -> Result<Loaded, Problems> {
    load(&Sources {
        environment: vec![(name.to_owned(), value.to_owned())],
        ..sources()
    })
}

fn override_of(key: &str, value: &str, flag: &str) -> Override {
    Override {
        key: key.to_owned(),
        value: value.to_owned(),
        flag: flag.to_owned(),
    }
}

fn setting<'a>(loaded: &'a Loaded, key: &str) -> &'a Setting {
    loaded
        .settings
        .iter()
        .find(|setting| setting.key == key)
        .expect(key)
}

#[test]
fn defaults_are_valid_and_every_key_is_read() {
    // An unknown key in the defaults is a problem, and so is one that is read but missing there.
    let loaded = load(&sources()).expect("valid defaults");
    assert_eq!(loaded.settings.len(), key_lines().len());
    let config = loaded.config;
    assert_eq!(config.node.id.as_str(), "pi");
    assert_eq!(config.mqtt.client_id, "piglow-pi");
    assert_eq!(config.mqtt.brokers[0].credentials, None);
    assert_eq!(config.mqtt.keep_alive, Duration::from_secs(15));
    assert_eq!(config.panel.refresh, Some(Duration::from_secs(30)));
    let socket = config.health.socket.map(|socket| socket.to_string());
    assert_eq!(socket.as_deref(), Some("@piglow-node/pi"));
    assert_eq!(config.light.brightness_limit, 48);
    assert_eq!(config.light.on_stop, OnStop::Dark);
    assert_eq!(config.log.format, LogFormat::Auto);
}

fn key_lines() -> Vec<usize> {
    DEFAULTS
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#') && line.contains(" = "))
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn settings_stand_in_the_order_of_the_defaults() {
    let mut section = "";
    let mut written = Vec::new();
    for line in DEFAULTS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ") {
            written.push(format!("{section}.{key}"));
        }
    }
    let loaded = load(&sources()).expect("valid defaults");
    let read: Vec<&str> = loaded.settings.iter().map(|s| s.key.as_str()).collect();
    assert_eq!(read, written);
}

#[test]
fn each_key_is_documented() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for number in key_lines() {
        assert!(lines[number - 1].starts_with("# "), "{}", lines[number]);
    }
}

#[test]
fn a_default_that_is_missing_is_a_problem() {
    let defaults = DEFAULTS.replace("gamma = 2.2", "");
    let problems = load_over(&defaults, &sources()).expect_err("a key is missing");
    assert_eq!(problems.to_string(), "`light.gamma` is missing");
}

#[test]
fn later_layers_win() {
    let file = TempFile::new("[light]\nbrightness_limit = 1\ngamma = 3\nframes_per_second = 10\n");
    let loaded = load(&Sources {
        file: Some(file.path()),
        environment: vec![
            ("PIGLOW_LIGHT__GAMMA".to_owned(), "1.5".to_owned()),
            (
                "PIGLOW_LIGHT__FRAMES_PER_SECOND".to_owned(),
                "20".to_owned(),
            ),
        ],
        overrides: vec![override_of("light.frames_per_second", "30", "--fps")],
        ..sources()
    })
    .expect("valid");
    let light = &loaded.config.light;
    assert_eq!(light.brightness_limit, 1);
    assert_eq!(light.gamma, 1.5);
    assert_eq!(light.frames_per_second, 30);
    let origin = |key| setting(&loaded, key).origin.to_string();
    assert_eq!(origin("light.on_stop"), "default");
    assert_eq!(
        origin("light.brightness_limit"),
        file.path().display().to_string()
    );
    assert_eq!(
        origin("light.gamma"),
        "environment variable PIGLOW_LIGHT__GAMMA"
    );
    assert_eq!(origin("light.frames_per_second"), "flag --fps");
}

#[test]
fn lists_in_the_environment_are_separated_by_commas() {
    for (text, groups) in [
        ("kitchen", vec!["kitchen"]),
        ("kitchen, rack-1", vec!["kitchen", "rack-1"]),
        ("", vec![]),
    ] {
        let loaded = with_variable("PIGLOW_NODE__GROUPS", text).expect(text);
        let read: Vec<&str> = loaded
            .config
            .node
            .groups
            .iter()
            .map(GroupName::as_str)
            .collect();
        assert_eq!(read, groups);
    }
    let problems = with_variable("PIGLOW_NODE__GROUPS", "a,,b").expect_err("an empty name");
    assert_eq!(
        problems.to_string(),
        "environment variable PIGLOW_NODE__GROUPS: `node.groups` has \"\", which is empty; \
         expected letters, digits, `-` or `_`"
    );
}

#[test]
fn credentials_come_from_the_url_or_the_keys_but_not_both() {
    let credentials = |text: &str| {
        let brokers = with_file(text).expect(text).config.mqtt.brokers;
        brokers[0].credentials.clone()
    };
    let user = |password| {
        Some(Credentials {
            username: "al".to_owned(),
            password,
        })
    };
    let secret = || Password::Text(Secret::new("pw"));
    assert_eq!(
        credentials("[mqtt]\nurl = \"mqtt://al:pw@pi\""),
        user(secret())
    );
    assert_eq!(
        credentials("[mqtt]\nusername = \"al\"\npassword = \"pw\""),
        user(secret())
    );
    assert_eq!(
        credentials("[mqtt]\nurl = \"mqtt://al@pi\"\npassword_file = \"/p\""),
        user(Password::File(PathBuf::from("/p")))
    );
    assert_eq!(
        credentials("[mqtt]\nusername = \"al\""),
        user(Password::None)
    );
    for (text, count) in [
        (
            "username = \"al\"\npassword = \"pw\"\npassword_file = \"/p\"",
            1,
        ),
        ("password = \"pw\"", 1),
        ("password_file = \"/p\"", 1),
        (
            "url = \"mqtt://al:pw@pi\"\nusername = \"al\"\npassword = \"pw\"",
            2,
        ),
        ("url = \"mqtt://al:pw@pi\"\npassword_file = \"/p\"", 1),
    ] {
        let problems = problems_of(&format!("[mqtt]\n{text}"));
        assert_eq!(problems.len(), count, "{problems:?}");
        assert!(problems[0].starts_with("pi.toml: `mqtt."), "{problems:?}");
    }
}

#[test]
fn several_brokers_are_a_list_or_separated_by_commas() {
    let text = "[mqtt]\nurl = [\"mqtts://al:pw@a\", \"ws://b:81\"]\n";
    let loaded = with_file(text).expect(text);
    let mqtt = &loaded.config.mqtt;
    assert_eq!(mqtt.broker_names(), "mqtts://al:***@a:8883, ws://b:81/mqtt");
    let users = |mqtt: &Mqtt| -> Vec<Option<String>> {
        let credentials = |broker: &Broker| broker.credentials.as_ref().map(|c| c.username.clone());
        mqtt.brokers.iter().map(credentials).collect()
    };
    assert_eq!(users(mqtt), [Some("al".to_owned()), None]);
    assert!(
        render(&loaded.settings).contains(r#"= ["mqtts://al:***@a:8883", "ws://b:81/mqtt"]"#),
        "{}",
        render(&loaded.settings)
    );
    let by_variable = with_variable("PIGLOW_MQTT__URL", "mqtts://al:pw@a, ws://b:81").expect("two");
    assert_eq!(&by_variable.config.mqtt, mqtt);

    let text =
        "[mqtt]\nurl = [\"mqtt://a\", \"mqtt://b\"]\nusername = \"al\"\npassword_file = \"/p\"\n";
    let shared = with_file(text).expect(text).config.mqtt;
    assert_eq!(shared.brokers[0].credentials, shared.brokers[1].credentials);
    assert_eq!(
        users(&shared),
        [Some("al".to_owned()), Some("al".to_owned())]
    );
}

#[test]
fn a_certificate_and_its_key_come_together() {
    let text = "[mqtt]\nclient_certificate_file = \"c\"\nclient_key_file = \"k\"\nserver_name = \"broker.example.org\"\n";
    let tls = with_file(text).expect(text).config.mqtt.tls;
    assert_eq!(
        tls,
        Tls {
            ca_file: None,
            client: Some(ClientFiles {
                certificate: PathBuf::from("c"),
                key: PathBuf::from("k"),
            }),
            server_name: Some("broker.example.org".to_owned()),
            accept_any_certificate: false,
        }
    );
}

#[test]
fn rendered_settings_are_toml_that_means_the_same() {
    let file = TempFile::new(
        "[node]\ngroups = [\"a\", \"b\"]\n[light]\ngamma = 3\n[panel]\nbus = \"/dev/\\u0001 \\\"x\\\\\"\n",
    );
    let first = load(&Sources {
        file: Some(file.path()),
        ..sources()
    })
    .expect("valid");
    let text = render(&first.settings);
    let again = with_file(&text).expect(&text);
    assert_eq!(again.config, first.config);
    assert!(text.starts_with("[node]\nid     = \"pi\""), "{text}");
    assert!(text.contains("# default, from the host's name\n"), "{text}");
    let ends: BTreeMap<&str, Vec<usize>> = text
        .split("\n\n")
        .map(|section| {
            let columns = section.lines().skip(1);
            let columns = columns.filter_map(|line| line.find("   # "));
            (
                section.lines().next().unwrap_or_default(),
                columns.collect(),
            )
        })
        .collect();
    for (section, columns) in ends {
        assert!(columns.windows(2).all(|two| two[0] == two[1]), "{section}");
    }
}

#[test]
fn the_state_file_lies_where_the_environment_has_a_folder_for_it() {
    let node: NodeId = "attic".parse().unwrap();
    let resolve = |file: StateFile, variables: &[(&str, &str)]| {
        file.resolved(&node, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    };
    let path = |text: &str| StateFile::Path(text.into());
    let all = [
        ("STATE_DIRECTORY", "/var/lib/p:/x"),
        ("XDG_STATE_HOME", "/s"),
        ("HOME", "/h"),
    ];
    assert_eq!(
        resolve(StateFile::Auto, &all),
        path("/var/lib/p/light-attic.json")
    );
    assert_eq!(
        resolve(StateFile::Auto, &all[1..]),
        path("/s/piglow-node/light-attic.json")
    );
    assert_eq!(
        resolve(StateFile::Auto, &all[2..]),
        path("/h/.local/state/piglow-node/light-attic.json")
    );
    assert_eq!(resolve(StateFile::Auto, &[("HOME", "")]), StateFile::None);
    assert_eq!(resolve(path("/f"), &all), path("/f"));
    assert_eq!(resolve(StateFile::None, &all), StateFile::None);
}
