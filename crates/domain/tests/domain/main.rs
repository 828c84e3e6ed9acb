//! The domain's rules, seen through its public doors alone: a hub in memory, its sessions and their outboxes.
//!
//! Time stands still in most of these tests (tokio's is paused, the domain's clock is moved by hand). There, "a
//! moment passes" ([`client::settle`]) means that every task has done all that it can do without time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod client;
mod line;
mod slow_store;
mod world;

mod archive;
mod asking;
mod assistants;
mod backends;
mod chatting;
mod context;
mod draining;
mod durability;
mod embeddings;
mod history;
mod jobs;
mod knowledge;
mod limits;
mod moderation;
mod nodes;
mod own_turns;
mod people;
mod places;
mod properties;
mod resuming;
mod retiring;
mod rooms;
mod routing;
mod sending;
mod slow_readers;
mod stopping;
mod strangers;
mod streaming;
mod typing;
mod uploads;
