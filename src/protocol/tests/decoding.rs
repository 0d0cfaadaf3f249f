//! Commands, right and wrong.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::light::board::Segment;
use crate::light::effect::Kind;
use crate::light::{Command, Flash, Power, Rgb, Scenes, Target};
use crate::protocol::{
    Delivery, FRAME_WATCH_SECS, IDENTIFY_SECS, PAYLOAD_MAX, Reason, Refused, Rejection,
    command_json, decode_seconds, decode_set,
};

const NOON: Delivery = Delivery {
    retained: false,
    unix_millis: 1_769_860_800_000,
    allow_fast_flashes: false,
};

fn decode(payload: &str) -> Result<Command, Refused> {
    decode_set(Segment::Board, payload.as_bytes(), NOON, &Scenes::default())
        .map(|request| request.command)
}

fn accepted(payload: &str) -> Command {
    decode(payload).unwrap_or_else(|refused| panic!("{payload}: {refused:?}"))
}

fn rejected(payload: &str) -> Rejection {
    match decode(payload) {
        Ok(command) => panic!("{payload}: {command:?}"),
        Err(refused) => refused.rejection,
    }
}

#[test]
fn bare_words_are_commands() {
    let board = Command::to_board;
    let expected = [
        (
            "on",
            Command {
                power: Some(Power::On),
                ..board()
            },
        ),
        (
            " OFF\n",
            Command {
                power: Some(Power::Off),
                ..board()
            },
        ),
        (
            "toggle",
            Command {
                power: Some(Power::Toggle),
                ..board()
            },
        ),
        (
            "128",
            Command {
                brightness: Some(128),
                ..board()
            },
        ),
        (
            "0",
            Command {
                power: Some(Power::Off),
                ..board()
            },
        ),
        (
            "orange",
            Command {
                colour: Some(Rgb([255, 128, 0])),
                ..board()
            },
        ),
        (
            "#0000ff",
            Command {
                colour: Some(Rgb([0, 0, 255])),
                ..board()
            },
        ),
    ];
    for (word, command) in expected {
        assert_eq!(accepted(word), command, "{word}");
    }
    assert_eq!(
        accepted("chase").effect.map(|(kind, _)| kind),
        Some(Kind::Chase)
    );
}

#[test]
fn every_field_is_understood() {
    let command = accepted(
        r#"{"state":"ON","brightness":200,"color":{"r":1,"g":2,"b":3},"effect":"breathe",
            "params":{"breaths_per_minute":20},"transition":1.5,"flash":"long","layer":"alert","for_secs":60,
            "from":"tests","expires_at":"2026-01-31T12:00:01Z","id":"x"}"#,
    );
    assert_eq!(command.power, Some(Power::On));
    assert_eq!(command.brightness, Some(200));
    assert_eq!(command.colour, Some(Rgb([1, 2, 3])));
    let (kind, params) = command.effect.unwrap();
    assert_eq!((kind, params.number(0)), (Kind::Breathe, 20.0));
    assert_eq!(command.transition, Duration::from_millis(1500));
    assert_eq!(command.flash, Some(Flash::Long));
    assert_eq!(command.target, Target::Alert);
    assert_eq!(command.lease, Some(Duration::from_secs(60)));
    assert_eq!(command.from.as_deref(), Some("tests"));
}

