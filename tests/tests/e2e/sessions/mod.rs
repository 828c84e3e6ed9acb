//! The `sessions` dialect and what it leaves: history, search, exports, and how it is kept.

mod clients;
mod encryption;
mod export;
mod history;
mod profile;
mod search;
mod talking;

use parlor_tests::{Postgres, TestApp, TestAppBuilder};

/// A server that keeps everything in `postgres`.
fn on(postgres: &Postgres) -> TestAppBuilder {
    TestApp::builder().env("DATABASE_URL", postgres.url())
}
