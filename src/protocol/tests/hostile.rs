//! Payloads that nobody sends in good faith, or by design.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::light::Scenes;
use crate::light::board::Segment;
use crate::protocol::{
    Delivery, FRAME_WATCH_SECS, IDENTIFY_SECS, Outcome, PAYLOAD_MAX, Reason, Refused, Rejection,
    Reply, Topics, decode_seconds, decode_set, result,
};

/// The longest answer to a command, in bytes: it names all effects and repeats little of what was sent.
const ANSWER_MAX: usize = 1536;

fn decode(payload: &[u8]) -> Result<(), Refused> {
    let delivery = Delivery {
        unix_millis: 1_769_860_800_000,
        ..Delivery::default()
    };
    decode_set(Segment::Board, payload, delivery, &Scenes::default()).map(|_| ())
}

fn refused(payload: &[u8]) -> Refused {
    decode(payload).expect_err(&payload.escape_ascii().to_string())
}

/// The answer as it is sent, which has to be JSON, to say what is allowed, and to be short.
fn answer(refused: Refused) -> Value {
    let topics = Topics::new("piglow".parse().unwrap());
    let reply = Reply {
        id: refused.id,
        ..Reply::default()
    };
    let outcome = Outcome::Rejected(refused.rejection);
    let messages = result(&topics, &"pi".parse().unwrap(), &reply, 1, &outcome);
    let [message] = messages.as_slice() else {
        panic!("one answer: {messages:?}")
    };
    let text = std::str::from_utf8(&message.payload).unwrap();
    assert!(text.len() <= ANSWER_MAX, "{} bytes: {text}", text.len());
    let answer: Value = serde_json::from_str(text).unwrap();
    assert_eq!(answer["status"], "rejected", "{text}");
    assert!(answer["reason"].is_string(), "{text}");
    assert!(
        answer["expected"].as_str().is_some_and(|e| !e.is_empty()),
        "{text}"
    );
    // A value is that of a field, or nobody could say where it stood.
    assert!(
        answer["field"].is_string() || answer["value"].is_null(),
        "{text}"
    );
    answer
}

