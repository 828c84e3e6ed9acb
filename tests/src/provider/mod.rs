//! An OpenAI-compatible API that behaves, or fails, as the model's name says. See [`script`] for the names. It moderates,
//! too: flagged is what has `forbidden` in it.

pub mod script;

use crate::PATIENCE;
use script::{Reply, Step};
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

pub use script::words;

/// A running provider; it stops when this is dropped.
#[derive(Debug)]
pub struct FakeProvider {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

/// One request that it got.
#[derive(Debug, Clone)]
pub struct Request {
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: Value,
    /// When it was there.
    pub at: Instant,
}

impl Request {
    /// The model that was asked for.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    /// How many there were for each model: tests ask thousands of times.
    counts: Mutex<HashMap<String, usize>>,
    hangups: AtomicUsize,
    released: watch::Sender<bool>,
    /// What it does whatever the model is called.
    always: Option<String>,
}

impl Seen {
    /// Remembers a request. Gives how many there were for its model before.
    fn enter(&self, request: Request) -> usize {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(request.model().to_owned()).or_default();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        *count += 1;
        *count - 1
    }
}

impl FakeProvider {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        Self::start_seeing(Seen::default()).await
    }

    /// Starts one that takes every model for `model`.
    pub async fn start_as(model: &str) -> Self {
        Self::start_seeing(Seen { always: Some(model.to_owned()), ..Seen::default() }).await
    }

    async fn start_seeing(seen: Seen) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(seen);
        let task = tokio::spawn(accept(listener, Arc::clone(&seen)));
        Self { address, seen, task }
    }

    /// What goes into `OPENAI_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests asked for `model`.
    pub fn count(&self, model: &str) -> usize {
        self.requests().iter().filter(|request| request.model() == model).count()
    }

    /// Waits for so many requests: whoever asks it is on their way, on a busy machine for a while.
    pub async fn until_requests(&self, count: usize) {
        self.until("requests", count, || self.requests().len()).await;
    }

    /// Waits until so many replies were abandoned.
    pub async fn until_hangups(&self, count: usize) {
        self.until("hangups", count, || self.hangups()).await;
    }

    async fn until(&self, what: &str, wanted: usize, count: impl Fn() -> usize) {
        let start = Instant::now();
        while count() < wanted {
            assert!(start.elapsed() < PATIENCE, "{} of {wanted} {what} in {PATIENCE:?}", count());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets go of all replies that it holds, and holds none any more.
    pub fn release(&self) {
        self.seen.released.send_replace(true);
    }

    /// How many replies were abandoned by the other side before their end.
    pub fn hangups(&self) -> usize {
        self.seen.hangups.load(Ordering::SeqCst)
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    // Dropped with this task, and its own tasks with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&seen)));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection. A broken connection ends it.
async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let _ = stream.set_nodelay(true);
    let mut unread = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut unread).await {
        let model = request.model().to_owned();
        if request.head.starts_with("POST /v1/moderations ") {
            let verdict = script::moderate(&request.body);
            seen.enter(request);
            if answer(&mut stream, verdict, &seen).await.is_none() {
                return;
            }
            continue;
        }
        let asked_before = seen.enter(request);
        let script = seen.always.as_ref().unwrap_or(&model);
        if answer(&mut stream, script::reply(script, asked_before), &seen).await.is_none() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = unread.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]).into_owned();
            let length = content_length(&head);
            if let Some(body) = unread.get(end + 4..end + 4 + length) {
                let body = serde_json::from_slice(body).unwrap_or(Value::Null);
                unread.drain(..end + 4 + length);
                return Some(Request { head, body, at: Instant::now() });
            }
        }
        let count = stream.read_buf(unread).await.ok()?;
        if count == 0 {
            return None;
        }
    }
}

fn content_length(head: &str) -> usize {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    value.unwrap_or(0)
}

/// Sends a reply. None where the connection shall not be used again.
async fn answer(stream: &mut TcpStream, reply: Reply, seen: &Seen) -> Option<()> {
    match reply {
        Reply::Status { status, headers, body } => {
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(body.as_bytes()).await.ok()
        }
        Reply::Silence => {
            wait_for_hangup(stream, seen).await;
            None
        }
        Reply::Stream(steps) => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.ok()?;
            for step in steps {
                take(stream, step, seen).await?;
            }
            stream.write_all(b"0\r\n\r\n").await.ok()
        }
    }
}

async fn take(stream: &mut TcpStream, step: Step, seen: &Seen) -> Option<()> {
    match step {
        Step::Send(bytes) => {
            let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
            chunk.extend(bytes);
            chunk.extend(b"\r\n");
            let sent = stream.write_all(&chunk).await;
            if sent.is_err() {
                seen.hangups.fetch_add(1, Ordering::SeqCst);
            }
            sent.ok()
        }
        Step::Wait(span) => {
            tokio::select! {
                () = wait_for_hangup(stream, seen) => None,
                () = tokio::time::sleep(span) => Some(()),
            }
        }
        Step::Hold => {
            let mut released = seen.released.subscribe();
            tokio::select! {
                () = wait_for_hangup(stream, seen) => None,
                released = released.wait_for(|released| *released) => released.ok().map(drop),
            }
        }
        Step::Stall => {
            wait_for_hangup(stream, seen).await;
            None
        }
        Step::Cut => None,
    }
}

/// A client sends nothing while it is answered: whatever can be read is its end.
async fn wait_for_hangup(stream: &mut TcpStream, seen: &Seen) {
    let _ = stream.read(&mut [0; 64]).await;
    seen.hangups.fetch_add(1, Ordering::SeqCst);
}
