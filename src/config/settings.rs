//! What is in effect, for a person to read.

use std::fmt::Write as _;

use super::origin::Origin;

/// A key, its value in effect, and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Section and key, `mqtt.url`.
    pub key: String,
    /// The value in TOML's spelling; a secret that is set is `"***"`.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Writes settings as TOML, section by section, each line with its origin as a comment, aligned.
#[must_use]
pub fn render(settings: &[Setting]) -> String {
    let mut text = String::new();
    for section in settings.chunk_by(|a, b| split(a).0 == split(b).0) {
        let Some(first) = section.first() else {
            continue;
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[{}]\n", split(first).0));
        let widest = |length: fn(&Setting) -> usize| section.iter().map(length).max().unwrap_or(0);
        let keys = widest(|setting| split(setting).1.chars().count());
        let values = widest(|setting| setting.value.chars().count());
        for setting in section {
            let (key, value) = (split(setting).1, &setting.value);
            // A path may hold what ends a comment.
            let origin = setting.origin.to_string().replace(char::is_control, "?");
            // Writing to a `String` cannot fail.
            writeln!(text, "{key:keys$} = {value:values$}   # {origin}").unwrap_or_default();
        }
    }
    text
}

fn split(setting: &Setting) -> (&str, &str) {
    setting.key.split_once('.').unwrap_or(("", &setting.key))
}
