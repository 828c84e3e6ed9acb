//! One reply: a backend is asked, its pieces go out as they come, and an end or an error is the last that goes out.

use crate::order::request_of;
use crate::pieces::{self, Piece};
use crate::socket::Outgoing;
use futures_util::StreamExt;
use parlor_domain::MessageId;
use parlor_domain::message::Usage;
use parlor_domain::ports::{About, Backend, BackendError, Delta, Finish};
use parlor_protocol::broker::{AiError, ProcessMessage, TokenCount, WorkerFrame, WorkerResponse};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many pieces that are ready together are looked at together.
const PIECES: usize = 64;
/// The longest text of an error, in bytes.
const ERROR_MAX: usize = 500;

/// Makes the reply to `order`. Nobody learns of it where the connection is lost: then there is nobody to tell.
pub(crate) async fn make(
    backend: &dyn Backend,
    order: ProcessMessage<'static>,
    frames: &mpsc::Sender<Outgoing>,
) {
    let id = order.message_id;
    let last = match stream(backend, order, frames).await {
        Ok(response) => WorkerFrame::AiResponse(response),
        Err(error) => {
            tracing::warn!(message = %id, %error, "a reply has failed");
            failure(id, &error)
        }
    };
    let _ = frames.send(Outgoing::Frame(Box::new(last))).await;
}

async fn stream(
    backend: &dyn Backend,
    order: ProcessMessage<'static>,
    frames: &mpsc::Sender<Outgoing>,
) -> Result<WorkerResponse, BackendError> {
    let mut reply = Reply::new(&order);
    let request = request_of(&order);
    drop(order);
    let mut batches = backend.open(request).await?.ready_chunks(PIECES);
    while let Some(batch) = batches.next().await {
        let mut pieces = Vec::new();
        let ended = batch.into_iter().try_for_each(|delta| delta.map(|it| reply.take(it, &mut pieces)));
        for frame in pieces::frames(reply.id(), pieces) {
            // Where nobody takes it any more, this task is about to be dropped.
            let _ = frames.send(Outgoing::Frame(Box::new(frame))).await;
        }
        ended?;
        if reply.is_whole {
            return Ok(reply.finish());
        }
    }
    Err(BackendError::Unreachable("the reply was cut off".to_owned()))
}

/// What is known of a reply beside the text that has gone out.
struct Reply {
    response: WorkerResponse,
    about: About,
    begun: Instant,
    is_whole: bool,
}

impl Reply {
    fn new(order: &ProcessMessage<'_>) -> Self {
        let response = WorkerResponse {
            message_id: order.message_id,
            thread_id: Some(order.thread_id),
            user_id: Some(order.user_id),
            // All of it goes out in pieces.
            response_content: String::new(),
            content_type: None,
            processing_time_ms: None,
            confidence_score: None,
            model_used: None,
            usage: None,
            finish_reason: None,
        };
        Self { response, about: About::default(), begun: Instant::now(), is_whole: false }
    }

    fn id(&self) -> MessageId {
        self.response.message_id
    }

    fn take(&mut self, delta: Delta, pieces: &mut Vec<Piece>) {
        match delta {
            // What a backend says behind its own end is nothing.
            _ if self.is_whole => {}
            // Nobody has asked for it.
            Delta::Raw(_) => {}
            Delta::Content(text) => pieces.push(Piece::Content(text)),
            Delta::Reasoning(text) => pieces.push(Piece::Reasoning(text)),
            Delta::ToolCall(call) => pieces.push(Piece::ToolCall(call)),
            Delta::Usage(usage) => self.response.usage = count(usage),
            Delta::Model(model) => self.response.model_used = Some(model),
            Delta::About(about) => self.about = about,
            Delta::End(finish) => {
                self.response.finish_reason = Some(reason(finish).to_owned());
                self.is_whole = true;
            }
        }
    }

    fn finish(self) -> WorkerResponse {
        WorkerResponse {
            content_type: self.about.content_type,
            confidence_score: self.about.confidence.map(parlor_domain::message::Confidence::share),
            processing_time_ms: Some((self.begun.elapsed().as_secs_f64() * 1e3).round()),
            ..self.response
        }
    }
}

/// None where it is an estimate: the server's own is as good.
fn count(usage: Usage) -> Option<TokenCount> {
    let tokens = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
    let Usage { prompt_tokens, completion_tokens, estimated } = usage;
    let count =
        TokenCount { prompt_tokens: tokens(prompt_tokens), completion_tokens: tokens(completion_tokens) };
    (!estimated).then_some(count)
}

const fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

/// What the server is told of an error.
pub(crate) fn failure(message_id: MessageId, error: &BackendError) -> WorkerFrame {
    let (status, retry_after) = match error {
        BackendError::Status { status, retry_after, .. } => ((*status).clamp(400, 599), *retry_after),
        // To the server, this worker is a gateway to what it asks itself (RFC 9110 §15.6.3).
        BackendError::Unreachable(_) | BackendError::Malformed(_) => (502, None),
    };
    let mut message = error.to_string();
    message.truncate(message.floor_char_boundary(ERROR_MAX));
    let retry_after = retry_after.map(whole_seconds);
    WorkerFrame::AiError(AiError { message_id, code: None, message, status: Some(status), retry_after })
}

/// Rounded up: who comes back earlier comes too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
