//! The wire, held by files that integrations and readers of the documents can use as examples.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::events::Event;
use crate::light::effect::{Effect, Kind};
use crate::light::{
    Command, Frame, Inputs, LightState, Rgb, Scenes, Setting, Settings, Siren, Stage, Tone,
};
use crate::protocol::{
    Counters, Delivery, Health, Info, Message, Outcome, Qos, Reason, Rejection, Reply, Report,
    Topics, availability, decode_set, event as event_message, frame, health, history, info,
    light_state, observe_outcome, recreate, result, setting_state, siren_state, telemetry,
};
use crate::telemetry::history::Batch;
use crate::telemetry::{CpuLoad, NetworkRates, Run, Sample, Stamp, Throttled, Usage};
use crate::units::{NodeId, Percent};

pub(super) fn topics() -> Topics {
    Topics::new("piglow".parse().unwrap())
}

pub(super) fn node() -> NodeId {
    "attic".parse().unwrap()
}

/// Compares a message with its file, or writes the file when `UPDATE_GOLDEN` is set.
pub(super) fn check(name: &str, message: &Message) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = String::from_utf8(message.payload.clone()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; UPDATE_GOLDEN=1 cargo test golden writes it",
            path.display()
        )
    });
    assert_eq!(
        text, golden,
        "{name}; if it is meant, UPDATE_GOLDEN=1 cargo test golden"
    );
}

fn percent(value: f32) -> Percent {
    Percent::saturating(value).unwrap()
}

pub(super) fn sample() -> Sample {
    let usage = |used, total_bytes| {
        Some(Usage {
            used: percent(used),
            total_bytes,
        })
    };
    Sample {
        stamp: Stamp {
            run: Run(0x9f3c_01ab),
            sequence: 17,
            unix_ms: 1_769_860_800_000,
            since_boot: Some(Duration::from_secs(86_400)),
        },
        cpu: Some(CpuLoad {
            total: percent(12.5),
            cores: [0.0, 25.04, 12.5, 12.5].map(percent).to_vec(),
        }),
        frequency_mhz: Some(1500),
        load_average: Some([0.52, 0.58, 0.59]),
        memory: usage(41.26, 4_025_454_592),
        swap: usage(0.0, 104_853_504),
        temperature_celsius: Some(48.3),
        uptime_secs: Some(86_400),
        booted_unix_secs: Some(1_769_774_400),
        disk: usage(63.0, 31_268_536_320),
        network: Some(NetworkRates {
            receive_bytes_per_sec: 1234.4,
            transmit_bytes_per_sec: 567.5,
        }),
        throttled: Some(Throttled {
            under_voltage: false,
            now: false,
            since_boot: true,
        }),
    }
}

fn stage() -> Stage {
    Stage::new(&Settings::default())
}

fn state_after(command: &Command) -> LightState {
    let mut stage = stage();
    stage
        .apply(Duration::ZERO, &Inputs::default(), command)
        .unwrap();
    stage.state()
}

fn state_message(segment: &str, state: &LightState, ends: Option<i64>) -> Message {
    let segment = segment
        .parse()
        .unwrap_or(crate::light::board::Segment::Board);
    light_state(&topics(), &node(), segment, state, ends)
}

#[test]
fn golden_history_has_the_samples_and_what_is_missing() {
    let at = |sequence, unix_ms| {
        let mut sample = sample();
        sample.stamp.sequence = sequence;
        sample.stamp.unix_ms = unix_ms;
        sample
    };
    let batch = Batch {
        // The clock of the last one had never been set.
        samples: vec![at(17, 1_769_860_800_000), at(20, 12_000)],
        in_doubt: 1,
        dropped: 2,
        remaining: 700,
    };
    let message = history(&topics(), &node(), &batch);
    assert_eq!(message.topic, "piglow/attic/telemetry/history");
    assert!(!message.retain);
    assert_eq!(message.qos, Qos::AtLeastOnce);
    check("telemetry-history.json", &message);
}

#[test]
fn golden_telemetry_has_every_key_even_when_the_host_tells_nothing() {
    let full = telemetry(&topics(), &node(), &sample(), Qos::AtMostOnce);
    assert_eq!(full.topic, "piglow/attic/telemetry");
    assert!(!full.retain);
    assert_eq!(full.qos, Qos::AtMostOnce);
    check("telemetry.json", &full);
    let empty = telemetry(&topics(), &node(), &Sample::default(), Qos::AtMostOnce);
    check("telemetry-unknown.json", &empty);
    let keys = |message: &Message| {
        let value: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        leaves("", &value)
    };
    assert_eq!(keys(&full), keys(&empty));
}

