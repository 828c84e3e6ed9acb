//! The routes as a client meets them, without a socket in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod ai;
mod completions;
mod cors;
mod documents;
mod refusals;
mod rooms;
mod sessions;
mod world;
