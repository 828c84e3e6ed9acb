//! What a template can do with values. A filter that makes a text counts it, so that no chain of them, and no loop around
//! one, is more work than a limit.

use super::{Bounded, TEXT_MAX};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, filters, tests};
use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The names that are allowed.
pub(super) const FILTERS: [&str; 12] = [
    "default",
    "d",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "length",
    "first",
    "last",
    "join",
    "tojson",
];
/// How much text all filters together may be given while a template is filled in, in bytes.
const WORK_MAX: usize = 1024 * 1024;

/// Gives an environment what is allowed.
pub(super) fn add_to(environment: &mut Environment<'_>) {
    let work = Work::default();
    add_texts(environment, &work);
    let counted = work.clone();
    environment.add_filter("length", move |value: &Value| {
        counted.count(value.as_str().map_or(0, str::len))?;
        filters::length(value)
    });
    let counted = work.clone();
    environment.add_filter("join", move |list: &Value, between: Option<&str>| {
        counted.counted(join(list, between.unwrap_or_default())?)
    });
    environment.add_filter("tojson", move |value: &Value| work.counted(json(value)?));
    environment.add_filter("default", filters::default);
    environment.add_filter("d", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
    environment.add_test("string", tests::is_string);
    environment.add_test("number", tests::is_number);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
}

type Filter = fn(&str) -> String;

/// Those that make a text of another one.
fn add_texts(environment: &mut Environment<'_>, work: &Work) {
    let texts: [(&'static str, Filter); 5] = [
        ("upper", str::to_uppercase),
        ("lower", str::to_lowercase),
        ("title", |text| filters::title(Cow::Borrowed(text))),
        ("capitalize", capitalize),
        ("trim", |text| text.trim().to_owned()),
    ];
    for (name, filter) in texts {
        let work = work.clone();
        environment.add_filter(name, move |value: &Value| work.text(value).map(|text| filter(&text)));
    }
}

/// How much was done while one template is filled in.
#[derive(Debug, Clone, Default)]
struct Work(Arc<AtomicUsize>);

impl Work {
    fn count(&self, bytes: usize) -> Result<(), Error> {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > WORK_MAX { Err(Error::from(ErrorKind::OutOfFuel)) } else { Ok(()) }
    }

    fn counted(&self, text: String) -> Result<String, Error> {
        self.count(text.len())?;
        Ok(text)
    }

    /// A value as a text.
    fn text(&self, value: &Value) -> Result<String, Error> {
        let mut text = Bounded::default();
        put(&mut text, value)?;
        self.counted(told(text)?)
    }
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase()
    })
}

/// The pieces of a list with `between` between them.
fn join(list: &Value, between: &str) -> Result<String, Error> {
    let mut text = Bounded::default();
    if list.is_undefined() || list.is_none() {
        return Ok(String::new());
    }
    for (piece, place) in list.try_iter()?.zip(0..) {
        if place > 0 {
            text.write_all(between.as_bytes()).map_err(|_| too_long())?;
        }
        put(&mut text, &piece)?;
    }
    told(text)
}

fn json(value: &Value) -> Result<String, Error> {
    let mut text = Bounded::default();
    serde_json::to_writer(&mut text, value).map_err(|error| {
        if error.is_io() {
            too_long()
        } else {
            Error::new(ErrorKind::BadSerialization, "it cannot be written as JSON")
        }
    })?;
    told(text)
}

fn put(text: &mut Bounded, value: &Value) -> Result<(), Error> {
    let written = match value.as_str() {
        Some(piece) => text.write_all(piece.as_bytes()),
        None => write!(text, "{value}"),
    };
    written.map_err(|_| too_long())
}

fn told(text: Bounded) -> Result<String, Error> {
    text.into_text().map_err(|_| Error::new(ErrorKind::BadSerialization, "it is no UTF-8"))
}

/// What is written beyond `TEXT_MAX` bytes.
fn too_long() -> Error {
    Error::new(ErrorKind::WriteFailure, format!("a text is longer than {TEXT_MAX} bytes"))
}
