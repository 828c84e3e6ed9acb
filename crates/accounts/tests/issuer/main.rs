//! Tokens of another issuer: which are good, whose they are, and how its keys come and go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod keys;
mod refusals;
mod users;
mod world;
