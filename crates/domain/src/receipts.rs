//! What clients have proved to have got, on its way to the store: in the background, so that no connection waits for it.

use crate::hub::Shared;
use crate::ports::{Receipt, Write};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many may wait. Beyond that they are dropped: what is not noted is only delivered once more.
const WAITING: usize = 4_096;
/// How many go to the store at once.
const BATCH: usize = 256;

/// The way in.
pub(crate) struct Receipts(mpsc::Sender<Receipt>);

/// Where they come out.
pub(crate) struct Inbox(mpsc::Receiver<Receipt>);

pub(crate) fn channel() -> (Receipts, Inbox) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Receipts(sender), Inbox(receiver))
}

impl Receipts {
    /// Notes one, if there is room.
    pub(crate) fn note(&self, receipt: Receipt) {
        if self.0.try_send(receipt).is_err() {
            tracing::debug!("a receipt was dropped: the store is slow");
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
        let writes = batch.drain(..).map(Write::Receipt).collect();
        if let Err(error) = shared.store.write(writes).await {
            tracing::warn!(%error, "receipts could not be written");
        }
    }
}
