//! The writer on PostgreSQL: a few transactions at once, each on a connection of its own.

use super::group::{Group, Outcome};
use super::{ATTEMPTS, Counters, Inbox};
use crate::append;
use crate::cipher::Cipher;
use crate::error::{Error, Result};
use diesel::result::{DatabaseErrorKind, Error as Diesel};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// The pause before a second try, doubled for each one after it.
const PAUSE: Duration = Duration::from_millis(5);

/// What a transaction of the log needs.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) pool: Pool<AsyncPgConnection>,
    pub(super) cipher: Cipher,
}

/// Commits until no more calls can come, up to `writers` groups at once.
pub(super) async fn run(
    mut inbox: Inbox,
    log: Log,
    counters: Arc<Counters>,
    writers: u32,
    tasks: TaskTracker,
) {
    let slots = Arc::new(Semaphore::new(writers as usize));
    // The slot comes first: while none is free the group grows.
    while let Ok(slot) = slots.clone().acquire_owned().await {
        let Some(group) = inbox.next_group().await else { break };
        let (log, counters) = (log.clone(), counters.clone());
        tasks.spawn(async move {
            commit(&log, group, &counters).await;
            drop(slot);
        });
    }
}

/// Commits the group and answers it. Where the whole was refused, each call is tried alone, so that what one of them
/// has done wrong does not fail the others.
async fn commit(log: &Log, group: Group, counters: &Counters) {
    let failure = match persist(log, &group).await {
        Ok(outcomes) => {
            counters.committed(group.size());
            return group.answer(outcomes);
        }
        Err(failure) => failure,
    };
    let Failure { error, undone } = failure;
    let alone = if undone { group.split() } else { Err(group) };
    let groups = match alone {
        Ok(groups) => groups,
        Err(group) => return group.fail(error),
    };
    for group in groups {
        match persist(log, &group).await {
            Ok(outcomes) => {
                counters.committed(group.size());
                group.answer(outcomes);
            }
            Err(failure) => group.fail(failure.error),
        }
    }
}

/// A transaction that was not seen to succeed.
struct Failure {
    error: Error,
    /// Whether it surely changed nothing. Only a connection that breaks during COMMIT leaves that open.
    undone: bool,
}

/// One transaction; again where the reason passes.
async fn persist(log: &Log, group: &Group) -> Result<Vec<Outcome>, Failure> {
    let mut tries = 1;
    loop {
        let failure = match attempt(log, group).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(failure) => failure,
        };
        if tries == ATTEMPTS || !failure.undone || !failure.error.passes() {
            return Err(failure);
        }
        tracing::warn!(error = %failure.error, tries, "a transaction of the log is tried again");
        tokio::time::sleep(PAUSE * 2_u32.pow(tries - 1)).await;
        tries += 1;
    }
}

async fn attempt(log: &Log, group: &Group) -> Result<Vec<Outcome>, Failure> {
    let undone = |error: Error| Failure { error, undone: true };
    let mut connection = log.pool.get().await.map_err(|error| undone(error.into()))?;
    let begun = AnsiTransactionManager::begin_transaction(&mut *connection).await;
    begun.map_err(|error| undone(error.into()))?;
    match append::postgres::apply(&mut connection, &log.cipher, group.calls()).await {
        Ok(outcomes) => match AnsiTransactionManager::commit_transaction(&mut *connection).await {
            Ok(()) => Ok(outcomes),
            Err(error) => {
                let undone =
                    matches!(error, Diesel::DatabaseError(DatabaseErrorKind::SerializationFailure, _));
                Err(Failure { error: error.into(), undone })
            }
        },
        Err(error) => {
            // Where even that fails the pool drops the connection, and the database the transaction.
            if let Err(error) = AnsiTransactionManager::rollback_transaction(&mut *connection).await {
                tracing::debug!(%error, broken = connection.is_broken(), "could not roll back");
            }
            Err(undone(error))
        }
    }
}
