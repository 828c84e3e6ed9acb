//! Both ends of a worker: a server that says what a test tells it, and a backend that a test plays.

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt, stream};
use parlor_domain::ports::{Backend, BackendError, Delta, TurnRequest, TurnStream};
use parlor_domain::{ConversationId, MessageId, UserId};
use parlor_protocol::broker::{ContextPiece, OrderFrame, ProcessMessage};
use parlor_protocol::{ErrorCode, Timestamp};
use parlor_worker::{Worker, WorkerConfig, WorkerError};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};

pub(crate) const KEY: &str = "a-service-key-of-24-bytes";
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("it takes too long")
}

/// A worker that runs, what it connects to, and what it asks.
pub(crate) struct Stage {
    listener: TcpListener,
    pub(crate) opened: mpsc::UnboundedReceiver<Played>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) worker: JoinHandle<Result<(), WorkerError>>,
}

/// A reply that the backend was asked for, before it has said whether there is one.
pub(crate) struct Played {
    pub(crate) request: TurnRequest,
    answer: oneshot::Sender<Result<TurnStream, BackendError>>,
}

/// The reply as a test makes it.
pub(crate) type Pen = mpsc::Sender<Result<Delta, BackendError>>;

impl Played {
    pub(crate) fn refuse(self, error: BackendError) {
        assert!(self.answer.send(Err(error)).is_ok(), "nobody waits for it");
    }

    pub(crate) fn stream(self, stream: TurnStream) {
        assert!(self.answer.send(Ok(stream)).is_ok(), "nobody waits for it");
    }

    pub(crate) fn begin(self) -> Pen {
        let (pen, pieces) = mpsc::channel(16);
        let next = |mut pieces: mpsc::Receiver<_>| async { Some((pieces.recv().await?, pieces)) };
        self.stream(stream::unfold(pieces, next).boxed());
        pen
    }
}

struct Puppet(mpsc::UnboundedSender<Played>);

#[async_trait]
impl Backend for Puppet {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn serves(&self, _model: Option<&str>) -> bool {
        true
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let (answer, waiting) = oneshot::channel();
        self.0.send(Played { request, answer }).expect("the test is over");
        waiting.await.expect("the test dropped a reply")
    }
}

impl Stage {
    pub(crate) async fn new(change: impl FnOnce(&mut WorkerConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = WorkerConfig::new(format!("ws://{}/ws", listener.local_addr().unwrap()), KEY);
        change(&mut config);
        let (tell, opened) = mpsc::unbounded_channel();
        let worker = Worker::new(config, Arc::new(Puppet(tell))).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let worker = tokio::spawn(async move { worker.run(stopped).await });
        Self { listener, opened, stop: Some(stop), worker }
    }

    pub(crate) async fn opened(&mut self) -> Played {
        soon(self.opened.recv()).await.unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> Result<(), WorkerError> {
        soon(&mut self.worker).await.unwrap()
    }

    /// The next connection, not yet let in.
    pub(crate) async fn knock(&self) -> Server {
        Server::open(soon(self.arrival()).await).await
    }

    /// The next connection, of which nothing has been read, however long it takes.
    pub(crate) async fn arrival(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// The next connection, let in and known to be operational.
    pub(crate) async fn server(&self) -> Server {
        let mut server = self.knock().await;
        server.expect("ai_auth").await;
        server.let_in().await;
        assert_eq!(server.expect("ai_status").await["status"], "operational");
        server
    }
}

/// The server's end of one connection.
pub(crate) struct Server(pub(crate) WebSocketStream<TcpStream>);

impl Server {
    pub(crate) async fn open(stream: TcpStream) -> Self {
        Self(soon(accept_async(stream)).await.unwrap())
    }

    pub(crate) async fn send(&mut self, value: &impl serde::Serialize) {
        let text = serde_json::to_string(value).unwrap();
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn let_in(&mut self) {
        let (status, capabilities, timestamp) = ("authenticated", json!([]), "2025-01-22T12:00:00.000Z");
        self.send(&json!({"type": "ai_auth_success", "canister_id": "x", "status": status,
            "capabilities": capabilities, "timestamp": timestamp}))
            .await;
    }

    pub(crate) async fn refuse(&mut self, code: ErrorCode) {
        self.send(&json!({"type": "error", "code": code, "message": "no"})).await;
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        soon(self.0.next()).await.map(Result::unwrap)
    }

    /// The next frame, which is a `kind`.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await.expect("the connection is open") {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(frame["type"], kind, "{frame}");
                    return frame;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where a frame was due"),
            }
        }
    }

    pub(crate) async fn ask(&mut self, order: &ProcessMessage<'static>) {
        self.send(&OrderFrame::ProcessMessage(Box::new(order.clone()))).await;
    }

    pub(crate) async fn ping(&mut self, payload: &'static [u8]) {
        self.0.send(Message::Ping(Bytes::from_static(payload))).await.unwrap();
    }

    /// The close frame that comes now.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        match self.next().await {
            Some(Message::Close(Some(frame))) => frame,
            other => panic!("{other:?} where it should close"),
        }
    }
}

/// A reply that a server wants.
pub(crate) fn order() -> ProcessMessage<'static> {
    let (message_id, timestamp) = (MessageId::new(), Timestamp::from_microsecond(1_737_547_200_000_000));
    let piece = |role: &'static str, content: &'static str| ContextPiece {
        role: role.into(),
        content: content.into(),
        content_type: "text".into(),
        timestamp: None,
        name: None,
        options: None,
    };
    ProcessMessage {
        message_id,
        thread_id: ConversationId::new(),
        user_id: UserId::new(),
        content: "Hello?".into(),
        content_type: "text".into(),
        conversation_context: vec![piece("system", "Be kind."), piece("user", "Hello?")],
        timestamp,
        priority: "normal".into(),
        response_id: MessageId::new(),
        attempt: 2,
        in_reply_to: message_id,
        model: Some("gpt-x".into()),
        max_tokens: Some(100),
        temperature: Some(0.5),
        options: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a piece of a stream that may fail")]
pub(crate) fn content(text: &str) -> Result<Delta, BackendError> {
    Ok(Delta::Content(text.to_owned()))
}
