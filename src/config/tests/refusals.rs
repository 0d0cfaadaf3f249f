use proptest::prelude::*;

use super::*;

/// The problems with a file, without the directory it happens to be in.
pub(super) fn problems_of(text: &str) -> Vec<String> {
    with_file(text)
        .expect_err(text)
        .lines()
        .map(|line| match line.find("pi.toml") {
            Some(at) => line[at..].to_owned(),
            None => line.to_owned(),
        })
        .collect()
}

#[test]
fn all_problems_are_told_at_once() {
    assert_eq!(
        problems_of(
            "loose = 1\npanel = 3\n[light]\nbrightness_limit = 300\ngamma = \"2\"\ndefault_effect = \"cpu_laod\"\n\
             [mqtt]\nusernane = \"x\"\nurl = \"http://pi\"\n[lihgt]\ngamma = 1.0\n[node]\nid = \"a+b\"\n"
        ),
        [
            "pi.toml: `node.id` is \"a+b\": contains '+'; expected letters, digits, `-` or `_`",
            "pi.toml: `mqtt.url` is \"http://pi\": scheme is \"http\"; expected mqtt, mqtts, ws or wss",
            "pi.toml: `light.default_effect` is \"cpu_laod\"; \
             expected one of \"cpu_load\", \"breathe\", \"solid\"; did you mean \"cpu_load\"?",
            "pi.toml: `light.brightness_limit` is 300; expected 1 to 255",
            "pi.toml: `light.gamma` is \"2\"; expected a number, 1.0 to 4.0",
            "pi.toml: unknown section `lihgt`; did you mean `light`?",
            "pi.toml: unknown key `mqtt.usernane`; did you mean `mqtt.username`?",
            "pi.toml: unknown key `loose`",
            "pi.toml: `panel` is not a section; expected `[panel]` and its keys below",
        ]
    );
}

#[test]
fn variables_and_flags_are_named_in_problems() {
    let problems = load(&Sources {
        environment: vec![
            (
                "PIGLOW_TELEMETRY__INTERVAL_SECS".to_owned(),
                "often".to_owned(),
            ),
            ("PIGLOW_MQTT__ULR".to_owned(), "mqtt://pi".to_owned()),
            ("PIGLOW_MQT__ROOT".to_owned(), "x".to_owned()),
            ("PIGLOW_MQTT__URL__HOST".to_owned(), "x".to_owned()),
            ("PIGLOW_CONFIG".to_owned(), "ignored".to_owned()),
            ("PATH".to_owned(), "ignored".to_owned()),
        ],
        overrides: vec![override_of("light.brightness_limit", "300", "--brightness")],
        ..sources()
    })
    .expect_err("five problems");
    assert_eq!(problems.count(), 5, "{problems}");
    assert_eq!(
        problems.lines().collect::<Vec<_>>(),
        [
            "environment variable PIGLOW_TELEMETRY__INTERVAL_SECS: \
             `telemetry.interval_secs` is \"often\"; expected whole seconds, 1 to 3600",
            "flag --brightness: `light.brightness_limit` is 300; expected 1 to 255",
            "unknown environment variable PIGLOW_MQTT__ULR; did you mean PIGLOW_MQTT__URL?",
            "unknown environment variable PIGLOW_MQT__ROOT; did you mean PIGLOW_MQTT__ROOT?",
            "unknown environment variable PIGLOW_MQTT__URL__HOST; did you mean PIGLOW_MQTT__URL?",
        ]
    );
}