#[test]
fn numbers_that_are_none_are_refused() {
    for number in [
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e",
        "0x10",
        "01",
        "+1",
        ".5",
        "1_0",
    ] {
        for field in ["brightness", "transition", "for_secs"] {
            let payload = format!(r#"{{"state":"ON","{field}":{number}}}"#);
            let rejection = refused(payload.as_bytes()).rejection;
            assert_eq!(rejection.reason, Reason::Malformed, "{payload}");
        }
        // As a bare word it may be the beginning of a name.
        assert_eq!(
            refused(number.as_bytes()).rejection.reason,
            Reason::Malformed,
            "{number}"
        );
    }
}

#[test]
fn numbers_beyond_all_limits_are_refused_with_their_field() {
    for number in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e308",
        "-1e308",
        "123456789012345678901234567890123456789012345678901234567890",
        "256",
        "255.0000001",
        "-1",
        "-1e-9",
        "5e-324",
    ] {
        let payload = format!(r#"{{"brightness":{number}}}"#);
        let rejection = refused(payload.as_bytes()).rejection;
        assert_eq!(rejection.reason, Reason::OutOfRange, "{payload}");
        assert_eq!(rejection.field.as_deref(), Some("brightness"), "{payload}");
    }
}

#[test]
fn odd_spellings_of_numbers_within_the_limits_are_those_numbers() {
    for payload in [
        r#"{"brightness":-0}"#,
        r#"{"brightness":-0.0}"#,
        r#"{"brightness":0e999}"#,
        r#"{"brightness":1e-999}"#,
        r#"{"brightness":2.55e2}"#,
        r#"{"state":"ON","transition":-0.0}"#,
        r#"{"state":"ON","transition":1e-300}"#,
        "1E2",
    ] {
        assert_eq!(decode(payload.as_bytes()), Ok(()), "{payload}");
    }
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    for payload in [
        r#"{"state":"ON","state":"ON"}"#,
        r#"{"state":"ON","\u0073tate":"OFF"}"#,
        r#"{"color":{"r":1,"r":2,"g":3,"b":4}}"#,
        r#"{"leds":{"led/1":1,"led/1":2}}"#,
        r#"{"effect":"breathe","params":{"breaths_per_minute":5,"breaths_per_minute":6}}"#,
        r#"{"state":"ON","x":[{"a":{"b":1,"b":1}}]}"#,
    ] {
        let answer = answer(refused(payload.as_bytes()));
        assert_eq!(answer["reason"], "malformed", "{payload}");
        let expected = answer["expected"].to_string();
        assert!(
            expected.contains("stands there twice"),
            "{payload}: {expected}"
        );
    }
}

#[test]
fn what_only_looks_like_a_command_is_refused() {
    for payload in [
        "\u{feff}on",
        "\u{feff}{\"state\":\"ON\"}",
        "on\0",
        "\0",
        "{\"state\":\"ON\"}\0",
        "{\"state\":\"ON\"}{\"state\":\"OFF\"}",
        "{\"state\":\"ON\",}",
        "{\"state\":\"ON\u{0}\"}",
        "{'state':'ON'}",
        "{state:\"ON\"}",
        "{\"state\":\"ON\"} // really",
        // A Cyrillic o, a fullwidth word, a Kelvin sign, a soft hyphen, a direction mark.
        "\u{43e}n",
        "ｏｎ",
        "1\u{ff12}8",
        "blac\u{212a}",
        "o\u{ad}n",
        "\u{202e}no",
        "null",
        "true",
        "[]",
        "\"on\"",
        "#ff80",
        "#ff80zz",
        "#é0000",
        "{",
        "{}{}",
        "{\"state\"",
    ] {
        let refused = refused(payload.as_bytes());
        assert_eq!(refused.rejection.reason, Reason::Malformed, "{payload:?}");
        answer(refused);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for payload in [
        &b"\xff"[..],
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"on\xfe",
        b"{\"state\":\"ON\xff\"}",
        b"{\"\xff\":1}",
        b"{\"from\":\"\\ud800\",\"state\":\"ON\"}",
        b"\xff\xfeo\0n\0",
        b"\x1f\x8b\x08\0\0\0\0\0",
    ] {
        let refused = refused(payload);
        assert_eq!(
            refused.rejection.reason,
            Reason::Malformed,
            "{}",
            payload.escape_ascii()
        );
        answer(refused);
    }
}

#[test]
fn controls_in_texts_that_others_read_are_refused() {
    for field in ["id", "from"] {
        for text in ["\u{0}", "a\u{1b}[2J", "a\nb", "\u{7f}", "\u{85}", "\u{9b}"] {
            let payload = json!({ field: text, "state": "ON" }).to_string();
            let rejection = refused(payload.as_bytes()).rejection;
            assert_eq!(rejection.reason, Reason::OutOfRange, "{payload}");
            assert_eq!(rejection.field.as_deref(), Some(field), "{payload}");
        }
    }
}

#[test]
fn depth_is_refused_and_costs_no_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [127, 128, 129, 600] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for payload in [
                format!(r#"{{"leds":{value}}}"#),
                format!(r#"{{"x":{value}}}"#),
                value,
            ] {
                answer(refused(payload.as_bytes()));
                answer(anonymous(decode_seconds(payload.as_bytes(), IDENTIFY_SECS)));
            }
        }
    }
}

#[test]
fn an_answer_is_short_however_much_is_wrong() {
    let much = PAYLOAD_MAX - 64;
    for text in ["x", "\u{1}", "\"", "\\", "é", "\u{202e}", "\u{1F600}"] {
        let escaped = json!(text).to_string();
        let text = text.repeat(much / (escaped.len() - 2));
        for document in [
            json!({ &text: 1 }),
            json!({ "effect": text }),
            json!({ "id": text }),
            json!({ "expires_at": text, "state": "ON" }),
            json!({ "effect": "breathe", "params": { &text: 1 } }),
            json!({ "effect": "morse", "params": { "text": text } }),
            json!({ "leds": { &text: 1 } }),
            json!({ "color": { "r": 1, "g": 2, "b": 3, &text: 1 } }),
        ] {
            answer(refused(document.to_string().as_bytes()));
        }
        answer(refused(text.as_bytes()));
        answer(anonymous(decode_seconds(text.as_bytes(), FRAME_WATCH_SECS)));
    }
    let key = "\u{1}".repeat(300);
    let twice = format!("{{{0}:1,{0}:2}}", json!(key));
    let answer = answer(refused(twice.as_bytes()));
    assert!(
        answer["expected"]
            .to_string()
            .contains("stands there twice"),
        "{answer}"
    );
}

#[test]
fn seconds_are_as_bounded_as_commands() {
    let large = vec![b' '; PAYLOAD_MAX + 1];
    for limits in [IDENTIFY_SECS, FRAME_WATCH_SECS] {
        let rejection = decode_seconds(&large, limits).unwrap_err();
        assert_eq!(rejection.reason, Reason::TooLarge);
        for payload in [
            "1e999",
            "NaN",
            "-1e-9",
            "{\"seconds\":1}",
            "[1]",
            "\u{feff}1",
            "1\0",
            "٣",
        ] {
            answer(anonymous(decode_seconds(payload.as_bytes(), limits)));
        }
    }
}

fn anonymous<T: std::fmt::Debug>(decoded: Result<T, Rejection>) -> Refused {
    Refused {
        id: None,
        rejection: decoded.expect_err("a rejection"),
    }
}

/// Any JSON, with the fields that commands have more often than others.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..=260u16).prop_map(Value::from),
        ".{0,200}".prop_map(Value::from),
        prop_oneof![
            "ON",
            "breathe",
            "alert",
            "short",
            "#0000ff",
            "2026-01-31T12:00:00Z"
        ]
        .prop_map(Value::from),
    ];
    let key = prop_oneof![
        "state|brightness|color|effect|params|leds|transition|flash|layer|for_secs|from|expires_at|start_at|id",
        "r|g|b|phase|ring/red|led/1",
        ".{0,100}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..19).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_obeyed_or_answered(payload: Vec<u8>) {
        if let Err(refused) = decode(&payload) {
            answer(refused);
        }
    }

    #[test]
    fn any_json_is_obeyed_or_answered(document in any_json()) {
        if let Err(refused) = decode(document.to_string().as_bytes()) {
            answer(refused);
        }
    }

    #[test]
    fn any_seconds_are_obeyed_or_answered(payload: Vec<u8>) {
        match decode_seconds(&payload, IDENTIFY_SECS) {
            Ok(seconds) => prop_assert!(seconds.as_secs() <= 600),
            refused => {
                answer(anonymous(refused));
            }
        }
    }

    #[test]
    fn a_payload_that_ends_early_is_obeyed_or_answered(length in 0..140usize) {
        let whole = br#"{"state":"ON","brightness":200,"color":{"r":1,"g":2,"b":3},"effect":"breathe","params":{"breaths_per_minute":20},"id":"x"}"#;
        let cut = &whole[..length.min(whole.len())];
        match decode(cut) {
            Ok(()) => prop_assert_eq!(cut.len(), whole.len()),
            Err(refused) => {
                answer(refused);
            }
        }
    }
}
