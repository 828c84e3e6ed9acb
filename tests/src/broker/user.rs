//! A user who speaks the `broker` dialect.

use super::{PATH, expect_refusal, until_refusal};
use crate::client::{Client, Credential, Incoming, id};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// One connection, past its `auth_success`.
#[derive(Debug)]
pub struct BrokerUser {
    client: Client,
    /// Whose connection it is.
    pub user: String,
}

impl Deref for BrokerUser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for BrokerUser {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl BrokerUser {
    /// Connects with the token in the query.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        let client = Client::try_open(address, PATH, Credential::Query(token), &[]).await;
        Self::greeted(client.unwrap_or_else(|error| panic!("the upgrade failed: {error}"))).await
    }

    /// The dialect's first frame must come now.
    pub async fn greeted(mut client: Client) -> Self {
        let user = id(&client.expect("auth_success").await["user_id"]);
        Self { client, user }
    }

    /// Sends a message, to a new thread where none is named.
    pub async fn send_message(&mut self, thread: Option<&str>, content: &str) {
        self.send(json!({"type": "send_message", "thread_id": thread, "content": content})).await;
    }

    /// Sends a message and waits for its acknowledgement.
    pub async fn say(&mut self, thread: Option<&str>, content: &str) -> Value {
        self.send_message(thread, content).await;
        self.until("message_ack").await
    }

    /// The next frame of one of these types; others before it are passed over, but for errors.
    pub async fn until_one_of(&mut self, kinds: &[&str]) -> Value {
        loop {
            let frame = self.frame().await;
            if kinds.iter().any(|kind| frame["type"] == *kind) {
                return frame;
            }
            assert_ne!(frame["type"], "error", "while waiting for {kinds:?}: {frame}");
        }
    }

    /// The next reply.
    pub async fn reply(&mut self) -> Value {
        self.until("ai_response").await
    }

    /// Sends any frame, which must be refused before anything else comes.
    pub async fn refused(&mut self, frame: Value, code: &str) -> Value {
        self.send(frame).await;
        expect_refusal(self, code).await
    }

    /// The next error, whatever came before it.
    pub async fn until_refusal(&mut self, code: &str) -> Value {
        until_refusal(self, code).await
    }

    /// The log of a thread, oldest first; it must fit one page.
    pub async fn history(&mut self, thread: &str) -> Vec<Value> {
        self.send(json!({"type": "history", "thread_id": thread, "limit": 200})).await;
        let mut page = self.until("history").await;
        assert_eq!(page["has_more"], false, "{page}");
        page["messages"].as_array_mut().map(std::mem::take).unwrap()
    }

    /// Resumes a thread: what was missed, and the `resumed` that ends it.
    pub async fn resume(&mut self, thread: &str, seq: u64) -> (Vec<Value>, Value) {
        let position = json!({"thread_id": thread, "seq": seq});
        self.send(json!({"type": "resume", "positions": [position]})).await;
        let mut missed = Vec::new();
        loop {
            let frame = self.frame().await;
            match frame["type"].as_str() {
                Some("resumed") => return (missed, frame),
                Some("message" | "ai_response" | "message_updated") => missed.push(frame),
                _ => panic!("what was missed comes first: {frame}"),
            }
        }
    }

    /// Closes politely and waits for the end.
    pub async fn close(self) {
        self.client.close().await;
    }

    /// The frames that come up to the answer of a ping.
    pub async fn pending(&mut self) -> Vec<Value> {
        self.send(json!({"type": "ping"})).await;
        let mut found = Vec::new();
        loop {
            match self.recv().await {
                Incoming::Frame(frame) if frame["type"] == "pong" => return found,
                Incoming::Frame(frame) => found.push(frame),
                end => panic!("the connection stays: {end:?}"),
            }
        }
    }
}
