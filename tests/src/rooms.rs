//! A client of the `rooms` dialect, on the same independent implementation.

use crate::client::{Client, Credential, Incoming, id};
use crate::mirror::number;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// Where the dialect is spoken.
pub const PATH: &str = "/api/v1/ws/ws";

/// One connection of the dialect, past its `connect` frame.
#[derive(Debug)]
pub struct Rooms {
    client: Client,
    /// Whose connection it is.
    pub user: String,
    /// The data of `connect`.
    pub greeting: Value,
}

impl Deref for Rooms {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Rooms {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Rooms {
    /// Connects with the token in the query, behind what `query` has: nothing, or `?` and names with values.
    pub async fn connect(address: SocketAddr, token: &str, query: &str) -> Self {
        Self::try_connect(address, token, query)
            .await
            .unwrap_or_else(|error| panic!("the upgrade failed: {error}"))
    }

    /// The same, where the server may be gone.
    pub async fn try_connect(
        address: SocketAddr,
        token: &str,
        query: &str,
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let path = format!("{PATH}{query}");
        let client = Client::try_open(address, &path, Credential::Query(token), &[]).await?;
        Ok(Self::greeted(client).await)
    }

    /// The dialect's first frame must come now.
    pub async fn greeted(mut client: Client) -> Self {
        let greeting = client.expect("connect").await["data"].take();
        assert_eq!(greeting["status"], "connected");
        Self { client, user: id(&greeting["user_id"]), greeting }
    }

    /// What comes up to the end of the replay: its entries, and the data of `sync_complete`.
    pub async fn replay(&mut self) -> (Vec<Value>, Value) {
        let mut entries = Vec::new();
        loop {
            let mut frame = self.frame().await;
            if frame["type"] == "system" && frame["data"]["event"] == "sync_complete" {
                return (entries, frame["data"].take());
            }
            let is_entry = ["chat", "message_updated"].iter().any(|kind| frame["type"] == *kind);
            assert!(is_entry && frame["data"]["replayed"] == true, "the replay comes first: {frame}");
            entries.push(frame);
        }
    }

    /// Enters a room, which is made with this type if there is none; gives the data of `join_room`.
    pub async fn enter(&mut self, room: &str, kind: &str) -> Value {
        self.ask("join_room", json!({"room_id": room, "room_type": kind})).await;
        self.until("join_room").await["data"].take()
    }

    /// Sends a message, by the names that stand beside `data`.
    pub async fn chat(&mut self, room: &str, text: &str, message_id: &str) {
        let frame =
            json!({"type": "chat", "data": {"message": text}, "room_id": room, "message_id": message_id});
        self.send(frame).await;
    }

    /// Sends a message and waits for its confirmation; gives the confirmation's data.
    pub async fn say(&mut self, room: &str, text: &str) -> Value {
        let message_id = format!("id of {text}");
        self.chat(room, text, &message_id).await;
        self.confirmation(&message_id).await
    }

    /// The data of the confirmation of the message with this id, whatever comes before it but errors.
    pub async fn confirmation(&mut self, message_id: &str) -> Value {
        loop {
            let frame = self.until("delivery_confirmation").await;
            if frame["data"]["status"] == "delivered" && frame["data"]["message_id"] == message_id {
                assert_eq!(frame["message_id"], message_id, "the answer repeats the name: {frame}");
                return frame["data"].clone();
            }
        }
    }

    /// Asks something and waits for the answer of type `answer`; gives its data.
    pub async fn does(&mut self, kind: &str, data: Value, answer: &str) -> Value {
        self.ask(kind, data).await;
        self.until(answer).await["data"].take()
    }

    /// Everything that was sent before was done by now, and everything before its answer has come; gives the heads.
    pub async fn barrier(&mut self) -> Value {
        self.send(json!({"type": "ping"})).await;
        self.until("pong").await["data"]["heads"].take()
    }

    /// The next message of somebody else, as its data.
    pub async fn message(&mut self) -> Value {
        self.until("chat").await["data"].take()
    }

    /// Every message of a room, oldest first, page by page.
    pub async fn whole_history(&mut self, room: &str) -> Vec<Value> {
        let mut pages: Vec<Vec<Value>> = Vec::new();
        let mut before = Value::Null;
        loop {
            let data = json!({"room_id": room, "before_seq": before, "limit": 50});
            let mut page = self.does("history", data, "history").await;
            let messages = page["messages"].as_array_mut().map(std::mem::take).unwrap();
            if let Some(first) = messages.first() {
                before = first["seq"].clone();
            }
            pages.push(messages);
            if page["has_more"] == false {
                return pages.into_iter().rev().flatten().collect();
            }
        }
    }

    /// Closes politely and waits for the end.
    pub async fn close(self) {
        self.client.close().await;
    }

    /// Closes politely; gives the frames that came before the server's own close.
    pub async fn close_and_drain(self) -> Vec<Value> {
        self.client.close_and_drain().await
    }

    /// The frames of type `kind` that come up to the answer of a ping.
    pub async fn pending(&mut self, kind: &str) -> Vec<Value> {
        self.send(json!({"type": "ping"})).await;
        let mut found = Vec::new();
        loop {
            match self.recv().await {
                Incoming::Frame(frame) if frame["type"] == "pong" => return found,
                Incoming::Frame(frame) if frame["type"] == kind => found.push(frame),
                Incoming::Frame(_) => {}
                end => panic!("the connection stays: {end:?}"),
            }
        }
    }
}

/// One AI reply as a client of the dialect sees it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The assistant message.
    pub message_id: String,
    /// Its whole text, put together from the pieces.
    pub text: String,
    /// In how many pieces it came.
    pub pieces: usize,
    /// The data of the frame that ended it; null while it is live.
    pub end: Value,
    /// The error that came before the end, if one did.
    pub error: Option<Value>,
}

impl Reply {
    /// Waits for a reply to begin on `client`.
    pub async fn begin(client: &mut Client) -> Self {
        loop {
            let frame = client.until("typing").await;
            let data = &frame["data"];
            if data["user_id"] == "assistant" && data["is_typing"] == true {
                let message_id = id(&data["message_id"]);
                return Self { message_id, text: String::new(), pieces: 0, end: Value::Null, error: None };
            }
        }
    }

    /// Goes on until there are `pieces` of it.
    pub async fn read(&mut self, client: &mut Client, pieces: usize) {
        while self.pieces < pieces {
            let frame = client.frame().await;
            self.take(&frame);
            assert!(self.end.is_null(), "it ended early: {frame}");
        }
    }

    /// Goes on to its end.
    pub async fn finish(mut self, client: &mut Client) -> Self {
        while self.end.is_null() {
            let frame = client.frame().await;
            self.take(&frame);
        }
        self
    }

    /// Follows the next reply on `client` from its beginning to its end.
    pub async fn follow(client: &mut Client) -> Self {
        Self::begin(client).await.finish(client).await
    }

    fn take(&mut self, frame: &Value) {
        let data = &frame["data"];
        if data["message_id"] != self.message_id.as_str() {
            return;
        }
        match frame["type"].as_str().unwrap() {
            "error" => self.error = Some(data.clone()),
            "chat" if data["streaming"] == true => {
                assert_eq!(data["role"], "assistant", "{data}");
                assert_eq!(number(&data["offset"]), self.text.len() as u64, "offsets add up: {data}");
                self.text.push_str(data["content"].as_str().unwrap());
                self.pieces += 1;
            }
            "chat" => {
                assert_eq!(data["done"], true, "{data}");
                self.end = data.clone();
            }
            _ => {}
        }
    }
}
