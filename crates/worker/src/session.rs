//! One connection: a worker authenticates, makes what replies it is asked for, and finishes them when it is to stop.
//!
//! Two things run in one task: the *input* (the server's messages, the ends of replies, the clock) and the *output*
//! (frames that wait, and the socket). The replies have tasks of their own, which end with the session.

use crate::config::WorkerConfig;
use crate::connect::Cause;
use crate::desk::Desk;
use crate::heartbeat::{Heartbeat, status};
use crate::reply::failure;
use crate::socket::{FRAMES, Messages, Outgoing, Received, Socket};
use futures_util::StreamExt;
use parlor_domain::MessageId;
use parlor_domain::ports::{Backend, BackendError};
use parlor_protocol::ErrorCode;
use parlor_protocol::broker::{AiAuth, OrderFrame, WorkerFrame};
use serde::Deserialize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How long the server may take to let a worker in.
const AUTHENTICATION: Duration = Duration::from_secs(10);
/// How long it may take to close, and what is left may take to go out.
const CLOSING: Duration = Duration::from_secs(5);
/// The code of a connection that has done its work (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// How a connection ended.
pub(crate) enum Ended {
    /// The worker was told to stop, and has.
    Stopped,
    /// The server does not know the key, and will not tomorrow.
    Refused,
    /// Another connection may fare better.
    Lost(Cause),
}

/// What all connections of a worker share.
pub(crate) struct Shared {
    pub(crate) config: WorkerConfig,
    pub(crate) backend: Arc<dyn Backend>,
}

/// Serves one connection until it ends. The worker began to run at `since`.
pub(crate) async fn run(socket: Socket, shared: &Shared, since: Instant, stop: &CancellationToken) -> Ended {
    let Socket { messages, writer } = socket;
    let (frames, outgoing) = mpsc::channel(FRAMES);
    let mut output = pin!(writer.run(outgoing));
    let config = &shared.config;
    let capacity = usize::try_from(config.capacity.get()).unwrap_or(usize::MAX);
    let desk = Desk::new(Arc::clone(&shared.backend), frames.clone(), capacity, config.queue);
    let mut session = Session { config, since, messages, frames, desk, heartbeat: Heartbeat::new() };
    let ended = tokio::select! {
        ended = session.input(stop) => ended,
        result = &mut output => {
            session.desk.clear().await;
            return Ended::Lost(result.err().unwrap_or_else(|| "nobody writes".into()));
        }
    };
    session.desk.clear().await;
    drop(session);
    // It ends by itself now that nobody can send; where it cannot, the connection is lost as it is.
    let _ = timeout(CLOSING, output).await;
    ended
}

struct Session<'a> {
    config: &'a WorkerConfig,
    since: Instant,
    messages: Messages,
    frames: mpsc::Sender<Outgoing>,
    desk: Desk,
    heartbeat: Heartbeat,
}

