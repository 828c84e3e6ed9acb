//! Messages and refusals as this dialect writes them, wherever they stand.

use crate::dialect::metadata::{attachments, citations};
use parlor_domain::message::{Confidence, KIND_ASSISTANT, KIND_USER, Message, Reply, Usage};
use parlor_domain::{ErrorCode, Refusal};
use parlor_protocol::broker as wire;
use parlor_protocol::broker::{Entry, ServerFrame, TEXT};
use std::borrow::Cow;

/// A message of the log.
pub(super) fn entry(stored: &Message) -> Entry<'_> {
    match &stored.reply {
        Some(reply) => Entry::AiResponse(Box::new(response(stored, reply))),
        None => Entry::Message(Box::new(message(stored))),
    }
}

/// The same as a frame of its own.
pub(super) fn entry_frame(stored: &Message) -> ServerFrame<'_> {
    match entry(stored) {
        Entry::AiResponse(response) => ServerFrame::AiResponse(response),
        Entry::Message(message) => ServerFrame::Message(message),
    }
}

/// The message that a change left.
pub(super) fn updated(changed: &Message) -> ServerFrame<'_> {
    ServerFrame::MessageUpdated(Box::new(wire::MessageUpdated {
        thread_id: changed.conversation,
        message: entry(changed),
        seq: changed.changed_seq,
    }))
}

fn message(stored: &Message) -> wire::Message<'_> {
    wire::Message {
        message_id: stored.id,
        thread_id: stored.conversation,
        user_id: stored.author.to_string().into(),
        content: (&stored.content).into(),
        content_type: content_type(stored),
        client_message_id: stored.client_id.as_deref().map(Cow::Borrowed),
        message_type: Some(&*stored.kind)
            .filter(|kind| ![KIND_USER, KIND_ASSISTANT].contains(kind))
            .map(Cow::Borrowed),
        seq: stored.seq,
        timestamp: stored.created_at,
        deleted: stored.deleted_at.is_some(),
        edited_at: stored.edited_at,
        attachments: attachments(stored),
    }
}

fn response<'a>(stored: &'a Message, reply: &'a Reply) -> wire::AiResponse<'a> {
    wire::AiResponse {
        message_id: reply.in_reply_to,
        thread_id: stored.conversation,
        response_id: stored.id,
        response_content: (&stored.content).into(),
        content_type: content_type(stored),
        processing_time_ms: u64::try_from(reply.elapsed.as_millis()).unwrap_or(u64::MAX),
        confidence_score: reply.confidence.map(Confidence::share),
        model_used: reply.model.as_deref().map(Cow::Borrowed),
        status: reply.status.as_str().into(),
        seq: stored.seq,
        usage: usage(reply.usage),
        generated_by: reply.backend.as_deref().map(Cow::Borrowed),
        assistant: stored.author_name.as_deref().map(Cow::Borrowed),
        timestamp: stored.created_at,
        deleted: stored.deleted_at.is_some(),
        edited_at: stored.edited_at,
        citations: citations(stored),
    }
}

fn content_type(stored: &Message) -> Cow<'_, str> {
    stored.content_type.as_deref().unwrap_or(TEXT).into()
}

fn usage(usage: Usage) -> wire::Usage {
    wire::Usage {
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        total_tokens: usage.total_tokens(),
    }
}

/// A refusal, before its names. That a thread is another's and that there is none are one thing to a stranger.
pub(super) fn error(refusal: &Refusal) -> wire::Error<'_> {
    let (code, message) = match refusal.code {
        ErrorCode::ConversationNotFound => {
            let code = ErrorCode::ThreadAccessDenied;
            (code, code.meaning())
        }
        code => (code, &*refusal.message),
    };
    wire::Error {
        code,
        message: message.into(),
        retry_after: refusal.retry_after,
        incident: refusal.incident.map(|incident| incident.to_string().into()),
        message_id: None,
        thread_id: None,
        client_message_id: None,
        request_id: None,
        response_id: None,
        seq: None,
    }
}
