use super::*;

const DECLARED: &[Param] = &[
    Param {
        name: "speed",
        summary: "",
        kind: ParamKind::Number {
            unit: "per minute",
            min: 1.0,
            max: 60.0,
            default: 12.0,
        },
    },
    Param {
        name: "metric",
        summary: "",
        kind: ParamKind::Choice {
            names: &["cpu", "memory", "disk"],
            default: 1,
        },
    },
    Param {
        name: "text",
        summary: "",
        kind: ParamKind::Text {
            max: 5,
            default: "SOS",
            allowed: "ABCSO ",
            allowed_summary: "A, B, C, S, O and space",
        },
    },
];

fn set(name: &str, value: ParamValue<'_>) -> Result<Params, ParamError> {
    let mut params = Params::defaults(DECLARED);
    params.set(DECLARED, name, value).map(|()| params)
}

#[test]
fn values_are_taken_and_read_back() {
    let mut params = Params::defaults(DECLARED);
    for (name, value) in [
        ("speed", ParamValue::Number(7.5)),
        ("metric", ParamValue::Text("disk")),
        ("text", ParamValue::Text(" a bc ")),
    ] {
        params.set(DECLARED, name, value).unwrap();
    }
    let values: Vec<_> = params.values(DECLARED).collect();
    assert_eq!(
        values,
        [
            ("speed", ParamValue::Number(7.5)),
            ("metric", ParamValue::Text("disk")),
            ("text", ParamValue::Text("A BC")),
        ]
    );
    assert_eq!((params.number(0), params.choice(1)), (7.5, 2));
    assert_eq!(params.text(2), "A BC");
}

#[test]
fn values_outside_the_limits_are_refused_with_what_is_allowed() {
    for (name, value, expected) in [
        ("speed", ParamValue::Number(0.9), "1 to 60 per minute"),
        ("speed", ParamValue::Number(f64::NAN), "1 to 60 per minute"),
        ("metric", ParamValue::Text("CPU"), "cpu, memory or disk"),
        (
            "text",
            ParamValue::Text("ABCABC"),
            "1 to 5 of A, B, C, S, O and space",
        ),
        (
            "text",
            ParamValue::Text("  "),
            "1 to 5 of A, B, C, S, O and space",
        ),
        (
            "text",
            ParamValue::Text("AÄ"),
            "1 to 5 of A, B, C, S, O and space",
        ),
    ] {
        let Err(ParamError::OutOfRange(param)) = set(name, value) else {
            panic!("{name} took {value:?}");
        };
        assert_eq!(param.expected().to_string(), expected);
    }
}

#[test]
fn values_of_another_kind_and_unknown_names_are_refused() {
    for (name, value) in [
        ("speed", ParamValue::Text("7")),
        ("metric", ParamValue::Number(1.0)),
        ("text", ParamValue::Number(1.0)),
    ] {
        assert!(matches!(set(name, value), Err(ParamError::WrongKind(_))));
    }
    assert_eq!(
        set("sped", ParamValue::Number(1.0)),
        Err(ParamError::Unknown)
    );
}
