//! Reads keys from the merged tree and remembers what is wrong with each.
//!
//! A key exists because it is read here: its kind and limits are declared in one place, and what nobody read is unknown.

use std::fmt::Display;
use std::ops::RangeInclusive;

use config::{Map, Value, ValueKind};

use super::given::{Given, quoted, quoted_list};
use super::layers::{Layers, Mention, Name, variable_name};
use super::origin::Origin;
use super::problems::{Problems, did_you_mean, nearest, nearest_key};
use super::settings::Setting;

/// The merged tree while it is being read.
pub(super) struct Reader {
    tree: Map<String, Value>,
    /// A layer could not be read: what keys say together is not to be trusted.
    partial: bool,
    sections: Vec<&'static str>,
    keys: Vec<String>,
    settings: Vec<Setting>,
    problems: Problems,
}

impl Reader {
    /// Starts on a merged tree; `partial` when a layer of it could not be read.
    pub(super) fn new(tree: Map<String, Value>, partial: bool) -> Self {
        Self {
            tree,
            partial,
            sections: Vec::new(),
            keys: Vec::new(),
            settings: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// Declares a section.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        self.sections.push(name);
        Section { reader: self, name }
    }

    /// The settings in the order they were read, and everything that is wrong, unknown names last.
    pub(super) fn finish(mut self, layers: &Layers) -> (Vec<Setting>, Problems) {
        for mention in layers.mentions() {
            if let Some(line) = self.unknown(mention) {
                self.problems.push(line);
            }
        }
        (self.settings, self.problems)
    }

    fn unknown(&self, Mention { name, origin }: &Mention) -> Option<String> {
        match name {
            Name::Section(section) => {
                let section = section.as_str();
                if self.sections.contains(&section) {
                    return None;
                }
                let near = nearest(section, self.sections.iter().copied());
                let hint = did_you_mean(near.map(|near| format!("`{near}`")));
                Some(format!("{origin}: unknown section `{section}`{hint}"))
            }
            Name::Key(section, key) => {
                let known_section = self.sections.contains(&section.as_str());
                // In a file the heading is reported, once.
                if !known_section && !origin.is_text() {
                    return None;
                }
                self.unknown_key(&format!("{section}.{key}"), origin)
            }
            Name::Stray(path) if self.sections.contains(&path.as_str()) => Some(format!(
                "{origin}: `{path}` is not a section; expected `[{path}]` and its keys below"
            )),
            Name::Stray(path) => self.unknown_key(path, origin),
        }
    }

    fn unknown_key(&self, path: &str, origin: &Origin) -> Option<String> {
        if self.keys.iter().any(|key| key == path) {
            return None;
        }
        let near = nearest_key(path, self.keys.iter().map(String::as_str));
        Some(match origin {
            Origin::Variable(name) => {
                let hint = did_you_mean(near.map(variable_name));
                format!("unknown environment variable {name}{hint}")
            }
            Origin::Default | Origin::Derived(_) | Origin::File(_) | Origin::Flag(_) => {
                let hint = did_you_mean(near.map(|near| format!("`{near}`")));
                format!("{origin}: unknown key `{path}`{hint}")
            }
        })
    }
}

/// A section while its keys are being read; each method declares a key, its kind and its limits.
///
/// `None` means that a problem has been noted.
pub(super) struct Section<'r> {
    reader: &'r mut Reader,
    name: &'static str,
}

/// What a value becomes: its meaning, and how `check-config` prints it.
struct Understood<T> {
    meaning: T,
    printed: String,
}

