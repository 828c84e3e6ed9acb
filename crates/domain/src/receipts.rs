//! What clients have proved to have got, on its way to the store: in the background, so that no connection waits for it.

use crate::hub::Shared;
use crate::message::Seq;
use crate::ports::{Receipt, Write};
use crate::{ConversationId, UserId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many may wait. Beyond that they are dropped: what is not noted is only delivered once more.
const WAITING: usize = 4_096;
/// How many go to the store at once.
const BATCH: usize = 256;
/// How many that were written are remembered, so that a client which proves the same again (it resumes, and has missed
/// nothing) causes no write. Then they are forgotten.
const KNOWN: usize = 65_536;

/// The way in.
pub(crate) struct Receipts {
    waiting: mpsc::Sender<Receipt>,
    /// How far is surely written.
    known: Mutex<HashMap<(ConversationId, UserId), Seq>>,
}

/// Where they come out.
pub(crate) struct Inbox(mpsc::Receiver<Receipt>);

pub(crate) fn channel() -> (Receipts, Inbox) {
    let (waiting, receiver) = mpsc::channel(WAITING);
    (Receipts { waiting, known: Mutex::default() }, Inbox(receiver))
}

impl Receipts {
    /// Notes how far a user's clients have got, where that is news and there is room.
    pub(crate) fn note(&self, conversation: ConversationId, user: UserId, delivered: Seq) {
        let known = self.known.lock().get(&(conversation, user)).copied();
        if known.is_some_and(|known| known >= delivered) {
            return;
        }
        let receipt = Receipt { conversation, user, delivered, read: 0 };
        if self.waiting.try_send(receipt).is_err() {
            tracing::debug!("a receipt was dropped: the store is slow");
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.max_capacity() - self.waiting.capacity()
    }

    fn written(&self, receipts: &[Receipt]) {
        let mut known = self.known.lock();
        if known.len() + receipts.len() > KNOWN {
            known.clear();
        }
        for Receipt { conversation, user, delivered, .. } in receipts {
            let known = known.entry((*conversation, *user)).or_default();
            *known = (*known).max(*delivered);
        }
    }
}

/// Writes receipts until the server stops, and then those that wait.
pub(crate) async fn run(shared: Arc<Shared>, Inbox(mut receipts): Inbox) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = receipts.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = shared.stop.cancelled(), if !receipts.is_closed() => receipts.close(),
        }
        if batch.is_empty() {
            continue;
        }
        let writes = batch.iter().copied().map(Write::Receipt).collect();
        match shared.store.write(writes).await {
            Ok(_) => shared.receipts.written(&batch),
            Err(error) => tracing::warn!(%error, "receipts could not be written"),
        }
        batch.clear();
    }
}