#[test]
fn pictures_are_18_levels_or_named_parts() {
    let levels: Vec<u8> = (0..18).collect();
    let listed = accepted(&json!({ "leds": levels }).to_string());
    assert_eq!(listed.levels.map(|levels| levels.to_vec()), Some(levels));
    let named = accepted(r#"{"leds":{"ring/red":10,"led/18":255}}"#);
    let mut expected = [0; 18];
    for led in [0, 6, 12] {
        expected[led] = 10;
    }
    expected[17] = 255;
    assert_eq!(named.levels, Some(expected));
}

#[test]
fn what_home_assistant_sends_is_understood() {
    for payload in [
        r#"{"state":"ON"}"#,
        r#"{"state":"OFF","transition":2}"#,
        r#"{"state":"ON","brightness":255,"color":{"r":255,"g":180,"b":107}}"#,
        r#"{"state":"ON","effect":"cpu_load"}"#,
        r#"{"state":"ON","flash":"short"}"#,
    ] {
        accepted(payload);
    }
}

#[test]
fn mistakes_are_named_with_field_value_and_what_is_allowed() {
    let expected = [
        (
            r#"{"brightness":300}"#,
            Reason::OutOfRange,
            "brightness",
            json!(300),
        ),
        (
            r#"{"brightness":-1}"#,
            Reason::OutOfRange,
            "brightness",
            json!(-1),
        ),
        (
            r#"{"brightness":1.5}"#,
            Reason::OutOfRange,
            "brightness",
            json!(1.5),
        ),
        (
            r#"{"brightness":"full"}"#,
            Reason::Malformed,
            "brightness",
            json!("full"),
        ),
        (
            r#"{"brightnes":3}"#,
            Reason::UnknownField,
            "brightnes",
            json!(3),
        ),
        (
            r#"{"state":"on"}"#,
            Reason::OutOfRange,
            "state",
            json!("on"),
        ),
        (r#"{"state":1}"#, Reason::Malformed, "state", json!(1)),
        (
            r#"{"effect":"brethe"}"#,
            Reason::UnknownEffect,
            "effect",
            json!("brethe"),
        ),
        (r#"{"effect":7}"#, Reason::Malformed, "effect", json!(7)),
        (
            r#"{"color":"pink"}"#,
            Reason::Malformed,
            "color",
            json!("pink"),
        ),
        (
            r#"{"color":{"r":1,"g":2,"b":256}}"#,
            Reason::OutOfRange,
            "color.b",
            json!(256),
        ),
        (
            r#"{"color":{"r":1,"g":2,"b":3,"w":4}}"#,
            Reason::UnknownField,
            "color.w",
            json!(4),
        ),
        (
            r#"{"effect":"breathe","params":{"breaths_per_minute":0}}"#,
            Reason::OutOfRange,
            "params.breaths_per_minute",
            json!(0),
        ),
        (
            r#"{"effect":"breathe","params":{"speed":1}}"#,
            Reason::UnknownField,
            "params.speed",
            json!(1),
        ),
        (
            r#"{"leds":[1,2,3]}"#,
            Reason::Malformed,
            "leds",
            json!([1, 2, 3]),
        ),
        (
            r#"{"leds":{"ring/pink":1}}"#,
            Reason::UnknownSegment,
            "leds.ring/pink",
            json!(1),
        ),
        (
            r#"{"state":"ON","transition":61}"#,
            Reason::OutOfRange,
            "transition",
            json!(61),
        ),
        (
            r#"{"state":"ON","for_secs":0}"#,
            Reason::OutOfRange,
            "for_secs",
            json!(0),
        ),
        (
            r#"{"state":"ON","layer":"base"}"#,
            Reason::OutOfRange,
            "layer",
            json!("base"),
        ),
        (
            r#"{"state":"ON","from":""}"#,
            Reason::OutOfRange,
            "from",
            json!(""),
        ),
        (
            r#"{"state":"ON","expires_at":"soon"}"#,
            Reason::Malformed,
            "expires_at",
            json!("soon"),
        ),
        (
            r#"{"state":"ON","expires_at":"2026-01-31T11:59:59Z"}"#,
            Reason::Stale,
            "expires_at",
            json!("2026-01-31T11:59:59Z"),
        ),
        ("brethe", Reason::Malformed, "payload", json!("brethe")),
    ];
    for (payload, reason, field, value) in expected {
        let rejection = rejected(payload);
        assert_eq!(rejection.reason, reason, "{payload}: {rejection:?}");
        assert_eq!(rejection.field.as_deref(), Some(field), "{payload}");
        assert_eq!(rejection.value, Some(value), "{payload}");
        assert!(!rejection.expected.is_empty(), "{payload}");
    }
}

#[test]
fn fields_that_contradict_or_lack_each_other_are_refused() {
    let expected = [
        ("{}", Reason::MissingField),
        (r#"{"transition":1}"#, Reason::MissingField),
        (r#"{"state":"ON","params":{}}"#, Reason::MissingField),
        (r#"{"state":"ON","layer":"alert"}"#, Reason::MissingField),
        (r#"{"color":{"r":1,"g":2}}"#, Reason::MissingField),
        (r#"{"effect":"solid","leds":{}}"#, Reason::Conflict),
        (r#"{"state":"ON","state":"OFF"}"#, Reason::Malformed),
        (r#"{"state":"ON""#, Reason::Malformed),
        (r#"["ON"]"#, Reason::Malformed),
        (r#"{"brightness":1e999}"#, Reason::Malformed),
        ("", Reason::Malformed),
    ];
    for (payload, reason) in expected {
        assert_eq!(rejected(payload).reason, reason, "{payload}");
    }
}

#[test]
fn near_spellings_are_suggested() {
    let field = rejected(r#"{"brightnes":3}"#).expected;
    assert!(field.ends_with("did you mean brightness?"), "{field}");
    let effect = rejected(r#"{"effect":"brethe"}"#).expected;
    assert!(effect.ends_with("did you mean breathe?"), "{effect}");
}

#[test]
fn zero_is_off_and_minus_zero_as_well() {
    assert_eq!(accepted(r#"{"brightness":0}"#).power, Some(Power::Off));
    for both in [
        r#"{"state":"ON","brightness":0}"#,
        r#"{"brightness":0,"state":"ON"}"#,
    ] {
        assert_eq!(accepted(both).power, Some(Power::Off), "{both}");
    }
    assert_eq!(accepted(r#"{"brightness":-0}"#).power, Some(Power::Off));
    assert_eq!(accepted(r#"{"brightness":128.0}"#).brightness, Some(128));
}

#[test]
fn a_start_may_lie_an_hour_ahead_and_a_minute_back() {
    let start = |time: &str| {
        let payload =
            json!({"effect": "chase", "params": {"phase": 0.25}, "start_at": time}).to_string();
        decode_set(Segment::Board, payload.as_bytes(), NOON, &Scenes::default())
            .map(|request| request.start_unix_millis)
    };
    assert_eq!(
        start("2026-01-31T12:00:01.5Z"),
        Ok(Some(NOON.unix_millis + 1500))
    );
    assert_eq!(
        start("2026-01-31T13:59:00+02:00"),
        Ok(Some(NOON.unix_millis - 60_000))
    );
    for time in ["2026-01-31T13:00:00.001Z", "2026-01-31T11:58:59.999Z"] {
        assert_eq!(
            start(time).unwrap_err().rejection.reason,
            Reason::OutOfRange,
            "{time}"
        );
    }
    assert_eq!(
        start("noon").unwrap_err().rejection.reason,
        Reason::Malformed
    );
}

#[test]
fn fast_flashes_are_for_nodes_that_allow_them() {
    let payload = br#"{"effect":"strobe","params":{"flashes_per_minute":600}}"#;
    let refused = decode_set(Segment::Board, payload, NOON, &Scenes::default()).unwrap_err();
    assert_eq!(refused.rejection.reason, Reason::OutOfRange);
    let allowing = Delivery {
        allow_fast_flashes: true,
        ..NOON
    };
    assert!(decode_set(Segment::Board, payload, allowing, &Scenes::default()).is_ok());
}

#[test]
fn the_id_comes_back_with_a_rejection() {
    let refused = decode(r#"{"id":"a1","brightness":300}"#).unwrap_err();
    assert_eq!(refused.id.as_deref(), Some("a1"));
}

#[test]
fn retained_and_oversize_commands_are_refused() {
    let retained = Delivery {
        retained: true,
        ..NOON
    };
    let refused = decode_set(
        Segment::Board,
        br#"{"id":"a1","state":"ON"}"#,
        retained,
        &Scenes::default(),
    )
    .unwrap_err();
    assert_eq!(
        (refused.id.as_deref(), refused.rejection.reason),
        (Some("a1"), Reason::Stale)
    );
    let large = vec![b' '; PAYLOAD_MAX + 1];
    let refused = decode_set(Segment::Board, &large, NOON, &Scenes::default()).unwrap_err();
    assert_eq!(refused.rejection.reason, Reason::TooLarge);
    assert_eq!(refused.rejection.value, Some(json!(PAYLOAD_MAX + 1)));
}

#[test]
fn long_values_are_shortened_in_the_answer() {
    let rejection = rejected(&json!({"effect": "é".repeat(500)}).to_string());
    let Some(Value::String(text)) = rejection.value else {
        panic!("a text")
    };
    assert!(text.len() < 100 && text.ends_with('…'), "{text}");
}

#[test]
fn seconds_have_a_default_and_limits() {
    assert_eq!(
        decode_seconds(b"", IDENTIFY_SECS),
        Ok(Duration::from_secs(10))
    );
    assert_eq!(
        decode_seconds(b" 2.5 ", IDENTIFY_SECS),
        Ok(Duration::from_millis(2500))
    );
    assert_eq!(decode_seconds(b"0", FRAME_WATCH_SECS), Ok(Duration::ZERO));
    for (payload, reason) in [
        ("61", Reason::OutOfRange),
        ("-1", Reason::OutOfRange),
        ("x", Reason::Malformed),
    ] {
        let rejection = decode_seconds(payload.as_bytes(), FRAME_WATCH_SECS).unwrap_err();
        assert_eq!(rejection.reason, reason, "{payload}");
    }
}

#[test]
fn typed_commands_become_json_with_an_id() {
    let read = |text: &str| -> Value {
        serde_json::from_slice(&command_json(text, "i", "me").unwrap().payload).unwrap()
    };
    assert_eq!(read("off"), json!({"state":"OFF","id":"i","from":"me"}));
    assert_eq!(read("40"), json!({"brightness":40,"id":"i","from":"me"}));
    assert_eq!(
        read("sunset"),
        json!({"effect":"sunset","id":"i","from":"me"})
    );
    assert_eq!(
        read(r#"{"color":"red","id":"own"}"#),
        json!({"color":"red","id":"own","from":"me"})
    );
    assert!(command_json("{", "i", "me").is_err());
}

#[test]
fn an_effect_may_be_a_scene_which_takes_no_parameters() {
    let scenes = crate::light::scene::lone("Sunset");
    let decode = |payload: &str| {
        let request = decode_set(Segment::Board, payload.as_bytes(), NOON, &scenes);
        request.map(|request| request.command)
    };
    let expected = Command {
        scene: scenes.find("Sunset"),
        ..Command::to_board()
    };
    for payload in [
        "Sunset",
        r#"{"effect":"Sunset"}"#,
        r#"{"effect":"Sunset","params":{}}"#,
    ] {
        assert_eq!(decode(payload), Ok(expected.clone()), "{payload}");
    }
    let refused = |payload: &str| decode(payload).unwrap_err().rejection;
    let params = refused(r#"{"effect":"Sunset","params":{"speed":1}}"#);
    assert_eq!(params.reason, Reason::UnknownField);
    assert_eq!(params.field.as_deref(), Some("params.speed"));
    assert_eq!(params.expected, "no parameters: Sunset takes none");
    let levels = refused(r#"{"effect":"Sunset","leds":{}}"#);
    assert_eq!(levels.reason, Reason::Conflict);
    let unknown = refused(r#"{"effect":"Sunste"}"#);
    assert_eq!(unknown.reason, Reason::UnknownEffect);
    assert!(unknown.expected.ends_with("did you mean Sunset?"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_command_or_a_rejection(payload: Vec<u8>, retained: bool) {
        let delivery = Delivery { retained, ..NOON };
        if let Err(refused) = decode_set(Segment::Board, &payload, delivery, &Scenes::default()) {
            prop_assert!(!refused.rejection.expected.is_empty());
        }
    }

    #[test]
    fn any_value_in_any_field_is_a_command_or_a_rejection(field in 0..13usize, number: f64, text in ".{0,40}", which in 0..4) {
        let names = ["state", "brightness", "color", "effect", "params", "leds", "transition", "flash", "layer",
            "for_secs", "from", "expires_at", "id"];
        let value = match which { 0 => json!(number), 1 => json!(text), 2 => json!([number]), _ => json!({ text: number }) };
        if let Err(refused) = decode(&json!({ names[field]: value, "state": "ON" }).to_string()) {
            prop_assert!(!refused.rejection.expected.is_empty());
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_recursed(depth in 1000..2000usize) {
        let payload = format!("{{\"leds\":{}", "[".repeat(depth));
        prop_assert_eq!(rejected(&payload).reason, Reason::Malformed);
    }
}

#[test]
fn home_assistants_seconds_of_flash_and_its_word_for_no_effect_are_understood() {
    for (payload, flash) in [
        (r#"{"state":"ON","flash":2}"#, Flash::Short),
        (r#"{"state":"OFF","flash":10}"#, Flash::Long),
    ] {
        assert_eq!(accepted(payload).flash, Some(flash), "{payload}");
    }
    assert_eq!(rejected(r#"{"flash":3}"#).reason, Reason::OutOfRange);
    let command = accepted(r#"{"state":"ON","effect":"off"}"#);
    assert_eq!(command.effect.map(|(kind, _)| kind), Some(Kind::Solid));
}
