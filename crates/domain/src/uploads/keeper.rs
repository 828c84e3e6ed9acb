//! Looks after files that nobody waits for: what was not finished, what waits for the scanner, what is to be removed. It
//! needs to know nothing of how they came there: their rows say it, so that a crash costs nothing but a moment.

use super::finishing::{Finisher, SCAN_AGAIN};
use crate::hub::Shared;
use crate::ports::{FileRecord, FileStatus, StoreError};
use crate::{ErrorCode, FileId};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many files are looked at in one go.
const BATCH: usize = 100;
/// How often is looked for bytes that no row knows of: only a crash in a moment of a few microseconds leaves any.
const ORPHANS: Duration = Duration::from_hours(1);

/// Files that wait, were told of, and are not here.
type Elsewhere = HashSet<FileId>;

/// Runs until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let Some(uploads) = &shared.uploads else { return };
    let mut every = tokio::time::interval(SCAN_AGAIN);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut orphans_at = Instant::now();
    let mut elsewhere = Elsewhere::new();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = every.tick() => {}
            () = uploads.garbage.notified() => {}
        }
        let looks_for_orphans = orphans_at <= Instant::now();
        if looks_for_orphans {
            orphans_at = Instant::now() + ORPHANS;
            elsewhere.clear();
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            looked = look_after(&shared, &mut elsewhere, looks_for_orphans) => {
                if let Err(error) = looked {
                    tracing::error!(%error, "files could not be looked after");
                }
            }
        }
    }
}

async fn look_after(
    shared: &Arc<Shared>,
    elsewhere: &mut Elsewhere,
    looks_for_orphans: bool,
) -> Result<(), StoreError> {
    let expired = shared.store.upload_expire(shared.clock.now()).await?;
    if expired > 0 {
        tracing::info!(expired, "uploads were not finished in time and are removed");
    }
    remove(shared).await?;
    go_on(shared, elsewhere, FileStatus::Clean).await?;
    go_on(shared, elsewhere, FileStatus::Pending).await?;
    if looks_for_orphans { remove_orphans(shared).await } else { Ok(()) }
}

/// Removes the bytes of deleted files, and then what was known of them.
async fn remove(shared: &Shared) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let due = shared.store.upload_due(FileStatus::Deleted, after, BATCH).await?;
        let Some(last) = due.last() else { return Ok(()) };
        after = Some(last.id);
        for FileRecord { id, .. } in due {
            match remove_bytes(shared, id).await {
                Ok(()) => shared.store.upload_forget(id).await?,
                Err(error) => tracing::warn!(file = %id, %error, "a file's bytes could not be removed yet"),
            }
        }
    }
}

async fn remove_bytes(shared: &Shared, file: FileId) -> Result<(), StoreError> {
    let Some(uploads) = &shared.uploads else { return Ok(()) };
    let _line = uploads.alone(file).await;
    uploads.ports.blobs.unstage(file).await?;
    uploads.ports.blobs.delete(file).await?;
    uploads.forget(file);
    Ok(())
}

/// Takes files further that are whole. Where the scanner does not answer, the others wait too; where it does and cannot
/// look at one of them, only that one waits.
async fn go_on(
    shared: &Arc<Shared>,
    elsewhere: &mut Elsewhere,
    status: FileStatus,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let due = shared.store.upload_due(status, after, BATCH).await?;
        let Some(last) = due.last() else { return Ok(()) };
        after = Some(last.id);
        for record in due {
            if !is_ours(shared, elsewhere, &record).await? {
                continue;
            }
            // What went wrong was logged where it did.
            let finished = shared.finish(None, record.id, None, Finisher::default()).await;
            let waits = finished.is_err_and(|refusal| refusal.code == ErrorCode::ScannerUnavailable);
            if waits && !scanner_answers(shared).await {
                return Ok(());
            }
        }
    }
}

async fn scanner_answers(shared: &Shared) -> bool {
    match shared.uploads.as_ref().and_then(|uploads| uploads.ports.scanner.as_ref()) {
        Some(scanner) => scanner.ping().await.is_ok(),
        None => true,
    }
}

/// Whether the bytes are here. What is staged on another machine is that one's, however long its scanner is away; whether
/// it is lost there, nobody here can know.
async fn is_ours(
    shared: &Shared,
    elsewhere: &mut Elsewhere,
    record: &FileRecord,
) -> Result<bool, StoreError> {
    let Some(uploads) = &shared.uploads else { return Ok(false) };
    if uploads.ports.blobs.staged(record.id).await?.is_some() || record.status == FileStatus::Clean {
        return Ok(true);
    }
    if record.expires_at < shared.clock.now() && elsewhere.insert(record.id) {
        tracing::warn!(file = %record.id, "a file waits for its scanner, and its bytes are not on this machine");
    }
    Ok(false)
}

/// Removes what is staged of files that are not there, or are past being staged.
async fn remove_orphans(shared: &Shared) -> Result<(), StoreError> {
    let Some(uploads) = &shared.uploads else { return Ok(()) };
    for file in uploads.ports.blobs.staged_list().await? {
        let _line = uploads.alone(file).await;
        if !shared.store.upload_get(file).await?.is_some_and(|record| is_staged(&record)) {
            tracing::info!(%file, "what was left of an upload is removed");
            uploads.ports.blobs.unstage(file).await?;
        }
        uploads.forget(file);
    }
    Ok(())
}

const fn is_staged(FileRecord { status, .. }: &FileRecord) -> bool {
    matches!(status, FileStatus::Uploading | FileStatus::Pending | FileStatus::Clean)
}
