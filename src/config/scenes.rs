//! `[scenes.NAME]`: the tables that people name themselves, read to the last value.
//!
//! A mistake is noted and replaced by something harmless, so that the mistakes after it are found as well. Scenes come
//! from files only: there is no way to write a keyframe in an environment variable that anybody would want to read.

mod findings;
mod keyframe;

use std::path::Path;
use std::sync::Arc;

use config::{Value, ValueKind};

use super::given::{inline, quoted};
use super::origin::Origin;
use super::problems::{did_you_mean, nearest};
use super::reader::Section;
use crate::light::Scenes;
use crate::light::effect::EFFECTS;
use crate::light::scene::{
    DEPTH_MAX, Flaw, FlawKind, KEYFRAMES_MAX, KeyframeDraft, REPEAT_MAX, SCENES_MAX, SUMMARY_MAX,
    SceneDraft, Shows,
};
use crate::units::SceneName;
use findings::{Fields, Findings, key_path};

/// The keys of a scene.
const KEYS: [&str; 3] = ["keyframes", "repeat", "summary"];

/// The names of the scenes, for whoever may name one.
pub(super) fn names(section: &Section<'_>) -> Vec<String> {
    let entries = section.entries().into_iter();
    entries
        .filter(|(_, value)| matches!(value.kind, ValueKind::Table(_)))
        .map(|(name, _)| name)
        .filter(|name| name.parse::<SceneName>().is_ok())
        .collect()
}

/// Reads all scenes, which stand in this file; `None` when a problem has been noted.
pub(super) fn read(
    section: &mut Section<'_>,
    file: Option<&Path>,
    allow_fast_flashes: bool,
) -> Option<Arc<Scenes>> {
    let origin = file.map_or(Origin::Default, |path| {
        Origin::File(path.display().to_string())
    });
    let entries = section.entries();
    let mut findings = Findings::default();
    if entries.len() > SCENES_MAX {
        let count = entries.len();
        findings.at(
            &origin,
            "scenes",
            &format!("has {count} scenes; expected at most {SCENES_MAX}"),
        );
    }
    let mut drafts = Vec::new();
    let mut with_mistakes = Vec::new();
    for (key, value) in entries.iter().take(SCENES_MAX) {
        let before = findings.count();
        let draft = scene(key, value, &origin, &mut findings);
        let is_right = findings.count() == before;
        section.entry(key, &origin, is_right.then(|| inline(&value.kind)));
        if let Some(draft) = draft {
            if !is_right {
                with_mistakes.push(draft.name.clone());
            }
            drafts.push(draft);
        }
    }
    for (key, _) in entries.iter().skip(SCENES_MAX) {
        section.entry(key, &origin, None);
    }
    let built = Scenes::build(&drafts, allow_fast_flashes);
    for flaw in built.as_ref().err().into_iter().flatten() {
        // What stands in the place of a mistake says nothing about flashes.
        if flaw.kind != FlawKind::TooFast || !with_mistakes.contains(&flaw.scene) {
            tell(flaw, &drafts, &origin, &mut findings);
        }
    }
    let is_right = findings.count() == 0;
    section.note(findings.into_lines());
    built.ok().filter(|_| is_right).map(Arc::new)
}

/// Reads a scene; `None` when it has no name that others could use.
fn scene(key: &str, value: &Value, origin: &Origin, findings: &mut Findings) -> Option<SceneDraft> {
    let path = key_path("scenes", key);
    let ValueKind::Table(table) = &value.kind else {
        let given = Origin::of(value);
        if given.is_text() {
            let what =
                format!("is a scene; expected `[{path}]` in a file: scenes have no other place");
            findings.at(&given, &path, &what);
        } else {
            findings.at(&given, &path, "is no table; expected one with `keyframes`");
        }
        return None;
    };
    let name = key.parse::<SceneName>();
    if let Err(error) = &name {
        findings.at(origin, &path, &format!("has a name that {error}"));
    }
    let mut fields = Fields {
        origin,
        path: path.clone(),
        table,
        findings,
    };
    fields.refuse_unknown(&KEYS);
    let keyframes = keyframes(&mut fields);
    let repeat = fields.whole("repeat", 0..=i64::from(REPEAT_MAX));
    let summary = fields.read("summary", |given| match given.text() {
        Some(text) if text.len() > SUMMARY_MAX => {
            let length = text.len();
            Err(format!(
                "has {length} bytes; expected at most {SUMMARY_MAX}"
            ))
        }
        Some(text) => match text.chars().find(|c| c.is_control()) {
            Some(c) => Err(format!("contains {c:?}; expected no control characters")),
            None => Ok(text.to_owned()),
        },
        None => Err(format!("is {}; expected a text in quotes", given.shown())),
    });
    Some(SceneDraft {
        name: name.ok()?,
        summary: summary.unwrap_or_default(),
        repeat: repeat
            .and_then(|times| times.try_into().ok())
            .unwrap_or_default(),
        keyframes,
    })
}

