//! The `socketio` dialect: the namespace `/ai` of Socket.IO. Its packets are the library's; here are the events in them,
//! pure functions between those and the domain. `commands` is the way in.

mod commands;

pub(crate) use commands::command;
#[cfg(test)]
pub(crate) use commands::unknown;

use super::jobs;
use super::metadata::{attachments, citations};
use parlor_domain::message::{Message, TurnStatus};
use parlor_domain::ports::JobState;
use parlor_domain::{
    Correlation, ErrorCode, Event, EventBody, JobNews, Outgoing, Refusal, Reply, ReplyBody, TurnPart,
};
use parlor_protocol::socketio as wire;
use parlor_protocol::socketio::ServerEvent;
use std::borrow::Cow;

/// What is told of something that leaves an outbox, in its order.
pub(crate) fn events(item: &Outgoing) -> Vec<ServerEvent<'_>> {
    match item {
        Outgoing::Event(happened) => event(happened),
        Outgoing::Reply(answer) => reply(answer),
        // Frames of other transports.
        Outgoing::Raw(_) | Outgoing::Probe { .. } => Vec::new(),
    }
}

fn event(event: &Event) -> Vec<ServerEvent<'_>> {
    match event.body() {
        EventBody::Message(message) => question(message),
        EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text, .. } => {
            vec![ServerEvent::Message(wire::Piece {
                content: text.into(),
                message_id: turn.id,
                conversation_id: turn.conversation,
                offset: *offset,
            })]
        }
        EventBody::TurnRestarted { turn, attempt } => vec![ServerEvent::Restart(wire::Restart {
            message_id: turn.id,
            conversation_id: turn.conversation,
            attempt: *attempt,
        })],
        EventBody::Job(news) => vec![ServerEvent::Job(Box::new(job(news)))],
        // That a turn begins shows by its first piece; its end comes as the answer.
        _ => Vec::new(),
    }
}

/// How a job stands.
fn job(news: &JobNews) -> wire::Job {
    let end = match news.job.state {
        JobState::Waiting | JobState::Active => None,
        JobState::Completed => Some(wire::JobEnd::Completed),
        JobState::Failed => Some(wire::JobEnd::Failed),
        JobState::Cancelled => Some(wire::JobEnd::Cancelled),
    };
    let update = jobs::update(news);
    let (job_id, kind, progress) = (update.job_id, update.job_type, update.progress);
    wire::Job { job_id, kind, progress, result: update.result, error: update.error, end }
}

/// A message that is being answered. The first one has made its conversation.
fn question(message: &Message) -> Vec<ServerEvent<'_>> {
    let conversation_id = message.conversation;
    let made =
        (message.seq == 1).then_some(ServerEvent::Conversation(wire::Conversation { conversation_id }));
    let stored = ServerEvent::UserMessage(wire::UserMessage {
        message_id: message.id,
        content: (&message.content).into(),
        conversation_id,
        client_message_id: message.client_id.as_deref().map(Cow::Borrowed),
        attachments: attachments(message),
    });
    made.into_iter().chain([stored]).collect()
}

fn reply(reply: &Reply) -> Vec<ServerEvent<'_>> {
    match &reply.body {
        ReplyBody::Answered { message, refusal, .. } => vec![ended(message, refusal.as_ref())],
        ReplyBody::NothingToStop => vec![ServerEvent::Stopped(wire::Stopped::default())],
        ReplyBody::Refused { refusal, conversation } => vec![ServerEvent::Error(wire::Error {
            conversation_id: *conversation,
            client_message_id: reply.correlation.client_id.as_deref().map(Cow::Borrowed),
            ..error(refusal)
        })],
        // What was stopped is told as the answer of its turn, to every tab. The rest only other dialects ask.
        _ => Vec::new(),
    }
}

static UNAVAILABLE: Refusal = Refusal::of(ErrorCode::AiUnavailable);

/// How a turn ended.
fn ended<'a>(message: &'a Message, refusal: Option<&'a Refusal>) -> ServerEvent<'a> {
    let (message_id, conversation_id) = (message.id, message.conversation);
    let Some(made) = message.reply.as_ref().filter(|_| message.is_answer()) else {
        return ServerEvent::Error(wire::Error {
            conversation_id: Some(conversation_id),
            message_id: Some(message_id),
            ..error(refusal.unwrap_or(&UNAVAILABLE))
        });
    };
    let (total_tokens, model) = (made.usage.total_tokens(), made.model.as_deref().map(Cow::Borrowed));
    let (assistant, citations) = (message.author_name.as_deref().map(Cow::Borrowed), citations(message));
    if made.status == TurnStatus::Stopped {
        let (message_id, conversation_id) = (Some(message_id), Some(conversation_id));
        return ServerEvent::Stopped(wire::Stopped {
            message_id,
            conversation_id,
            total_tokens,
            model,
            assistant,
            citations,
        });
    }
    let status = made.status.as_str().into();
    ServerEvent::End(wire::End {
        message_id,
        conversation_id,
        total_tokens,
        model,
        status,
        assistant,
        citations,
    })
}

/// A refusal that no command got.
pub(crate) fn refused(refusal: Refusal) -> Reply {
    let body = ReplyBody::Refused { refusal, conversation: None };
    Reply { correlation: Correlation::default(), room: None, body }
}

fn error(refusal: &Refusal) -> wire::Error<'_> {
    wire::Error {
        message: (&*refusal.message).into(),
        code: refusal.code,
        retry_after: refusal.retry_after,
        incident: refusal.incident.map(|incident| incident.to_string().into()),
        conversation_id: None,
        message_id: None,
        client_message_id: None,
    }
}

#[cfg(test)]
mod tests;
