//! Workers' connections, beside users who speak the `broker` dialect.

use super::{Client, PATIENCE, World};
use fastwebsockets::OpCode;
use parlor_domain::testing::TestHub;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// A heartbeat that no test waits for.
const CALM: Duration = Duration::from_secs(30);

fn auth(key: &str) -> Value {
    json!({"type": "ai_auth", "service_key": key, "canister_id": "canister-1"})
}

impl World {
    async fn worker(&self) -> Client {
        let mut worker = self.open("/ws").await;
        worker.say(auth(TestHub::SERVICE_KEY)).await;
        let welcome = worker.any().await;
        assert_eq!(
            (&welcome["type"], &welcome["status"]),
            (&json!("ai_auth_success"), &json!("authenticated"))
        );
        worker
    }

    async fn ann(&self) -> Client {
        let (ann, greeting) = self.user("ann@example.org", "/ws", "").await;
        assert_eq!(greeting["type"], "auth_success");
        ann
    }
}

impl Client {
    /// Sends a message into a new thread. Its acknowledgement.
    async fn ask(&mut self, content: &str) -> Value {
        self.say(json!({"type": "send_message", "thread_id": null, "content": content})).await;
        self.next("message_ack").await
    }
}

fn response(task: &Value, content: &str) -> Value {
    json!({"type": "ai_response", "message_id": task["message_id"], "response_content": content})
}

/// The whole road: what a user asks reaches a worker with its context, and what the worker says reaches the user.
#[tokio::test]
async fn a_worker_answers_a_user() {
    let world = World::with(CALM).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    let asked = ann.ask("Hello").await;
    assert_eq!(ann.next("typing").await["typing"], true);

    let task = worker.next("process_message").await;
    assert_eq!((&task["message_id"], &task["content"]), (&asked["message_id"], &json!("Hello")));
    assert_eq!(task["conversation_context"][0]["role"], "user");
    worker.say(json!({"type": "ai_response_chunk", "message_id": task["message_id"], "delta": "Hi "})).await;
    let mut whole = response(&task, "Hi Ann");
    whole["confidence_score"] = json!(0.95);
    whole["model_used"] = json!("llama-3");
    worker.say(whole).await;
    let ack = worker.next("ai_response_ack").await;
    assert_eq!(ack["response_id"], task["response_id"]);

    assert_eq!(ann.next("typing").await["typing"], false);
    let reply = ann.next("ai_response").await;
    assert_eq!((&reply["response_content"], &reply["message_id"]), (&json!("Hi Ann"), &asked["message_id"]));
    assert_eq!((&reply["confidence_score"], &reply["model_used"]), (&json!(0.95), &json!("llama-3")));
    assert_eq!((&reply["generated_by"], &reply["response_id"]), (&json!("canister-1"), &task["response_id"]));

    // Saying it again is harmless.
    worker.say(response(&task, "Hi Ann")).await;
    assert_eq!(worker.next("ai_response_ack").await["response_id"], Value::Null);
    worker.say(json!({"type": "ping"})).await;
    worker.next("pong").await;
}

/// Without a key, with a bad one or by another dialect's door no worker comes in.
#[tokio::test]
async fn only_a_key_lets_a_worker_in() {
    let world = World::with(CALM).await;
    for (path, key, code) in [
        ("/ws", "wrong", "INVALID_SERVICE_KEY"),
        ("/ws", "", "INVALID_SERVICE_KEY"),
        ("/api/v1/ws/ws", TestHub::SERVICE_KEY, "UNAUTHENTICATED"),
        ("/api/v1/chat/ws", TestHub::SERVICE_KEY, "UNAUTHENTICATED"),
    ] {
        let mut stranger = world.open(path).await;
        stranger.say(auth(key)).await;
        let error = stranger.next("error").await;
        assert!(error["code"] == code || error["data"]["code"] == code, "{path}: {error}");
        assert_eq!(stranger.closed().await, 4001, "{path}");
    }
}

/// Whoever writes a worker is told what is wrong with its first frame, and not only that it is not let in.
#[tokio::test]
async fn a_bad_introduction_is_refused_by_name() {
    let world = World::with(CALM).await;
    for (field, value) in [("capacity", json!(0)), ("models", json!("llama-3")), ("canister_id", json!(""))] {
        let mut worker = world.open("/ws").await;
        let mut hello = auth(TestHub::SERVICE_KEY);
        hello[field] = value;
        worker.say(hello).await;
        assert_eq!(worker.next("error").await["code"], "INVALID_REQUEST", "{field}");
        assert_eq!(worker.closed().await, 4001, "{field}");
    }
}

