//! A keyframe: what it shows, for how long, and how it blends into the next.

use std::time::Duration;

use config::{Value, ValueKind};

use super::findings::{Fields, Findings, key_path, whole};
use crate::config::given::{Given, quoted};
use crate::config::origin::Origin;
use crate::config::problems::{did_you_mean, nearest, nearest_key};
use crate::light::Levels;
use crate::light::board::{LEDS, Segment, UnknownSegment};
use crate::light::scene::{Easing, KeyframeDraft, SECS, Shows};

/// The keys of a keyframe.
const KEYS: [&str; 4] = ["leds", "scene", "secs", "easing"];

/// How a keyframe may blend into the next.
const EASINGS: [(&str, Easing); 3] = [
    ("linear", Easing::Linear),
    ("smooth", Easing::Smooth),
    ("step", Easing::Step),
];

/// What stands in the place of a keyframe that cannot be read.
const HARMLESS: KeyframeDraft = KeyframeDraft {
    shows: Shows::Levels([0; LEDS]),
    duration: Duration::from_secs(1),
    easing: Easing::Linear,
};

/// Reads the keyframe at this path.
pub(super) fn read(
    path: &str,
    value: &Value,
    origin: &Origin,
    findings: &mut Findings,
) -> KeyframeDraft {
    let ValueKind::Table(table) = &value.kind else {
        let shown = Given::new(value).shown();
        let what = format!(
            "is {shown}; expected a table such as {{ leds = {{ \"ring/red\" = 255 }}, secs = 2 }}"
        );
        findings.at(origin, path, &what);
        return HARMLESS;
    };
    let mut fields = Fields {
        origin,
        path: path.to_owned(),
        table,
        findings,
    };
    fields.refuse_unknown(&KEYS);
    let shows = shows(&mut fields);
    let secs = fields
        .required("secs")
        .and_then(|_| fields.number("secs", &SECS));
    let easing = fields.read("easing", easing);
    KeyframeDraft {
        shows: shows.unwrap_or(HARMLESS.shows),
        duration: secs.map_or(HARMLESS.duration, Duration::from_secs_f64),
        easing: easing.unwrap_or(HARMLESS.easing),
    }
}

fn shows(fields: &mut Fields<'_>) -> Option<Shows> {
    let name = fields.read("scene", |given| {
        let text = given.text().map(str::to_owned);
        text.ok_or_else(|| format!("is {}; expected a name in quotes", given.shown()))
    });
    let (table, path) = (fields.table, fields.path.clone());
    match (table.get("leds"), table.contains_key("scene")) {
        (Some(_), true) => {
            let what = "has both `leds` and `scene`; expected one of them";
            fields.findings.at(fields.origin, &path, what);
            None
        }
        (None, false) => {
            let what = "has neither `leds` nor `scene`; expected one of them";
            fields.findings.at(fields.origin, &path, what);
            None
        }
        (None, true) => name.map(Shows::Named),
        (Some(leds), false) => {
            let path = key_path(&path, "leds");
            Some(Shows::Levels(levels(
                &path,
                leds,
                fields.origin,
                fields.findings,
            )))
        }
    }
}

fn easing(given: &Given) -> Result<Easing, String> {
    let found = given.text().and_then(|text| {
        let found = EASINGS.iter().find(|(word, _)| *word == text);
        found.map(|(_, easing)| *easing)
    });
    found.ok_or_else(|| {
        let words = EASINGS.map(|(word, _)| word);
        let near = nearest(given.text().unwrap_or_default(), words.into_iter());
        let hint = did_you_mean(near.map(quoted));
        let allowed = words.map(quoted).join(", ");
        format!("is {}; expected one of {allowed}{hint}", given.shown())
    })
}

/// Reads 18 levels, or a table of segments to levels.
fn levels(path: &str, value: &Value, origin: &Origin, findings: &mut Findings) -> Levels {
    let mut levels = [0; LEDS];
    let level = |path: &str, value: &Value, findings: &mut Findings| {
        let read = whole(&Given::new(value), &(0..=255));
        let read = read.map_err(|what| findings.at(origin, path, &what));
        read.ok()
            .and_then(|level| u8::try_from(level).ok())
            .unwrap_or_default()
    };
    match &value.kind {
        ValueKind::Array(values) if values.len() == LEDS => {
            for (place, value) in values.iter().enumerate() {
                levels[place] = level(&format!("{path}[{place}]"), value, findings);
            }
        }
        ValueKind::Array(values) => {
            let count = values.len();
            findings.at(
                origin,
                path,
                &format!("has {count} levels; expected {LEDS}, in the order of the LEDs"),
            );
        }
        ValueKind::Table(parts) => {
            let mut painted = Vec::new();
            let mut names: Vec<&String> = parts.keys().collect();
            names.sort();
            for name in names {
                let path = key_path(path, name);
                let level = level(&path, &parts[name], findings);
                match name.parse::<Segment>() {
                    Ok(segment) => painted.push((segment, level)),
                    Err(error) => findings.at(origin, &path, &no_segment(name, error)),
                }
            }
            // A table has no order: the smaller part lies on top.
            painted.sort_by_key(|(segment, _)| layer(*segment));
            for (segment, level) in painted {
                (0..LEDS)
                    .filter(|index| segment.contains(*index))
                    .for_each(|index| levels[index] = level);
            }
        }
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_) => {
            let shown = Given::new(value).shown();
            let what = format!(
                "is {shown}; expected {LEDS} levels, 0 to 255, or a table of segments to levels"
            );
            findings.at(origin, path, &what);
        }
    }
    levels
}

fn layer(segment: Segment) -> u8 {
    match segment {
        Segment::Board => 0,
        Segment::Arm(_) => 1,
        Segment::Ring(_) => 2,
        Segment::Led(_) => 3,
    }
}

fn no_segment(name: &str, error: UnknownSegment) -> String {
    // Kind and name are told apart as sections and keys are, so that `ring/pink` is near no ring.
    let as_key = |name: &str| name.replacen('/', ".", 1);
    let known: Vec<String> = Segment::parts()
        .map(|part| as_key(&part.to_string()))
        .collect();
    let near = nearest_key(&as_key(name), known.iter().map(String::as_str));
    let hint = did_you_mean(near.map(|near| quoted(&near.replacen('.', "/", 1))));
    format!("is no segment; {error}{hint}")
}
