//! `parlor rotate-keys`: encrypts everything with the current key, also what was there before there was any.

use super::{answer, audit};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::wiring;
use parlor_domain::ErrorCode;
use parlor_domain::ports::{AuditAction, AuditEntry, Clock, SystemClock};
use parlor_store::{Database, Rotated};
use std::time::{Duration, Instant};

/// How often is told how far it is.
const TELL: Duration = Duration::from_secs(5);

/// Prints how much was encrypted. Error: also where something is left, so that nobody takes the older keys away.
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    if settings.store.keyring.is_none() {
        let what =
            "encryption_key is not set: it needs the key to encrypt with, and behind it the one before";
        return Err(Failure::Configuration(what.to_owned()));
    }
    let store = wiring::store(settings, false).await?;
    let rotated = rotate(&store).await;
    store.close().await;
    let rotated = rotated?;
    answer(&said(rotated))?;
    match rotated.left {
        0 => Ok(()),
        left => Err(Failure::Runtime(format!(
            "{left} texts are not encrypted with the first key: they cannot be read, or a server still writes with \
             another first key; keep the older keys, and run this again"
        ))),
    }
}

/// It is in the audit log whatever became of it: what was done before a failure stays done.
async fn rotate(store: &Database) -> Result<Rotated, Failure> {
    let rotated = store.rotate_keys(progress()).await;
    let refused = rotated.is_err().then_some(ErrorCode::Internal);
    let subject = rotated.as_ref().ok().map(|it| sum(*it).to_string());
    let entry = AuditEntry::new(AuditAction::KeyRotate, SystemClock.now()).refused(refused);
    audit(store, AuditEntry { subject, ..entry }).await?;
    rotated.map_err(|error| Failure::while_doing("not everything was encrypted", &error))
}

/// Says now and then how far it is.
fn progress() -> impl FnMut(&Rotated) + Send {
    let mut told = Instant::now();
    move |rotated| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            tracing::info!(texts = sum(*rotated), "encrypting");
        }
    }
}

fn sum(rotated: Rotated) -> u64 {
    let Rotated {
        messages,
        attachments,
        titles,
        checkpoints,
        profiles,
        jobs,
        prompts,
        documents,
        file_names,
        left: _,
    } = rotated;
    messages + attachments + titles + checkpoints + profiles + jobs + prompts + documents + file_names
}

fn said(rotated: Rotated) -> String {
    let Rotated {
        messages,
        attachments,
        titles,
        checkpoints,
        profiles,
        jobs,
        prompts,
        documents,
        file_names,
        left,
    } = rotated;
    format!(
        "encrypted {messages} messages, {attachments} attachments, {titles} titles, {checkpoints} replies in the making, \
         {profiles} profiles, {jobs} texts of jobs, {prompts} instructions of assistants, {documents} texts of \
         documents and {file_names} names of files; {left} left\n"
    )
}