/// The paths of all keys, without those within arrays.
fn leaves(path: &str, value: &serde_json::Value) -> Vec<String> {
    match value.as_object() {
        Some(map) => map
            .iter()
            .flat_map(|(key, value)| leaves(&format!("{path}/{key}"), value))
            .collect(),
        None => vec![path.to_owned()],
    }
}

#[test]
fn golden_light_states() {
    let base = state_message("", &stage().state(), None);
    assert_eq!(base.topic, "piglow/attic/light/state");
    assert!(base.retain);
    check("light-state-base.json", &base);

    let leased = state_after(&Command {
        effect: Some((Kind::Breathe, Effect::new(Kind::Breathe).params)),
        colour: Some(Rgb([128, 0, 255])),
        brightness: Some(200),
        lease: Some(Duration::from_secs(30)),
        from: Some("doorbell".to_owned()),
        ..Command::to_board()
    });
    check(
        "light-state-leased.json",
        &state_message("", &leased, Some(1_769_860_830_000)),
    );

    let painted = state_after(&Command {
        segment: "arm/top".parse().unwrap(),
        brightness: Some(100),
        ..Command::to_board()
    });
    check(
        "light-state-picture.json",
        &state_message("", &painted, None),
    );
    let arm = state_message("arm/top", &painted, None);
    assert_eq!(arm.topic, "piglow/attic/light/arm/top/state");
    check("light-state-arm-on.json", &arm);
    check(
        "light-state-arm-off.json",
        &state_message("arm/left", &painted, None),
    );
}

#[test]
fn what_is_kept_brings_the_same_state_about() {
    let commands = [
        r##"{"effect":"breathe","params":{"breaths_per_minute":20},"color":"#8000ff","brightness":40,"from":"me"}"##,
        r#"{"leds":{"ring/red":10,"led/18":255},"brightness":99}"#,
        r#"{"state":"OFF"}"#,
        r##"{"color":"#010203"}"##,
    ];
    let decode = |payload: &[u8]| {
        let request = decode_set(
            crate::light::board::Segment::Board,
            payload,
            Delivery::default(),
            &Scenes::default(),
        );
        request.unwrap().command
    };
    for command in commands {
        let state = state_after(&decode(command.as_bytes()));
        assert_eq!(state_after(&decode(&recreate(&state))), state, "{command}");
    }
}

#[test]
fn golden_results() {
    let outcomes = [
        (
            "result-shown.json",
            Outcome::Shown {
                frame: 812,
                latency: Duration::from_micros(3100),
            },
        ),
        (
            "result-accepted.json",
            Outcome::Accepted {
                panel: "missing: no device answers at 0x54 on /dev/i2c-1".to_owned(),
            },
        ),
        (
            "result-superseded.json",
            Outcome::Superseded {
                by: Some("next".to_owned()),
            },
        ),
        (
            "result-rejected.json",
            Outcome::Rejected(Rejection::at(
                Reason::OutOfRange,
                "brightness",
                &300.into(),
                "0 to 255, whole",
            )),
        ),
    ];
    for (name, outcome) in outcomes {
        let reply = Reply {
            id: Some("a1".to_owned()),
            ..Reply::default()
        };
        let messages = result(&topics(), &node(), &reply, 17, &outcome);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].topic, "piglow/attic/light/result");
        check(name, &messages[0]);
        let report = observe_outcome(Some("a1"), &outcome).unwrap();
        assert_eq!(report.id.as_deref(), Some("a1"));
        assert_eq!(report.is_success, name != "result-rejected.json");
    }
}

#[test]
fn golden_siren_states_settings_and_events() {
    let siren = Siren {
        tone: Tone::Critical,
        duration: Duration::from_millis(19_500),
    };
    let on = siren_state(&topics(), &node(), Some(siren));
    assert_eq!(on.topic, "piglow/attic/siren/state");
    assert!(on.retain);
    check("siren-state-on.json", &on);
    check(
        "siren-state-off.json",
        &siren_state(&topics(), &node(), None),
    );
    let setting = setting_state(&topics(), &node(), Setting::EffectSpeed, 150);
    assert_eq!(setting.topic, "piglow/attic/setting/effect_speed/state");
    assert!(setting.retain);
    check("setting-state.json", &setting);
    let rejection = Rejection::at(
        Reason::OutOfRange,
        "brightness",
        &300.into(),
        "0 to 255, whole",
    );
    let noon = 1_769_860_800_000;
    let told = |event: &Event| event_message(&topics(), &node(), event, noon, Some(&rejection));
    let hot = told(&Event::Hot(76.52));
    assert_eq!(hot.topic, "piglow/attic/event");
    // A retained event would be told again at each start of a listener.
    assert!(!hot.retain);
    assert_eq!(hot.qos, Qos::AtLeastOnce);
    check("event.json", &hot);
    check(
        "event-rejected.json",
        &told(&Event::CommandRejected { count: 3 }),
    );
    check(
        "event-panel-lost.json",
        &told(&Event::PanelLost("missing: no device answers".to_owned())),
    );
}

