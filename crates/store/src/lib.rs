//! The log on disk: the domain's [`Store`](parlor_domain::ports::Store) on SQLite and PostgreSQL, one of which is
//! chosen by its URL at run time. No other crate of Parlor knows SQL.
//!
//! Where it stands in a message's way: the conversation's task hands its writes to [`Database`]; the writer commits
//! those of many conversations in one transaction (a group commit, with no timer), and answers when they are on disk.
//! Only then is anything confirmed or broadcast.
//!
//! - `writer`: the group commit.
//! - `append`: the rules of the log inside a transaction, once for each database.
//! - `users`, `conversations`, `members`, `rooms`, `messages`, `turns`, `state`: everything else, one file an aggregate,
//!   one query text for both databases.
//! - `credentials`, `codes`, `refresh`, `grants`, `identities`, `counts`, `sweep`: how people sign in, and what is forgotten
//!   of it in time. Only hashes get here.
//! - `assistants`: models with instructions, under a name.
//! - `audit`: who did what of consequence; the schema itself lets it only grow.
//! - `locks`: how a transaction has for itself what has no row yet.
//! - `archive`: conversations as their participants find them afterwards: lists, search, exports, and their end.
//! - `uploads`: files, as far as they are rows: their bytes are elsewhere.
//! - `usage`: the books: what attempts at turns have used, and what is set aside for them.
//! - `jobs`: the queue of what is done in the background.
//! - `knowledge`: documents, their passages and vectors, and how the nearest are found.
//! - `cipher`: encryption at rest: what people write is sealed on its way into a table, and opened on its way out.
//! - `rotate`: encrypting anew what is plain or under another key.
//! - `at_once`: whole changes on SQLite in one hop onto a blocking thread.
//! - `sqlite`, `postgres`: opening, locks, migrations, connections.
//!
//! ```
//! use parlor_domain::Timestamp;
//! use parlor_domain::ports::{Role, Store};
//! use parlor_store::{Database, Options};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("parlor.db");
//! let url = format!("sqlite://{}", path.display());
//! let database = Database::open(&url, &Options::default()).await?;
//!
//! let ann = database.user_ensure("Ann@example.org", Some(Role::User), Timestamp::from_microsecond(0)).await?;
//! assert_eq!(ann.email, "ann@example.org");
//! assert_eq!(database.user_get(ann.id).await?, Some(ann));
//!
//! database.close().await;
//! # Ok(())
//! # }
//! ```

#![allow(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names, not code")]

mod append;
mod archive;
mod assistants;
mod at_once;
mod attached;
mod audit;
mod bulk;
mod cipher;
mod codes;
mod conversations;
mod counts;
mod credentials;
mod database;
mod error;
mod grants;
mod identities;
mod jobs;
mod knowledge;
mod locks;
mod members;
mod messages;
mod metadata;
mod options;
mod pools;
mod postgres;
mod reactions;
mod refresh;
mod rooms;
mod rotate;
mod schema;
mod sqlite;
mod state;
mod sweep;
mod turns;
mod types;
mod uploads;
mod usage;
mod users;
mod writer;

pub use self::cipher::{Keyring, KeyringError};
pub use self::database::Database;
pub use self::error::{Cause, OpenError};
pub use self::options::Options;
pub use self::rotate::Rotated;
pub use self::writer::Figures;
