//! The real server, driven from outside. One test binary, so that it is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and reads best as one story"
)]

mod accounts;
mod assistants;
mod broker;
mod command_line;
mod completions;
mod crash;
mod credentials;
mod drain;
mod files;
mod flow;
mod jobs;
mod knowledge;
mod limits;
mod malformed;
mod moderation;
mod protocol_errors;
mod providers;
mod python;
mod resume;
mod rooms;
mod routing;
mod schema;
mod sending;
mod sessions;
mod slow_reader;
mod socketio;
mod story;
mod turns;
mod web;