fn keyframes(fields: &mut Fields<'_>) -> Vec<KeyframeDraft> {
    const EXPECTED: &str =
        "a list of keyframes such as [{ leds = { \"ring/red\" = 255 }, secs = 2 }]";
    let path = key_path(&fields.path, "keyframes");
    let Some(value) = fields.required("keyframes") else {
        return Vec::new();
    };
    let ValueKind::Array(values) = &value.kind else {
        fields.findings.at(
            fields.origin,
            &path,
            &format!("is no list; expected {EXPECTED}"),
        );
        return Vec::new();
    };
    if !(1..=KEYFRAMES_MAX).contains(&values.len()) {
        let what = format!(
            "has {} keyframes; expected 1 to {KEYFRAMES_MAX}",
            values.len()
        );
        fields.findings.at(fields.origin, &path, &what);
    }
    let read = values.iter().take(KEYFRAMES_MAX).enumerate();
    read.map(|(place, value)| {
        keyframe::read(
            &format!("{path}[{place}]"),
            value,
            fields.origin,
            fields.findings,
        )
    })
    .collect()
}

/// Says what is wrong with a scene as a whole.
fn tell(flaw: &Flaw, drafts: &[SceneDraft], origin: &Origin, findings: &mut Findings) {
    let scene = key_path("scenes", flaw.scene.as_str());
    let draft = drafts.iter().find(|draft| draft.name == flaw.scene);
    let keyframe = flaw.keyframe.and_then(|place| draft?.keyframes.get(place));
    let given = match keyframe.map(|keyframe| &keyframe.shows) {
        Some(Shows::Named(name)) => quoted(name),
        Some(Shows::Levels(_)) | None => String::new(),
    };
    let path = match flaw.keyframe {
        Some(place) => format!("{scene}.keyframes[{place}].scene"),
        None => scene,
    };
    match &flaw.kind {
        FlawKind::EffectName => {
            findings.at(
                origin,
                &path,
                "has the name of an effect; expected another name",
            );
        }
        FlawKind::Unknown(name) => {
            let effects = EFFECTS.iter().map(|info| info.name);
            let scenes = drafts.iter().map(|draft| draft.name.as_str());
            let hint = did_you_mean(nearest(name, effects.chain(scenes)).map(quoted));
            let what =
                format!("is {given}; expected the name of an effect or of another scene{hint}");
            findings.at(origin, &path, &what);
        }
        FlawKind::Cycle(names) => {
            let names: Vec<&str> = names.iter().map(SceneName::as_str).collect();
            let way = names.join(" → ");
            let what = format!(
                "is {given}, which leads in a circle: {way}; expected no scene within itself"
            );
            findings.at(origin, &path, &what);
        }
        FlawKind::TooDeep => {
            let deep = DEPTH_MAX + 1;
            let what = format!(
                "is {given}, which makes {deep} scenes within one another; expected at most {DEPTH_MAX}"
            );
            findings.at(origin, &path, &what);
        }
        FlawKind::TooFast => {
            let what = "flashes the board more than 3 times a second, which can harm people; \
                        expected longer `secs` or a softer `easing`, or `light.allow_fast_flashes`";
            findings.at(origin, &format!("{path}.keyframes"), what);
        }
    }
}