#[test]
fn both_ends_of_each_range_are_allowed_and_what_lies_beyond_is_not() {
    for (key, low, high) in [
        ("mqtt.keep_alive_secs", 5, 3600),
        ("panel.refresh_secs", 0, 3600),
        ("telemetry.interval_secs", 1, 3600),
        ("light.brightness_limit", 1, 255),
        ("light.frames_per_second", 1, 2000),
        ("light.load_interval_ms", 200, 10_000),
    ] {
        let (section, name) = key.split_once('.').expect("a key");
        let file = |value: i64| with_file(&format!("[{section}]\n{name} = {value}\n"));
        assert!(file(low).is_ok() && file(high).is_ok(), "{key}");
        for beyond in [low - 1, high + 1, i64::MAX] {
            let problems = file(beyond).expect_err(key).to_string();
            assert!(problems.contains(&format!("{low} to {high}")), "{problems}");
        }
        assert!(with_file(&format!("[{section}]\n{name} = {low}.5\n")).is_err());
        assert!(with_file(&format!("[{section}]\n{name} = \"{low}\"\n")).is_err());
        assert!(with_variable(&layers::variable_name(key), &format!(" {low} ")).is_ok());
    }
    for (gamma, valid) in [
        ("1.0", true),
        ("1", true),
        ("4.0", true),
        ("0.99", false),
        ("4.01", false),
        ("nan", false),
        ("inf", false),
    ] {
        let file = with_file(&format!("[light]\ngamma = {gamma}\n"));
        assert_eq!(file.is_ok(), valid, "{gamma}");
        let variable = with_variable("PIGLOW_LIGHT__GAMMA", gamma);
        assert_eq!(variable.is_ok(), valid, "{gamma}");
    }
    for (length, valid) in [(1, true), (128, true), (129, false)] {
        let id = "x".repeat(length);
        let file = with_file(&format!("[mqtt]\nclient_id = \"{id}\"\n"));
        assert_eq!(file.is_ok(), valid, "{length}");
    }
}

#[test]
fn wrong_types_are_refused() {
    assert_eq!(
        problems_of(
            "[mqtt]\nurl = 1\npassword = 123456\n[node]\ngroups = \"a\"\n[panel]\nbackend = true\n"
        ),
        [
            "pi.toml: `node.groups` is \"a\"; expected a list such as [\"a\", \"b\"]",
            "pi.toml: `mqtt.url` is 1; expected a text in quotes",
            "pi.toml: `mqtt.password` is not a text; expected one in quotes",
            "pi.toml: `panel.backend` is true; expected one of \"i2c\", \"simulated\"",
        ]
    );
}

#[test]
fn syntax_errors_name_line_and_expectation_and_quote_nothing() {
    let problems = problems_of("[mqtt]\npassword = \"hunter2\nroot = \"x\"\n");
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("pi.toml: line 2, column "),
        "{problems:?}"
    );
    assert!(problems[0].contains("expected"), "{problems:?}");
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn a_missing_file_is_named_and_the_rest_is_still_checked() {
    let problems = load(&Sources {
        file: Some(PathBuf::from("no/such/pi.toml")),
        environment: vec![
            ("PIGLOW_LIGHT__GAMMA".to_owned(), "9".to_owned()),
            // Without a user name, which the file may well have.
            ("PIGLOW_MQTT__PASSWORD".to_owned(), "hunter2".to_owned()),
        ],
        ..sources()
    })
    .expect_err("no file");
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), 2, "{problems}");
    assert!(lines[0].starts_with("no/such/pi.toml: cannot read: No such file"));
    assert!(lines[1].contains("`light.gamma` is 9; expected 1.0 to 4.0"));
}

#[test]
fn log_levels_are_directives() {
    for (text, valid) in [
        ("info", true),
        ("INFO, piglow_node::mqtt=debug", true),
        ("off", true),
        ("", false),
        ("inof", false),
        ("piglow_node=loud", false),
        ("=info", false),
        ("info,", false),
    ] {
        let loaded = with_variable("PIGLOW_LOG__LEVEL", text);
        assert_eq!(loaded.is_ok(), valid, "{text}");
    }
    let problems = with_variable("PIGLOW_LOG__LEVEL", "debgu").expect_err("misspelled");
    assert!(
        problems.to_string().ends_with("did you mean `debug`?"),
        "{problems}"
    );
}

