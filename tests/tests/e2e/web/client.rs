//! The JavaScript client, alone, and what can be said of the page's modules without a browser.

use super::Program;
use parlor_tests::{TestApp, tools};
use tokio::process::Command;

/// Protects who uses the client from an editor that knows its types: they are right, strictly.
#[tokio::test(flavor = "multi_thread")]
async fn the_clients_types_are_right() {
    types_are_right("crates/web/assets/parlor-client").await;
}

/// Protects the pages' modules from names and fields that are not there.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_types_are_right() {
    types_are_right("crates/web").await;
}

async fn types_are_right(project: &str) {
    let checked = Command::new(tools::node())
        .arg(tools::node_package("typescript/bin/tsc"))
        .arg("--project")
        .arg(tools::root().join(project))
        .output()
        .await
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Protects who begins with the client: the example of its documentation works when pasted.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_client_works() {
    let app = TestApp::start().await;
    Program::start(&app, "documented", &[]).ends_well().await;
}

/// Protects readers from `undefined`: every word that a page asks for is there.
#[tokio::test(flavor = "multi_thread")]
async fn every_word_is_there() {
    let app = TestApp::start().await;
    Program::start(&app, "strings", &[]).ends_well().await;
}
