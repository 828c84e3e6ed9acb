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
    let said = run_readme("## Try it", "token").await;
    assert!(said.trim().len() > 10, "it shows a reply: {said:?}");
}

/// The same of one request and one reply: it ends with where the history is.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_question_is_answered() {
    let said = run_readme("### People and history", "ann").await;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..2], ["connected", "typing"], "{said}");
    assert!(lines.last().is_some_and(|id| id.len() == 36), "{said}");
}

/// Runs the client that stands under a heading of the README, which reads a token from `file`.
async fn run_readme(heading: &str, file: &str) -> String {
    let readme = std::fs::read_to_string(tools::root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once(heading).expect("the README has this heading");
    let (_, rest) = rest.split_once("```python\n").expect("the README has a client in Python");
    let (script, _) = rest.split_once("\n```").unwrap();
    let app = TestApp::start().await;
    // The README's commands put the token into this file.
    std::fs::write(app.folder().join(file), app.token("you@example.org") + "\n").unwrap();
    let file = app.folder().join("readme.py");
    // The one thing that a test must change: this server's port is not the usual one.
    assert!(script.contains("127.0.0.1:8000"), "the README's client connects to the default address");
    std::fs::write(&file, script.replace("127.0.0.1:8000", &app.address().to_string())).unwrap();
    run(&app, &file).await
}
