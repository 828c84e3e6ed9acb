//! A connection that never reads: it harms nobody but itself.

use parlor_tests::raw::{Frame, RawSocket, Received, opcode};
use parlor_tests::{Client, PATIENCE, TestApp};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const READERS: usize = 100;
/// Enough to fill an outbox (1 MiB) and what the kernel keeps for a socket whose peer sleeps (up to 6 MiB).
const MESSAGES: usize = 300;
const TEXT: usize = 48 * 1024;
/// What the server may need beyond what it had: an outbox, and what is on its way to a hundred readers.
const MEMORY: u64 = 64 << 20;

/// Protects: the sixth promise. The others get everything as fast as without it, memory stays bounded, and the
/// sleeper is closed 4008.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_harms_only_itself() {
    let app = TestApp::builder().without_limits().env("LOG_LEVEL", "debug").start().await;
    let token = app.token("ann@example.org");
    let mut writer = app.client(&token).await;
    let conversation = writer.new_conversation().await;
    let received = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let mut socket = joined(&app, &token, &conversation, None).await;
        let received = Arc::clone(&received);
        readers.spawn(async move {
            while let Received::Frame(kind, payload) = socket.receive().await {
                if kind == opcode::TEXT && payload.len() > TEXT {
                    received.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }

    let before = load(&mut writer, &conversation, &received).await;
    let memory = app.resident_bytes();
    let mut sleeper = joined(&app, &token, &conversation, Some(4_096)).await;
    let with_sleeper = load(&mut writer, &conversation, &received).await;
    let grown = app.resident_bytes().saturating_sub(memory);

    eprintln!("without: {before:?}\nwith:    {with_sleeper:?}\nmemory:  +{} KiB", grown / 1024);
    assert!(grown < MEMORY, "the server grew by {} MiB", grown >> 20);
    assert!(with_sleeper.all < before.all * 2 + Duration::from_secs(1), "{with_sleeper:?} after {before:?}");
    assert!(
        with_sleeper.slowest < before.slowest * 3 + Duration::from_secs(1),
        "{with_sleeper:?}, {before:?}"
    );

    let start = Instant::now();
    while !app.log().contains("code=4008") {
        assert!(start.elapsed() < PATIENCE, "the sleeper is not closed:\n{}", app.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It awakes, reads what the kernel kept for it, and learns why it was closed.
    assert_eq!(sleeper.close_code().await, Some(4008));
    readers.abort_all();
}

#[derive(Debug)]
struct Timing {
    /// Until every reader had everything.
    all: Duration,
    /// The slowest answer to the writer.
    slowest: Duration,
}

/// Sends the messages, each after the last one's acknowledgement, and waits until every reader has them all.
async fn load(writer: &mut Client, conversation: &str, received: &AtomicUsize) -> Timing {
    let text = "x".repeat(TEXT);
    let due = received.load(Ordering::SeqCst) + MESSAGES * READERS;
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..MESSAGES {
        let sent = Instant::now();
        writer.say(Some(conversation), "note", &text).await;
        slowest = slowest.max(sent.elapsed());
    }
    while received.load(Ordering::SeqCst) < due {
        let got = received.load(Ordering::SeqCst);
        assert!(start.elapsed() < Duration::from_mins(2), "{got} of {due} messages arrived");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Timing { all: start.elapsed(), slowest }
}

async fn joined(app: &TestApp, token: &str, conversation: &str, receive_buffer: Option<u32>) -> RawSocket {
    let mut socket = RawSocket::upgrade(app.address(), token, receive_buffer).await;
    let join = json!({"type": "join_conversation", "data": {"conversation_id": conversation}}).to_string();
    socket.send(Frame::new(opcode::TEXT, join.as_bytes())).await;
    loop {
        let Received::Frame(opcode::TEXT, payload) = socket.receive().await else {
            panic!("an answer was due")
        };
        if String::from_utf8_lossy(&payload).contains("conversation_joined") {
            return socket;
        }
    }
}
