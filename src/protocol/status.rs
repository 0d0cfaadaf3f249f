//! What a node says of itself: availability, self-description, health.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Address, Leaf, Message, Topics, json, rounded};
use crate::light::board::Segment;
use crate::light::effect::{EFFECTS, Kind, PHASE, Param, ParamKind, ParamValue, takes_phase};
use crate::light::{Frame, Scenes};
use crate::units::{GroupName, NodeId};

/// The version of the contract: it changes when a topic or payload changes its meaning.
const CONTRACT: u32 = 1;

/// The retained `online` or `offline`; the latter is also the will.
#[must_use]
pub fn availability(topics: &Topics, node: &NodeId, online: bool) -> Message {
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Availability);
    let word: &[u8] = if online { b"online" } else { b"offline" };
    Message::state(topic, word.to_vec())
}

/// What `info` tells of the node and its host; `None` is what the host does not tell.
#[derive(Debug, Clone, Default)]
pub struct Info {
    /// The program's version.
    pub version: &'static str,
    /// The groups it obeys.
    pub groups: Vec<GroupName>,
    /// The telemetry interval in seconds.
    pub telemetry_interval_secs: u64,
    /// Whether it allows fast flashes, which widens the limits of `strobe`.
    pub allow_fast_flashes: bool,
    /// The host's name.
    pub host_name: Option<String>,
    /// The machine's model, such as `Raspberry Pi 4 Model B Rev 1.4`.
    pub model: Option<String>,
    /// The operating system's name and version.
    pub os: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// The processor's architecture.
    pub architecture: Option<String>,
    /// The number of CPU cores.
    pub cores: Option<usize>,
    /// The scenes it offers beside the effects.
    pub scenes: Arc<Scenes>,
}

#[derive(Serialize)]
struct InfoWire<'a> {
    contract: u32,
    id: &'a str,
    version: &'a str,
    groups: Vec<&'a str>,
    telemetry_interval_secs: u64,
    host: Host<'a>,
    segments: Vec<String>,
    effects: Vec<EffectWire<'a>>,
    accepts: Accepts,
}

#[derive(Serialize)]
struct Host<'a> {
    name: Option<&'a str>,
    model: Option<&'a str>,
    os: Option<&'a str>,
    kernel: Option<&'a str>,
    architecture: Option<&'a str>,
    cores: Option<usize>,
}

#[derive(Serialize)]
struct EffectWire<'a> {
    name: &'a str,
    summary: &'a str,
    color: bool,
    params: Vec<ParamWire>,
}

#[derive(Serialize)]
struct ParamWire {
    name: &'static str,
    summary: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Value>,
    /// The names of a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_of: Option<&'static [&'static str]>,
    /// The most characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<usize>,
    /// The characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    characters: Option<&'static str>,
    default: Value,
}

impl ParamWire {
    fn of(param: &Param) -> Self {
        let wire = Self {
            name: param.name,
            summary: param.summary,
            unit: None,
            min: None,
            max: None,
            one_of: None,
            max_length: None,
            characters: None,
            default: param_value(param.default_value()),
        };
        match param.kind {
            ParamKind::Number { unit, min, max, .. } => Self {
                unit: Some(unit),
                min: Some(rounded(min, 3)),
                max: Some(rounded(max, 3)),
                ..wire
            },
            ParamKind::Choice { names, .. } => Self {
                one_of: Some(names),
                ..wire
            },
            ParamKind::Text { max, allowed, .. } => Self {
                max_length: Some(max),
                characters: Some(allowed),
                ..wire
            },
        }
    }
}

/// A parameter's value as it stands in state and self-description.
pub(super) fn param_value(value: ParamValue<'_>) -> Value {
    match value {
        ParamValue::Number(number) => rounded(number as f32, 3),
        ParamValue::Text(text) => text.into(),
    }
}

