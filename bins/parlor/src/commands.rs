//! The commands beside `serve`: each does its work and ends.

pub(crate) mod config;
pub(crate) mod migrate;
pub(crate) mod token;
pub(crate) mod worker;

use crate::failure::Failure;
use std::io::Write;

/// Writes an answer to standard output.
fn answer(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::while_doing("cannot write to standard output", &error))
}
