//! Users' connections, in the words of the `rooms` dialect.

use super::{Client, PATIENCE, World};
use fastwebsockets::OpCode;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

impl World {
    async fn connect(&self, email: &str, query: &str) -> Client {
        let (client, greeting) = self.user(email, "/api/v1/ws/ws", query).await;
        assert_eq!(greeting["data"]["status"], "connected");
        client
    }
}

impl Client {
    /// The texts that are replayed before the end of the replay.
    async fn replayed(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let frame = self.any().await;
            if frame["data"]["event"] == "sync_complete" {
                return texts;
            }
            assert_eq!(frame["data"]["replayed"], true, "{frame}");
            texts.push(frame["data"]["content"].as_str().unwrap().to_owned());
        }
    }

    /// Answers a ping, and waits until the server has read that.
    async fn prove(&mut self) {
        let number = self.control(OpCode::Ping).await;
        self.send(OpCode::Pong, &number).await;
        self.send(OpCode::Ping, b"done?").await;
        assert_eq!(self.control(OpCode::Pong).await, b"done?");
    }
}

/// The beginning of a text of so many bytes, with a mask that changes nothing.
fn large(length: usize) -> Vec<u8> {
    [&[0x81, 0xff][..], &(length as u64).to_be_bytes(), &[0; 4]].concat()
}

/// Protects everybody from clients that begin large frames and end none: another one's comes through all the same, and
/// whole, with what is said behind it.
#[tokio::test]
async fn who_ends_no_large_frame_stops_nobody() {
    let world = World::with(Duration::from_mins(1)).await;
    let mut others = Vec::new();
    for number in 0..40 {
        let mut other = world.connect(&format!("{number}@example.org"), "").await;
        other.0.write_all(&[large(100_000), vec![b' '; 10]].concat()).await.unwrap();
        others.push(other);
    }
    let mut ann = world.connect("ann@example.org", "room_id=r").await;
    ann.next("join_room").await;
    let padding = " ".repeat(100_000);
    let chat = format!(r#"{{"type":"chat","data":{{"message":"Hi"}},"room_id":"r"}}{padding}"#);
    let (one, two) = chat.as_bytes().split_at(3_000);
    ann.0.write_all(&[&large(chat.len())[..], one].concat()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    ann.0.write_all(two).await.unwrap();
    ann.send(OpCode::Ping, b"read?").await;
    assert_eq!(ann.control(OpCode::Pong).await, b"read?");
    ann.next("delivery_confirmation").await;
}

/// Bob is a member of a shared room in which something is said while he is away.
async fn bob_misses_something(world: &World) {
    let mut bob = world.connect("bob@example.org", "room_id=r&room_type=shared").await;
    bob.next("join_room").await;
    drop(bob);
    let mut ann = world.connect("ann@example.org", "room_id=r").await;
    ann.next("join_room").await;
    ann.send(OpCode::Text, br#"{"type":"chat","data":{"message":"Hi"},"room_id":"r"}"#).await;
    ann.next("delivery_confirmation").await;
}

/// Protects messages on a line that breaks: written is not delivered, and only the answer to a later ping is proof.
#[tokio::test]
async fn what_is_not_proved_comes_again() {
    let world = World::new().await;
    bob_misses_something(&world).await;
    for proved in [false, true] {
        let mut bob = world.connect("bob@example.org", "").await;
        assert_eq!(bob.replayed().await, ["Hi"]);
        if proved {
            bob.prove().await;
        }
    }
    let mut bob = world.connect("bob@example.org", "").await;
    assert_eq!(bob.replayed().await, [""; 0]);
}

/// A client that says goodbye has got what was written before, unless it closes to complain.
#[tokio::test]
async fn a_clean_close_proves_what_was_written() {
    let world = World::new().await;
    bob_misses_something(&world).await;
    for code in [1002_u16, 1000] {
        let mut bob = world.connect("bob@example.org", "").await;
        assert_eq!(bob.replayed().await, ["Hi"], "before {code}");
        bob.send(OpCode::Close, &code.to_be_bytes()).await;
        assert_eq!(bob.control(OpCode::Close).await, code.to_be_bytes());
    }
    let mut bob = world.connect("bob@example.org", "").await;
    assert_eq!(bob.replayed().await, [""; 0]);
}

/// A query that asks for what cannot be is refused, and costs neither the replay nor the connection.
#[tokio::test]
async fn a_bad_query_is_refused_and_no_more() {
    let world = World::new().await;
    let mut ann = world.connect("ann@example.org", "room_id=no%20spaces").await;
    assert_eq!(ann.replayed().await, [""; 0]);
    assert_eq!(ann.any().await["data"]["code"], "INVALID_REQUEST");
    ann.send(OpCode::Text, br#"{"type":"ping"}"#).await;
    assert_eq!(ann.any().await["type"], "pong");
}

/// Clients of a server that ends are asked to come back, each at its time, before the socket closes.
#[tokio::test]
async fn a_drain_sends_clients_away_one_by_one() {
    let world = World::new().await;
    let mut ann = world.connect("ann@example.org", "resume=1").await;
    world.stop.send(()).unwrap();
    let wish = ann.next("system").await;
    assert_eq!(wish["data"]["event"], "reconnect");
    assert!(wish["data"]["delay_ms"].as_u64().unwrap() <= 10_000);
    assert_eq!(ann.control(OpCode::Close).await[..2], 1001_u16.to_be_bytes());
    drop(ann);
    timeout(PATIENCE, world.running).await.expect("the server ends").unwrap();
}