#[derive(Serialize)]
struct Accepts {
    payload_max_bytes: usize,
    transition_secs_max: u32,
    for_secs_max: u32,
    layers: [&'static str; 2],
}

/// The retained self-description: enough to build a user interface from.
#[must_use]
pub fn info(topics: &Topics, node: &NodeId, info: &Info) -> Message {
    let effects = EFFECTS.iter().map(|effect| EffectWire {
        name: effect.name,
        summary: effect.summary,
        color: effect.takes_colour,
        params: params(effect.kind, info.allow_fast_flashes),
    });
    let scenes = info.scenes.iter().map(|scene| EffectWire {
        name: scene.name().as_str(),
        summary: scene.summary(),
        color: false,
        params: Vec::new(),
    });
    let payload = json(&InfoWire {
        contract: CONTRACT,
        id: node.as_str(),
        version: info.version,
        groups: info.groups.iter().map(GroupName::as_str).collect(),
        telemetry_interval_secs: info.telemetry_interval_secs,
        host: Host {
            name: info.host_name.as_deref(),
            model: info.model.as_deref(),
            os: info.os.as_deref(),
            kernel: info.kernel.as_deref(),
            architecture: info.architecture.as_deref(),
            cores: info.cores,
        },
        segments: Segment::parts()
            .map(|segment| segment.to_string())
            .collect(),
        effects: effects.chain(scenes).collect(),
        accepts: Accepts {
            payload_max_bytes: super::PAYLOAD_MAX,
            transition_secs_max: super::command::TRANSITION_SECS_MAX as u32,
            for_secs_max: super::command::LEASE_SECS_MAX as u32,
            layers: ["remote", "alert"],
        },
    });
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Info);
    Message::state(topic, payload)
}

fn params(kind: Kind, allow_fast_flashes: bool) -> Vec<ParamWire> {
    let declared = kind.params(allow_fast_flashes);
    let phase = takes_phase(declared).then_some(&PHASE);
    declared.iter().chain(phase).map(ParamWire::of).collect()
}

/// What has been counted since the node started.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Counters {
    /// Commands that arrived.
    pub commands_received: u64,
    /// Commands answered as rejected.
    pub commands_rejected: u64,
    /// Commands answered as superseded.
    pub commands_superseded: u64,
    /// Messages that could not be handed to the broker: the link was down or its queue full.
    pub messages_dropped: u64,
    /// Answers handed over again, because the link broke before the broker acknowledged them.
    pub answers_repeated: u64,
    /// Times the broker accepted a connection.
    pub connections: u64,
    /// Frames the panel latched.
    pub frames_written: u64,
    /// Frames replaced by a newer one before the bus was free.
    pub frames_skipped: u64,
    /// Times the panel went from good to a fault.
    pub panel_faults: u64,
    /// Times the panel came back.
    pub panel_recoveries: u64,
}

/// How the node is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// The panel's state by name.
    pub panel_state: &'static str,
    /// What is wrong with the panel, and what to do.
    pub panel_detail: Option<String>,
    /// Where the broker in use is, without who connects.
    pub broker: String,
    /// From the arrival of the last shown command to its latch, in milliseconds.
    pub last_latency_millis: Option<f32>,
    /// The longest such time since the start.
    pub max_latency_millis: Option<f32>,
    /// The frame the panel shows, of which the current is estimated.
    pub frame: Frame,
    /// The counters.
    pub counters: Counters,
}

#[derive(Serialize)]
struct HealthWire<'a> {
    panel: Panel<'a>,
    broker: &'a str,
    command_latency_ms: Latency,
    estimated_current: Current,
    counters: Counters,
}

#[derive(Serialize)]
struct Panel<'a> {
    state: &'a str,
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct Current {
    milliamps: Value,
    watts: Value,
}

#[derive(Serialize)]
struct Latency {
    last: Value,
    max: Value,
}

/// The retained health of the node.
#[must_use]
pub fn health(topics: &Topics, node: &NodeId, health: &Health) -> Message {
    let millis = |value: Option<f32>| value.map_or(Value::Null, |value| rounded(value, 3));
    let payload = json(&HealthWire {
        panel: Panel {
            state: health.panel_state,
            detail: health.panel_detail.as_deref(),
        },
        broker: &health.broker,
        command_latency_ms: Latency {
            last: millis(health.last_latency_millis),
            max: millis(health.max_latency_millis),
        },
        estimated_current: Current {
            milliamps: rounded(health.frame.milliamps(), 1),
            watts: rounded(health.frame.watts(), 3),
        },
        counters: health.counters,
    });
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Health);
    Message::state(topic, payload)
}
