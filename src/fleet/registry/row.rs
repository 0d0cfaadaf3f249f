//! A node as it is told: one row of the picture, whole or what has changed of it.

use serde::Serialize;

use super::node::{Changes, Light, Node};

/// A row; what is `None` at the outside is not told.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Option<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_secs: Option<Option<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    panel: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    light: Option<Option<LightRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttled: Option<Option<bool>>,
}

#[derive(Serialize)]
struct LightRow<'a> {
    state: &'static str,
    brightness: u8,
    effect: Option<&'a str>,
    color: Option<String>,
    leds: Option<&'a [u8]>,
    layer: &'a str,
    from: Option<&'a str>,
    until: Option<i64>,
}

impl<'a> From<&'a Light> for LightRow<'a> {
    fn from(light: &'a Light) -> Self {
        Self {
            state: if light.is_on { "ON" } else { "OFF" },
            brightness: light.brightness,
            effect: light.effect.as_deref(),
            color: light
                .color
                .map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}")),
            leds: light.leds.as_ref().map(<[u8; 18]>::as_slice),
            layer: &light.layer,
            from: light.from.as_deref(),
            until: light.until,
        }
    }
}

impl<'a> Row<'a> {
    /// What is to be told of these changes.
    pub(super) fn of(node: &'a Node, changes: Changes) -> Self {
        let when = |change: Changes| changes.has(change);
        let card = node.card.as_ref();
        let sample = when(Changes::SAMPLE);
        let [load, temperature, memory] = node.values.map(|value| sample.then_some(value));
        Self {
            id: &node.id,
            online: when(Changes::AVAILABILITY).then_some(node.is_online),
            since: when(Changes::AVAILABILITY).then_some(node.since),
            stale: when(Changes::STALE).then_some(node.is_stale),
            groups: when(Changes::CARD).then(|| {
                let groups = card.map(|card| card.groups.iter().map(|group| &**group));
                groups.into_iter().flatten().collect()
            }),
            model: when(Changes::CARD).then(|| card.and_then(|card| card.model.as_deref())),
            version: when(Changes::CARD).then(|| card.map(|card| &*card.version)),
            interval_secs: when(Changes::CARD).then(|| node.interval_secs()),
            load,
            temperature,
            memory,
            at: sample.then_some(node.at),
            panel: when(Changes::PANEL).then_some(node.panel.as_deref()),
            light: when(Changes::LIGHT).then(|| node.light.as_deref().map(LightRow::from)),
            alert: when(Changes::LIGHT).then(|| node.is_alert()),
            hot: when(Changes::HOT).then_some(node.is_hot),
            throttled: when(Changes::THROTTLED).then_some(node.throttled),
        }
    }
}

/// The newest sample of a node: its id, load, temperature and memory, and when it came.
pub(super) type SampleRow<'a> = (&'a str, Option<f32>, Option<f32>, Option<f32>, Option<i64>);

/// What has changed, for everybody who follows.
#[derive(Serialize)]
pub(super) struct Delta<'a> {
    pub(super) now: i64,
    pub(super) samples: Vec<SampleRow<'a>>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) gone: Vec<&'a str>,
}

/// Appends a document as JSON.
///
/// They have string keys and finite numbers only, for which `serde_json` has no error.
pub(super) fn append(to: &mut Vec<u8>, document: &(impl Serialize + ?Sized)) {
    drop(serde_json::to_writer(to, document));
}
