//! What Home Assistant takes, as it was found to.

use serde_json::{Map, Value};

use crate::events::Event;
use crate::light::board::Segment;
use crate::light::{Scenes, Tone};
use crate::protocol::tests::golden::{node, topics};
use crate::protocol::{
    Address, Delivery, IDENTIFY_SECS, Leaf, decode_seconds, decode_set, decode_setting,
    decode_siren,
};

pub(super) const ROOT_KEYS: [&str; 8] = [
    "device",
    "origin",
    "components",
    "availability",
    "state_topic",
    "command_topic",
    "qos",
    "encoding",
];
pub(super) const DEVICE_KEYS: [&str; 10] = [
    "identifiers",
    "connections",
    "name",
    "manufacturer",
    "model",
    "hw_version",
    "sw_version",
    "serial_number",
    "suggested_area",
    "configuration_url",
];
pub(super) const ORIGIN_KEYS: [&str; 3] = ["name", "sw_version", "support_url"];

/// The short keys that are used, as Home Assistant's list has them.
const SHORT: [(&str, &str); 34] = [
    ("dev", "device"),
    ("o", "origin"),
    ("cmps", "components"),
    ("p", "platform"),
    ("ids", "identifiers"),
    ("mf", "manufacturer"),
    ("mdl", "model"),
    ("sw", "sw_version"),
    ("cu", "configuration_url"),
    ("avty", "availability"),
    ("t", "topic"),
    ("uniq_id", "unique_id"),
    ("cmd_t", "command_topic"),
    ("stat_t", "state_topic"),
    ("sup_clrm", "supported_color_modes"),
    ("fx_list", "effect_list"),
    ("ic", "icon"),
    ("en", "enabled_by_default"),
    ("ent_cat", "entity_category"),
    ("dev_cla", "device_class"),
    ("pl_prs", "payload_press"),
    ("pl_on", "payload_on"),
    ("pl_off", "payload_off"),
    ("val_tpl", "value_template"),
    ("exp_aft", "expire_after"),
    ("unit_of_meas", "unit_of_measurement"),
    ("stat_cla", "state_class"),
    ("sug_dsp_prc", "suggested_display_precision"),
    ("json_attr_t", "json_attributes_topic"),
    ("json_attr_tpl", "json_attributes_template"),
    ("av_tones", "available_tones"),
    ("sup_dur", "support_duration"),
    ("sup_vol", "support_volume_set"),
    ("evt_typ", "event_types"),
];

/// Keys that are not shortened.
const PLAIN: [&str; 10] = [
    "name",
    "qos",
    "schema",
    "effect",
    "brightness",
    "min",
    "max",
    "step",
    "mode",
    "default_entity_id",
];

/// The units of each class of sensors; what has no class takes a share or nothing.
const UNITS: [(&str, &[&str]); 5] = [
    ("", &["%", ""]),
    ("temperature", &["°C"]),
    ("data_rate", &["kB/s"]),
    ("frequency", &["MHz"]),
    ("timestamp", &[""]),
];

/// The message with long keys; a key that is neither short nor plain is a slip.
pub(super) fn expanded(value: &Value) -> Value {
    fn rename(map: &Map<String, Value>, deeper: bool) -> Map<String, Value> {
        map.iter()
            .map(|(key, value)| {
                let long = SHORT.iter().find(|(short, _)| short == key);
                let long = match long {
                    Some((_, long)) => (*long).to_owned(),
                    None => {
                        assert!(
                            PLAIN.contains(&key.as_str()),
                            "no key of Home Assistant: {key}"
                        );
                        key.clone()
                    }
                };
                let value = match value {
                    Value::Object(inner) if deeper && long == "components" => inner
                        .iter()
                        .map(|(id, component)| {
                            (
                                id.clone(),
                                Value::Object(rename(component.as_object().unwrap(), false)),
                            )
                        })
                        .collect::<Map<_, _>>()
                        .into(),
                    Value::Object(inner) => Value::Object(rename(inner, false)),
                    Value::Array(items) if long == "availability" => items
                        .iter()
                        .map(|item| Value::Object(rename(item.as_object().unwrap(), false)))
                        .collect(),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_) => value.clone(),
                };
                (long, value)
            })
            .collect()
    }
    Value::Object(rename(value.as_object().unwrap(), true))
}

