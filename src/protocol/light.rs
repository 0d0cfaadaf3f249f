//! The state of the LEDs, in the form of Home Assistant's JSON light schema with what it lacks beside it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::status::param_value;
use super::{Address, Leaf, Message, Qos, Topics, json, rfc3339};
use crate::light::board::Segment;
use crate::light::effect::Effect;
use crate::light::{Content, Frame, LightState, Rgb};
use crate::units::NodeId;

#[derive(Serialize)]
struct Board<'a> {
    state: &'static str,
    brightness: u8,
    color_mode: &'static str,
    color: Colour,
    effect: Option<&'a str>,
    params: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leds: Option<&'a [u8]>,
    layer: &'static str,
    from: Option<&'a str>,
    until: Option<String>,
}

#[derive(Serialize)]
struct Part {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    brightness: Option<u8>,
    color_mode: &'static str,
}

#[derive(Serialize)]
struct Colour {
    r: u8,
    g: u8,
    b: u8,
}

impl From<Rgb> for Colour {
    fn from(Rgb([r, g, b]): Rgb) -> Self {
        Self { r, g, b }
    }
}

/// The retained state of a segment; `ends_unix_millis` is when its layer's lease ends on the wall clock.
#[must_use]
pub fn light_state(
    topics: &Topics,
    node: &NodeId,
    segment: Segment,
    state: &LightState,
    ends_unix_millis: Option<i64>,
) -> Message {
    let payload = match segment {
        Segment::Board => board_document(state, ends_unix_millis),
        Segment::Ring(_) | Segment::Arm(_) | Segment::Led(_) => json(&Part {
            state: word(state, segment),
            // Home Assistant takes no brightness of 0.
            brightness: Some(state.brightness(segment)).filter(|level| *level > 0),
            color_mode: "brightness",
        }),
    };
    let topic = topics.build(&Address::Node(node.clone()), Leaf::LightState(segment));
    Message::state(topic, payload)
}

/// The whole board's state as JSON.
pub(super) fn board_document(state: &LightState, ends_unix_millis: Option<i64>) -> Vec<u8> {
    json(&Board {
        state: word(state, Segment::Board),
        brightness: state.brightness(Segment::Board),
        color_mode: "rgb",
        color: state.colour().into(),
        effect: state.effect_name(),
        params: state.effect().map(params).unwrap_or_default(),
        leds: match &state.look.content {
            Content::Picture(levels) => Some(levels),
            Content::Effect(_) | Content::Scene(_) => None,
        },
        layer: state.layer.name(),
        from: state.from.as_deref(),
        until: ends_unix_millis.and_then(rfc3339),
    })
}

#[derive(Serialize)]
struct Recreate<'a> {
    state: &'static str,
    brightness: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<Colour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leds: Option<&'a [u8]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
}

/// The command that brings a state about: what is kept across a restart, and read back by the decoder of commands.
#[must_use]
pub fn recreate(state: &LightState) -> Vec<u8> {
    let effect = state.effect();
    json(&Recreate {
        state: word(state, Segment::Board),
        brightness: state.look.brightness,
        color: effect.and_then(|effect| effect.colour).map(Colour::from),
        effect: state.effect_name(),
        params: effect.map(params),
        leds: match &state.look.content {
            Content::Picture(levels) => Some(levels),
            Content::Effect(_) | Content::Scene(_) => None,
        },
        from: state.from.as_deref(),
    })
}

fn word(state: &LightState, segment: Segment) -> &'static str {
    if state.is_on(segment) { "ON" } else { "OFF" }
}

fn params(effect: &Effect) -> Map<String, Value> {
    let values = effect.params.values(effect.kind.info().params);
    values
        .map(|(name, value)| (name.to_owned(), param_value(value)))
        .collect()
}

#[derive(Serialize)]
struct Mirror<'a> {
    frame: u64,
    leds: &'a [u8],
}

/// A frame as the panel shows it: its number and the 18 PWM values in LED order.
#[must_use]
pub fn frame(topics: &Topics, node: &NodeId, number: u64, frame: &Frame) -> Message {
    let topic = topics.build(&Address::Node(node.clone()), Leaf::Frame);
    let payload = json(&Mirror {
        frame: number,
        leds: &frame.0,
    });
    Message::event(topic, payload, Qos::AtMostOnce)
}
