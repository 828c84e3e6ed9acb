//! An AI worker that does what its test tells it, and one that repeats what it hears.

use super::{PATH, SERVICE_KEY};
use crate::client::{Client, Credential};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What a word takes a worker that answers by itself.
const PACE: Duration = Duration::from_millis(20);

/// One connection, past its `ai_auth_success`.
#[derive(Debug)]
pub struct Worker {
    client: Client,
    /// What it calls itself.
    pub name: String,
    /// The frame that let it in.
    pub welcome: Value,
}

impl Deref for Worker {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Worker {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Worker {
    /// Connects with the tests' key. `more` has further fields of `ai_auth`, or is null.
    pub async fn connect(address: SocketAddr, name: &str, more: Value) -> Self {
        Self::with_key(address, SERVICE_KEY, name, more).await
    }

    /// The same with another key.
    pub async fn with_key(address: SocketAddr, key: &str, name: &str, more: Value) -> Self {
        let mut client = Self::knock(address, key, name, more).await;
        let welcome = client.expect("ai_auth_success").await;
        Self { client, name: name.to_owned(), welcome }
    }

    /// Connects and says who it is; what comes of it is still to be read.
    pub async fn knock(address: SocketAddr, key: &str, name: &str, more: Value) -> Client {
        let client = Client::try_open(address, PATH, Credential::None, &[]).await;
        let mut client = client.unwrap_or_else(|error| panic!("the upgrade failed: {error}"));
        let mut hello = json!({"type": "ai_auth", "service_key": key, "canister_id": name});
        if let Value::Object(more) = more {
            hello.as_object_mut().unwrap().extend(more);
        }
        client.send(hello).await;
        client
    }

    /// The next turn that it is given.
    pub async fn task(&mut self) -> Value {
        self.until("process_message").await
    }

    /// Streams a piece of the reply.
    pub async fn chunk(&mut self, task: &Value, delta: &str) {
        let frame = json!({"type": "ai_response_chunk", "message_id": task["message_id"], "delta": delta});
        self.send(frame).await;
    }

    /// Ends the turn with this text; gives the acknowledgement.
    pub async fn answer(&mut self, task: &Value, content: &str) -> Value {
        let response =
            json!({"type": "ai_response", "message_id": task["message_id"], "response_content": content});
        self.end(response).await
    }

    /// Ends a turn with any last frame; gives the acknowledgement.
    pub async fn end(&mut self, last: Value) -> Value {
        let message_id = last["message_id"].clone();
        self.send(last).await;
        loop {
            let ack = self.until("ai_response_ack").await;
            if ack["message_id"] == message_id {
                return ack;
            }
        }
    }

    /// Gives the turn back.
    pub async fn fail(&mut self, task: &Value, status: u16) -> Value {
        let failure = json!({"type": "ai_error", "message_id": task["message_id"], "status": status,
                             "code": "scripted", "message": "a test wants it"});
        self.end(failure).await
    }

    /// Everything that was sent before has been read by now.
    pub async fn barrier(&mut self) {
        self.send(json!({"type": "ping"})).await;
        self.until("pong").await;
    }

    /// Closes politely and waits for the end.
    pub async fn close(self) {
        self.client.close().await;
    }

    /// From now on it answers by itself: with `echo:` and what was asked, each word a piece.
    pub fn echo(mut self) -> EchoWorker {
        EchoWorker(tokio::spawn(async move {
            loop {
                let task = self.task().await;
                let reply = format!("echo: {}", task["content"].as_str().unwrap());
                for word in reply.split_inclusive(' ') {
                    self.chunk(&task, word).await;
                    // Pieces that come faster than they are taken may come out as one.
                    tokio::time::sleep(PACE).await;
                }
                // The acknowledgement is passed over while the next turn is waited for.
                let usage = json!({"prompt_tokens": 3, "completion_tokens": 4});
                self.send(json!({"type": "ai_response", "message_id": task["message_id"],
                                 "response_content": reply, "model_used": "echo-1", "usage": usage}))
                    .await;
            }
        }))
    }
}

/// Which of two is given the next turn: the turn, who has it, and the other one.
pub async fn either<'a>(
    one: &'a mut Worker,
    other: &'a mut Worker,
) -> (Value, &'a mut Worker, &'a mut Worker) {
    let (task, is_one) = tokio::select! {
        task = one.task() => (task, true),
        task = other.task() => (task, false),
    };
    if is_one { (task, one, other) } else { (task, other, one) }
}

/// A worker that answers by itself until this is dropped.
#[derive(Debug)]
pub struct EchoWorker(JoinHandle<()>);

impl Drop for EchoWorker {
    fn drop(&mut self) {
        self.0.abort();
    }
}
