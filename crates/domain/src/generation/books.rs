//! The books' way to the store: each attempt has its line's place reserved before it begins, so that its end can always
//! be entered, also by a task that is dropped.

use crate::hub::Shared;
use crate::ports::AttemptRecord;
use crate::{ErrorCode, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// How many attempts may run or wait to be entered; then turns wait before they begin.
const LINES: usize = 16_384;
/// How many go to the store at once.
const BATCH: usize = 256;
/// How long a turn's end waits for its line.
const ENTRY: Duration = Duration::from_secs(5);
/// How long to wait after the store failed.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is tried once the server stops.
const LAST_TRIES: u32 = 3;

/// The way in.
pub(crate) struct Books {
    lines: mpsc::Sender<Entry>,
}

/// Where the lines come out.
pub(crate) struct Inbox(mpsc::Receiver<Entry>);

/// A line on its way, and who waits for it.
struct Entry {
    record: AttemptRecord,
    entered: Option<oneshot::Sender<()>>,
}

pub(crate) fn channel() -> (Books, Inbox) {
    let (lines, inbox) = mpsc::channel(LINES);
    (Books { lines }, Inbox(inbox))
}

/// The line of an attempt that runs. Dropping it enters it as it is.
pub(super) struct Line {
    record: AttemptRecord,
    place: Option<OwnedPermit<Entry>>,
    /// Whether a budget waits for it.
    limited: bool,
}

impl Books {
    /// Opens a line. Error: `AI_UNAVAILABLE`, the server stops.
    pub(super) async fn open(&self, record: AttemptRecord, limited: bool) -> Result<Line, Refusal> {
        let place = self.lines.clone().reserve_owned().await;
        let place = place.map_err(|_| Refusal::of(ErrorCode::AiUnavailable))?;
        Ok(Line { record, place: Some(place), limited })
    }
}

impl Line {
    /// What will be entered.
    pub(super) fn record(&mut self) -> &mut AttemptRecord {
        &mut self.record
    }

    /// There was no attempt.
    pub(super) fn void(mut self) {
        self.place = None;
    }

    /// Enters it; where a budget depends on it, returns once it is in the books, or the store is too slow.
    pub(super) async fn enter(mut self) {
        let (sender, entered) = oneshot::channel();
        let limited = self.limited;
        self.send(limited.then_some(sender));
        if limited && timeout(ENTRY, entered).await.is_err() {
            tracing::warn!("the books are slow: a turn's end does not wait for them any longer");
        }
    }

    fn send(&mut self, entered: Option<oneshot::Sender<()>>) {
        if let Some(place) = self.place.take() {
            place.send(Entry { record: self.record.clone(), entered });
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.send(None);
    }
}

/// Enters lines until the server stops and every attempt has ended.
pub(crate) async fn run(shared: Arc<Shared>, Inbox(mut inbox): Inbox) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = inbox.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = shared.stop.cancelled(), if !inbox.is_closed() => inbox.close(),
        }
        enter(&shared, &mut batch).await;
    }
}

/// Enters a batch, as often as it takes: it is what bills and budgets are made of.
async fn enter(shared: &Shared, batch: &mut Vec<Entry>) {
    if batch.is_empty() {
        return;
    }
    let records: Vec<_> = batch.iter().map(|entry| entry.record.clone()).collect();
    let mut tries = 0;
    while let Err(error) = shared.store.usage_settle(records.clone()).await {
        tracing::error!(%error, attempts = records.len(), "attempts could not be entered in the books");
        tries += 1;
        if shared.stop.is_cancelled() && tries >= LAST_TRIES {
            break;
        }
        sleep(PAUSE).await;
    }
    for entry in batch.drain(..) {
        // Who ended the turn may not wait any more.
        let _ = entry.entered.map(|entered| entered.send(()));
    }
}
