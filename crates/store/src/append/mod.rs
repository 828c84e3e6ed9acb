//! Writes into the log, inside a transaction: the rules of the log, once for each database.
//!
//! SQLite is a function call away, so [`sqlite`] goes through the writes one by one. PostgreSQL is a round trip away,
//! so [`postgres`] asks once for everything that the writes depend on, decides in memory, and sends what is to be
//! changed in one statement a table. One suite of tests holds both to the same answers.

mod files;
mod insert;
mod move_head;
mod people;
pub(crate) mod postgres;
mod row;
pub(crate) mod sqlite;
