//! The `[[providers]]` tables of the file as text: the table of their fields, which the help is made from, and one
//! value a field.

use super::read::FromText;
use super::table::{ABOVE_ZERO, KEY, Secrecy};
use super::values::{Problem, plain};
use config::{Map, Value, ValueKind};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The key of the file under which the tables are.
pub(super) const NAME: &str = "providers";

/// One field that a table may have.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) secrecy: Secrecy,
    /// What a value looks like.
    pub(super) form: &'static str,
    /// What it is for.
    pub(super) meaning: &'static str,
}

const fn field(name: &'static str, secrecy: Secrecy, form: &'static str, meaning: &'static str) -> Field {
    Field { name, secrecy, form, meaning }
}

/// Every field there is, in the order in which they are shown.
pub(super) const FIELDS: &[Field] = {
    use Secrecy::{Open, Secret, Url};
    &[
        field("name", Open, "1 to 64 visible ASCII characters", "What logs and figures call it."),
        field("kind", Open, "openai, anthropic or gemini", "Whose API it speaks."),
        field("base_url", Url, "an http or https URL", "Where it is, if not at the makers of the API."),
        field("api_key", Secret, KEY, "What it is asked with."),
        field(
            "api_key_env",
            Open,
            "the name of an environment variable that is set",
            "Where the key is instead.",
        ),
        field("organization", Open, "an id of visible ASCII characters", "Whom OpenAI bills."),
        field("model", Open, "a model's name", "The model of turns that name none."),
        field(
            "models",
            Open,
            "a list of models such as gpt-4o, claude-*",
            "All that it serves; without it, any.",
        ),
        field(
            "images",
            Open,
            "a list of models such as llava*, *",
            "Those that look at images; without it, those that the kind is known for.",
        ),
        field("headers", Secret, "a table of HTTP headers", "What else it is sent with each request."),
        field("max_tokens", Open, ABOVE_ZERO, "How long a reply of it may be, in tokens."),
        field(
            "temperature",
            Open,
            "a number from 0 to 2",
            "How freely it speaks, where a turn does not say.",
        ),
        field(
            "prices",
            Open,
            "a list of prices such as gpt-4o=2.50/10",
            "As model_prices, which count after these.",
        ),
        field(
            "priority",
            Open,
            "a whole number",
            "Lower ones are asked first; without it, its place in the file.",
        ),
        field(
            "weight",
            Open,
            ABOVE_ZERO,
            "How many turns it gets beside others of its priority; without it, 1.",
        ),
        field("capacity", Open, ABOVE_ZERO, "How many turns it gets at once; without it, any number."),
    ]
};

/// One table.
#[derive(Debug)]
pub(super) struct ProviderTable {
    /// What a complaint calls it, say `providers[2]`: the second one.
    place: String,
    /// The file.
    pub(super) origin: String,
    fields: BTreeMap<&'static str, String>,
    pub(super) headers: BTreeMap<String, String>,
    /// What the variable holds that `api_key_env` names.
    variable: Option<OsString>,
}

/// Takes the tables out of a file's value. Error: there is something else in it.
pub(super) fn parse(
    value: Value,
    origin: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<ProviderTable>, Problem> {
    let wrong = || Problem(format!("{NAME} (from {origin}) is not a list of tables, each under [[{NAME}]]"));
    let ValueKind::Array(values) = value.kind else { return Err(wrong()) };
    let tables = values.into_iter().enumerate().map(|(index, value)| {
        let ValueKind::Table(fields) = value.kind else { return Err(wrong()) };
        ProviderTable::new(index + 1, fields, origin, environment)
    });
    tables.collect()
}

impl ProviderTable {
    fn new(
        number: usize,
        found: Map<String, Value>,
        origin: &str,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Problem> {
        let (place, origin) = (format!("{NAME}[{number}]"), origin.to_owned());
        let (fields, headers) = (BTreeMap::new(), BTreeMap::new());
        let mut table = Self { place, origin, fields, headers, variable: None };
        for (name, value) in found {
            table.take(&name, value)?;
        }
        table.variable = table.text("api_key_env").and_then(environment);
        Ok(table)
    }

    fn take(&mut self, name: &str, value: Value) -> Result<(), Problem> {
        let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
            let Self { place, origin, .. } = self;
            let hint = "`parlor serve --help` lists the fields of a provider";
            return Err(Problem(format!("unknown key {place}.{name} (from {origin}); {hint}")));
        };
        let wrong = |table: &Self| table.complaint(name, &format!("is not {}", field.form));
        match (field.name, value.kind) {
            ("headers", ValueKind::Table(headers)) => {
                for (header, value) in headers {
                    let value = plain(value.kind).ok_or_else(|| wrong(self))?;
                    self.headers.insert(header, value);
                }
            }
            ("headers", _) => return Err(wrong(self)),
            (name, kind) => {
                let text = plain(kind).ok_or_else(|| wrong(self))?;
                // As with a variable, nothing is how one is left out.
                if !text.is_empty() {
                    self.fields.insert(name, text);
                }
            }
        }
        Ok(())
    }

    /// A field's text.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// A field that must be there.
    pub(super) fn get<T: FromText>(&self, field: &str) -> Result<T, Problem> {
        self.find(field)?.ok_or_else(|| self.problem(field))
    }

    /// A field that may be left out.
    pub(super) fn find<T: FromText>(&self, field: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(field) else { return Ok(None) };
        T::from_text(text).map(Some).ok_or_else(|| self.problem(field))
    }

    /// The key, wherever it is.
    pub(super) fn api_key<T: FromText>(&self) -> Result<Option<T>, Problem> {
        if self.text("api_key_env").is_none() {
            return self.find("api_key");
        }
        if self.text("api_key").is_some() {
            return Err(self.complaint("api_key", "is there beside api_key_env: one of them is too many"));
        }
        let key = self.variable.as_ref().and_then(|variable| variable.to_str()).and_then(T::from_text);
        key.map(Some).ok_or_else(|| self.problem("api_key_env"))
    }

    /// That a field's value is not of its form. No secret is quoted.
    pub(super) fn problem(&self, name: &str) -> Problem {
        let Some(field) = FIELDS.iter().find(|field| field.name == name) else {
            return self.complaint(name, "is no field");
        };
        match self.text(name) {
            Some(text) if field.secrecy == Secrecy::Open => {
                let Self { place, origin, .. } = self;
                Problem(format!("{place}.{name} = {text:?} (from {origin}) is not {}", field.form))
            }
            None => self.complaint(name, &format!("is not set: it needs {}", field.form)),
            _ => self.complaint(name, &format!("is not {}", field.form)),
        }
    }

    /// Something that is wrong with a field.
    pub(super) fn complaint(&self, field: &str, what: &str) -> Problem {
        Problem(format!("{}.{field} (from {}) {what}", self.place, self.origin))
    }
}