pub(super) fn known_keys(place: &str, value: &Value, known: &[&str]) {
    for key in value.as_object().unwrap().keys() {
        assert!(
            known.contains(&key.as_str()),
            "{place} has the unknown key {key}"
        );
    }
}

/// A component with long keys.
pub(super) struct Component {
    pub(super) id: String,
    pub(super) keys: Map<String, Value>,
}

impl Component {
    pub(super) fn all(document: &Value) -> Vec<Self> {
        let all = document["components"].as_object().unwrap();
        all.iter()
            .map(|(id, keys)| Self {
                id: id.clone(),
                keys: keys.as_object().unwrap().clone(),
            })
            .collect()
    }

    pub(super) fn platform(&self) -> &str {
        self.keys["platform"].as_str().unwrap()
    }

    pub(super) fn text(&self, key: &str) -> String {
        let value = self.keys.get(key).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }

    fn is_removal(&self) -> bool {
        self.keys.len() == 1
    }

    /// The leaf of one of its topics, which has to be this node's.
    pub(super) fn leaf(&self, key: &str) -> Option<Leaf> {
        let topic = self.keys.get(key)?.as_str().unwrap();
        match topics().parse(topic) {
            Ok((Address::Node(id), leaf)) if id == node() => Some(leaf),
            other => panic!("{}: {key} {topic} is {other:?}", self.id),
        }
    }

