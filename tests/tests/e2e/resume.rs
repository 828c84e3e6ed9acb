//! Readers that come and go: each sees every entry once and in order, live replies included.

use parlor_tests::mirror::number;
use parlor_tests::{Chance, Client, FakeProvider, Incoming, Mirror, TestApp};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

const READERS: u64 = 10;
const DISCONNECTS: u64 = 20;

/// What all readers share.
struct Stage {
    address: SocketAddr,
    token: String,
    conversation: String,
    /// The log's last seq, once the writers are done; 0 before.
    last_seq: AtomicU64,
    /// How many readers have been away as often as they shall.
    settled: AtomicUsize,
    /// How many live streams were shown from their beginning after a resume.
    streams_taken_up: AtomicU64,
}

/// Protects: the fourth promise. 200 disconnects at random moments, while messages and replies come.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_disconnects_show_everything_once() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().without_limits().provider(&provider.base_url(), "words-40-5").start().await;
    let token = app.token("ann@example.org");
    let mut writer = app.client(&token).await;
    let conversation = writer.new_conversation().await;
    let stage = Arc::new(Stage {
        address: app.address(),
        token,
        conversation: conversation.clone(),
        last_seq: AtomicU64::new(0),
        settled: AtomicUsize::new(0),
        streams_taken_up: AtomicU64::new(0),
    });
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut readers = JoinSet::new();
    for number in 1..=READERS {
        let chance = Chance::new(seed ^ (number << 32) | 1);
        readers.spawn(read(Arc::clone(&stage), chance));
    }
    write(&mut writer, &stage).await;
    let mirrors = readers.join_all().await;

    let history = writer.whole_history(&conversation).await;
    for mirror in &mirrors {
        assert_eq!(mirror.log.len(), history.len());
        for (message, (seq, (message_id, content))) in history.iter().zip(&mirror.log) {
            assert_eq!(number(&message["seq"]), *seq);
            assert_eq!(message["id"], message_id.as_str());
            assert_eq!(message["content"], content.as_str(), "seq {seq}");
        }
    }
    let replies = history.iter().filter(|message| message["message_type"] == "assistant").count();
    assert!(replies >= 10, "{replies} replies in {} messages", history.len());
    let taken_up = stage.streams_taken_up.load(Ordering::SeqCst);
    assert!(taken_up >= 10, "only {taken_up} live replies were taken up in the middle");
}