impl Session<'_> {
    async fn input(&mut self, stop: &CancellationToken) -> Ended {
        let entered = tokio::select! {
            entered = timeout(AUTHENTICATION, self.enter()) => entered,
            () = stop.cancelled() => return self.leave().await,
        };
        match entered {
            Ok(Ok(())) => self.serve(stop).await,
            Ok(Err(ended)) => ended,
            Err(_) => Ended::Lost("the server did not let the worker in within 10 s".into()),
        }
    }

    async fn enter(&mut self) -> Result<(), Ended> {
        let WorkerConfig { service_key, name, models, capacity, .. } = self.config;
        self.say(WorkerFrame::AiAuth(AiAuth {
            service_key: service_key.clone(),
            canister_id: name.clone(),
            models: (!models.is_empty()).then(|| models.clone()),
            capacity: Some(capacity.get()),
        }))
        .await;
        loop {
            let message = self.messages.next().await;
            match self.understand(message).await? {
                Some(OrderFrame::AiAuthSuccess(_)) => return Ok(()),
                Some(order) => self.obey(order).await?,
                None => {}
            }
        }
    }

    async fn serve(&mut self, stop: &CancellationToken) -> Ended {
        tracing::info!(name = self.config.name, "connected");
        self.tell_status(false).await;
        // None until the worker is to stop.
        let mut deadline: Option<Instant> = None;
        loop {
            if deadline.is_some() && self.desk.len() == 0 {
                return self.leave().await;
            }
            tokio::select! {
                message = self.messages.next() => if let Err(ended) = self.take(message).await {
                    return ended;
                },
                answer = self.desk.next_done() => if let Some(frame) = answer {
                    self.say(frame).await;
                },
                alive = self.heartbeat.tick() => {
                    if !alive {
                        return Ended::Lost("the server is silent".into());
                    }
                    self.tell_status(deadline.is_some()).await;
                    self.send(Outgoing::Ping).await;
                },
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + self.config.drain);
                    tracing::info!(replies = self.desk.len(), "draining");
                    self.tell_status(true).await;
                },
                () = sleep_until(deadline.unwrap_or(self.since)), if deadline.is_some() => {
                    for frame in self.desk.clear().await {
                        self.say(frame).await;
                    }
                },
            }
        }
    }

    async fn take(&mut self, message: Option<Result<Received, Cause>>) -> Result<(), Ended> {
        match self.understand(message).await? {
            Some(order) => self.obey(order).await,
            None => Ok(()),
        }
    }

    /// Answers what is of the connection alone; gives back what the server wants.
    async fn understand(
        &mut self,
        message: Option<Result<Received, Cause>>,
    ) -> Result<Option<OrderFrame<'static>>, Ended> {
        let message = message.unwrap_or_else(|| Err("the connection is gone".into())).map_err(Ended::Lost)?;
        self.heartbeat.hear();
        match message {
            Received::Text(text) => match serde_json::from_str(&text) {
                Ok(order) => return Ok(Some(order)),
                Err(error) => self.refuse(&text, &error).await,
            },
            Received::Ping(payload) => self.send(Outgoing::Pong(payload)).await,
            Received::Pong => {}
            Received::Close(code) => {
                self.send(Outgoing::Close(NORMAL)).await;
                return Err(Ended::Lost(format!("the server closed it with {code}").into()));
            }
        }
        Ok(None)
    }

    /// A frame that makes no sense may be a newer server's. It is no secret to it that we owe it a reply.
    async fn refuse(&mut self, text: &str, error: &serde_json::Error) {
        // Not the error's text, which may quote what people wrote.
        tracing::warn!(kind = ?error.classify(), column = error.column(), "a frame makes no sense");
        if let Ok(Named { kind, message_id }) = serde_json::from_str(text)
            && kind == "process_message"
        {
            let error = BackendError::Malformed("the worker does not understand the request".to_owned());
            self.say(failure(message_id, &error)).await;
        }
    }

    async fn obey(&mut self, order: OrderFrame<'static>) -> Result<(), Ended> {
        match order {
            OrderFrame::ProcessMessage(order) => {
                if let Some(frame) = self.desk.take(*order) {
                    self.say(frame).await;
                }
            }
            OrderFrame::CancelMessage(cancel) => self.desk.cancel(cancel.message_id),
            OrderFrame::Error(error) if error.code == ErrorCode::InvalidServiceKey => {
                return Err(Ended::Refused);
            }
            OrderFrame::Error(error) => tracing::warn!(code = ?error.code, "the server refused a frame"),
            OrderFrame::AiAuthSuccess(_) | OrderFrame::AiResponseAck(_) | OrderFrame::Pong => {}
        }
        Ok(())
    }

    /// Closes, and reads on until the server has too: what has gone out has then arrived.
    async fn leave(&mut self) -> Ended {
        self.send(Outgoing::Close(NORMAL)).await;
        let closed = async {
            while let Some(Ok(message)) = self.messages.next().await {
                if matches!(message, Received::Close(_)) {
                    break;
                }
            }
        };
        let _ = timeout(CLOSING, closed).await;
        Ended::Stopped
    }

    async fn tell_status(&mut self, draining: bool) {
        let (len, capacity) = (self.desk.len(), self.config.capacity.get());
        self.say(status(draining, len, capacity, self.since.elapsed())).await;
    }

    async fn say(&mut self, frame: WorkerFrame) {
        self.send(Outgoing::Frame(Box::new(frame))).await;
    }

    /// It fails where the output has ended, which ends the session.
    async fn send(&mut self, outgoing: Outgoing) {
        let _ = self.frames.send(outgoing).await;
    }
}

/// As much of a frame as has to make sense for an answer.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "type")]
    kind: String,
    message_id: MessageId,
}
