//! What is found within a table, each with its key path.

use std::ops::RangeInclusive;

use config::{Map, Value};

use crate::config::given::{Given, spelled_key};
use crate::config::origin::Origin;
use crate::config::problems::{did_you_mean, nearest};

/// Everything that is wrong, one line each.
#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    /// Notes what is wrong at a key path.
    pub(super) fn at(&mut self, origin: &Origin, path: &str, what: &str) {
        self.0.push(format!("{origin}: `{path}` {what}"));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The lines, in the order in which they were found.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// The path of a key below another, in quotes where TOML needs them.
pub(super) fn key_path(path: &str, key: &str) -> String {
    format!("{path}.{}", spelled_key(key))
}

/// A table while its keys are being read.
pub(super) struct Fields<'t> {
    pub(super) origin: &'t Origin,
    /// Where the table stands.
    pub(super) path: String,
    pub(super) table: &'t Map<String, Value>,
    pub(super) findings: &'t mut Findings,
}

impl<'t> Fields<'t> {
    /// Notes each key that is none of these.
    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        let mut names: Vec<&String> = self.table.keys().collect();
        names.sort();
        for name in names
            .into_iter()
            .filter(|name| !known.contains(&name.as_str()))
        {
            let near = nearest(name, known.iter().copied());
            let hint = did_you_mean(near.map(|near| format!("`{}`", key_path(&self.path, near))));
            let (origin, path) = (self.origin, key_path(&self.path, name));
            self.findings
                .0
                .push(format!("{origin}: unknown key `{path}`{hint}"));
        }
    }

    /// The value of a key that has to be there; `None` has been noted.
    pub(super) fn required(&mut self, key: &str) -> Option<&'t Value> {
        let value = self.table.get(key);
        if value.is_none() {
            self.refuse(key, "is missing");
        }
        value
    }

    /// Notes what is wrong with a key.
    pub(super) fn refuse(&mut self, key: &str, what: &str) {
        self.findings
            .at(self.origin, &key_path(&self.path, key), what);
    }

    /// Reads a key; `None` when it is not there or a problem has been noted.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        understand: impl FnOnce(&Given) -> Result<T, String>,
    ) -> Option<T> {
        let understood = understand(&Given::new(self.table.get(key)?));
        understood.map_err(|what| self.refuse(key, &what)).ok()
    }

    /// Reads a whole number.
    pub(super) fn whole(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.read(key, |given| whole(given, &range))
    }

    /// Reads a number, whole or not.
    pub(super) fn number(&mut self, key: &str, range: &RangeInclusive<f64>) -> Option<f64> {
        self.read(key, |given| match given.number() {
            Some(number) if range.contains(&number) => Ok(number),
            found => {
                let noun = if found.is_some() { "" } else { "a number, " };
                let (shown, low, high) = (given.shown(), range.start(), range.end());
                Err(format!("is {shown}; expected {noun}{low:?} to {high:?}"))
            }
        })
    }
}

/// A whole number within limits, or what is wrong with it.
pub(super) fn whole(given: &Given, range: &RangeInclusive<i64>) -> Result<i64, String> {
    match given.integer() {
        Some(number) if range.contains(&number) => Ok(number),
        found => {
            let noun = if found.is_some() {
                ""
            } else {
                "a whole number, "
            };
            let (shown, low, high) = (given.shown(), range.start(), range.end());
            Err(format!("is {shown}; expected {noun}{low} to {high}"))
        }
    }
}
