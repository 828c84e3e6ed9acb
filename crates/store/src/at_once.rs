//! Whole changes on SQLite in one hop: a text that is written once for both databases, as one of futures, is done on a
//! blocking thread from its first query to its last. The one connection that may write is had for as long as the queries
//! take, and not for as long as it takes to go to another thread and back for each of them.

use crate::error::{Error, Result};
use crate::pools::Lite;
use diesel::prelude::*;
use diesel::query_builder::{AsQuery, AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::LoadQuery;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sqlite::Sqlite;
use diesel_async::pooled_connection::bb8::Pool;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Makes a change in one transaction.
pub(crate) async fn transaction<T, E>(
    pool: &Pool<Lite>,
    change: impl FnOnce(&mut SqliteConnection) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<diesel::result::Error> + From<Error> + Send + 'static,
{
    let mut connection = pool.get().await.map_err(Error::from)?;
    connection.spawn_blocking(move |connection| Ok(connection.immediate_transaction(change))).await?
}

/// The outcome of a future that waits for nothing but queries of [`RunQueryDsl`].
pub(crate) fn now<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        // It waits for something else: nothing would wake it here, and what it has begun is rolled back.
        Poll::Pending => Err(Error::BrokeOff),
    }
}

/// Diesel's own methods under the signatures of `diesel_async`: each is done when it is called.
pub(crate) trait RunQueryDsl: diesel::RunQueryDsl<SqliteConnection> + Sized {
    fn execute(self, connection: &mut SqliteConnection) -> Ready<QueryResult<usize>>
    where
        Kept<Self>: ExecuteDsl<SqliteConnection>,
    {
        ready(ExecuteDsl::execute(Kept(self), connection))
    }

    fn get_result<'query, U>(self, connection: &mut SqliteConnection) -> Ready<QueryResult<U>>
    where
        Self: AsQuery,
        Kept<Self::Query>: LoadQuery<'query, SqliteConnection, U>,
    {
        ready(diesel::RunQueryDsl::get_result(Kept(self.as_query()), connection))
    }

    /// The first row, without a limit in the query: rows come one by one here, and SQLite prepares a query anew whenever
    /// the limit that is bound to it may be another.
    fn first<'query, U>(self, connection: &mut SqliteConnection) -> Ready<QueryResult<U>>
    where
        Self: AsQuery,
        Kept<Self::Query>: LoadQuery<'query, SqliteConnection, U>,
    {
        RunQueryDsl::get_result(self, connection)
    }
}

impl<T: diesel::RunQueryDsl<SqliteConnection>> RunQueryDsl for T {}

/// A query whose text is one of few, so that it is worth to keep it prepared. Diesel does not keep changes and what has
/// SQL in it, since there the texts may be many.
pub(crate) struct Kept<Q>(Q);

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();
    /// It is found by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Kept<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> diesel::RunQueryDsl<SqliteConnection> for Kept<Q> {}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Kept<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Sqlite) -> QueryResult<bool> {
        Ok(true)
    }
}

/// `change_at_once!(pools, |conn| change)`: like `change!`, but one hop on SQLite. The body is moved to another thread
/// there, and may wait for nothing but methods of `conn` that are written for both kinds of connection.
macro_rules! change_at_once {
    ($pools:expr, |$conn:ident| $body:expr) => {
        match $pools {
            $crate::pools::Pools::Sqlite { write, .. } => {
                $crate::at_once::transaction(&write, move |$conn| $crate::at_once::now(async move { $body }))
                    .await
            }
            $crate::pools::Pools::Postgres { general, .. } => {
                let mut connection = general.get().await?;
                connection.transaction(async |$conn| -> $crate::error::Result<_> { $body }).await
            }
        }
    };
}

pub(crate) use change_at_once;