/// Writes notes and questions until the readers have been away as often as they shall, and the replies are done.
async fn write(client: &mut Client, stage: &Stage) {
    let mut count = 0_u64;
    let mut live = 0_u64;
    let mut last_seq = 0;
    let done = |stage: &Stage| stage.settled.load(Ordering::SeqCst) as u64 == READERS;
    loop {
        let more = !done(stage);
        if more {
            count += 1;
            let kind = if count.is_multiple_of(4) && live < 3 { "user" } else { "note" };
            live += u64::from(kind == "user");
            let data = json!({"conversation_id": stage.conversation, "content": format!("{kind} {count}"), "message_type": kind});
            client.ask("send_message", data).await;
        } else if live == 0 {
            stage.last_seq.store(last_seq, Ordering::SeqCst);
            return;
        }
        let pause = if more { Duration::from_millis(15) } else { Duration::from_secs(10) };
        let end = tokio::time::Instant::now() + pause;
        while let Ok(frame) = tokio::time::timeout_at(end, client.frame()).await {
            match frame["type"].as_str().unwrap() {
                "error" => panic!("{frame}"),
                "message_received" => last_seq = last_seq.max(number(&frame["data"]["message"]["seq"])),
                "stream_complete" => {
                    last_seq = last_seq.max(number(&frame["data"]["seq"]));
                    live -= 1;
                    if !more && live == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
}

/// One reader's life.
async fn read(stage: Arc<Stage>, mut chance: Chance) -> Mirror {
    let mut mirror = Mirror::default();
    for _ in 0..DISCONNECTS {
        let mut client = resume(&stage, &mut mirror).await;
        let leave = tokio::time::Instant::now() + Duration::from_millis(chance.below(150));
        while let Ok(incoming) = tokio::time::timeout_at(leave, client.recv()).await {
            take(&mut mirror, incoming);
        }
        if chance.below(4) == 0 {
            client.close().await;
        } else {
            drop(client);
        }
        mirror.disconnected();
        tokio::time::sleep(Duration::from_millis(chance.below(60))).await;
    }
    stage.settled.fetch_add(1, Ordering::SeqCst);
    let mut client = resume(&stage, &mut mirror).await;
    loop {
        let last = stage.last_seq.load(Ordering::SeqCst);
        if last > 0 && mirror.head() >= last {
            client.send(json!({"type": "ping"})).await;
            assert_eq!(client.until("pong").await["data"]["heads"][&stage.conversation], last);
            return mirror;
        }
        if let Some(incoming) = client.recv_within(Duration::from_millis(100)).await {
            take(&mut mirror, incoming);
        }
    }
}

async fn resume(stage: &Stage, mirror: &mut Mirror) -> Client {
    let credential = parlor_tests::Credential::Query(&stage.token);
    let mut client = Client::connect(stage.address, credential).await;
    client.expect("auth_success").await;
    let position =
        json!({"conversation_id": stage.conversation, "seq": mirror.head(), "epoch": mirror.epoch});
    client.ask("resume", json!({"positions": [position]})).await;
    loop {
        let frame = client.frame().await;
        let done = frame["type"] == "resumed";
        take(mirror, Incoming::Frame(frame));
        if done {
            break;
        }
    }
    // What is live now is shown next: a first chunk with more than one word was made while we were away.
    let shown = tokio::time::Instant::now() + Duration::from_millis(20);
    while let Ok(incoming) = tokio::time::timeout_at(shown, client.recv()).await {
        if is_long_first_chunk(&incoming) {
            stage.streams_taken_up.fetch_add(1, Ordering::SeqCst);
        }
        take(mirror, incoming);
    }
    client
}

fn is_long_first_chunk(incoming: &Incoming) -> bool {
    let Incoming::Frame(frame) = incoming else { return false };
    frame["type"] == "stream_content"
        && frame["data"]["offset"] == 0
        && frame["data"]["content"].as_str().is_some_and(|content| content.matches(' ').count() > 1)
}

fn take(mirror: &mut Mirror, incoming: Incoming) {
    let Incoming::Frame(frame) = incoming else { panic!("the server closed: {incoming:?}") };
    assert_ne!(frame["type"], "error", "{frame}");
    mirror.apply(&frame).unwrap_or_else(|error| panic!("{error}\nframe: {frame}"));
}

/// Protects: a position that cannot be served is said to be so, instead of a silent gap: ahead of the log, of
/// another log, or more than a thousand behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_cannot_be_served_is_told() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut client = app.client(&token).await;
    let conversation = client.new_conversation().await;
    for number in 2..=1_005 {
        let data =
            json!({"conversation_id": conversation, "content": format!("{number}"), "message_type": "note"});
        client.ask("send_message", data).await;
    }
    loop {
        if client.until("message_received").await["data"]["message"]["seq"] == 1_005 {
            break;
        }
    }
    let resumed = async |seq: u64, epoch: Value| {
        let mut client = app.client(&token).await;
        let position = json!({"conversation_id": conversation, "seq": seq, "epoch": epoch});
        client.ask("resume", json!({"positions": [position]})).await;
        let mut missed = Vec::new();
        loop {
            let frame = client.frame().await;
            match frame["type"].as_str().unwrap() {
                "message_received" => missed.push(number(&frame["data"]["message"]["seq"])),
                "resumed" => return (missed, frame["data"].clone(), client),
                other => assert_eq!(other, "conversation_updated", "{frame}"),
            }
        }
    };
    let (missed, data, _) = resumed(1_005, Value::Null).await;
    assert_eq!((missed, &data["recovered"]), (vec![], &json!(true)));
    let epoch = data["epoch"].clone();
    let (missed, data, _) = resumed(5, epoch.clone()).await;
    assert_eq!((missed, &data["recovered"]), ((6..=1_005).collect(), &json!(true)));
    assert_eq!((&data["from_seq"], &data["last_seq"]), (&json!(5), &json!(1_005)));
    let mut joined = Vec::new();
    for (seq, epoch) in [(4, epoch.clone()), (1_006, epoch), (1_000, json!("another log"))] {
        let (missed, data, reader) = resumed(seq, epoch).await;
        assert_eq!((missed, &data["recovered"]), (vec![], &json!(false)));
        assert_eq!(data["last_seq"], 1_005);
        joined.push(reader);
    }
    // They have joined all the same, and load the history.
    let next = client.say(Some(&conversation), "note", "one more").await;
    for mut reader in joined {
        assert_eq!(reader.until("message_received").await["data"]["message"], next);
    }
}
