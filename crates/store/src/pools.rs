//! The connections of either database, the keys that go with them, and how one query text serves both.

use crate::cipher::Cipher;
use crate::knowledge::pgvector::Pgvector;
use diesel::SqliteConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolError;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use std::sync::Arc;

/// A connection to an SQLite file; each query of it is done on a blocking thread.
pub(crate) type Lite = SyncConnectionWrapper<SqliteConnection>;

/// The connections to the database that was chosen at run time.
#[derive(Clone)]
pub(crate) enum Pools {
    Sqlite {
        /// The one connection that may write.
        write: Pool<Lite>,
        read: Pool<Lite>,
        cipher: Cipher,
    },
    Postgres {
        /// For the transactions of the log, so that no reader can keep them waiting.
        log: Pool<AsyncPgConnection>,
        /// For everything else.
        general: Pool<AsyncPgConnection>,
        /// The extension for vectors, where it is there.
        pgvector: Option<Arc<Pgvector>>,
        cipher: Cipher,
    },
}

impl Pools {
    /// The same connections with these keys.
    pub(crate) fn with(mut self, keys: Cipher) -> Self {
        let (Self::Sqlite { cipher, .. } | Self::Postgres { cipher, .. }) = &mut self;
        *cipher = keys;
        self
    }

    /// Whether PostgreSQL's extension for vectors is there.
    pub(crate) fn has_pgvector(&self) -> bool {
        matches!(self, Self::Postgres { pgvector: Some(_), .. })
    }

    /// What seals and opens what people write.
    pub(crate) fn cipher(&self) -> &Cipher {
        let (Self::Sqlite { cipher, .. } | Self::Postgres { cipher, .. }) = self;
        cipher
    }
}

/// `read!(pools, |conn| query)`: the body is written once and compiled for each kind of connection, so that it needs
/// no generic bounds. It may use `?`, and gives a [`Result`](crate::error::Result).
macro_rules! read {
    ($pools:expr, |$conn:ident| $body:expr) => {
        match $pools {
            $crate::pools::Pools::Sqlite { read, .. } => {
                let $conn = &mut *read.get().await?;
                $body
            }
            $crate::pools::Pools::Postgres { general, .. } => {
                let $conn = &mut *general.get().await?;
                $body
            }
        }
    };
}

/// `change!(pools, |conn| queries)`: the same, in one transaction on a connection that may write.
macro_rules! change {
    ($pools:expr, |$conn:ident| $body:expr) => {
        match $pools {
            $crate::pools::Pools::Sqlite { write, .. } => {
                let mut connection = write.get().await?;
                connection.immediate_transaction(async |$conn| -> $crate::error::Result<_> { $body }).await
            }
            $crate::pools::Pools::Postgres { general, .. } => {
                let mut connection = general.get().await?;
                connection.transaction(async |$conn| -> $crate::error::Result<_> { $body }).await
            }
        }
    };
}

pub(crate) use {change, read};

/// Logs why a connection could not be had: the pool itself tells its callers only that it took too long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogErrors;

impl bb8::ErrorSink<PoolError> for LogErrors {
    fn sink(&self, error: PoolError) {
        tracing::warn!(%error, "no connection to the database");
    }

    fn boxed_clone(&self) -> Box<dyn bb8::ErrorSink<PoolError>> {
        Box::new(*self)
    }
}
