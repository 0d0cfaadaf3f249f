//! What a node tells.

use serde_json::{Value, json};

use super::{byte, complete, count, described, document, or_null, text, time};
use crate::events::Event;
use crate::light::Tone;
use crate::light::board::Segment;
use crate::light::effect::{EFFECTS, ParamKind};
use crate::panel::PanelState;
use crate::protocol::{Counters, PAYLOAD_MAX, Reason};

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("result", result()),
        ("sample", sample()),
        ("history", history()),
        ("health", health()),
        ("info", info()),
        ("light-state", light_state()),
        ("segment-state", segment_state()),
        ("frame", frame()),
        ("siren-state", siren_state()),
        ("event", event()),
    ]
}

/// An object whose other keys need not be there.
fn with_optional(mut object: Value, optional: Value) -> Value {
    super::merge(&mut object["properties"], optional);
    object
}

fn result() -> Value {
    let optional = || json!({ "id": described("the command's id", text()) });
    let status = |name: &str| json!({ "const": name });
    let sequence = || {
        described(
            "counts the node's answers since it started; the same twice is the same answer",
            json!({ "type": "integer", "minimum": 1 }),
        )
    };
    let reasons = Reason::ALL.map(|reason| serde_json::to_value(reason).unwrap());
    document(
        "Result",
        "What became of a command: on piglow/<id>/light/result, and on the MQTT 5 response topic if there is one.",
        json!({ "oneOf": [
            described("the panel latched the first frame with it", with_optional(complete(json!({
                "sequence": sequence(),
                "status": status("shown"),
                "frame": described("that frame's number since the node started", count()),
                "latency_ms": described(
                    "from the arrival at the node to the latch",
                    json!({ "type": "number", "minimum": 0 }),
                ),
            })), optional())),
            described("taken; it is shown when the panel is back", with_optional(complete(json!({
                "sequence": sequence(),
                "status": status("accepted"),
                "panel": described("what the panel's trouble is", text()),
            })), optional())),
            described("another command for the same LEDs came before it was shown", with_optional(complete(json!({
                "sequence": sequence(),
                "status": status("superseded"),
                "by": described("that command's id", or_null(text())),
            })), optional())),
            described("not carried out", with_optional(complete(json!({
                "sequence": sequence(),
                "status": status("rejected"),
                "reason": { "enum": reasons },
                "expected": described("what would be taken", text()),
            })), json!({
                "id": described("the command's id", text()),
                "field": described("where the mistake is", text()),
                "value": described("what stood there, shortened when it is long", json!({})),
            }))),
        ] }),
    )
}

fn percent() -> Value {
    json!({ "type": ["number", "null"], "minimum": 0, "maximum": 100 })
}

fn count_or_null() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0 })
}

fn sample() -> Value {
    document(
        "Sample",
        "A reading of the host on piglow/<id>/telemetry. Every key is there; what the host can't tell is null.",
        reading(),
    )
}

fn history() -> Value {
    document(
        "History",
        "Samples that the broker may have missed, oldest first: piglow/<id>/telemetry/history.",
        complete(json!({
            "samples": { "type": "array", "items": reading() },
            "in_doubt": described(
                "how many of them, from the first, may have arrived before: their sequence tells",
                count(),
            ),
            "dropped": described(
                "how many are missing between the sample before the batch and its last one, for want of room",
                count(),
            ),
            "remaining": described("how many are still to come", count()),
        })),
    )
}

