//! The group commit: the one way into the log.
//!
//! Callers put their writes into a bounded channel. The writer takes what waits there and commits it in ONE
//! transaction; meanwhile the next callers queue up, and they are the next group. So groups grow with the load by
//! themselves: no timer holds anybody up, and one sync of the disk serves everybody who waited for it.
//!
//! A caller that goes away changes nothing: what it put into the channel is committed.

mod group;
mod postgres;
mod sqlite;

pub(crate) use self::group::{Call, Outcome};

use self::group::Group;
use crate::error::Error;
use crate::pools::Pools;
use parlor_domain::ports::{StoreError, Write, Written};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How many calls may wait for the writer. More callers than that wait for a place.
const WAITING_CALLS: usize = 1_024;

/// About how many writes go into one transaction: enough that its own cost no longer counts, few enough that nobody
/// waits long for the transaction before theirs.
const WRITES_A_GROUP: usize = 512;

/// How often a transaction that failed for a passing reason is tried.
const ATTEMPTS: u32 = 5;

/// What the writer has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Transactions of the log that were committed.
    pub transactions: u64,
    /// The writes in them, refused ones and duplicates too.
    pub writes: u64,
}

#[derive(Debug, Default)]
struct Counters {
    transactions: AtomicU64,
    writes: AtomicU64,
}

impl Counters {
    fn committed(&self, writes: usize) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes as u64, Ordering::Relaxed);
    }
}

/// The callers' side.
#[derive(Debug)]
pub(crate) struct Writer {
    calls: mpsc::Sender<Call>,
    stop: CancellationToken,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the task that commits, on `tasks`.
    pub(crate) fn start(pools: &Pools, writers: u32, tasks: &TaskTracker) -> Self {
        let (calls, waiting) = mpsc::channel(WAITING_CALLS);
        let (stop, counters) = (CancellationToken::new(), Arc::<Counters>::default());
        let inbox = Inbox { calls: waiting, stop: stop.clone() };
        match pools {
            Pools::Sqlite { write, cipher, .. } => {
                tasks.spawn(sqlite::run(inbox, write.clone(), cipher.clone(), counters.clone()));
            }
            Pools::Postgres { log, cipher, .. } => {
                let log = postgres::Log { pool: log.clone(), cipher: cipher.clone() };
                tasks.spawn(postgres::run(inbox, log, counters.clone(), writers.max(1), tasks.clone()));
            }
        }
        Self { calls, stop, counters }
    }

    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<Vec<Written>, StoreError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let failed = |error: Error| error.while_doing("write to the log");
        self.calls.send(Call { writes, answer }).await.map_err(|_| failed(Error::Closed))?;
        answered.await.unwrap_or_else(|_| Err(failed(Error::BrokeOff)))
    }

    /// Takes no more calls; those that wait are still committed.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
        }
    }
}

/// The writer's side of the channel.
#[derive(Debug)]
struct Inbox {
    calls: mpsc::Receiver<Call>,
    stop: CancellationToken,
}

impl Inbox {
    /// Waits for a call and takes with it those that wait already. None where no more will come.
    async fn next_group(&mut self) -> Option<Group> {
        let first = tokio::select! {
            first = self.calls.recv() => first?,
            () = self.stop.cancelled() => {
                self.calls.close();
                self.calls.recv().await?
            }
        };
        let mut group = Group::of(first);
        while group.size() < WRITES_A_GROUP {
            let Ok(call) = self.calls.try_recv() else { break };
            group.push(call);
        }
        Some(group)
    }
}
