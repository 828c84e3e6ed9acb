//! What happens, told on standard error: standard output is for answers.

use crate::settings::{Format, Log};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Begins to log. Only the first call counts.
pub(crate) fn start(settings: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&settings.filter.0))
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    // It fails where there is a log already, which then is as good.
    let _ = match settings.format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}