#[test]
fn what_is_wrong_with_a_list_of_brokers_is_said_without_its_passwords() {
    for (text, said) in [
        (
            "url = []",
            "pi.toml: `mqtt.url` has 0 URLs; expected 1 to 8",
        ),
        (
            "url = [\"mqtt://a\", \"http://al:pw@b\"]",
            "pi.toml: `mqtt.url` has \"http://***@b\": scheme is \"http\"; expected mqtt, mqtts, ws or wss",
        ),
        (
            "url = [\"mqtt://a\", 7]",
            "pi.toml: `mqtt.url` has an element that is no text; expected texts in quotes",
        ),
        (
            "client_key_file = \"k\"",
            "pi.toml: `mqtt.client_key_file` is given without its certificate; expected \
             `mqtt.client_certificate_file` as well",
        ),
        (
            "client_certificate_file = \"c\"",
            "pi.toml: `mqtt.client_certificate_file` is given without its key; expected `mqtt.client_key_file` as well",
        ),
        (
            "server_name = \"a b\"",
            "pi.toml: `mqtt.server_name` is \"a b\": no name or address; expected one such as broker.example.org",
        ),
    ] {
        assert_eq!(problems_of(&format!("[mqtt]\n{text}")), [said]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn secrets_never_leak(before in "[ -!#-\\[\\]-~]{0,4}", after in "[ -!#-\\[\\]-~]{0,4}", broken in 0..12) {
        let password = format!("{before}HUNTER{after}");
        let text = match broken {
            0 => format!("[mqtt]\nusername = \"al\"\npassword = \"{password}\"\n"),
            1 => format!("[mqtt]\npassword = \"{password}\"\n"),
            2 => format!("[mqtt]\npasword = \"{password}\"\nroot = \"#\"\n"),
            3 => format!("[mqtt]\npassword = \"{password}\n"),
            4 => format!("[mqtt]\npassword = {{ x = \"{password}\" }}\n"),
            5 => format!("mqtt = \"{password}\"\n"),
            6 => format!("[mqtt]\nurl = \"mqtt://al:{password}@pi\"\n"),
            7 => format!("[mqtt]\nurl = [\"mqtt://b\", \"mqtt://al:{password}@pi\"]\n"),
            8 => format!("[mqtt]\nurl = [\"mqtt://al:{password}@p|i\"]\n"),
            9 => format!("[mqtt]\nurl = [[\"mqtt://al:{password}@pi\"], 1]\n"),
            10 => format!("[mqtt]\nurl = {{ x = \"mqtt://al:{password}@pi\" }}\n"),
            _ => format!("[mqtt]\npassword = [\"{password}\"]\npassword_file = \"x\"\n"),
        };
        let loads = [
            with_file(&text),
            with_variable("PIGLOW_MQTT__PASSWORD", &password),
            with_variable("PIGLOW_MQTT__PASSWORT", &password),
            with_variable("PIGLOW_MQTT__URL", &format!("mqtt://al:{password}@pi")),
            with_variable("PIGLOW_MQTT__URL", "mqtt://al:HUNTER"),
            with_variable("PIGLOW_MQTT__URL", &format!("mqtt://b,mqtt://al:{password}@pi")),
        ];
        for loaded in loads {
            let said = match &loaded {
                Ok(loaded) => format!("{loaded:?} {}", render(&loaded.settings)),
                Err(problems) => format!("{problems} {problems:?}"),
            };
            prop_assert!(!said.contains("HUNTER"), "{}", said);
        }
    }

    #[test]
    fn no_file_panics(text in "(\\[[a-z\".]{0,6}\\]|[a-z.\"]{1,6} ?= ?[0-9\"a-z\\[\\]{}=.,-]{0,6}|\n){0,8}") {
        prop_assert!(with_file(&text).is_ok() || with_file(&text).is_err());
    }
}

#[test]
fn discovery_and_events_name_what_is_allowed() {
    let lines = problems_of(
        "[discovery]\nentities = [\"light\", \"led\"]\nconfiguration_url = \"broker.local\"\nprefix = \"home/#\"\n\
         [events]\nhot_celsius = 60.0\ncool_celsius = 65.0\n",
    );
    let expected = [
        "which is no kind of entity; expected one of light, arms, rings, leds",
        "did you mean leds?",
        "is \"broker.local\": is no link; expected one such as http://broker.local:8080",
        "contains '#'",
        "`events.cool_celsius` is 65.0; expected at most `events.hot_celsius`, 60.0",
    ];
    for part in expected {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:#?}"
        );
    }
}
