//! What is wrong with a configuration, all of it.

use std::fmt;

/// How alike two names must be for one to be suggested for the other (Jaro-Winkler, 0 to 1).
///
/// 0.84: `interval` finds `interval_secs` and `hots` finds `host`; unrelated names stay below 0.7.
const ALIKE: f64 = 0.84;

/// Everything that is wrong with a configuration, one line each; never a secret's value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The problems, in the order of the keys.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn push(&mut self, line: String) {
        self.0.push(line);
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problems {}

/// The name most like `given`, if one is alike enough to be meant.
pub(super) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    most_alike(names.map(|name| (name, likeness(given, name))))
}

/// The key most like `given`; both are `section.key`, and a key of another section may be meant.
pub(super) fn nearest_key<'a>(given: &str, keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (section, name) = given.split_once('.').unwrap_or(("", given));
    most_alike(keys.map(|candidate| {
        let (of, key) = candidate.split_once('.').unwrap_or(("", candidate));
        // Of two keys spelled alike the one in the same section is meant.
        let here = if section.eq_ignore_ascii_case(of) {
            0.02
        } else {
            0.0
        };
        (candidate, likeness(name, key) + here)
    }))
}

fn most_alike<'a>(scored: impl Iterator<Item = (&'a str, f64)>) -> Option<&'a str> {
    scored
        .filter(|(_, score)| *score >= ALIKE)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(name, _)| name)
}

fn likeness(a: &str, b: &str) -> f64 {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let alike = strsim::jaro_winkler(&a, &b);
    // One slip of the finger is meant even in a short word, where the measure above is severe.
    if b.len() >= 3 && strsim::osa_distance(&a, &b) <= 1 {
        alike.max(0.9)
    } else {
        alike
    }
}

/// `; did you mean …?` around the suggestion, or nothing.
pub(super) fn did_you_mean(quoted: Option<String>) -> String {
    quoted.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = [
        "mqtt.url",
        "mqtt.password",
        "mqtt.keep_alive_secs",
        "telemetry.interval_secs",
        "light.load_interval_ms",
    ];

    #[test]
    fn near_spellings_find_the_key() {
        for (given, meant) in [
            ("mqtt.ulr", "mqtt.url"),
            ("mqtt.URL", "mqtt.url"),
            ("telemetry.interval", "telemetry.interval_secs"),
            ("password", "mqtt.password"),
            ("light.interval_secs", "telemetry.interval_secs"),
        ] {
            assert_eq!(nearest_key(given, KEYS.into_iter()), Some(meant), "{given}");
        }
    }

    #[test]
    fn unrelated_names_find_nothing() {
        assert_eq!(nearest_key("mqtt.colour", KEYS.into_iter()), None);
        assert_eq!(nearest("often", ["dark", "keep"].into_iter()), None);
    }
}
