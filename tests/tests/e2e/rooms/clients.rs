//! Programs as users write them, in Python and in JavaScript: they come back by themselves and miss nothing.

use parlor_tests::{PATIENCE, TestApp, tools};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Protects: a program in Python, with the library that most use.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_program_misses_nothing() {
    program_misses_nothing(tools::python(), "tests/python/rooms.py", "hello from Python").await;
}

/// Protects: a program in JavaScript, with the WebSocket that browsers have.
#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_program_misses_nothing() {
    program_misses_nothing(tools::node(), "tests/node/rooms.mjs", "hello from JavaScript").await;
}

async fn program_misses_nothing(interpreter: PathBuf, script: &str, hello: &str) {
    let mut app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    ann.enter("hall", "shared").await;
    let mut program = command(&app, &interpreter, &tools::root().join(script)).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut line = async || {
        let line = timeout(Duration::from_mins(1), lines.next_line()).await.expect("it goes on");
        line.unwrap().unwrap_or_else(|| panic!("{script} ended early"))
    };
    assert_eq!(line().await, "ready");
    assert_eq!(ann.until("chat").await["data"]["content"], hello);
    // The question names a model, so its answer is in the log too; what it thinks of `gpt-4` does not matter.
    let mut said: Vec<String> = (1..=3).map(|number| format!("before the crash {number}")).collect();
    for text in &said {
        ann.say("hall", text).await;
    }
    app.kill9();
    app.restart_in_place().await;
    let mut ann = app.rooms(&token).await;
    for number in 1..=5 {
        let text = format!("after the crash {number}");
        ann.say("hall", &text).await;
        said.push(text);
    }
    said.push("the end".to_owned());
    ann.say("hall", "the end").await;
    let mut heard = Vec::new();
    loop {
        let line = line().await;
        if line == "all is well" {
            break;
        }
        heard.push(line);
    }
    heard.retain(|text| text != hello);
    assert_eq!(heard, said);
    let status = timeout(PATIENCE, program.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
    ann.ask("history", json!({"room_id": "hall", "limit": 2})).await;
    ann.until("history").await;
}

fn command(app: &TestApp, interpreter: &Path, script: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command
        .arg(script)
        .current_dir(app.folder())
        .env("PARLOR_URL", format!("ws://{}/api/v1/ws/ws", app.address()))
        .env("PARLOR_TOKEN", app.token("bob@example.org"))
        .env("PARLOR_ROOM", "hall")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}
