//! The side of AI workers: from their frames to reports, and from orders and answers to frames.

use super::messages::error;
use crate::dialect::{FromWorker, WorkerDialect};
use crate::frame;
use bytes::Bytes;
use parlor_domain::message::{Confidence, Usage};
use parlor_domain::ports::{About, BackendError, ContextMessage, Delta, Finish, Speaker, ToolCall};
use parlor_domain::{
    CONTENT_TYPE_MAX, ErrorCode, Refusal, Timestamp, WorkerAnswer, WorkerHello, WorkerOrder, WorkerReport,
    WorkerStatus, WorkerTask,
};
use parlor_protocol::broker as wire;
use parlor_protocol::broker::{FrameError, OPERATIONAL, OrderFrame, TEXT, WorkerFrame};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

/// What a worker may rely on, in the words of clients in the field.
const CAPABILITIES: [&str; 4] =
    ["message_processing", "response_generation", "context_analysis", "streaming"];
/// How much of a worker's complaint is kept, in bytes.
const COMPLAINT: usize = 500;
/// The longest wait that a worker may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What a first frame says that is a worker's; none where it is not `ai_auth`.
pub(super) fn hello(text: &str) -> Option<Result<WorkerHello, Refusal>> {
    match WorkerFrame::parse(text) {
        Ok(WorkerFrame::AiAuth(auth)) => Some(hello_of(auth)),
        Err(error) if error.code == ErrorCode::InvalidRequest => {
            Some(Err(Refusal::new(error.code, error.message)))
        }
        _ => None,
    }
}

fn hello_of(auth: wire::AiAuth) -> Result<WorkerHello, Refusal> {
    Ok(WorkerHello {
        service_key: auth.service_key,
        name: auth.canister_id,
        models: auth.models.unwrap_or_default(),
        capacity: auth.capacity.map(|capacity| positive(capacity, "capacity")).transpose()?,
    })
}

fn positive(number: u32, field: &str) -> Result<NonZeroU32, Refusal> {
    NonZeroU32::new(number).ok_or_else(|| invalid(format!("`{field}` is 1 or more")))
}

fn invalid(words: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, words)
}

/// The workers of this dialect.
pub(super) struct BrokerWorkers;

impl WorkerDialect for BrokerWorkers {
    fn welcome(&self, name: &str, now: Timestamp) -> Bytes {
        frame::json(&OrderFrame::AiAuthSuccess(wire::AiAuthSuccess {
            canister_id: name.into(),
            status: "authenticated".into(),
            capabilities: CAPABILITIES.map(Cow::Borrowed).into(),
            timestamp: now,
        }))
    }

