//! What every store must do: the same tests over the store in memory, an SQLite file, and a PostgreSQL server that the
//! tests start themselves. Below them, what only the databases can do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names, not code")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no readers of its docs, and no users")]

mod accounts;
mod assistants;
mod attached;
mod audit;
mod books;
mod books_at_once;
mod books_model;
mod changes;
mod codes;
mod concurrency;
mod counts;
mod credentials;
mod deleting;
mod desk;
mod documents;
mod encryption;
mod exchanges;
mod fingerprints;
mod grants;
mod identities;
mod jobs;
mod lists;
mod membership;
mod messages;
mod metadata;
mod migrations;
mod model;
mod opening;
mod people;
mod people_at_once;
mod plans;
mod postgres;
mod purging;
mod receipts;
mod recovery;
mod reports;
mod rooms;
mod search;
mod subject;
mod turns;
mod uploads;
mod write;
mod written_down;
