//! The commands beside `serve`: each does its work and ends.

pub(crate) mod config;
pub(crate) mod import_users;
pub(crate) mod migrate;
pub(crate) mod rotate_keys;
pub(crate) mod token;
pub(crate) mod worker;

use crate::failure::Failure;
use parlor_domain::ports::{AuditEntry, AuditStore};
use std::io::Write;

/// Writes an answer to standard output.
fn answer(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::while_doing("cannot write to standard output", &error))
}

/// Writes down what was done.
async fn audit(store: &(impl AuditStore + ?Sized), entry: AuditEntry) -> Result<(), Failure> {
    let written = store.audit_append(vec![entry]).await;
    written.map_err(|error| Failure::while_doing("the audit log could not be written", &error))
}