    fn decode(&self, text: &str) -> Result<FromWorker, Bytes> {
        match WorkerFrame::parse(text) {
            Ok(frame) => from_worker(frame, text),
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn pong(&self) -> Bytes {
        frame::json(&OrderFrame::Pong)
    }

    fn order(&self, order: &WorkerOrder) -> Bytes {
        frame::json(&match order {
            WorkerOrder::Process(task) => OrderFrame::ProcessMessage(Box::new(process(task))),
            WorkerOrder::Cancel(id) => OrderFrame::CancelMessage(wire::OrderCancel { message_id: *id }),
        })
    }

    fn answer(&self, answer: &WorkerAnswer) -> Bytes {
        frame::json(&match answer {
            WorkerAnswer::Received { id, turn } => {
                OrderFrame::AiResponseAck(wire::AiResponseAck { message_id: *id, response_id: *turn })
            }
            WorkerAnswer::Refused { id, refusal } => {
                let message_id = id.map(|id| id.to_string().into());
                OrderFrame::Error(wire::Error { message_id, ..error(refusal) })
            }
        })
    }
}

fn unreadable(bad: &FrameError) -> Bytes {
    let refusal = Refusal::new(bad.code, bad.message.clone());
    refused(&refusal, bad.message_id.as_deref())
}

fn refused(refusal: &Refusal, message_id: Option<&str>) -> Bytes {
    let message_id = message_id.map(Cow::Borrowed);
    frame::json(&OrderFrame::Error(wire::Error { message_id, ..error(refusal) }))
}

fn from_worker(frame: WorkerFrame, text: &str) -> Result<FromWorker, Bytes> {
    let report = match frame {
        WorkerFrame::Ping => return Ok(FromWorker::Ping),
        WorkerFrame::AiAuth(_) => {
            let refusal = Refusal::new(ErrorCode::Forbidden, "this worker is known already");
            return Err(refused(&refusal, None));
        }
        WorkerFrame::AiResponse(response) => done(response, text),
        WorkerFrame::AiResponseChunk(chunk) => {
            WorkerReport::Pieces { id: chunk.message_id, pieces: pieces(chunk) }
        }
        WorkerFrame::AiError(failure) => {
            let id = failure.message_id;
            let failed = failed(failure);
            let error = failed.map_err(|refusal| refused(&refusal, Some(&id.to_string())))?;
            WorkerReport::Failed { id, error }
        }
        WorkerFrame::AiStatus(status) => WorkerReport::Status(worker_status(&status)),
    };
    Ok(FromWorker::Report(report))
}

/// A whole reply, with the frame that told it. What is odd about it beside its text is left out, so that it is not lost.
fn done(response: wire::WorkerResponse, frame: &str) -> WorkerReport {
    let about = About {
        confidence: response.confidence_score.and_then(Confidence::new),
        content_type: response.content_type.filter(|it| it != TEXT && it.len() <= CONTENT_TYPE_MAX),
    };
    let usage = response.usage.map(|usage| {
        Delta::Usage(Usage {
            prompt_tokens: usage.prompt_tokens.into(),
            completion_tokens: usage.completion_tokens.into(),
            estimated: false,
        })
    });
    let model = response.model_used.map(Delta::Model);
    let end = Delta::End(finish(response.finish_reason.as_deref()));
    let raw = Delta::Raw(frame.trim().into());
    let pieces = [raw].into_iter().chain(usage).chain(model).chain([Delta::About(about), end]).collect();
    WorkerReport::Done { id: response.message_id, content: response.response_content, pieces }
}

fn finish(reason: Option<&str>) -> Finish {
    match reason {
        Some("length") => Finish::Length,
        Some("tool_calls") => Finish::ToolCalls,
        Some("content_filter") => Finish::Filtered,
        _ => Finish::Stop,
    }
}

fn pieces(chunk: wire::AiResponseChunk) -> Vec<Delta> {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let call = chunk.tool_call.map(|call| {
        Delta::ToolCall(ToolCall {
            index: call.index,
            id: call.id,
            name: call.name,
            arguments: call.arguments,
        })
    });
    let (thought, text) = (said(chunk.reasoning), said(chunk.delta));
    thought.map(Delta::Reasoning).into_iter().chain(text.map(Delta::Content)).chain(call).collect()
}

fn failed(failure: wire::AiError) -> Result<BackendError, Refusal> {
    let status = failure.status.unwrap_or(500);
    if !(400..600).contains(&status) {
        return Err(invalid("`status` is 400 to 599".to_owned()));
    }
    let mut message = failure.code.map_or_else(String::new, |code| format!("{code}: ")) + &failure.message;
    message.truncate(message.floor_char_boundary(COMPLAINT));
    let retry_after = failure.retry_after.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    Ok(BackendError::Status { status, message, retry_after })
}

fn worker_status(status: &wire::AiStatus) -> WorkerStatus {
    WorkerStatus {
        // Who has room for nothing wants nothing.
        operational: status.status == OPERATIONAL && status.processing_capacity != Some(0),
        queue_size: status.queue_size,
        capacity: status.processing_capacity.and_then(NonZeroU32::new),
    }
}

fn process(task: &WorkerTask) -> wire::ProcessMessage<'_> {
    let request = &task.request;
    let asked = request.context.last().map_or("", |message| &message.content);
    wire::ProcessMessage {
        message_id: task.id,
        thread_id: request.conversation,
        user_id: request.user,
        content: asked.into(),
        content_type: TEXT.into(),
        conversation_context: request.context.iter().map(context_piece).collect(),
        timestamp: task.at,
        priority: "normal".into(),
        response_id: request.turn,
        attempt: request.attempt,
        in_reply_to: request.in_reply_to,
        model: request.model.as_deref().map(Cow::Borrowed),
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        options: request.extra.as_deref().and_then(object),
    }
}

fn context_piece(message: &ContextMessage) -> wire::ContextPiece<'_> {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    };
    wire::ContextPiece {
        role: role.into(),
        content: (&message.content).into(),
        content_type: TEXT.into(),
        timestamp: message.at,
        name: message.name.as_deref().map(Cow::Borrowed),
        options: message.extra.as_deref().and_then(object),
    }
}

/// What a client gave beside the fields that are known: an object by its contract.
fn object(extra: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(extra).ok()
}
