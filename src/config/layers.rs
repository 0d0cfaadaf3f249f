//! The layers a configuration is made of, and how they are merged.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use config::{Config as Merged, ConfigError, FileFormat, Format, Map, Source, Value, ValueKind};

use super::origin::Origin;
use super::problems::Problems;
use super::{Override, Sources};

/// What starts the name of every environment variable of ours.
const PREFIX: &str = "PIGLOW_";

/// What stands between section and key in a variable's name.
const SEPARATOR: &str = "__";

/// The variables of an environment that may be ours, for [`Sources::environment`].
///
/// Takes `std::env::vars_os()`: `vars()` panics when any variable of the process is not Unicode.
pub fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(String, String)> {
    variables
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let ours = name.starts_with(PREFIX) && name.contains(SEPARATOR);
            ours.then(|| (name, value.to_string_lossy().into_owned()))
        })
        .collect()
}

/// The variable that sets a key, `PIGLOW_MQTT__URL` for `mqtt.url`.
pub(super) fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_uppercase())
}

/// A name as one layer spells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A heading, `[section]`.
    Section(String),
    /// A key in a section.
    Key(String, String),
    /// What stands outside any section, or too deep in one.
    Stray(String),
}

/// A name and where it stands.
#[derive(Clone)]
pub(super) struct Mention {
    pub(super) name: Name,
    pub(super) origin: Origin,
}

/// The values of one file, of the environment, or of the flags.
#[derive(Clone, Default)]
pub(super) struct Layer {
    /// Sections, each a table.
    sections: Map<String, Value>,
    /// Every name, also of what has no place in `sections`.
    mentions: Vec<Mention>,
}

impl Layer {
    /// Reads the text of a TOML file; an error says where and what was expected, and quotes nothing.
    pub(super) fn of_toml(text: &str, origin: &Origin) -> Result<Self, String> {
        let table = FileFormat::Toml
            .parse(Some(&origin.tag()), text)
            .map_err(|error| syntax_error(&error.to_string()))?;
        let mut names = Vec::new();
        let mut sections = Map::new();
        for (name, value) in table {
            if let ValueKind::Table(keys) = &value.kind {
                names.extend(keys.keys().map(|key| Name::Key(name.clone(), key.clone())));
                names.push(Name::Section(name.clone()));
                sections.insert(name, value);
            } else {
                names.push(Name::Stray(name));
            }
        }
        // The parser's table has no order of its own.
        names.sort();
        let mentions = names
            .into_iter()
            .map(|name| Mention {
                name,
                origin: origin.clone(),
            })
            .collect();
        Ok(Self { sections, mentions })
    }

    fn of_file(path: &Path, origin: &Origin) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("cannot read: {error}"))?;
        Self::of_toml(&text, origin)
    }

    fn of_environment(variables: &[(String, String)]) -> Self {
        let mut layer = Self::default();
        for (name, value) in variables {
            if let Some(rest) = name.strip_prefix(PREFIX)
                && rest.contains(SEPARATOR)
            {
                let path = rest.to_lowercase().replace(SEPARATOR, ".");
                layer.insert(path, value, Origin::Variable(name.clone()));
            }
        }
        layer
    }

    fn of_overrides(overrides: &[Override]) -> Self {
        let mut layer = Self::default();
        for Override { key, value, flag } in overrides {
            layer.insert(key.clone(), value, Origin::Flag(flag.clone()));
        }
        layer
    }

    fn insert(&mut self, path: String, text: &str, origin: Origin) {
        let name = match path.split_once('.') {
            Some((section, key))
                if !(section.is_empty() || key.is_empty() || key.contains('.')) =>
            {
                let table = self
                    .sections
                    .entry(section.to_owned())
                    .or_insert_with(|| Map::<String, Value>::new().into());
                if let ValueKind::Table(table) = &mut table.kind {
                    table.insert(key.to_owned(), Value::new(Some(&origin.tag()), text));
                }
                Name::Key(section.to_owned(), key.to_owned())
            }
            _ => Name::Stray(path),
        };
        self.mentions.push(Mention { name, origin });
    }
}

/// The place and the message of the TOML parser, without the line it quotes: that may hold a password.
fn syntax_error(text: &str) -> String {
    match text.strip_prefix("TOML parse error at ") {
        Some(report) => {
            let mut lines = report.lines();
            let place = lines.next().unwrap_or_default();
            let message: Vec<&str> = lines.skip(3).filter(|line| !line.is_empty()).collect();
            format!("{place}: {}", message.join("; "))
        }
        None => text.trim().to_owned(),
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.sections.clone())
    }
}

/// All layers, from the defaults up.
#[derive(Default)]
pub(super) struct Layers(Vec<Layer>);

impl Layers {
    /// Collects the layers; what cannot be read is left out and returned as a problem.
    pub(super) fn collect(defaults: &str, sources: &Sources<'_>) -> (Self, Problems) {
        let mut layers = Vec::new();
        let mut problems = Problems::default();
        let mut add = |origin: &Origin, layer: Result<Layer, String>| match layer {
            Ok(layer) => layers.push(layer),
            Err(problem) => problems.push(format!("{origin}: {problem}")),
        };
        add(&Origin::Default, Layer::of_toml(defaults, &Origin::Default));
        if let Some(path) = &sources.file {
            let origin = Origin::File(path.display().to_string());
            add(&origin, Layer::of_file(path, &origin));
        }
        layers.push(Layer::of_environment(&sources.environment));
        layers.push(Layer::of_overrides(&sources.overrides));
        (Self(layers), problems)
    }

    /// Every name in every layer, the layers from below.
    pub(super) fn mentions(&self) -> impl Iterator<Item = &Mention> {
        self.0.iter().flat_map(|layer| &layer.mentions)
    }

    /// One tree in which later layers have replaced the values of earlier ones.
    pub(super) fn merge(&self) -> Result<Map<String, Value>, ConfigError> {
        self.0
            .iter()
            .fold(Merged::builder(), |builder, layer| {
                builder.add_source(layer.clone())
            })
            .build()?
            .collect()
    }
}
