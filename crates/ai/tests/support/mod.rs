//! A server that speaks just enough HTTP/1.1 to be a good or a bad LLM API.

use futures_util::StreamExt;
use parlor_ai::{OpenAi, OpenAiConfig};
use parlor_domain::ports::{Backend, BackendError, ContextMessage, Delta, Speaker, TurnRequest, TurnStream};
use parlor_domain::{ConversationId, MessageId};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What the server does with each request.
#[derive(Clone)]
pub(crate) enum Step {
    /// Sends these bytes as they are.
    Send(Vec<u8>),
    /// Sends this as one chunk of a chunked body.
    Chunk(Vec<u8>),
    /// Ends a chunked body; the connection stays.
    End,
    /// Says nothing until the client goes.
    Stall,
    /// Goes.
    Close,
}

/// The head of a response whose body is an event stream.
pub(crate) fn stream_head() -> Step {
    head("200 OK", "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n")
}

pub(crate) fn head(status: &str, headers: &str) -> Step {
    Step::Send(format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes())
}

pub(crate) fn chunk(text: impl AsRef<[u8]>) -> Step {
    Step::Chunk(text.as_ref().to_vec())
}

/// The steps of a whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Step> {
    let headers = format!("{headers}Content-Length: {}\r\n", body.len());
    vec![head(status, &headers), Step::Send(body.as_bytes().to_vec())]
}

/// The steps of an event stream that ends well.
pub(crate) fn events(pieces: &[&str]) -> Vec<Step> {
    let pieces = pieces.iter().map(chunk);
    std::iter::once(stream_head()).chain(pieces).chain([Step::End]).collect()
}

/// What happened at the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Connected,
    /// A request was read: its head and its body.
    Request(String, String),
    /// The client closed the connection while the server stalled.
    Left,
}

pub(crate) struct Server {
    pub(crate) base_url: String,
    seen: mpsc::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            let steps = Arc::new(steps);
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                tell.send(Seen::Connected).await.unwrap();
                connections.spawn(serve(socket, Arc::clone(&steps), tell.clone()));
            }
        });
        Self { base_url, seen, task }
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        let wait = std::time::Duration::from_secs(10);
        tokio::time::timeout(wait, self.seen.recv()).await.expect("nothing happened").unwrap()
    }

    pub(crate) fn client(&self) -> OpenAi {
        client(&OpenAiConfig { base_url: self.base_url.clone(), ..OpenAiConfig::default() })
    }
}

pub(crate) fn client(config: &OpenAiConfig) -> OpenAi {
    OpenAi::new(OpenAiConfig { model: "a-model".to_owned(), ..config.clone() }).unwrap()
}

async fn serve(mut socket: TcpStream, steps: Arc<Vec<Step>>, tell: mpsc::Sender<Seen>) {
    let received = Mutex::new(Vec::new());
    loop {
        let Some((head, body)) = request(&mut socket, &received).await else { return };
        tell.send(Seen::Request(head, body)).await.unwrap();
        for step in steps.iter() {
            match step {
                Step::Send(bytes) => drop(socket.write_all(bytes).await),
                Step::Chunk(bytes) => {
                    let size = format!("{:x}\r\n", bytes.len());
                    drop(socket.write_all(&[size.as_bytes(), bytes, b"\r\n"].concat()).await);
                }
                Step::End => drop(socket.write_all(b"0\r\n\r\n").await),
                Step::Stall => {
                    while socket.read_u8().await.is_ok() {}
                    tell.send(Seen::Left).await.unwrap();
                    return;
                }
                Step::Close => return,
            }
        }
    }
}

async fn request(socket: &mut TcpStream, received: &Mutex<Vec<u8>>) -> Option<(String, String)> {
    loop {
        if let Some(whole) = take_request(&mut received.lock().unwrap()) {
            return Some(whole);
        }
        let mut buffer = vec![0; 64 * 1024];
        let length = socket.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        received.lock().unwrap().extend_from_slice(&buffer[..length]);
    }
}

fn take_request(received: &mut Vec<u8>) -> Option<(String, String)> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let head = head.to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().unwrap();
    let body = rest.get(..length)?.to_owned();
    received.drain(..head.len() + 4 + length);
    Some((head, body))
}

pub(crate) fn question() -> TurnRequest {
    TurnRequest {
        turn: MessageId::new(),
        conversation: ConversationId::new(),
        model: None,
        context: vec![ContextMessage::new(Speaker::User, "Hi")],
        max_tokens: None,
        temperature: None,
    }
}

/// A whole stream, in short.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) model: Option<String>,
    /// Of the prompt and of the reply.
    pub(crate) usage: Option<(u64, u64)>,
    pub(crate) ended: bool,
    pub(crate) error: Option<BackendError>,
}

pub(crate) async fn hear(mut stream: TurnStream) -> Heard {
    let mut heard = Heard::default();
    while let Some(delta) = stream.next().await {
        assert!(!heard.ended && heard.error.is_none(), "something came after the end");
        match delta {
            Ok(Delta::Content(text)) => heard.text.push_str(&text),
            Ok(Delta::Model(model)) => assert_eq!(heard.model.replace(model), None),
            Ok(Delta::Usage(usage)) => {
                assert!(!usage.estimated);
                heard.usage = Some((usage.prompt_tokens, usage.completion_tokens));
            }
            Ok(Delta::End) => heard.ended = true,
            Err(error) => heard.error = Some(error),
        }
    }
    assert!(stream.next().await.is_none(), "an ended stream stays ended");
    heard
}

/// What a client hears from a server that does `steps`.
pub(crate) async fn hear_steps(steps: Vec<Step>) -> Heard {
    let server = Server::start(steps).await;
    hear(server.client().open(question()).await.unwrap()).await
}
