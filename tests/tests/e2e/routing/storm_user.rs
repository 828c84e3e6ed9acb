//! One user in a storm: asks, follows the reply, asks again; comes back when the server dies, and sends again what was
//! not answered.

use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{Chance, Client, Credential, Incoming, PATIENCE};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How many words a whole reply has.
pub(super) const WORDS: usize = 5;

/// A question, and what became of it.
#[derive(Debug)]
pub(super) struct Asked {
    /// The id of its message.
    question: String,
    pub(super) reply: Reply,
    /// The server died before the reply's end was seen.
    pub(super) lost: bool,
    /// From the question to the reply's end.
    pub(super) took: Duration,
}

/// A reply that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct User {
    address: SocketAddr,
    token: String,
    client: Client,
    conversation: String,
    chance: Chance,
    pub(super) asked: Vec<Asked>,
    /// How often the end of each reply was told.
    ends: HashMap<String, usize>,
}

impl User {
    pub(super) async fn connect(address: SocketAddr, token: String, chance: Chance) -> Self {
        let mut client = Client::connect(address, Credential::Query(&token)).await;
        client.expect("auth_success").await;
        let conversation = client.new_conversation().await;
        Self { address, token, client, conversation, chance, asked: Vec::new(), ends: HashMap::new() }
    }

    /// Asks until the storm is over.
    pub(super) async fn run(mut self, over: Arc<AtomicBool>) -> Self {
        while !over.load(Ordering::SeqCst) {
            let pause = 200 + self.chance.below(1_600);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.ask().await;
        }
        self
    }

    async fn ask(&mut self) {
        let text = format!("question {}", self.asked.len());
        let start = Instant::now();
        let live = self.follow(&text).await;
        let lost = live.is_none();
        let (question, reply) = match live {
            Some(ended) => ended,
            None => self.come_back(&text).await,
        };
        self.asked.push(Asked { question, reply, lost, took: start.elapsed() });
    }

    /// Asks, and follows the reply to its end. None where the connection is lost.
    async fn follow(&mut self, text: &str) -> Option<(String, Reply)> {
        let question = self.send(text).await?;
        let mut reply: Option<Reply> = None;
        loop {
            let frame = self.next().await?;
            let data = &frame["data"];
            match (frame["type"].as_str(), &mut reply) {
                (Some("stream_start"), None) if data["in_reply_to"] == question.as_str() => {
                    let id = id(&data["message_id"]);
                    reply = Some(Reply { id, status: String::new(), text: String::new() });
                }
                (Some("stream_content"), Some(reply)) if data["message_id"] == reply.id.as_str() => {
                    assert_eq!(data["offset"], reply.text.len(), "offsets add up: {data}");
                    reply.text += data["content"].as_str().unwrap();
                }
                (Some("stream_complete"), Some(live)) if data["message_id"] == live.id.as_str() => {
                    live.status = id(&data["status"]);
                    return reply.map(|reply| (question, reply));
                }
                _ => {}
            }
        }
    }

    /// Sends a question; gives the id of its message once it is acknowledged.
    async fn send(&mut self, text: &str) -> Option<String> {
        let data = json!({"conversation_id": self.conversation, "content": text, "message_type": "user",
                          "client_message_id": text});
        self.client.try_send(json!({"type": "send_message", "data": data})).await.ok()?;
        loop {
            let frame = self.next().await?;
            let message = &frame["data"]["message"];
            if frame["type"] == "message_received" && message["client_message_id"] == text {
                return Some(id(&message["id"]));
            }
        }
    }

    async fn next(&mut self) -> Option<Value> {
        let Incoming::Frame(frame) = self.client.recv().await else { return None };
        assert_ne!(frame["type"], "error", "{frame}");
        if frame["type"] == "stream_complete" {
            *self.ends.entry(id(&frame["data"]["message_id"])).or_default() += 1;
        }
        Some(frame)
    }

    /// Connects again, sends again what may have been lost, and waits until the log has its reply.
    async fn come_back(&mut self, text: &str) -> (String, Reply) {
        let start = Instant::now();
        self.client = loop {
            let client = Client::try_connect(self.address, Credential::Query(&self.token), &[]).await;
            if let Ok(client) = client {
                break client;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let question = self.send(text).await.expect("the server dies once");
        loop {
            let history = self.history().await;
            if let Some(reply) = history.iter().find(|message| message["in_reply_to"] == question.as_str()) {
                return (question, of_log(reply));
            }
            assert!(start.elapsed() < 2 * PATIENCE, "no end of the reply to {text}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The newest messages.
    async fn history(&mut self) -> Vec<Value> {
        let data = json!({"conversation_id": self.conversation, "limit": 200});
        self.client.ask("history", data).await;
        loop {
            let mut frame = self.next().await.expect("the server dies once");
            if frame["type"] == "history" {
                assert_eq!(frame["data"]["has_more"], false, "more than a page");
                return frame["data"]["messages"].as_array_mut().map(std::mem::take).unwrap();
            }
        }
    }

    /// Protects: the log has every question once, each with one reply, which is the one that was seen; and no end of a
    /// reply was told twice.
    pub(super) async fn verify(&mut self) {
        let history = self.history().await;
        assert_eq!(
            history.len(),
            1 + 2 * self.asked.len(),
            "a note, and two messages a question: {history:?}"
        );
        for asked in &self.asked {
            let mut replies =
                history.iter().filter(|message| message["in_reply_to"] == asked.question.as_str());
            assert_eq!(replies.next().map(of_log).as_ref(), Some(&asked.reply));
            assert_eq!(replies.next(), None, "answered twice");
            let text = &asked.reply.text;
            assert!(words(WORDS).starts_with(text), "no part of the reply: {text:?}");
            match asked.reply.status.as_str() {
                "complete" => assert_eq!(*text, words(WORDS)),
                "interrupted" => {
                    assert!(asked.lost || !text.is_empty(), "nothing was said, and nobody else asked");
                }
                other => panic!("a turn ended as {other}"),
            }
            let ends = self.ends.get(&asked.reply.id).copied().unwrap_or_default();
            assert!(ends == 1 || (asked.lost && ends == 0), "{ends} ends of {:?}", asked.reply);
        }
        let questions = history.iter().filter(|message| message["message_type"] == "user");
        let mut texts: Vec<String> = questions.map(|message| id(&message["content"])).collect();
        texts.sort_unstable();
        let count = texts.len();
        texts.dedup();
        assert_eq!((texts.len(), count), (self.asked.len(), self.asked.len()), "each question once");
    }
}

fn of_log(message: &Value) -> Reply {
    Reply { id: id(&message["id"]), status: id(&message["status"]), text: id(&message["content"]) }
}
