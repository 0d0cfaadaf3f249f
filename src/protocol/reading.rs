//! What a watcher of many nodes reads: typed, quick, and never fooled: what is out of range counts as not told, and what is
//! not of the contract's shape is no reading at all.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::result::excerpt;
use crate::light::board::LEDS;
use crate::units::GroupName;

/// The most groups of a node that are read.
const GROUPS_MAX: usize = 64;

/// Temperatures that a processor may have, in °C; anything else is a broken sensor or somebody's joke.
const TEMPERATURES: std::ops::RangeInclusive<f64> = -60.0..=200.0;

/// What a watcher of many nodes reads of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reading<'a> {
    /// When it was taken, as it stands there.
    time: Option<&'a str>,
    /// Which run of the node's numbers it belongs to, as it stands there.
    pub run: Option<&'a str>,
    /// Counts the samples of a run.
    pub sequence: Option<u64>,
    /// The CPU load in percent.
    pub load: Option<f32>,
    /// The processor's temperature in °C.
    pub temperature: Option<f32>,
    /// The memory in use in percent.
    pub memory: Option<f32>,
    /// Whether the firmware throttles the processor.
    pub throttled: Option<bool>,
}

impl Reading<'_> {
    /// When it was taken, in milliseconds since 1970; `None` where the node's clock could not tell.
    #[must_use]
    pub fn unix_millis(&self) -> Option<i64> {
        let text = self.time?.strip_prefix('"')?.strip_suffix('"')?;
        let time: jiff::Timestamp = text.parse().ok()?;
        Some(time.as_millisecond())
    }
}

#[derive(Deserialize)]
struct SampleWire<'a> {
    #[serde(borrow, default)]
    time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    run: Option<&'a RawValue>,
    #[serde(default)]
    sequence: Option<u64>,
    cpu: Option<CpuWire>,
    memory: Option<SpaceWire>,
    temperature_celsius: Option<f64>,
    #[serde(default)]
    throttled: Option<ThrottledWire>,
}

#[derive(Deserialize)]
struct CpuWire {
    load_percent: Option<f64>,
}

#[derive(Deserialize)]
struct SpaceWire {
    used_percent: Option<f64>,
}

#[derive(Deserialize)]
struct ThrottledWire {
    now: Option<bool>,
}

impl<'a> From<SampleWire<'a>> for Reading<'a> {
    fn from(wire: SampleWire<'a>) -> Self {
        let percent = |value: Option<f64>| {
            value
                .filter(|value| (0.0..=100.0).contains(value))
                .map(|value| value as f32)
        };
        Self {
            time: wire.time.map(RawValue::get),
            run: wire.run.map(RawValue::get),
            sequence: wire.sequence,
            load: percent(wire.cpu.and_then(|cpu| cpu.load_percent)),
            temperature: wire
                .temperature_celsius
                .filter(|celsius| TEMPERATURES.contains(celsius))
                .map(|celsius| celsius as f32),
            memory: percent(wire.memory.and_then(|memory| memory.used_percent)),
            throttled: wire.throttled.and_then(|throttled| throttled.now),
        }
    }
}

/// Reads a sample.
#[must_use]
pub fn read_sample(payload: &[u8]) -> Option<Reading<'_>> {
    let wire: SampleWire<'_> = serde_json::from_slice(payload).ok()?;
    Some(wire.into())
}

#[derive(Deserialize)]
struct HistoryWire<'a> {
    #[serde(borrow)]
    samples: Vec<SampleWire<'a>>,
}

/// Reads the samples that were taken while the broker was away, in the order in which they stand there.
#[must_use]
pub fn read_history(payload: &[u8]) -> Option<Vec<Reading<'_>>> {
    let wire: HistoryWire<'_> = serde_json::from_slice(payload).ok()?;
    Some(wire.samples.into_iter().map(Reading::from).collect())
}

/// What a watcher of many nodes reads of a self-description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The groups the node obeys.
    pub groups: Vec<GroupName>,
    /// The program's version.
    pub version: String,
    /// The machine's model.
    pub model: Option<String>,
    /// Seconds between two samples.
    pub interval_secs: Option<u16>,
    /// The fields of the self-description that differ between nodes: JSON, without the braces.
    pub own: String,
    /// The other ones, which are alike for many nodes: JSON, without the braces.
    pub shared: String,
}

/// The fields of a self-description that differ from node to node; what is not listed is alike for all of a version.
const OWN_FIELDS: [&str; 4] = ["id", "groups", "telemetry_interval_secs", "host"];

#[derive(Deserialize)]
struct CardWire {
    #[serde(default)]
    groups: Vec<String>,
    version: String,
    telemetry_interval_secs: Option<u64>,
    #[serde(default)]
    host: Option<HostWire>,
}

#[derive(Deserialize)]
struct HostWire {
    model: Option<String>,
}

