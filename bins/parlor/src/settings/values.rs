//! The settings as text, each with where it came from: layer upon layer, the later wins.

use super::provider_tables::{self, ProviderTable};
use super::read::FromText;
use super::table::{Entry, Fallback, Key, Secrecy, TABLE};
use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file that is read where none is named, in the data folder.
const FILE_NAME: &str = "parlor.toml";

/// The origin of what nobody gave.
pub(super) const DEFAULT: &str = "default";

/// What is wrong with the configuration: one line, which names the setting and never quotes a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Problem(pub(crate) String);

/// Where settings are taken from.
pub(crate) struct Sources<'a> {
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The flags that were given: which setting, as what flag, with which value.
    pub(crate) flags: Vec<(Key, &'static str, String)>,
}

/// One setting's text; none where it is unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) text: Option<String>,
    /// `default`, a file, a variable or a flag.
    pub(crate) origin: String,
}

/// All settings, and the providers of the file.
#[derive(Debug)]
pub(crate) struct Values {
    settings: Vec<Setting>,
    providers: Vec<ProviderTable>,
}

/// What one source has to say.
#[derive(Debug, Clone, Default)]
struct Layer(Map<String, Value>);

impl Layer {
    fn set(&mut self, name: &str, origin: &str, text: String) {
        // An empty variable is how many tools leave one out.
        if !text.is_empty() {
            self.0.insert(name.to_owned(), Value::new(Some(&origin.to_owned()), text));
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Values {
    /// Defaults, then the file, then the environment, then the flags.
    ///
    /// Errors: a named file that is not there, a file that is no TOML, a key that is no setting's, a value that is
    /// neither text nor number nor truth value. Whether values make sense is seen when they are read.
    pub(crate) fn collect(sources: &Sources<'_>) -> Result<Self, Problem> {
        let (environment, flags) = (environment(sources.environment)?, flags(&sources.flags));
        let layers = [defaults(), environment.clone(), flags.clone()];
        let found = file(sources, &Self::build(layers)?)?;
        let mut values = Self::build([defaults(), found.layer, environment, flags])?;
        values.providers = found.providers;
        values.derive();
        Ok(values)
    }

    fn build(layers: impl IntoIterator<Item = Layer>) -> Result<Self, Problem> {
        let mut builder = Config::builder();
        for layer in layers {
            builder = builder.add_source(layer);
        }
        let built = builder.build().and_then(|config| config.collect());
        let mut found = built.map_err(|error| Problem(one_line(&error.to_string())))?;
        let settings = TABLE.iter().map(|entry| Setting::from(found.remove(entry.name))).collect();
        Ok(Self { settings, providers: Vec::new() })
    }

    /// The defaults that depend on other settings.
    fn derive(&mut self) {
        let folder = self.text(Key::DataDir).unwrap_or_default();
        let folder = folder.to_owned();
        let database = format!("sqlite://{}/parlor.db", folder.trim_end_matches('/'));
        self.settings[Key::DatabaseUrl as usize].text.get_or_insert(database);
        let files = format!("{}/uploads", folder.trim_end_matches('/'));
        self.settings[Key::UploadDir as usize].text.get_or_insert(files);
        let level =
            if self.text(Key::Debug).and_then(bool::from_text) == Some(true) { "debug" } else { "info" };
        self.settings[Key::LogLevel as usize].text.get_or_insert(level.to_owned());
    }

    /// A setting's text.
    pub(crate) fn text(&self, key: Key) -> Option<&str> {
        self.settings[key as usize].text.as_deref()
    }

    /// Every setting, in the table's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Entry, &Setting)> {
        TABLE.iter().zip(&self.settings)
    }

    /// The providers of the file, in its order.
    pub(super) fn providers(&self) -> &[ProviderTable] {
        &self.providers
    }

    /// Something that is wrong with a setting beside its form.
    pub(crate) fn complaint(&self, key: Key, what: &str) -> Problem {
        let (name, origin) = (TABLE[key as usize].name, &self.settings[key as usize].origin);
        Problem(format!("{name} (from {origin}) {what}"))
    }

    /// That a setting's value is not of its form.
    pub(crate) fn problem(&self, key: Key) -> Problem {
        let entry = &TABLE[key as usize];
        let Setting { text, origin } = &self.settings[key as usize];
        let (name, form) = (entry.name, entry.form);
        Problem(match text {
            None => format!("{name} is not set: it needs {form}"),
            Some(text) if entry.secrecy == Secrecy::Open => {
                format!("{name} = {text:?} (from {origin}) is not {form}")
            }
            Some(_) => format!("{name} (from {origin}) is not {form}"),
        })
    }
}

impl From<Option<Value>> for Setting {
    fn from(value: Option<Value>) -> Self {
        let origin = value.as_ref().and_then(Value::origin).unwrap_or(DEFAULT).to_owned();
        Self { text: value.and_then(|value| value.into_string().ok()), origin }
    }
}

fn defaults() -> Layer {
    let mut layer = Layer::default();
    for entry in TABLE {
        if let Fallback::Is(text) = entry.default {
            layer.set(entry.name, DEFAULT, text.to_owned());
        }
    }
    layer
}

fn environment(read: &dyn Fn(&str) -> Option<OsString>) -> Result<Layer, Problem> {
    let mut layer = Layer::default();
    for entry in TABLE {
        let variable = entry.variable();
        let Some(value) = read(&variable) else { continue };
        let text = value.into_string().map_err(|_| {
            Problem(format!("{} (from environment variable {variable}) is not UTF-8", entry.name))
        })?;
        layer.set(entry.name, &format!("environment variable {variable}"), text);
    }
    Ok(layer)
}

fn flags(flags: &[(Key, &'static str, String)]) -> Layer {
    let mut layer = Layer::default();
    for (key, flag, text) in flags {
        layer.set(TABLE[*key as usize].name, &format!("flag {flag}"), text.clone());
    }
    layer
}

/// What a file has to say.
#[derive(Default)]
struct Found {
    layer: Layer,
    providers: Vec<ProviderTable>,
}

/// The named file, or the one in the data folder that the other layers name, if it is there.
fn file(sources: &Sources<'_>, others: &Values) -> Result<Found, Problem> {
    let folder = Path::new(others.text(Key::DataDir).unwrap_or_default());
    let path = sources.file.clone().unwrap_or_else(|| folder.join(FILE_NAME));
    match std::fs::read_to_string(&path) {
        Err(error) if sources.file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Found::default())
        }
        Err(error) => Err(Problem(format!("{} cannot be read: {error}", path.display()))),
        Ok(text) => parse(&text, &path, sources.environment),
    }
}

fn parse(text: &str, path: &Path, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Found, Problem> {
    let origin = path.display().to_string();
    let wrong = |what: &str| Problem(format!("{origin}: {what}"));
    let values = File::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| wrong(&one_line(&error.to_string())))?;
    let mut found = Found::default();
    for (name, value) in values {
        if name == provider_tables::NAME {
            found.providers = provider_tables::parse(value, &origin, environment)?;
            continue;
        }
        let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else {
            return Err(wrong(&format!("unknown key {name:?}; `parlor serve --help` lists the settings")));
        };
        let text = plain(value.kind).ok_or_else(|| wrong(&format!("{name} is not {}", entry.form)))?;
        found.layer.set(entry.name, &origin, text);
    }
    Ok(found)
}

/// A value as a variable would have it; an array as a list. None for a table, or for an array of more than texts.
pub(super) fn plain(kind: ValueKind) -> Option<String> {
    match kind {
        ValueKind::Table(_) | ValueKind::Nil => None,
        ValueKind::Array(values) => {
            let texts: Option<Vec<String>> = values
                .into_iter()
                .map(|value| match value.kind {
                    ValueKind::String(text) => Some(text),
                    _ => None,
                })
                .collect();
            texts.map(|texts| texts.join(","))
        }
        single => Some(single.to_string()),
    }
}

/// A message of several lines on one: its place and its reason, without the picture of the line, which may hold
/// a secret.
fn one_line(message: &str) -> String {
    let is_picture = |line: &&str| line.contains('|');
    message.lines().filter(|line| !is_picture(line)).map(str::trim).collect::<Vec<_>>().join(": ")
}