    pub(super) fn has_a_valid_entity_id(&self) {
        if self.is_removal() {
            return;
        }
        let id = self.text("default_entity_id");
        let (domain, name) = id.split_once('.').unwrap();
        assert_eq!(domain, self.platform(), "{id}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain) && !name.contains("__"), "{id}");
        assert!(!name.starts_with('_') && !name.ends_with('_'), "{id}");
    }

    pub(super) fn keeps_the_common_rules(&self) {
        let id = &self.id;
        if self.is_removal() {
            return;
        }
        assert!(!self.text("unique_id").is_empty(), "{id}");
        self.has_a_valid_entity_id();
        assert!(
            self.keys["name"].is_null() || !self.text("name").is_empty(),
            "{id}"
        );
        // With the root's list merged in, the two may not stand together.
        assert!(!self.keys.contains_key("availability_topic"), "{id}");
        if let Some(own) = self.keys.get("availability") {
            assert_eq!(own, &Value::Array(Vec::new()), "{id}");
            assert_eq!(id, "connectivity");
        }
        let category = self.text("entity_category");
        assert!(
            ["", "config", "diagnostic"].contains(&category.as_str()),
            "{id}"
        );
        let is_reading = ["sensor", "binary_sensor"].contains(&self.platform());
        assert!(!(is_reading && category == "config"), "{id}");
        let icon = self.text("icon");
        assert!(
            icon.starts_with("mdi:") || self.keys.contains_key("device_class"),
            "{id}: no icon"
        );
        // Every topic to be commanded is heard, every state is told.
        if let Some(leaf) = self.leaf("command_topic") {
            let topic = self.text("command_topic");
            let heard = topics().subscriptions(&node(), &[]);
            assert!(
                heard.iter().any(|filter| covers(filter, &topic)),
                "{id}: {leaf:?}"
            );
        }
        if let Some(leaf) = self.leaf("state_topic") {
            let kept = topics()
                .retained(&node())
                .contains(&self.text("state_topic"));
            assert!(
                kept || [Leaf::Telemetry, Leaf::Event].contains(&leaf),
                "{id}: {leaf:?}"
            );
            let doubted = self.keys.contains_key("expire_after");
            assert_eq!(
                doubted,
                leaf == Leaf::Telemetry,
                "{id}: only readings go stale"
            );
        }
        if let Some(secs) = self.keys.get("expire_after") {
            assert!(secs.as_u64().unwrap() >= 3 * 5, "{id}: several intervals");
        }
        for key in ["value_template", "json_attributes_template"] {
            self.template_never_misses(key);
        }
    }

    /// Each key a template looks at is in every payload, also when the host tells nothing.
    fn template_never_misses(&self, key: &str) {
        let template = self.text(key);
        let files: &[&str] = match self.leaf("state_topic") {
            Some(Leaf::Telemetry) => &["telemetry.json", "telemetry-unknown.json"],
            Some(Leaf::Health) => &["health.json"],
            _ => {
                assert_eq!(template, "", "{}: a template for another topic", self.id);
                return;
            }
        };
        let mut paths = template.split("value_json.").skip(1).peekable();
        assert!(
            template.is_empty() || paths.peek().is_some(),
            "{}: {template}",
            self.id
        );
        for rest in paths {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)));
            let path = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            for file in files {
                let payload = golden(file);
                let found = path
                    .split('.')
                    .try_fold(&payload, |value, name| value.get(name));
                let found = found.unwrap_or_else(|| panic!("{}: {file} has no {path}", self.id));
                // An index or arithmetic on what may be unknown would be an error in the log.
                let follows = end.map_or("", |end| &rest[end..]);
                assert!(
                    !(found.is_null() && follows.starts_with(['[', '/', '*'])),
                    "{}: {path} may be null in {template}",
                    self.id
                );
            }
        }
    }

    pub(super) fn keeps_the_rules_of_lights(&self) {
        if self.is_removal() {
            return;
        }
        let id = &self.id;
        assert_eq!(self.text("schema"), "json", "{id}");
        let modes = self.keys["supported_color_modes"].as_array().unwrap();
        assert_eq!(
            modes.len(),
            1,
            "{id}: the mode brightness may not stand beside rgb"
        );
        let Some(Leaf::LightSet(segment)) = self.leaf("command_topic") else {
            panic!("{id}")
        };
        assert_eq!(
            self.leaf("state_topic"),
            Some(Leaf::LightState(segment)),
            "{id}"
        );
        let mut sent = vec![
            r#"{"state":"ON"}"#.to_owned(),
            r#"{"state":"OFF","transition":2.0}"#.to_owned(),
            r#"{"state":"ON","brightness":1,"transition":0.5,"flash":2}"#.to_owned(),
            r#"{"state":"ON","brightness":255,"flash":10}"#.to_owned(),
        ];
        if segment == Segment::Board {
            assert_eq!(modes[0], "rgb");
            assert_eq!(self.keys["effect"], true, "without it there are no effects");
            assert_eq!(
                self.keys["brightness"], true,
                "without it the colour is multiplied by the brightness, which is left out"
            );
            sent.push(r#"{"state":"ON","color":{"r":1,"g":2,"b":3},"brightness":9}"#.to_owned());
            let names = self.keys["effect_list"].as_array().unwrap();
            assert!(names.contains(&"cpu_load".into()));
            sent.extend(
                names
                    .iter()
                    .map(|name| format!(r#"{{"state":"ON","effect":{name}}}"#)),
            );
            sent.push(r#"{"state":"ON","effect":"off"}"#.to_owned());
        } else {
            assert_eq!(modes[0], "brightness", "{id}");
        }
        for payload in sent {
            let read = decode_set(
                segment,
                payload.as_bytes(),
                Delivery::default(),
                &Scenes::default(),
            );
            assert!(read.is_ok(), "{id}: {payload}: {read:?}");
        }
        let files: &[&str] = if segment == Segment::Board {
            &[
                "light-state-base.json",
                "light-state-leased.json",
                "light-state-picture.json",
            ]
        } else {
            &["light-state-arm-on.json", "light-state-arm-off.json"]
        };
        for file in files {
            state_of_light(&golden(file), modes);
        }
        let disabled = self.keys.get("enabled_by_default") == Some(&false.into());
        let is_small = matches!(segment, Segment::Ring(_) | Segment::Led(_));
        assert_eq!(disabled, is_small, "{id}");
    }

    pub(super) fn keeps_the_rules_of_sensors(&self) {
        if self.is_removal() {
            return;
        }
        let id = &self.id;
        let class = self.text("device_class");
        let units = UNITS.iter().find(|(name, _)| *name == class);
        let (_, units) = units.unwrap_or_else(|| panic!("{id}: {class}"));
        assert!(
            units.contains(&self.text("unit_of_measurement").as_str()),
            "{id}"
        );
        let counts = self.text("state_class") == "measurement";
        assert_eq!(counts, class != "timestamp", "{id}");
        assert_eq!(
            counts,
            self.keys.contains_key("suggested_display_precision"),
            "{id}"
        );
    }

    pub(super) fn keeps_the_rules_of_binary_sensors(&self) {
        if self.is_removal() {
            return;
        }
        let class = self.text("device_class");
        assert!(
            ["problem", "connectivity"].contains(&class.as_str()),
            "{}",
            self.id
        );
        if self.leaf("state_topic") == Some(Leaf::Availability) {
            assert_eq!(self.text("payload_on"), "online");
            assert_eq!(self.text("payload_off"), "offline");
            assert!(
                self.keys.contains_key("availability"),
                "it would be unavailable when it is off"
            );
        }
    }

    pub(super) fn keeps_the_rules_of_numbers(&self) {
        if self.is_removal() {
            return;
        }
        let Some(Leaf::SettingSet(setting)) = self.leaf("command_topic") else {
            panic!("{}", self.id)
        };
        assert_eq!(self.leaf("state_topic"), Some(Leaf::SettingState(setting)));
        let number = |key: &str| self.keys[key].as_u64().unwrap();
        assert!(number("min") < number("max"), "{}", self.id);
        for value in (number("min")..=number("max")).step_by(number("step") as usize) {
            let read = decode_setting(setting, value.to_string().as_bytes(), 48);
            assert_eq!(read.map(u64::from), Ok(value), "{}", self.id);
        }
        assert_eq!(self.text("entity_category"), "config");
    }

    pub(super) fn keeps_the_rules_of_sirens(&self) {
        let tones = self.keys["available_tones"].as_array().unwrap();
        assert_eq!(tones.len(), Tone::ALL.len());
        assert_eq!(self.keys["support_duration"], true);
        assert_eq!(self.keys["support_volume_set"], false);
        for tone in tones {
            let payload = format!(r#"{{"state":"ON","tone":{tone},"duration":20}}"#);
            assert!(
                decode_siren(payload.as_bytes(), Delivery::default()).is_ok(),
                "{payload}"
            );
        }
        for payload in [r#"{"state":"ON"}"#, r#"{"state":"OFF"}"#] {
            assert!(
                decode_siren(payload.as_bytes(), Delivery::default()).is_ok(),
                "{payload}"
            );
        }
        for file in ["siren-state-on.json", "siren-state-off.json"] {
            let state = golden(file);
            known_keys(file, &state, &["state", "tone", "duration"]);
            assert!(["ON", "OFF"].contains(&state["state"].as_str().unwrap()));
            assert!(state["tone"].is_null() || tones.contains(&state["tone"]));
            assert!(state.get("duration").is_none_or(Value::is_u64));
        }
    }

    pub(super) fn keeps_the_rules_of_events(&self) {
        let types = self.keys["event_types"].as_array().unwrap();
        assert_eq!(types.len(), Event::NAMES.len());
        let told = golden("event.json");
        assert!(types.contains(&told["event_type"]));
        assert!(
            !topics()
                .retained(&node())
                .contains(&self.text("state_topic"))
        );
    }

    pub(super) fn keeps_the_rules_of_buttons(&self) {
        assert_eq!(self.text("device_class"), "identify");
        let read = decode_seconds(self.text("payload_press").as_bytes(), IDENTIFY_SECS);
        assert!(read.is_ok_and(|duration| !duration.is_zero()));
    }
}

/// What Home Assistant needs of the state of a light with these modes.
pub(super) fn state_of_light(state: &Value, modes: &[Value]) {
    assert!(
        ["ON", "OFF"].contains(&state["state"].as_str().unwrap()),
        "{state}"
    );
    assert!(modes.contains(&state["color_mode"]), "{state}");
    if let Some(brightness) = state.get("brightness") {
        assert!((1..=255).contains(&brightness.as_u64().unwrap()), "{state}");
    }
    if state["color_mode"] == "rgb" {
        for channel in ["r", "g", "b"] {
            assert!(
                state["color"][channel]
                    .as_u64()
                    .is_some_and(|level| level <= 255),
                "{state}"
            );
        }
    }
}

/// Whether a filter with single-level wildcards covers a topic.
fn covers(filter: &str, topic: &str) -> bool {
    let (filter, topic): (Vec<_>, Vec<_>) =
        (filter.split('/').collect(), topic.split('/').collect());
    filter.len() == topic.len()
        && filter
            .iter()
            .zip(topic)
            .all(|(level, found)| *level == "+" || *level == found)
}

fn golden(file: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}