#[test]
fn an_answer_goes_where_the_sender_asked_for_it_as_well() {
    let reply = Reply {
        id: None,
        response_topic: Some("answers/here".to_owned()),
        correlation: Some(vec![1, 2, 3]),
        assured: true,
    };
    let outcome = Outcome::Superseded { by: None };
    let messages = result(&topics(), &node(), &reply, 1, &outcome);
    assert_eq!(messages[0].payload, messages[1].payload);
    let places: Vec<_> = messages
        .iter()
        .map(|message| (message.topic.as_str(), message.correlation.as_deref()))
        .collect();
    assert_eq!(
        places,
        [
            ("answers/here", Some([1, 2, 3].as_slice())),
            ("piglow/attic/light/result", None)
        ]
    );
}

#[test]
fn golden_status() {
    assert_eq!(availability(&topics(), &node(), true).payload, b"online");
    assert_eq!(availability(&topics(), &node(), false).payload, b"offline");
    let description = Info {
        version: "0.1.0",
        groups: vec!["house".parse().unwrap()],
        telemetry_interval_secs: 5,
        allow_fast_flashes: false,
        host_name: Some("attic".to_owned()),
        model: Some("Raspberry Pi 4 Model B Rev 1.4".to_owned()),
        os: Some("Debian GNU/Linux 13".to_owned()),
        kernel: Some("6.12.34+rpt-rpi-v8".to_owned()),
        architecture: Some("aarch64".to_owned()),
        cores: Some(4),
        scenes: Arc::default(),
    };
    check("info.json", &info(&topics(), &node(), &description));
    let state = Health {
        panel_state: "missing",
        panel_detail: Some("no device answers at 0x54 on /dev/i2c-1".to_owned()),
        broker: "mqtts://broker.example.org:8883".to_owned(),
        last_latency_millis: Some(0.31),
        max_latency_millis: None,
        frame: Frame([48; 18]),
        counters: Counters {
            commands_received: 3,
            connections: 1,
            ..Counters::default()
        },
    };
    check("health.json", &health(&topics(), &node(), &state));
    let levels = Frame(std::array::from_fn(|led| led as u8));
    check("frame.json", &frame(&topics(), &node(), 7, &levels));
}

#[test]
fn a_scene_is_listed_like_an_effect_and_shown_as_one() {
    let scenes = Arc::new(crate::light::scene::lone("sunset"));
    let description = Info {
        scenes: Arc::clone(&scenes),
        ..Info::default()
    };
    let message = info(&topics(), &node(), &description);
    let document: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(
        document["effects"].as_array().and_then(|all| all.last()),
        Some(&serde_json::json!({
            "name": "sunset", "summary": "a scene of this node's own", "color": false, "params": [],
        }))
    );
    let mut stage = stage().with_scenes(Arc::clone(&scenes), None);
    let asked = Command {
        scene: scenes.find("sunset"),
        colour: Some(Rgb([1, 2, 3])),
        ..Command::to_board()
    };
    let applied = stage.apply(Duration::ZERO, &Inputs::default(), &asked);
    assert_eq!(applied, Ok(()));
    let message = state_message("", &stage.state(), None);
    let document: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(document["effect"], "sunset");
    assert_eq!(document["params"], serde_json::json!({}));
    assert_eq!(
        document["color"],
        serde_json::json!({"r": 255, "g": 255, "b": 255})
    );
    assert_eq!(document.get("leds"), None);
}

#[test]
fn golden_files_read_back() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name);
        std::fs::read(path).unwrap()
    };
    let observe = crate::protocol::observe;
    let leaf = |topic: &str| topics().parse(&format!("piglow/attic/{topic}")).unwrap().1;
    assert_eq!(
        observe(leaf("telemetry"), &read("telemetry.json")),
        Some(Report::Load(Some(12.5)))
    );
    assert_eq!(
        observe(leaf("telemetry"), &read("telemetry-unknown.json")),
        Some(Report::Load(None))
    );
    assert_eq!(
        observe(leaf("health"), &read("health.json")),
        Some(Report::Panel(
            "missing: no device answers at 0x54 on /dev/i2c-1".to_owned()
        ))
    );
    let Some(Report::Light(light)) = observe(leaf("light/state"), &read("light-state-leased.json"))
    else {
        panic!("a light state")
    };
    assert_eq!(light.from.as_deref(), Some("doorbell"));
    assert_eq!(light.until.as_deref(), Some("2026-01-31T12:00:30.000Z"));
}