fn reading() -> Value {
    let space = || complete(json!({ "used_percent": percent(), "total_bytes": count_or_null() }));
    let flag = || json!({ "type": ["boolean", "null"] });
    complete(json!({
        "time": described("when it was taken", or_null(time())),
        "run": described("which run of the node's numbers the sequence belongs to", text()),
        "sequence": described("counts the samples of a run without a gap", count()),
        "cpu": complete(json!({
            "load_percent": described("of the whole machine, without waiting for I/O", percent()),
            "core_percent": json!({ "type": ["array", "null"], "items": percent() }),
            "frequency_mhz": count_or_null(),
        })),
        "load_average": described("of 1, 5 and 15 minutes", json!({
            "type": "array", "minItems": 3, "maxItems": 3,
            "items": { "type": ["number", "null"], "minimum": 0 },
        })),
        "memory": space(),
        "swap": space(),
        "temperature_celsius": { "type": ["number", "null"] },
        "uptime_secs": described("of the host", count_or_null()),
        "booted_at": described("when the host started", or_null(time())),
        "disk": described("the file system /", space()),
        "network": described("summed over physical interfaces", complete(json!({
            "receive_bytes_per_sec": count_or_null(),
            "transmit_bytes_per_sec": count_or_null(),
        }))),
        "throttled": described("what a Raspberry Pi's firmware says", complete(json!({
            "under_voltage": flag(), "now": flag(), "since_boot": flag(),
        }))),
    }))
}

fn health() -> Value {
    let millis = || json!({ "type": ["number", "null"], "minimum": 0 });
    let figure = || json!({ "type": "number", "minimum": 0 });
    let counters = serde_json::to_value(Counters::default()).unwrap();
    let counters: serde_json::Map<String, Value> = counters
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), count()))
        .collect();
    document(
        "Health",
        "How the node is: piglow/<id>/health, retained.",
        complete(json!({
            "panel": complete(json!({
                "state": { "enum": PanelState::ALL.map(PanelState::name) },
                "detail": described("what is wrong and what helps", or_null(text())),
            })),
            "broker": described("which of those in mqtt.url is in use", text()),
            "command_latency_ms": complete(json!({ "last": millis(), "max": millis() })),
            "estimated_current": described(
                "of the frame that is shown, at 5 V",
                complete(json!({ "milliamps": figure(), "watts": figure() })),
            ),
            "counters": described("since the node started", complete(Value::Object(counters))),
        })),
    )
}

fn info() -> Value {
    let name = || or_null(text());
    let positive = || json!({ "type": "integer", "minimum": 1 });
    let number = || json!({ "type": "number" });
    let param = |mut own: Value| {
        let common = json!({ "name": text(), "summary": text() });
        super::merge(&mut own, common);
        complete(own)
    };
    document(
        "Info",
        "What a node is and what it accepts: piglow/<id>/info, retained; enough to build a user interface from.",
        complete(json!({
            "contract": described("the number of this contract", json!({ "const": 1 })),
            "id": text(),
            "version": text(),
            "groups": { "type": "array", "items": text() },
            "telemetry_interval_secs": positive(),
            "host": complete(json!({
                "name": name(), "model": name(), "os": name(), "kernel": name(),
                "architecture": name(), "cores": or_null(positive()),
            })),
            "segments": { "type": "array", "items": { "enum": segments() } },
            "effects": described("effects and scenes", json!({
                "type": "array",
                "minItems": EFFECTS.len(),
                "items": complete(json!({
                    "name": text(),
                    "summary": text(),
                    "color": described("whether it takes a colour", json!({ "type": "boolean" })),
                    "params": { "type": "array", "items": { "oneOf": [
                        param(json!({
                            "unit": text(), "min": number(), "max": number(), "default": number(),
                        })),
                        param(json!({
                            "one_of": { "type": "array", "minItems": 1, "items": text() },
                            "default": text(),
                        })),
                        param(json!({
                            "max_length": positive(), "characters": text(), "default": text(),
                        })),
                    ] } },
                })),
            })),
            "accepts": complete(json!({
                "payload_max_bytes": { "const": PAYLOAD_MAX },
                "transition_secs_max": positive(),
                "for_secs_max": positive(),
                "layers": { "const": ["remote", "alert"] },
            })),
        })),
    )
}

