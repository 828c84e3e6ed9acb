//! A program as users write it, in Python.

use crate::python::run_with;
use parlor_tests::{TestApp, tools};

/// Protects: every part of the dialect as the library speaks it that most use, and clients that know nothing of what was
/// added to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_program_asks_and_is_answered() {
    let app = TestApp::builder().without_limits().start().await;
    let foreign = app.asker(&app.token("bob@example.org")).await.new_session("echo mine").await;
    let url = format!("ws://{}/chat/ws", app.address());
    let script = tools::root().join("tests/python/sessions.py");
    let said = run_with(&app, &script, &[], &[("PARLOR_URL", &url), ("PARLOR_FOREIGN", &foreign)]).await;
    assert!(said.trim_end().ends_with("all is well"), "{said}");
}
