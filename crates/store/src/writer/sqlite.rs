//! The writer on SQLite: one transaction after the other, each in one hop onto a blocking thread.

use super::group::{Group, Outcome};
use super::{ATTEMPTS, Counters, Inbox};
use crate::append;
use crate::cipher::Cipher;
use crate::error::Result;
use crate::pools::Lite;
use diesel::SqliteConnection;
use diesel_async::pooled_connection::bb8::Pool;
use std::sync::Arc;

/// Commits until no more calls can come.
pub(super) async fn run(mut inbox: Inbox, pool: Pool<Lite>, cipher: Cipher, counters: Arc<Counters>) {
    while let Some(group) = inbox.next_group().await {
        let mut connection = match pool.get().await {
            Ok(connection) => connection,
            Err(error) => {
                group.fail(error.into());
                continue;
            }
        };
        let (cipher, counters) = (cipher.clone(), counters.clone());
        // The callers are answered on that thread: waking this task first would only take time.
        let done = connection.spawn_blocking(move |connection| {
            commit(connection, &cipher, group, &counters);
            Ok(())
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "the writer's thread broke off");
        }
    }
}

/// Commits the group and answers it. Where the whole fails, each call is tried alone, so that what one of them has
/// done wrong does not fail the others.
fn commit(connection: &mut SqliteConnection, cipher: &Cipher, group: Group, counters: &Counters) {
    match attempt(connection, cipher, &group) {
        Ok(outcomes) => {
            counters.committed(group.size());
            group.answer(outcomes);
        }
        Err(error) => match group.split() {
            Ok(alone) => alone.for_each(|group| commit(connection, cipher, group, counters)),
            Err(group) => group.fail(error),
        },
    }
}

/// One transaction; again where another process was writing. (Each try waits up to `busy_timeout` by itself.)
fn attempt(connection: &mut SqliteConnection, cipher: &Cipher, group: &Group) -> Result<Vec<Outcome>> {
    let mut tries = 1;
    loop {
        let result = connection
            .immediate_transaction(|connection| append::sqlite::apply(connection, cipher, group.calls()));
        match result {
            Err(error) if tries < ATTEMPTS && error.passes() => tries += 1,
            other => return other,
        }
    }
}
