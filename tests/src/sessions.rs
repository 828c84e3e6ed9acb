//! A client of the `sessions` dialect, on the same independent implementation, and its history over HTTP.

use crate::client::{Client, Credential, Incoming, id};
use crate::http::{Answer, Download};
use crate::{PATIENCE, TestApp, http};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

/// Where the dialect is spoken.
pub const PATH: &str = "/chat/ws";
/// Where its history is.
pub const HISTORY: &str = "/chat/sessions";

/// One connection of the dialect, past its `connected`.
#[derive(Debug)]
pub struct Asker {
    client: Client,
}

impl Deref for Asker {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Asker {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Asker {
    /// Connects with the token in the query.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        Self::try_connect(address, token).await.unwrap_or_else(|error| panic!("the upgrade failed: {error}"))
    }

    /// The same, where the server may be gone.
    pub async fn try_connect(
        address: SocketAddr,
        token: &str,
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let mut client = Client::try_open(address, PATH, Credential::Query(token), &[]).await?;
        assert_eq!(client.frame().await, json!({"type": "connected"}));
        Ok(Self { client })
    }

    /// Sends a request and waits for its reply, before which the AI types and nothing else comes.
    pub async fn question(&mut self, request: Value) -> Value {
        self.send(request).await;
        assert_eq!(self.frame().await, json!({"type": "typing"}));
        self.expect("message").await
    }

    /// Asks `text` in a session, or in a new one; gives the reply.
    pub async fn say(&mut self, session: Option<&str>, text: &str) -> Value {
        self.question(json!({"message": text, "session_id": session})).await
    }

    /// A new session that begins with `text`, by its id.
    pub async fn new_session(&mut self, text: &str) -> String {
        id(&self.say(None, text).await["session_id"])
    }

    /// Sends a request, which must be refused before anything else comes; gives the error.
    pub async fn refused(&mut self, request: Value, code: &str) -> Value {
        self.send(request).await;
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{error}");
        error
    }

    /// The next `message` or `error`, and the text of the chunks before it.
    pub async fn end(&mut self) -> (Value, String) {
        self.end_after(String::new()).await
    }

    /// The same, where the beginning of the text has come already.
    pub async fn end_after(&mut self, mut text: String) -> (Value, String) {
        loop {
            let frame = self.frame().await;
            match frame["type"].as_str() {
                Some("chunk") => {
                    if frame["offset"] == 0 {
                        text.clear();
                    }
                    assert_eq!(frame["offset"], text.len(), "offsets add up: {frame}");
                    text.push_str(frame["content"].as_str().unwrap());
                }
                Some("typing") => {}
                _ => return (frame, text),
            }
        }
    }

    /// Waits until at least `bytes` bytes of a reply have come in pieces.
    pub async fn read(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            let chunk = self.until("chunk").await;
            text.push_str(chunk["content"].as_str().unwrap());
        }
        text
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

    /// Closes politely and waits for the end.
    pub async fn close(self) {
        self.client.close().await;
    }
}

/// The history of one user, over HTTP.
#[derive(Debug, Clone)]
pub struct History {
    address: SocketAddr,
    token: String,
}

impl History {
    /// That of the token's user.
    pub fn new(app: &TestApp, token: &str) -> Self {
        Self { address: app.address(), token: token.to_owned() }
    }

    /// Any request; `path` comes behind `/chat/sessions`.
    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        http::ask(self.address, method, &format!("{HISTORY}{path}"), Some(&self.token), &Value::Null).await
    }

    /// What is found, which must be there.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// The sessions of the first page.
    pub async fn list(&self, query: &str) -> Vec<Value> {
        self.get(query).await["data"].as_array().unwrap().clone()
    }

    /// The answer to a search for `question`, however that is written.
    pub async fn search(&self, question: &str) -> Answer {
        self.ask("GET", &format!("?q={}", percent(question))).await
    }

    /// The sessions in which something is found, best first.
    pub async fn found(&self, question: &str) -> Vec<Value> {
        let answer = self.search(question).await;
        assert_eq!(answer.status, 200, "{question}: {}", answer.body);
        answer.json()["data"].as_array().unwrap().clone()
    }

    /// All exchanges of a session, page by page.
    pub async fn exchanges(&self, session: &str) -> Vec<Value> {
        let mut exchanges = Vec::new();
        for page in 1.. {
            let found = self.get(&format!("/{session}?limit=200&page={page}")).await;
            exchanges.extend(found["messages"].as_array().unwrap().iter().cloned());
            if found["meta"]["totalPages"].as_u64().unwrap() <= page {
                break;
            }
        }
        exchanges
    }

    /// Asks for a session until `wanted` is true of it, and gives it. Panics where it never is.
    pub async fn until(&self, session: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let found = self.get(&format!("/{session}")).await;
            if wanted(&found) {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "it never comes: {found}");
        }
    }

    /// The whole of a session in one file.
    pub async fn export(&self, session: &str, format: &str) -> Download {
        let path = format!("{HISTORY}/{session}/export?format={format}");
        let download = http::download(self.address, &path, &self.token).await;
        assert_eq!(download.status, 200, "{}", download.text());
        assert!(download.whole, "the transfer ends as it should: {}", download.head);
        download
    }

    /// The same as JSON.
    pub async fn exported(&self, session: &str) -> Value {
        let file = self.export(session, "json").await.text();
        let value: Value = serde_json::from_str(&file).unwrap_or_else(|error| panic!("{error}: {file}"));
        assert_eq!(value["complete"], true);
        value
    }
}

/// A text as a value in a query (RFC 3986 §2.1).
pub fn percent(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => write!(encoded, "{}", char::from(byte)),
            _ => write!(encoded, "%{byte:02X}"),
        };
    }
    encoded
}