/// Reads a self-description.
#[must_use]
pub fn read_info(payload: &[u8]) -> Option<Card> {
    let wire: CardWire = serde_json::from_slice(payload).ok()?;
    let fields: Fields<'_> = serde_json::from_slice(payload).ok()?;
    let (mut own, mut shared) = (String::new(), String::new());
    for (name, value) in fields.0 {
        let text = if OWN_FIELDS.contains(&name.as_ref()) {
            &mut own
        } else {
            &mut shared
        };
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        text.push(':');
        text.push_str(value.get());
    }
    Some(Card {
        groups: wire
            .groups
            .iter()
            .filter_map(|name| name.parse().ok())
            .take(GROUPS_MAX)
            .collect(),
        version: excerpt(&wire.version).into_owned(),
        model: wire
            .host
            .and_then(|host| host.model)
            .map(|model| excerpt(&model).into_owned()),
        interval_secs: wire
            .telemetry_interval_secs
            .and_then(|secs| u16::try_from(secs).ok())
            .filter(|secs| *secs > 0),
        own,
        shared,
    })
}

/// The fields of an object in their order, their values as they stand.
struct Fields<'a>(Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// What a watcher of many nodes reads of the whole board's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightReading {
    /// Whether it is on.
    pub is_on: bool,
    /// The master level.
    pub brightness: u8,
    /// The effect; `None` for a picture.
    pub effect: Option<String>,
    /// The colour.
    pub color: Option<[u8; 3]>,
    /// The levels of a picture.
    pub leds: Option<[u8; LEDS]>,
    /// The layer that is seen.
    pub layer: String,
    /// Who asked for it.
    pub from: Option<String>,
    /// When it gives the board back, in milliseconds since 1970.
    pub until: Option<i64>,
}

impl LightReading {
    /// Whether an alert is shown.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.layer == "alert"
    }
}

#[derive(Deserialize)]
struct LightWire {
    state: String,
    brightness: u8,
    effect: Option<String>,
    color: Option<ColourWire>,
    leds: Option<[u8; LEDS]>,
    layer: String,
    from: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
struct ColourWire {
    r: u8,
    g: u8,
    b: u8,
}

/// Reads the whole board's state.
#[must_use]
pub fn read_light(payload: &[u8]) -> Option<LightReading> {
    let wire: LightWire = serde_json::from_slice(payload).ok()?;
    let short = |text: &str| excerpt(text).into_owned();
    Some(LightReading {
        is_on: wire.state == "ON",
        brightness: wire.brightness,
        effect: wire.effect.as_deref().map(short),
        color: wire.color.map(|color| [color.r, color.g, color.b]),
        leds: wire.leds,
        layer: short(&wire.layer),
        from: wire.from.as_deref().map(short),
        until: wire
            .until
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond),
    })
}

/// What a watcher of many nodes reads of a node's health.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HealthReading {
    /// The panel.
    pub panel: PanelReading,
    /// From the arrival of a command to its latch.
    pub command_latency_ms: LatencyReading,
    /// Of the frame that is shown.
    pub estimated_current: CurrentReading,
    /// What has been counted since the node started.
    pub counters: CountersReading,
}

/// How the panel is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PanelReading {
    /// Its state by name.
    pub state: String,
}

/// How long a command took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LatencyReading {
    /// The last one, in milliseconds.
    pub last: Option<f64>,
}

/// What the LEDs draw.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CurrentReading {
    /// In milliamperes.
    pub milliamps: f64,
}

/// What has been counted since the node started; see [`Counters`](super::Counters).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "they are `Counters` under the same names")]
pub struct CountersReading {
    #[serde(default)]
    pub commands_received: u64,
    #[serde(default)]
    pub commands_rejected: u64,
    #[serde(default)]
    pub messages_dropped: u64,
    #[serde(default)]
    pub connections: u64,
    #[serde(default)]
    pub frames_written: u64,
    #[serde(default)]
    pub frames_skipped: u64,
    #[serde(default)]
    pub panel_faults: u64,
}

/// Reads a node's health.
#[must_use]
pub fn read_health(payload: &[u8]) -> Option<HealthReading> {
    let mut health: HealthReading = serde_json::from_slice(payload).ok()?;
    health.panel.state = excerpt(&health.panel.state).into_owned();
    Some(health)
}

#[derive(Deserialize)]
struct ResultWire {
    id: Option<String>,
    #[serde(rename = "status")]
    _status: String,
}

/// The `id` of a result; outside `None` for what is no result.
#[must_use]
pub fn read_result_id(payload: &[u8]) -> Option<Option<String>> {
    let wire: ResultWire = serde_json::from_slice(payload).ok()?;
    Some(wire.id)
}

/// A JSON object, read in full; `None` for what is none.
#[must_use]
pub fn read_object(payload: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(payload).ok()
}

#[derive(Deserialize)]
struct FrameWire {
    leds: [u8; LEDS],
}

/// Reads a mirrored frame.
#[must_use]
pub fn read_frame(payload: &[u8]) -> Option<[u8; LEDS]> {
    let wire: FrameWire = serde_json::from_slice(payload).ok()?;
    Some(wire.leds)
}

/// Reads a setting's value.
#[must_use]
pub fn read_setting(payload: &[u8]) -> Option<u16> {
    serde_json::from_slice(payload).ok()
}
