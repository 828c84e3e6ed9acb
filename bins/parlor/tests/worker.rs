//! `parlor worker` as an operator and a server meet it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "a-service-key-of-24-bytes";

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it takes too long")
}

/// A folder to run in, with nothing in the environment but what a test puts there.
fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor"));
    command.arg("worker").args(arguments).env_clear().current_dir(folder.path());
    command
}

/// A running worker. It is killed if a test forgets it.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Running {
    fn start(mut command: Command) -> Self {
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn signal(&self) {
        let id = rustix::process::Pid::from_child(self.0.as_ref().unwrap());
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    async fn ended(mut self) -> Output {
        let child = self.0.take().unwrap();
        soon(tokio::task::spawn_blocking(|| child.wait_with_output())).await.unwrap().unwrap()
    }
}

/// What the worker connects to.
struct Server(WebSocketStream<TcpStream>);

impl Server {
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = soon(listener.accept()).await.unwrap();
        Self(soon(accept_async(stream)).await.unwrap())
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        match soon(self.0.next()).await.unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            Message::Close(frame) => json!({"type": "close", "code": frame.map(|it| u16::from(it.code))}),
            other => panic!("{other:?}"),
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn is_untouched(folder: &TempDir) -> bool {
    std::fs::read_dir(folder.path()).unwrap().next().is_none()
}

/// Protects operators: a worker that cannot work says so in one line, and does not try.
#[test]
fn without_a_key_or_a_url_it_does_not_begin() {
    let check = |arguments: &[&str], key: &str, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let output = command(&folder, arguments).env("AI_SERVICE_KEY", key).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.lines().last().unwrap().starts_with(expect), "{stderr}");
        assert!(!stderr.contains("hunter2") && is_untouched(&folder), "{stderr}");
    };
    let url = ["--url", "ws://127.0.0.1:1/ws"];
    check(&url, "", "parlor: ai_service_key is not set: ");
    check(&url, "hunter2", "parlor: ai_service_key (from environment variable AI_SERVICE_KEY) is not ");
    let flag = [url[0], url[1], "--service-key", "hunter2"];
    check(&flag, KEY, "parlor: ai_service_key (from flag --service-key) is not ");
    check(&["--url", "http://127.0.0.1/ws"], KEY, "parlor: this worker: the URL is not ");
}

/// Protects servers and operators from a worker that comes for ever with a key that is none.
#[tokio::test]
async fn a_wrong_key_is_exit_1() {
    let (listener, address) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ws://{address}/ws");
    let running = Running::start(command(&folder, &["--url", &url, "--service-key", KEY]));
    let mut server = Server::accept(&listener).await;
    assert_eq!(server.next().await["service_key"], KEY);
    server.send(json!({"type": "error", "code": "INVALID_SERVICE_KEY", "message": "no"})).await;
    let output = running.ended().await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.ends_with("parlor: the worker ended: the server does not know the service key\n"),
        "{stderr}"
    );
    assert!(!stderr.contains(KEY));
}

/// Protects the promise of a worker without anything installed: the demo's reply comes out of it, with no database and
/// no data folder, and a signal ends it well.
#[tokio::test]
async fn it_serves_the_demo_and_ends_well_when_asked() {
    let (listener, address) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ws://{address}/ws");
    let mut command = command(&folder, &["--url", &url, "--name", "laptop", "--capacity", "2"]);
    let running = Running::start({
        // The first of a list: the same as on a server where two are good.
        command.env("AI_SERVICE_KEY", format!("{KEY},another-key-0123456789abcdef"));
        command
    });
    let mut server = Server::accept(&listener).await;
    let expect = json!({"type": "ai_auth", "service_key": KEY, "canister_id": "laptop", "capacity": 2});
    assert_eq!(server.next().await, expect);
    let at = "2025-01-22T12:00:00.000Z";
    server
        .send(json!({"type": "ai_auth_success", "canister_id": "laptop", "status": "authenticated",
            "capabilities": [], "timestamp": at}))
        .await;
    assert_eq!(server.next().await["type"], "ai_status");
    let id = "0193a1b2-c3d4-7000-8000-000000000000";
    let piece = json!({"role": "user", "content": "echo good morning", "content_type": "text"});
    server
        .send(json!({"type": "process_message", "message_id": id, "thread_id": id, "user_id": id,
            "content": "echo good morning", "content_type": "text", "conversation_context": [piece],
            "timestamp": at, "priority": "normal", "response_id": id, "attempt": 1, "in_reply_to": id}))
        .await;
    let mut text = String::new();
    let response = loop {
        let frame = server.next().await;
        match frame["delta"].as_str() {
            Some(piece) => text.push_str(piece),
            None => break frame,
        }
    };
    assert_eq!(text, "good morning");
    assert_eq!((&response["type"], &response["model_used"]), (&json!("ai_response"), &json!("parlor-demo")));

    running.signal();
    assert_eq!(server.next().await["status"], "draining");
    assert_eq!(server.next().await, json!({"type": "close", "code": 1000}));
    drop(server);
    let output = running.ended().await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stdout.is_empty() && is_untouched(&folder), "{output:?}");
}
