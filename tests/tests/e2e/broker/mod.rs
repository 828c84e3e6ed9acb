//! The `broker` dialect, driven from outside: users on one side, AI workers on the other.

mod admission;
mod changes;
mod dialects;
mod drain;
mod entry;
mod examples;
mod failover;
mod figures;
mod limits;
mod refusals;
mod resume;
mod talking;
mod turns;
mod waiting;

use parlor_tests::{BrokerUser, TestApp, Worker};

/// A server with one worker that its test drives, and a user.
async fn with_worker() -> (TestApp, Worker, BrokerUser) {
    let app = TestApp::builder().workers().start().await;
    let worker = app.worker("canister-1").await;
    let ann = app.broker(&app.token("ann@example.org")).await;
    (app, worker, ann)
}
