//! A client of the namespace `/ai`, by the letter of Engine.IO 4 and Socket.IO 5, over WebSocket.

use crate::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// One connection to the namespace.
#[derive(Debug)]
pub struct Io {
    socket: WebSocketStream<TcpStream>,
}

/// What comes over it.
#[derive(Debug, Clone, PartialEq)]
pub enum IoIncoming {
    /// An event.
    Event(String, Value),
    /// The server has let the client in, or has not: then why.
    Connected(Result<(), String>),
    /// The server has sent the client away from the namespace.
    Disconnected,
    /// The transport has ended.
    Closed,
}

impl Io {
    /// Connects with a token, and is let in.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        let (client, answer) = Self::knock(address, json!({"token": token})).await;
        answer.unwrap_or_else(|code| panic!("it was refused: {code}"));
        client
    }

    /// Connects with any `auth`. Gives what was answered.
    pub async fn knock(address: SocketAddr, auth: Value) -> (Self, Result<(), String>) {
        let mut client = Self::open(address).await;
        let answer = client.enter(auth).await;
        (client, answer)
    }

    /// Asks to be let into the namespace. Gives what was answered.
    pub async fn enter(&mut self, auth: Value) -> Result<(), String> {
        self.text(format!("40/ai,{auth}")).await;
        match self.next().await {
            IoIncoming::Connected(answer) => answer,
            other => panic!("an answer was due, not {other:?}"),
        }
    }

    /// The transport alone: nobody has said who they are.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let opened = timeout(PATIENCE, tokio_tungstenite::client_async(url, stream)).await;
        let (mut socket, _) = opened.expect("an answer in time").expect("the upgrade succeeds");
        let first = timeout(PATIENCE, socket.next()).await.expect("a packet in time").unwrap().unwrap();
        assert!(first.to_text().unwrap().starts_with("0{"), "{first:?}");
        Self { socket }
    }

    /// Sends a text frame as it is.
    pub async fn text(&mut self, text: String) {
        // The server may be gone, or have had enough.
        let _ = timeout(PATIENCE, self.socket.send(Message::text(text))).await;
    }

    /// Emits an event with these arguments.
    pub async fn emit(&mut self, name: &str, arguments: &[Value]) {
        let packet: Vec<Value> = [&[json!(name)], arguments].concat();
        self.text(format!("42/ai,{}", json!(packet))).await;
    }

    /// `chat:start` in a conversation, or in a new one.
    pub async fn start(&mut self, conversation: Option<&str>, message: &str) {
        self.emit("chat:start", &[json!({"message": message, "conversationId": conversation})]).await;
    }

    /// What comes next; heartbeats are answered on the way.
    pub async fn next(&mut self) -> IoIncoming {
        self.next_within(PATIENCE).await.expect("something to come in time")
    }

    /// The same, or nothing after `limit`.
    pub async fn next_within(&mut self, limit: Duration) -> Option<IoIncoming> {
        timeout(limit, async {
            loop {
                let text = match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => text.to_string(),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return IoIncoming::Closed,
                    Some(Ok(_)) => continue,
                };
                if text == "2" {
                    self.text("3".to_owned()).await;
                    continue;
                }
                return read(&text);
            }
        })
        .await
        .ok()
    }

    /// The next event. Panics at an end.
    pub async fn event(&mut self) -> (String, Value) {
        match self.next().await {
            IoIncoming::Event(name, data) => (name, data),
            end => panic!("an event was due, not {end:?}"),
        }
    }

    /// The next event of this name, past all others.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.event().await;
            if found == name {
                return data;
            }
        }
    }

    /// The next event, which must be of this name.
    pub async fn expect(&mut self, name: &str) -> Value {
        let (found, data) = self.event().await;
        assert_eq!(found, name, "{data}");
        data
    }

    /// The next `chat:error`, which must have this code.
    pub async fn refused(&mut self, code: &str) -> Value {
        let error = self.until("chat:error").await;
        assert_eq!(error["code"], code, "{error}");
        error
    }

    /// Reads a reply to its end: its text, and the event that ended it.
    pub async fn reply(&mut self) -> (String, String, Value) {
        let mut text = String::new();
        loop {
            let (name, data) = self.event().await;
            match name.as_str() {
                "chat:message" => {
                    if data["offset"] == 0 {
                        text.clear();
                    }
                    assert_eq!(data["offset"], text.len(), "offsets add up: {data}");
                    text.push_str(data["content"].as_str().unwrap());
                }
                "chat:end" | "chat:stopped" | "chat:error" => return (text, name, data),
                _ => {}
            }
        }
    }

    /// Waits for the end of the connection.
    pub async fn end(&mut self) -> IoIncoming {
        loop {
            let next = self.next().await;
            if !matches!(next, IoIncoming::Event(..)) {
                return next;
            }
        }
    }
}

/// A packet of the namespace.
fn read(text: &str) -> IoIncoming {
    if let Some(packet) = text.strip_prefix("42/ai,") {
        let Value::Array(packet) = serde_json::from_str(packet).unwrap() else { panic!("{text}") };
        let name = packet[0].as_str().unwrap().to_owned();
        return IoIncoming::Event(name, packet.get(1).cloned().unwrap_or_default());
    }
    if text.starts_with("40/ai") {
        return IoIncoming::Connected(Ok(()));
    }
    if let Some(error) = text.strip_prefix("44/ai,") {
        let error: Value = serde_json::from_str(error).unwrap();
        return IoIncoming::Connected(Err(error["message"].as_str().unwrap_or_default().to_owned()));
    }
    match text {
        "41/ai," => IoIncoming::Disconnected,
        "1" => IoIncoming::Closed,
        other => panic!("an unknown packet: {other}"),
    }
}
