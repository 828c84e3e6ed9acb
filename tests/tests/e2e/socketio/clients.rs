//! The clients that people have: `socket.io-client` and `python-socketio`, by polling, by WebSocket, and from the one to
//! the other.

use parlor_tests::{FakeProvider, TestApp, tools};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// Runs a program against a server whose replies take a second; it says by itself what is wrong.
async fn program_is_satisfied(interpreter: PathBuf, script: &str, transports: &str) {
    let provider = FakeProvider::start_as("words-20-50").await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "m").start().await;
    let modules = tools::node().parent().unwrap().join("node_modules");
    let mut command = Command::new(interpreter);
    command
        .arg(tools::root().join(script))
        .current_dir(app.folder())
        .env("PARLOR_URL", format!("http://{}", app.address()))
        .env("PARLOR_TOKEN", app.token("ann@example.org"))
        .env("PARLOR_TRANSPORTS", transports)
        .env("PARLOR_MODULES", modules)
        .env("PARLOR_REPLY", parlor_tests::provider::words(20))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(Duration::from_mins(1), command.output()).await.expect("the script ends").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {transports}:\n{said}\n{complained}\n{}", app.log());
    assert!(said.trim_end().ends_with("all is well"), "{said}");
}

/// Protects: a page whose socket is used as the guide for this namespace shows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_works_by_every_transport() {
    for transports in ["polling,websocket", "polling", "websocket"] {
        program_is_satisfied(tools::node(), "tests/node/ai_page.mjs", transports).await;
    }
}

/// Protects: all that the namespace promises, as `socket.io-client` meets it.
#[tokio::test(flavor = "multi_thread")]
async fn socket_io_client_is_served() {
    for transports in ["polling", "websocket"] {
        program_is_satisfied(tools::node(), "tests/node/socketio.mjs", transports).await;
    }
}

/// Protects: the same as `python-socketio` meets it.
#[tokio::test(flavor = "multi_thread")]
async fn python_socketio_is_served() {
    for transports in ["polling", "websocket"] {
        program_is_satisfied(tools::python(), "tests/python/socketio_client.py", transports).await;
    }
}