fn segments() -> Vec<String> {
    Segment::parts().map(|part| part.to_string()).collect()
}

/// On or off.
fn power() -> Value {
    json!({ "enum": ["ON", "OFF"] })
}

fn levels() -> Value {
    json!({ "type": "array", "minItems": 18, "maxItems": 18, "items": byte() })
}

fn light_state() -> Value {
    let param = |kind: ParamKind| match kind {
        ParamKind::Number { .. } => "number",
        ParamKind::Choice { .. } | ParamKind::Text { .. } => "string",
    };
    let mut kinds: Vec<&str> = EFFECTS
        .iter()
        .flat_map(|effect| effect.kind.params(true))
        .map(|declared| param(declared.kind))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    document(
        "State of the board",
        "What the whole board is set to: piglow/<id>/light/state, retained. Home Assistant's JSON light schema, and more.",
        with_optional(
            complete(json!({
                "state": power(),
                "brightness": byte(),
                "color_mode": { "const": "rgb" },
                "color": complete(json!({ "r": byte(), "g": byte(), "b": byte() })),
                "effect": described("null: a picture", or_null(text())),
                "params": described(
                    "the effect's parameters",
                    json!({ "type": "object", "additionalProperties": { "type": kinds } }),
                ),
                "layer": { "enum": ["base", "remote", "alert", "identify"] },
                "from": described("who asked", or_null(text())),
                "until": described("when the lease ends", or_null(time())),
            })),
            json!({ "leds": described("the levels of a picture", levels()) }),
        ),
    )
}

fn segment_state() -> Value {
    document(
        "State of a segment",
        "What a segment is set to: piglow/<id>/light/<segment>/state, retained.",
        with_optional(
            complete(json!({ "state": power(), "color_mode": { "const": "brightness" } })),
            json!({ "brightness": { "type": "integer", "minimum": 1, "maximum": 255 } }),
        ),
    )
}

fn frame() -> Value {
    document(
        "Frame",
        "What the panel latched: piglow/<id>/frame, while somebody watches.",
        complete(json!({
            "frame": described("its number since the node started", count()),
            "leds": described("PWM values in LED order", levels()),
        })),
    )
}

fn siren_state() -> Value {
    let tones = Tone::ALL.map(Tone::name);
    document(
        "State of the siren",
        "Whether an alert of the siren's is on: piglow/<id>/siren/state, retained.",
        json!({ "oneOf": [
            complete(json!({ "state": { "const": "OFF" } })),
            complete(json!({
                "state": { "const": "ON" },
                "tone": { "enum": tones },
                "duration": described("in seconds", json!({ "type": "integer", "minimum": 1 })),
            })),
        ] }),
    )
}

fn event() -> Value {
    let of = |name: &str, own: Value| {
        let mut properties = json!({ "event_type": { "const": name }, "time": time() });
        super::merge(&mut properties, own);
        complete(properties)
    };
    let percent = || json!({ "load_percent": { "type": "number", "minimum": 0, "maximum": 100 } });
    let celsius = || json!({ "temperature_celsius": { "type": "number" } });
    let reasons = Reason::ALL.map(Reason::name);
    let kinds = Event::NAMES.map(|name| match name {
        "load_high" | "load_normal" => of(name, percent()),
        "hot" | "cool" => of(name, celsius()),
        "panel_lost" => of(name, json!({ "detail": text() })),
        "command_rejected" => with_optional(
            of(
                name,
                json!({ "count": described("since the last such event", count()) }),
            ),
            json!({
                "reason": described("of the newest", json!({ "enum": reasons })),
                "field": or_null(text()),
                "expected": text(),
            }),
        ),
        "under_voltage" | "voltage_normal" | "panel_back" => of(name, json!({})),
        unknown => panic!("the event {unknown} has no schema yet"),
    });
    document(
        "Event",
        "What is told once: piglow/<id>/event.",
        json!({ "oneOf": kinds }),
    )
}
