//! A client on tokio-tungstenite, which shares nothing with the server.

use crate::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// How a connection says who it is.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// `?token=`
    Query(&'a str),
    /// `Authorization: Bearer`
    Header(&'a str),
    /// A first message.
    FirstMessage(&'a str),
    /// Not at all.
    None,
}

/// What came over a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A text frame.
    Frame(Value),
    /// The server's close frame.
    Closed {
        /// RFC 6455 §7.4.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The connection is gone without a close frame.
    Lost(String),
}

/// One WebSocket connection.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects, and sends the first message where the credential is one. Panics where the upgrade is refused.
    pub async fn connect(address: SocketAddr, credential: Credential<'_>) -> Self {
        Self::try_connect(address, credential, &[])
            .await
            .unwrap_or_else(|error| panic!("the upgrade failed: {error}"))
    }

    /// Connects with more request headers; an upgrade that is refused is an error.
    pub async fn try_connect(
        address: SocketAddr,
        credential: Credential<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        Self::try_open(address, "/api/v1/chat/ws", credential, headers).await
    }

    /// The same at another endpoint; `path` may have a query.
    pub async fn try_open(
        address: SocketAddr,
        path: &str,
        credential: Credential<'_>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        timeout(PATIENCE, upgrade(address, path, credential, headers))
            .await
            .expect("an answer to the upgrade in time")
    }

    /// Sends one JSON frame.
    pub async fn send(&mut self, frame: Value) {
        self.try_send(frame).await.unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends one JSON frame, where the server may be gone.
    pub async fn try_send(&mut self, frame: Value) -> Result<(), Error> {
        self.send_message(Message::text(frame.to_string())).await
    }

    /// Sends any WebSocket message.
    pub async fn send_message(&mut self, message: Message) -> Result<(), Error> {
        timeout(PATIENCE, self.socket.send(message)).await.expect("room to send in time")
    }

    /// Sends `type` with `data`.
    pub async fn ask(&mut self, kind: &str, data: Value) {
        self.send(json!({"type": kind, "data": data})).await;
    }

    /// What comes next, whatever it is. Panics when nothing comes.
    pub async fn recv(&mut self) -> Incoming {
        timeout(PATIENCE, self.next()).await.expect("something to come in time")
    }

    /// What comes next, or nothing after `limit`.
    pub async fn recv_within(&mut self, limit: Duration) -> Option<Incoming> {
        timeout(limit, self.next()).await.ok()
    }

    /// The next frame. Panics at the connection's end.
    pub async fn frame(&mut self) -> Value {
        match self.recv().await {
            Incoming::Frame(frame) => frame,
            end => panic!("a frame was due, not {end:?}"),
        }
    }

    /// The next frame, which must be of type `kind`.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frame of type `kind`; others before it are passed over, but for errors.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
            assert_ne!(frame["type"], "error", "while waiting for {kind}: {frame}");
        }
    }

    /// The next frame of type `kind`, whatever came before it.
    pub async fn until_any(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The next error, whatever came before it, which must have this code; gives its data.
    pub async fn until_error(&mut self, code: &str) -> Value {
        let frame = self.until_any("error").await;
        assert_eq!(frame["data"]["code"], code, "{frame}");
        frame["data"].clone()
    }

    /// The next frame must be an error with this code; gives its data.
    pub async fn expect_error(&mut self, code: &str) -> Value {
        let frame = self.expect("error").await;
        assert_eq!(frame["data"]["code"], code, "{frame}");
        frame["data"].clone()
    }

    /// The connection must end now with this close code; gives the reason.
    pub async fn expect_close(&mut self, expected: u16) -> String {
        match self.recv().await {
            Incoming::Closed { code, reason } if code == expected => reason,
            other => panic!("close {expected} was due, not {other:?}"),
        }
    }

    /// The connection must end with this close code, after whatever comes before; gives the reason.
    pub async fn until_close(&mut self, expected: u16) -> String {
        loop {
            match self.recv().await {
                Incoming::Frame(_) => {}
                Incoming::Closed { code, reason } if code == expected => return reason,
                other => panic!("close {expected} was due, not {other:?}"),
            }
        }
    }

    /// Panics where anything comes within `span`.
    pub async fn expect_silence(&mut self, span: Duration) {
        if let Some(incoming) = self.recv_within(span).await {
            panic!("nothing was due, but {incoming:?} came");
        }
    }

    /// Panics where a message is told within `span`; summaries of conversations may come.
    pub async fn expect_no_message(&mut self, span: Duration) {
        let end = tokio::time::Instant::now() + span;
        while let Ok(incoming) = tokio::time::timeout_at(end, self.next()).await {
            let summary =
                matches!(&incoming, Incoming::Frame(frame) if frame["type"] == "conversation_updated");
            assert!(summary, "no message was due, but {incoming:?} came");
        }
    }

    /// Sends a message and waits for its `message_received`; gives the stored message.
    pub async fn say(&mut self, conversation: Option<&str>, kind: &str, content: &str) -> Value {
        let data = json!({"conversation_id": conversation, "content": content, "message_type": kind});
        self.ask("send_message", data).await;
        self.until("message_received").await["data"]["message"].clone()
    }

    /// Makes a conversation with a note in it, so that no turn starts; gives its id.
    pub async fn new_conversation(&mut self) -> String {
        id(&self.say(None, "note", "the first note").await["conversation_id"])
    }

    /// Joins, and gives the data of `conversation_joined`.
    pub async fn join(&mut self, conversation: &str) -> Value {
        self.ask("join_conversation", json!({"conversation_id": conversation})).await;
        self.until("conversation_joined").await["data"].clone()
    }

    /// Every message of a conversation, oldest first, page by page.
    pub async fn whole_history(&mut self, conversation: &str) -> Vec<Value> {
        let mut pages: Vec<Vec<Value>> = Vec::new();
        let mut before = Value::Null;
        loop {
            let data = json!({"conversation_id": conversation, "before_seq": before, "limit": 200});
            self.ask("history", data).await;
            let mut page = self.until("history").await["data"].take();
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
        self.close_and_drain().await;
    }

    /// Closes politely; gives the frames that came before the server's own close.
    pub async fn close_and_drain(mut self) -> Vec<Value> {
        let _ = self.socket.close(None).await;
        let mut frames = Vec::new();
        while let Ok(Incoming::Frame(frame)) = timeout(PATIENCE, self.next()).await {
            frames.push(frame);
        }
        frames
    }

    async fn next(&mut self) -> Incoming {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text);
                    return Incoming::Frame(frame.unwrap_or_else(|_| panic!("not JSON: {text}")));
                }
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    return Incoming::Closed { code, reason };
                }
                Some(Ok(Message::Binary(_))) => panic!("the server sends no binary frames"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Incoming::Lost(error.to_string()),
                None => return Incoming::Lost("end of stream".to_owned()),
            }
        }
    }
}

/// An id as its text. Panics where it is none.
pub fn id(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("an id, not {value}")).to_owned()
}

async fn upgrade(
    address: SocketAddr,
    path: &str,
    credential: Credential<'_>,
    headers: &[(&'static str, &str)],
) -> Result<Client, Error> {
    let query = match credential {
        Credential::Query(token) => format!("{}token={token}", if path.contains('?') { '&' } else { '?' }),
        _ => String::new(),
    };
    let mut request = format!("ws://{address}{path}{query}").into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    if let Credential::Header(token) = credential {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let tcp = TcpSocket::new_v4()?.connect(address).await?;
    tcp.set_nodelay(true)?;
    let (socket, _) = tokio_tungstenite::client_async(request, tcp).await?;
    let mut client = Client { socket };
    if let Credential::FirstMessage(token) = credential {
        client.send(json!({"type": "auth", "token": token})).await;
    }
    Ok(client)
}
