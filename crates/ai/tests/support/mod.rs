//! A server that speaks just enough HTTP/1.1 to be a good or a bad LLM API.

use futures_util::StreamExt;
use parlor_ai::{Kind, Provider, ProviderConfig};
use parlor_domain::UserId;
use parlor_domain::ports::{
    Backend, BackendError, ContextMessage, Delta, Finish, Speaker, ToolCall, TurnRequest, TurnStream,
};
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
    root: String,
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
        let root = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel(64);
        let task = tokio::spawn(async move {
            let steps = Arc::new(steps);
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                tell.send(Seen::Connected).await.unwrap();
                connections.spawn(serve(socket, Arc::clone(&steps), tell.clone()));
            }
        });
        Self { root, seen, task }
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        let wait = std::time::Duration::from_secs(10);
        tokio::time::timeout(wait, self.seen.recv()).await.expect("nothing happened").unwrap()
    }

    /// A configuration for this server.
    pub(crate) fn config(&self, kind: Kind) -> ProviderConfig {
        let version = if kind == Kind::OpenAi { "/v1" } else { "" };
        let base_url = format!("{}{version}", self.root);
        ProviderConfig { base_url, model: Some("a-model".to_owned()), ..ProviderConfig::new(kind) }
    }

    pub(crate) fn client(&self, kind: Kind) -> Provider {
        Provider::new(self.config(kind)).unwrap()
    }
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
    TurnRequest::new(UserId::new(), vec![ContextMessage::new(Speaker::User, "Hi")])
}

/// A whole stream, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    /// Each call of a tool, whole.
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) model: Option<String>,
    /// Of the prompt and of the reply.
    pub(crate) usage: Option<(u64, u64)>,
    pub(crate) end: Option<Finish>,
    pub(crate) error: Option<BackendError>,
}

impl Heard {
    fn call(&mut self, piece: ToolCall) {
        let place = piece.index as usize;
        self.calls.resize_with(self.calls.len().max(place + 1), ToolCall::default);
        let call = &mut self.calls[place];
        call.index = piece.index;
        call.id = call.id.take().or(piece.id);
        call.name = call.name.take().or(piece.name);
        call.arguments.push_str(&piece.arguments);
    }
}

/// A whole call of a tool.
pub(crate) fn call(index: u32, id: Option<&str>, name: &str, arguments: &str) -> ToolCall {
    let (id, name) = (id.map(str::to_owned), Some(name.to_owned()));
    ToolCall { index, id, name, arguments: arguments.to_owned() }
}

pub(crate) async fn hear(mut stream: TurnStream) -> Heard {
    let mut heard = Heard::default();
    while let Some(delta) = stream.next().await {
        assert!(heard.end.is_none() && heard.error.is_none(), "something came after the end");
        match delta {
            Ok(Delta::Content(text)) => heard.text.push_str(&text),
            Ok(Delta::Reasoning(text)) => heard.reasoning.push_str(&text),
            Ok(Delta::ToolCall(piece)) => heard.call(piece),
            Ok(Delta::Model(model)) => assert_eq!(heard.model.replace(model), None),
            Ok(Delta::Usage(usage)) => {
                assert!(!usage.estimated);
                heard.usage = Some((usage.prompt_tokens, usage.completion_tokens));
            }
            Ok(delta @ (Delta::About(_) | Delta::Raw(_))) => panic!("nobody wants {delta:?}"),
            Ok(Delta::End(finish)) => heard.end = Some(finish),
            Err(error) => heard.error = Some(error),
        }
    }
    assert!(stream.next().await.is_none(), "an ended stream stays ended");
    heard
}

/// What a client hears from a server that does `steps`.
pub(crate) async fn hear_steps(kind: Kind, steps: Vec<Step>) -> Heard {
    let server = Server::start(steps).await;
    hear(server.client(kind).open(question()).await.unwrap()).await
}

/// Checks that who wants the events of a recorded stream gets each as it was sent, before what it means, and nothing else
/// of the reply is different.
pub(crate) async fn check_raw_events(kind: Kind, recording: &str) {
    let server = Server::start(events(&[recording])).await;
    let plain: Vec<_> = server.client(kind).open(question()).await.unwrap().collect().await;
    let raw = raw_deltas(&server.client(kind)).await;
    let data = recording.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let expect: Vec<&str> = data.filter(|data| !data.is_empty() && *data != "[DONE]").collect();
    let heard = raw.iter().filter_map(|delta| match delta {
        Ok(Delta::Raw(event)) => Some(&**event),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), expect);
    assert!(matches!(raw.first(), Some(Ok(Delta::Raw(_)))), "{raw:?}");
    let rest = raw.into_iter().filter(|delta| !matches!(delta, Ok(Delta::Raw(_))));
    assert_eq!(rest.collect::<Vec<_>>(), plain);
}

/// All that a server says, its events as they come among it.
pub(crate) async fn raw_deltas(provider: &Provider) -> Vec<Result<Delta, BackendError>> {
    let wanted = TurnRequest { raw_events: true, ..question() };
    provider.open(wanted).await.unwrap().collect().await
}

/// Checks what a client hears of a recorded stream: in one piece, and cut at every byte, characters too.
pub(crate) async fn check_recording(kind: Kind, recording: &str, expect: &Heard) {
    assert_eq!(&hear_steps(kind, events(&[recording])).await, expect, "in one piece");
    let pieces = recording.as_bytes().chunks(1).map(chunk);
    let steps = std::iter::once(stream_head()).chain(pieces).chain([Step::End]).collect();
    assert_eq!(&hear_steps(kind, steps).await, expect, "byte by byte");
}

/// Checks that a recorded stream which is cut after any of its events has no end until it is whole: `tail` of its last
/// events may be missing.
pub(crate) async fn check_cuts(kind: Kind, recording: &str, tail: usize) {
    let all: Vec<&str> = recording.split_inclusive("\n\n").collect();
    for count in 0..all.len() - tail {
        let heard = hear_steps(kind, events(&all[..count])).await;
        assert_eq!((heard.end, heard.error), (None, None), "after {count} events");
    }
}

/// The refusal of a server that does `steps` with the key `key`.
pub(crate) async fn refused(kind: Kind, steps: Vec<Step>, key: &str) -> BackendError {
    let server = Server::start(steps).await;
    let config = ProviderConfig { api_key: Some(key.to_owned()), ..server.config(kind) };
    match Provider::new(config).unwrap().open(question()).await {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

/// The head and the body of the request that `provider` sends for `question`.
pub(crate) async fn sent(
    server: &mut Server,
    provider: &Provider,
    question: TurnRequest,
) -> (String, String) {
    hear(provider.open(question).await.unwrap()).await;
    assert_eq!(server.seen().await, Seen::Connected);
    match server.seen().await {
        Seen::Request(head, body) => (head, body),
        seen => panic!("{seen:?}"),
    }
}
