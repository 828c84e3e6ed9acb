//! What can go wrong: at opening, an [`OpenError`] for the operator; later, a [`StoreError`] for the domain.

use diesel::result::{DatabaseErrorKind, Error as Diesel};
use diesel_async::pooled_connection::PoolError;
use parlor_domain::ports::StoreError;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a database could not be opened. Its text is one clear line for the operator, and names no password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that we understand.
    #[error("the database address {0}")]
    Address(String),
    /// Another server has the SQLite file.
    #[error(
        "another Parlor server is using {}: stop it first, or give this one a database of its own",
        .0.display()
    )]
    InUse(PathBuf),
    /// It cannot be reached, read or written.
    #[error("cannot open the database {database}: {source}")]
    Unreachable {
        /// Which one: a path, or host and name.
        database: String,
        /// What the database or the system said.
        source: Cause,
    },
    /// Its tables could not be brought up to date.
    #[error("cannot bring the tables of {database} up to date: {source}")]
    Migration {
        /// Which one: a path, or host and name.
        database: String,
        /// What the database said.
        source: Cause,
    },
    /// What is in it may be encrypted with the key of this id, which was not given.
    #[error("the database was encrypted with the key {0:?}, which is not among the encryption keys")]
    KeyMissing(String),
    /// The key of this id is another than the one that the database was encrypted with.
    #[error(
        "the encryption key {0:?} is not the one that the database was encrypted with: give each key its own id"
    )]
    KeyDiffers(String),
    /// The database is encrypted, and what its fingerprints are keyed with is gone.
    #[error(
        "the database was encrypted, but its table encryption_secrets is empty: put that back from a copy; with a \
         new secret it would take what is sent again for new"
    )]
    SecretMissing,
    /// What the fingerprints are keyed with was not encrypted with the key of this id.
    #[error(
        "what the table encryption_secrets holds was not encrypted with the key {0:?}: it was changed; put it back \
         from a copy"
    )]
    SecretUnreadable(String),
}

/// The error behind another one.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl OpenError {
    pub(crate) fn unreachable(database: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Unreachable { database: database.into(), source: source.into() }
    }

    pub(crate) fn migration(database: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Migration { database: database.into(), source: source.into() }
    }
}

/// Why a query of ours did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The database refused or lost it.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    /// No connection could be had in time.
    #[error("no connection to the database: {0}")]
    Pool(#[from] bb8::RunError<PoolError>),
    /// The task that did it panicked, or its runtime ends.
    #[error("the task of the database broke off")]
    Task(#[from] tokio::task::JoinError),
    /// A row holds what no version of ours wrote.
    #[error("a row of {0} makes no sense")]
    Corrupt(&'static str),
    /// What a row holds is sealed with a key that we do not have.
    #[error("a row of {table} is encrypted with the key {key:?}, which is not among the encryption keys")]
    UnknownKey { table: &'static str, key: Box<str> },
    /// What a row holds was not sealed with its key, or not for this row.
    #[error("what a row of {0} holds was not encrypted for it: it was changed, or moved")]
    Unsealable(&'static str),
    /// No row holds as much.
    #[error("a text of {0} is too long to be encrypted")]
    TooLong(&'static str),
    /// There is nothing to encrypt with.
    #[error("no encryption keys are given")]
    NoKeys,
    /// Somebody reads what was overwritten, and so it cannot be removed.
    #[error("the write-ahead log is in use: what was overwritten may still stand in it; do it again")]
    Unclean,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The thread that did it panicked: whether it was done is not known.
    #[error("the writer broke off")]
    BrokeOff,
    /// There is one already.
    #[error("there is one already")]
    Exists,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the same may succeed in a moment, where nothing was changed: the connection broke, or another
    /// transaction was in the way.
    pub(crate) fn passes(&self) -> bool {
        let Self::Query(Diesel::DatabaseError(kind, information)) = self else { return false };
        let says = |words: &str| information.message().contains(words);
        match kind {
            DatabaseErrorKind::SerializationFailure
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ClosedConnection => true,
            // PostgreSQL's word for a deadlock, its word when somebody ends its process, and SQLite's for a file that
            // another process is writing: no kind of error tells them.
            DatabaseErrorKind::Unknown => {
                says("deadlock detected") || says("terminating connection") || says("is locked")
            }
            _ => false,
        }
    }

    /// The error as the domain gets it; `doing` says what was being done.
    pub(crate) fn while_doing(self, doing: &str) -> StoreError {
        StoreError { message: doing.to_owned(), source: Some(Arc::new(self)) }
    }
}