/// A user is no worker, whatever they know, and a worker is no user; neither loses its connection for trying.
#[tokio::test]
async fn nobody_is_both() {
    let world = World::with(CALM).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    ann.say(auth(TestHub::SERVICE_KEY)).await;
    assert_eq!(ann.next("error").await["code"], "FORBIDDEN");
    worker.say(json!({"type": "send_message", "thread_id": null, "content": "Hi"})).await;
    assert_eq!(worker.next("error").await["code"], "FORBIDDEN");
    worker.say(auth(TestHub::SERVICE_KEY)).await;
    assert_eq!(worker.next("error").await["code"], "FORBIDDEN");
    // The only worker is still the one that was let in.
    ann.ask("Hello").await;
    worker.next("process_message").await;
}

/// A stop reaches who works for nothing, and what it says afterwards is taken without harm.
#[tokio::test]
async fn a_stop_reaches_the_worker() {
    let world = World::with(CALM).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    let asked = ann.ask("Hello").await;
    let task = worker.next("process_message").await;
    ann.say(json!({"type": "cancel_message", "thread_id": asked["thread_id"], "request_id": "r"})).await;
    assert_eq!(worker.next("cancel_message").await["message_id"], task["message_id"]);
    let cancelled = ann.next("message_cancelled").await;
    assert_eq!((&cancelled["status"], &cancelled["request_id"]), (&json!("stopped"), &json!("r")));
    worker.say(response(&task, "too late")).await;
    assert_eq!(worker.next("ai_response_ack").await["response_id"], Value::Null);
}

/// A worker whose connection ends is not waited for: its turn goes to another backend.
#[tokio::test]
async fn a_lost_workers_turn_goes_elsewhere() {
    let world = World::with(CALM).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    ann.ask("Hello").await;
    worker.next("process_message").await;
    drop(worker);
    assert_eq!(ann.next("ai_response").await["generated_by"], "scripted");
}

/// A worker that is only busy answers pings and stays; one that does not is given up.
#[tokio::test]
async fn silence_ends_a_worker() {
    let world = World::with(Duration::from_millis(200)).await;
    let mut worker = world.worker().await;
    for _ in 0..4 {
        let number = worker.control(OpCode::Ping).await;
        worker.send(OpCode::Pong, &number).await;
    }
    assert_eq!(worker.closed().await, 4008);
}

/// A worker that talks and never listens holds up neither its turns nor our memory.
#[tokio::test]
async fn a_worker_that_does_not_read_is_given_up() {
    let world = World::with(Duration::from_millis(300)).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    ann.ask("Hello").await;
    worker.next("process_message").await;
    // Pings of 125 bytes. A pong is as long as its ping: soon there is no room for one more.
    let pings = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[b'x'; 125]].concat().repeat(100);
    let talk = async {
        while worker.0.write_all(&pings).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let listen = async {
        loop {
            let (opcode, payload) = ann.frame().await;
            if opcode == OpCode::Ping as u8 {
                ann.send(OpCode::Pong, &payload).await;
            } else if String::from_utf8_lossy(&payload).contains("scripted") {
                return;
            }
        }
    };
    tokio::select! {
        heard = timeout(PATIENCE, listen) => heard.expect("the turn goes elsewhere"),
        () = talk => {}
    }
}

/// Mistakes are answered; nothing but mistakes ends the connection.
#[tokio::test]
async fn nonsense_is_answered_and_a_flood_of_it_ends_a_worker() {
    let world = World::with(CALM).await;
    let mut worker = world.worker().await;
    for _ in 1..1_000 {
        worker.send(OpCode::Text, b"nonsense").await;
        assert_eq!(worker.any().await["code"], "INVALID_JSON");
    }
    worker.send(OpCode::Text, b"nonsense").await;
    assert_eq!(worker.closed().await, 4029);
}

/// A draining server lets its workers finish what they have begun.
#[tokio::test]
async fn a_drain_waits_for_the_worker() {
    let world = World::with(CALM).await;
    let (mut worker, mut ann) = (world.worker().await, world.ann().await);
    ann.ask("Hello").await;
    let task = worker.next("process_message").await;
    world.stop.send(()).unwrap();
    world.domain.hub.draining().await;
    worker.say(response(&task, "Hi")).await;
    assert_eq!(ann.next("ai_response").await["response_content"], "Hi");
    assert_eq!(worker.next("ai_response_ack").await["response_id"], task["response_id"]);
    assert_eq!(worker.closed().await, 1001);
}
