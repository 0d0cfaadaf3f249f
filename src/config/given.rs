//! A value as it was given, before it has a meaning.

use config::{Value, ValueKind};

use super::origin::Origin;

/// The longest value repeated in a problem, in characters.
const SHOWN_MAX: usize = 80;

/// A value and where it comes from.
pub(super) struct Given {
    kind: ValueKind,
    /// Where it comes from.
    pub(super) origin: Origin,
}

impl Given {
    /// Takes a merged value.
    pub(super) fn new(value: &Value) -> Self {
        Self {
            kind: value.kind.clone(),
            origin: Origin::of(value),
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        as_text(&self.kind)
    }

    /// The whole number, if it is one; text counts where everything is text.
    pub(super) fn integer(&self) -> Option<i64> {
        if let ValueKind::I64(number) = self.kind {
            return Some(number);
        }
        self.free_text()?.parse().ok()
    }

    /// Yes or no, if it is one; `true` and `false` count where everything is text.
    pub(super) fn boolean(&self) -> Option<bool> {
        if let ValueKind::Boolean(answer) = self.kind {
            return Some(answer);
        }
        self.free_text()?.parse().ok()
    }

    /// The number, whole or not, if it is one; text counts where everything is text.
    pub(super) fn number(&self) -> Option<f64> {
        if let ValueKind::Float(number) = self.kind {
            return Some(number);
        }
        if let ValueKind::I64(number) = self.kind {
            return Some(number as f64);
        }
        self.free_text()?.parse().ok()
    }

    /// The texts of a list; where everything is text, its parts between commas.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        if let ValueKind::Array(values) = &self.kind {
            let texts = values.iter().map(|value| as_text(&value.kind));
            return texts.map(|text| text.map(str::to_owned)).collect();
        }
        let text = self.free_text()?;
        if text.is_empty() {
            return Some(Vec::new());
        }
        Some(text.split(',').map(|part| part.trim().to_owned()).collect())
    }

    /// A text, or a list of them; where everything is text, what `split` makes of it.
    pub(super) fn one_or_more(&self, split: fn(&str) -> Vec<&str>) -> Option<Vec<String>> {
        if let ValueKind::Array(_) = &self.kind {
            return self.list();
        }
        let texts = match self.free_text() {
            Some(text) => split(text),
            None => vec![self.text()?],
        };
        Some(texts.into_iter().map(str::to_owned).collect())
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.kind, ValueKind::Array(_))
    }

    /// The text of an origin where everything is text, without space around it.
    fn free_text(&self) -> Option<&str> {
        self.text().filter(|_| self.origin.is_text()).map(str::trim)
    }

    /// The value as a problem repeats it, in TOML's spelling, long ones cut.
    pub(super) fn shown(&self) -> String {
        let text = spelled(&self.kind);
        match text.char_indices().nth(SHOWN_MAX) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    /// Like [`shown`](Self::shown), but a number in text stands without quotes.
    pub(super) fn shown_as_number(&self) -> String {
        match (self.number(), self.free_text()) {
            (Some(_), Some(text)) => text.to_owned(),
            _ => self.shown(),
        }
    }
}

fn as_text(kind: &ValueKind) -> Option<&str> {
    if let ValueKind::String(text) = kind {
        Some(text)
    } else {
        None
    }
}

fn spelled(kind: &ValueKind) -> String {
    match kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Array(values) => {
            let all: Vec<String> = values.iter().map(|value| spelled(&value.kind)).collect();
            format!("[{}]", all.join(", "))
        }
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => kind.to_string(),
    }
}

/// The value as TOML writes it on one line; the keys of tables are sorted.
pub(super) fn inline(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Array(values) => {
            let all: Vec<String> = values.iter().map(|value| inline(&value.kind)).collect();
            format!("[{}]", all.join(", "))
        }
        ValueKind::Table(table) => {
            let mut all: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", spelled_key(key), inline(&value.kind)))
                .collect();
            all.sort();
            format!("{{ {} }}", all.join(", "))
        }
        ValueKind::Float(number) => format!("{number:?}"),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::String(_) => spelled(kind),
    }
}

/// A key as TOML spells it, in quotes where it needs them.
pub(super) fn spelled_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// The text as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 2);
    all.push('"');
    for c in text.chars() {
        match c {
            '"' => all.push_str("\\\""),
            '\\' => all.push_str("\\\\"),
            '\n' => all.push_str("\\n"),
            '\t' => all.push_str("\\t"),
            c if c.is_control() => all.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => all.push(c),
        }
    }
    all.push('"');
    all
}

/// The texts as an array of TOML.
pub(super) fn quoted_list(texts: &[String]) -> String {
    let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", all.join(", "))
}
