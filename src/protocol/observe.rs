//! What others read of a node: `send`, `watch` and the demo look at it as any client does.

use serde::Deserialize;
use serde_json::Value;

use super::result::document;
use super::{Leaf, Outcome};
use crate::light::board::Segment;
use crate::light::{Frame, LightState};
use crate::units::NodeId;

/// What a message of a node tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// Whether it is there.
    Availability(bool),
    /// The groups it obeys and the effects it offers.
    Info {
        /// Names of groups.
        groups: Vec<String>,
        /// Names of effects.
        effects: Vec<String>,
    },
    /// What the whole board is set to.
    Light(LightReport),
    /// The CPU load in percent, if known.
    Load(Option<f32>),
    /// How the panel is, and why.
    Panel(String),
    /// What became of a command.
    Result(ResultReport),
    /// What the LEDs show.
    Frame(Frame),
}

/// What the whole board is set to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LightReport {
    /// `ON` or `OFF`.
    pub state: String,
    /// The master level.
    pub brightness: u8,
    /// The effect; `None` for a picture.
    pub effect: Option<String>,
    /// The layer that is seen.
    pub layer: String,
    /// Who asked for it.
    pub from: Option<String>,
    /// When it gives the board back.
    pub until: Option<String>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultReport {
    /// The command's `id`.
    pub id: Option<String>,
    /// The status and what is said beside it, for people.
    pub text: String,
    /// Whether it was shown, or will be.
    pub is_success: bool,
    /// The whole answer.
    pub json: Value,
}

#[derive(Deserialize)]
struct InfoWire {
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    effects: Vec<EffectWire>,
}

#[derive(Deserialize)]
struct EffectWire {
    name: String,
}

#[derive(Deserialize)]
struct FrameWire {
    leds: [u8; crate::light::board::LEDS],
}

/// Reads a node's message; `None` for what is of no interest or of another version.
#[must_use]
pub fn observe(leaf: Leaf, payload: &[u8]) -> Option<Report> {
    match leaf {
        Leaf::Availability => Some(Report::Availability(payload == b"online")),
        Leaf::Info => {
            let info: InfoWire = serde_json::from_slice(payload).ok()?;
            Some(Report::Info {
                groups: info.groups,
                effects: info.effects.into_iter().map(|effect| effect.name).collect(),
            })
        }
        Leaf::LightState(Segment::Board) => serde_json::from_slice(payload).ok().map(Report::Light),
        Leaf::Telemetry => {
            let sample: Value = serde_json::from_slice(payload).ok()?;
            let load = sample.get("cpu")?.get("load_percent")?;
            Some(Report::Load(load.as_f64().map(|load| load as f32)))
        }
        Leaf::Health => {
            let health: Value = serde_json::from_slice(payload).ok()?;
            let panel = health.get("panel")?;
            let state = panel.get("state")?.as_str()?;
            let detail = panel.get("detail").and_then(Value::as_str);
            Some(Report::Panel(detail.map_or_else(
                || state.to_owned(),
                |detail| format!("{state}: {detail}"),
            )))
        }
        Leaf::LightResult => serde_json::from_slice(payload)
            .ok()
            .and_then(result)
            .map(Report::Result),
        Leaf::Frame => {
            let frame: FrameWire = serde_json::from_slice(payload).ok()?;
            Some(Report::Frame(Frame(frame.leds)))
        }
        Leaf::TelemetryHistory
        | Leaf::FrameWatch
        | Leaf::Identify
        | Leaf::LightSet(_)
        | Leaf::LightState(_)
        | Leaf::SirenSet
        | Leaf::SirenState
        | Leaf::Event
        | Leaf::SettingSet(_)
        | Leaf::SettingState(_) => None,
    }
}

/// An outcome as a client reads it.
#[must_use]
pub fn observe_outcome(id: Option<&str>, outcome: &Outcome) -> Option<ResultReport> {
    serde_json::from_slice(&document(id, None, outcome))
        .ok()
        .and_then(result)
}

/// A state as a client reads it.
#[must_use]
pub fn observe_light(state: &LightState, ends_unix_millis: Option<i64>) -> Option<Report> {
    let payload = super::light::board_document(state, ends_unix_millis);
    observe(Leaf::LightState(Segment::Board), &payload)
}

fn result(json: Value) -> Option<ResultReport> {
    let text = |name: &str| json.get(name).and_then(Value::as_str);
    let status = text("status")?;
    let said = match status {
        "shown" => {
            let latency = json.get("latency_ms").and_then(Value::as_f64);
            latency.map_or_else(
                || "shown".to_owned(),
                |latency| format!("shown after {latency:.2} ms"),
            )
        }
        "accepted" => format!(
            "accepted, but the panel is {}",
            text("panel").unwrap_or("away")
        ),
        "superseded" => "superseded by a later command".to_owned(),
        "rejected" => {
            let expected = text("expected").unwrap_or("something else");
            match (text("field"), json.get("value")) {
                (Some(field), Some(value)) => {
                    format!("rejected: `{field}` is {value}; expected {expected}")
                }
                (Some(field), None) => format!("rejected: `{field}`: expected {expected}"),
                (None, _) => format!("rejected: expected {expected}"),
            }
        }
        other => other.to_owned(),
    };
    Some(ResultReport {
        id: text("id").map(str::to_owned),
        is_success: matches!(status, "shown" | "accepted" | "superseded"),
        text: said,
        json,
    })
}

/// A result with its node, as one line of JSON.
#[must_use]
pub fn result_line(node: &NodeId, result: &ResultReport) -> String {
    let mut line = serde_json::Map::new();
    line.insert("node".to_owned(), Value::String(node.to_string()));
    if let Value::Object(fields) = &result.json {
        line.extend(fields.clone());
    }
    Value::Object(line).to_string()
}
