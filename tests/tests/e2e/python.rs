//! A client in another language: Python's `websockets`, and the README's own lines.

use parlor_tests::{TestApp, tools};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A script, ready to run against `app`.
pub(crate) fn command(app: &TestApp, script: &Path) -> Command {
    let mut command = Command::new(tools::python());
    command
        .arg(script)
        .current_dir(app.folder())
        .env("PARLOR_URL", format!("ws://{}/api/v1/chat/ws", app.address()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a script against `app` with a user's token; gives its output. Panics where it fails or does not end.
async fn run(app: &TestApp, script: &Path) -> String {
    run_with(app, script, &[], &[]).await
}

/// The same with arguments and more of an environment.
pub(crate) async fn run_with(
    app: &TestApp,
    script: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> String {
    let mut command = command(app, script);
    command.args(arguments).env("PARLOR_TOKEN", app.token("ann@example.org"));
    command.envs(environment.iter().copied());
    let output = timeout(Duration::from_mins(1), command.output()).await.expect("the script ends").unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{said}\n{complained}", script.display());
    said.into_owned()
}

/// Protects: every part of the dialect, as another library speaks it.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_speaks_the_dialect() {
    let app = TestApp::start().await;
    let said = run(&app, &tools::root().join("tests/python/conversation.py")).await;
    assert!(said.trim_end().ends_with("all is well"), "{said}");
}

/// Protects: what the README tells a newcomer to paste works when pasted.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_client_works() {
    let readme = std::fs::read_to_string(tools::root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```python\n").expect("the README has a client in Python");
    let (script, _) = rest.split_once("\n```").unwrap();
    let app = TestApp::start().await;
    // The README's second command puts the token into this file.
    std::fs::write(app.folder().join("token"), app.token("you@example.org") + "\n").unwrap();
    let file = app.folder().join("readme.py");
    // The one thing that a test must change: this server's port is not the usual one.
    assert!(script.contains("127.0.0.1:8000"), "the README's client connects to the default address");
    std::fs::write(&file, script.replace("127.0.0.1:8000", &app.address().to_string())).unwrap();
    let said = run(&app, &file).await;
    assert!(said.trim().len() > 10, "it shows a reply: {said:?}");
}