impl Section<'_> {
    /// A whole number.
    pub(super) fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.whole(key, "a whole number", range)
    }

    /// A whole number of some unit, not negative.
    pub(super) fn count_of(
        &mut self,
        key: &str,
        unit: &str,
        range: RangeInclusive<i64>,
    ) -> Option<u64> {
        let number = self.whole(key, &format!("whole {unit}"), range)?;
        u64::try_from(number).ok()
    }

    fn whole(&mut self, key: &str, noun: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.read(key, |given| match given.integer() {
            Some(number) if range.contains(&number) => Ok(Understood {
                meaning: number,
                printed: number.to_string(),
            }),
            found => {
                let limits = format!("{} to {}", range.start(), range.end());
                let noun = match (found, noun) {
                    (Some(_), "a whole number") => String::new(),
                    _ => format!("{noun}, "),
                };
                let shown = given.shown_as_number();
                Err(format!("is {shown}; expected {noun}{limits}"))
            }
        })
    }

    /// A number, whole or not.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        self.read(key, |given| match given.number() {
            Some(number) if range.contains(&number) => Ok(Understood {
                meaning: number,
                printed: format!("{number:?}"),
            }),
            found => {
                let noun = if found.is_some() { "" } else { "a number, " };
                let (shown, low, high) = (given.shown_as_number(), range.start(), range.end());
                Err(format!("is {shown}; expected {noun}{low:?} to {high:?}"))
            }
        })
    }

    /// A text without control characters, at most `max` bytes.
    pub(super) fn text(&mut self, key: &str, max: usize) -> Option<String> {
        self.parsed(key, |text| {
            if text.len() > max {
                Err(format!("has {} bytes; expected at most {max}", text.len()))
            } else if let Some(c) = text.chars().find(|c| c.is_control()) {
                Err(format!("contains {c:?}; expected no control characters"))
            } else {
                Ok(text.to_owned())
            }
        })
    }

    /// A text that is never printed; empty counts as none.
    pub(super) fn secret(&mut self, key: &str) -> Option<String> {
        self.read(key, |given| match given.text() {
            Some(text) => Ok(Understood {
                meaning: text.to_owned(),
                printed: quoted(if text.is_empty() { "" } else { "***" }),
            }),
            None => Err("is not a text; expected one in quotes".to_owned()),
        })
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        self.read(key, |given| match given.boolean() {
            Some(answer) => Ok(Understood {
                meaning: answer,
                printed: answer.to_string(),
            }),
            None => Err(format!("is {}; expected true or false", given.shown())),
        })
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.read(key, |given| {
            let Some(text) = given.text() else {
                return Err(format!("is {}; expected a text in quotes", given.shown()));
            };
            match parse(text) {
                Ok(meaning) => Ok(Understood {
                    printed: quoted(text),
                    meaning,
                }),
                Err(error) => Err(format!("is {}: {error}", quoted(text))),
            }
        })
    }

    /// A list of texts, each understood by `parse`.
    pub(super) fn list<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        self.read(key, |given| {
            let Some(texts) = given.list() else {
                let shown = given.shown();
                return Err(format!(
                    "is {shown}; expected a list such as [\"a\", \"b\"]"
                ));
            };
            let all: Result<Vec<T>, String> = texts
                .iter()
                .map(|text| {
                    parse(text).map_err(|error| format!("has {}, which {error}", quoted(text)))
                })
                .collect();
            Ok(Understood {
                meaning: all?,
                printed: quoted_list(&texts),
            })
        })
    }

    /// A text that `parse` understands or a list of them, in free text as `split` takes it apart; shown in problems by way
    /// of `mask` and printed by way of `print`.
    pub(super) fn one_or_more<T, E: Display>(
        &mut self,
        key: &str,
        split: fn(&str) -> Vec<&str>,
        mask: fn(&str) -> String,
        print: fn(&T) -> String,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        self.read(key, |given| {
            let Some(texts) = given.one_or_more(split) else {
                // What stands in such a list may be secret.
                return Err(if given.is_list() {
                    "has an element that is no text; expected texts in quotes".to_owned()
                } else {
                    format!("is {}; expected a text in quotes", given.shown())
                });
            };
            let verb = if given.is_list() || texts.len() > 1 {
                "has"
            } else {
                "is"
            };
            let all: Result<Vec<T>, String> = texts
                .iter()
                .map(|text| {
                    parse(text).map_err(|error| format!("{verb} {}: {error}", quoted(&mask(text))))
                })
                .collect();
            let meaning = all?;
            let printed: Vec<String> = meaning.iter().map(print).collect();
            Ok(Understood {
                meaning,
                printed: match printed.as_slice() {
                    [one] => quoted(one),
                    more => quoted_list(more),
                },
            })
        })
    }

    /// One of a few words, each with what it means.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let name = self.one_of(key, &names)?;
        words
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, meaning)| *meaning)
    }

    /// One of the given names.
    pub(super) fn one_of(&mut self, key: &str, names: &[&str]) -> Option<String> {
        self.read(key, |given| match given.text() {
            Some(text) if names.contains(&text) => Ok(Understood {
                meaning: text.to_owned(),
                printed: quoted(text),
            }),
            text => {
                let near = nearest(text.unwrap_or_default(), names.iter().copied());
                let hint = did_you_mean(near.map(quoted));
                let allowed: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                let (shown, allowed) = (given.shown(), allowed.join(", "));
                Err(format!("is {shown}; expected one of {allowed}{hint}"))
            }
        })
    }

    /// The keys that stand in the section, sorted, each with its value; for keys that people name themselves.
    pub(super) fn entries(&self) -> Vec<(String, Value)> {
        let table = self.reader.tree.get(self.name);
        let mut entries: Vec<(String, Value)> = match table.map(|table| &table.kind) {
            Some(ValueKind::Table(table)) => table.clone().into_iter().collect(),
            Some(_) | None => Vec::new(),
        };
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries
    }

    /// Declares a key of [`entries`](Self::entries), with what `check-config` prints when nothing is wrong with it.
    pub(super) fn entry(&mut self, key: &str, origin: &Origin, printed: Option<String>) {
        let path = format!("{}.{key}", self.name);
        self.reader.keys.push(path.clone());
        if let Some(value) = printed {
            self.reader.settings.push(Setting {
                key: path,
                value,
                origin: origin.clone(),
            });
        }
    }

    /// Notes what was found within the section.
    pub(super) fn note(&mut self, lines: Vec<String>) {
        lines
            .into_iter()
            .for_each(|line| self.reader.problems.push(line));
    }

    /// Replaces what is printed for a key that was left empty by what it comes to.
    pub(super) fn derived(&mut self, key: &str, value: &str, from: &'static str) {
        let path = format!("{}.{key}", self.name);
        if let Some(setting) = self.reader.settings.iter_mut().find(|s| s.key == path) {
            setting.value = quoted(value);
            setting.origin = Origin::Derived(from);
        }
    }

    /// Notes that a key contradicts another; says nothing when a layer is missing.
    pub(super) fn refuse(&mut self, key: &str, what: &str) {
        if self.reader.partial {
            return;
        }
        let origin = match self.value(key) {
            Some(value) => Origin::of(value),
            None => Origin::Default,
        };
        let section = self.name;
        let line = format!("{origin}: `{section}.{key}` {what}");
        self.reader.problems.push(line);
    }

    fn value(&self, key: &str) -> Option<&Value> {
        if let ValueKind::Table(table) = &self.reader.tree.get(self.name)?.kind {
            table.get(key)
        } else {
            None
        }
    }

    fn read<T>(
        &mut self,
        key: &str,
        understand: impl FnOnce(&Given) -> Result<Understood<T>, String>,
    ) -> Option<T> {
        let path = format!("{}.{key}", self.name);
        self.reader.keys.push(path.clone());
        let Some(given) = self.value(key).map(Given::new) else {
            self.reader.problems.push(format!("`{path}` is missing"));
            return None;
        };
        match understand(&given) {
            Ok(Understood { meaning, printed }) => {
                self.reader.settings.push(Setting {
                    key: path,
                    value: printed,
                    origin: given.origin,
                });
                Some(meaning)
            }
            Err(what) => {
                let origin = given.origin;
                self.reader
                    .problems
                    .push(format!("{origin}: `{path}` {what}"));
                None
            }
        }
    }
}
