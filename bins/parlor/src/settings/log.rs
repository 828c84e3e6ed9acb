//! How much is logged, and how.

use super::read::FromText;
use super::{Key, Problem, Values};
use tracing_subscriber::EnvFilter;

/// The settings of the log.
#[derive(Debug)]
pub(crate) struct Log {
    /// Directives that are known to be good.
    pub(crate) filter: Filter,
    pub(crate) format: Format,
}

impl Log {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        // Read although it has done its work: one that is neither true nor false is a mistake.
        let _: bool = values.get(Key::Debug)?;
        Ok(Self { filter: values.get(Key::LogLevel)?, format: values.get(Key::LogFormat)? })
    }
}

/// What `tracing_subscriber` takes as a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter(pub(crate) String);

impl FromText for Filter {
    fn from_text(text: &str) -> Option<Self> {
        let level = text.to_ascii_lowercase();
        match level.as_str() {
            "off" | "error" | "warn" | "info" => Some(Self(level)),
            // Of what we are built on, there is too much at these levels, and some of it is not for logs.
            "debug" | "trace" => Some(Self(format!("info,parlor={level}"))),
            _ => filter_is_good(text).then(|| Self(text.to_owned())),
        }
    }
}

/// A bare word would be taken for a module's name, so that a misspelt level would log nothing.
fn filter_is_good(filter: &str) -> bool {
    filter.contains('=') && EnvFilter::try_new(filter).is_ok()
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

impl FromText for Format {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_filter_is_taken_and_a_misspelt_level_is_not() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Filter::from_text(text).map(|filter| filter.0).as_deref(), expect);
        };
        check("info", Some("info"));
        check("WARN", Some("warn"));
        check("debug", Some("info,parlor=debug"));
        check("info,parlor_store=trace", Some("info,parlor_store=trace"));
        check("inof", None);
        check("parlor=loud", None);
    }
}
