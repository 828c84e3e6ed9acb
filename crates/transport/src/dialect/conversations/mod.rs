//! The `conversations` dialect: `GET /api/v1/chat/ws`.

use super::{Dialect, Incoming, Undecodable};
use crate::frame::{self, Frames};
use bytes::Bytes;
use parlor_domain::message::{Author, Message, Summary};
use parlor_domain::{
    Action, Command, Correlation, Draft, EncodingSlot, EventBody, HISTORY_MAX, Position, Refusal, Reply,
    ReplyBody, TurnRef, UserId,
};
use parlor_protocol::conversations as wire;
use parlor_protocol::conversations::{ASSISTANT, ClientFrame, Echo, ServerFrame};
use serde::Serialize;
use std::borrow::Cow;

/// How many messages a `history` without a limit asks for.
const HISTORY_DEFAULT: u32 = 50;

/// The dialect.
pub(crate) struct Conversations;

const SLOT: EncodingSlot = EncodingSlot::new(0);

impl Dialect for Conversations {
    fn slot(&self) -> EncodingSlot {
        SLOT
    }

    fn decode(&self, text: &str) -> Result<Incoming, Undecodable> {
        match ClientFrame::parse(text) {
            Ok(incoming) => incoming_of(incoming),
            Err(error) => Err(Undecodable {
                refusal: Refusal::new(error.code, error.message),
                correlation: Correlation {
                    request_id: error.request_id.map(Into::into),
                    client_id: error.client_message_id.map(Into::into),
                    outside: error.request_id_outside,
                },
            }),
        }
    }

    fn greeting(&self, user: UserId) -> Bytes {
        frame::json(&wire::AuthSuccess { user_id: user })
    }

    fn event(&self, body: &EventBody) -> Bytes {
        let mut frames = Frames::default();
        match body {
            EventBody::Message(message) => {
                frames.json(&ServerFrame::MessageReceived(message_event(message)));
            }
            EventBody::MessageElsewhere(message) => {
                frames.json(&ServerFrame::MessageAdded(message_event(message)));
            }
            EventBody::Updated(summary) => {
                frames.json(&ServerFrame::ConversationUpdated(conversation(summary)));
            }
            EventBody::Typing { conversation, who, is_typing } => {
                frames.json(&typing(*conversation, &who.to_string(), *is_typing));
            }
            EventBody::TurnStarted(turn) => {
                frames.json(&typing(turn.conversation, ASSISTANT, true)).json(&stream_start(turn));
            }
            EventBody::TurnDelta { turn, offset, text } => {
                frames.json(&stream_content(turn.id, text, *offset, false));
            }
            EventBody::TurnEnded { message, refusal } => turn_ended(&mut frames, message, refusal.as_ref()),
        }
        frames.finish()
    }

    fn reply(&self, reply: &Reply) -> Bytes {
        let correlation = &reply.correlation;
        // The sender gets the very bytes that the others get, unless its request had a name to repeat.
        if let ReplyBody::Sent { event, duplicate: false } = &reply.body
            && correlation.request_id.is_none()
        {
            return event.encoded(SLOT, |body| self.event(body)).clone();
        }
        let frame = reply_frame(&reply.body, correlation);
        match &correlation.request_id {
            Some(request_id) if correlation.outside => frame::json(&Outside { frame, request_id }),
            _ => frame::json(&frame),
        }
    }
}

/// A frame that repeats the request's id beside `type`, too.
#[derive(Serialize)]
struct Outside<'a> {
    #[serde(flatten)]
    frame: ServerFrame<'a>,
    request_id: &'a str,
}

fn incoming_of(incoming: wire::Incoming) -> Result<Incoming, Undecodable> {
    let wire::Incoming { frame, request_id, request_id_outside: outside } = incoming;
    let client_id = match &frame {
        ClientFrame::SendMessage(data) => data.client_message_id.clone().map(Into::into),
        _ => None,
    };
    let correlation = Correlation { request_id: request_id.map(Into::into), client_id, outside };
    let action = match frame {
        ClientFrame::Auth { token } => return Ok(Incoming::Auth { token }),
        ClientFrame::JoinConversation(data) => Action::Join(data.conversation_id),
        ClientFrame::LeaveConversation(data) => Action::Leave(data.conversation_id),
        ClientFrame::SendMessage(data) => Action::Send(Draft {
            conversation: data.conversation_id,
            content: data.content,
            kind: data.message_type,
            client_id: data.client_message_id,
            model: data.assistant_id,
        }),
        ClientFrame::StreamResponse(data) => Action::Stream {
            conversation: data.conversation_id,
            message: data.message_id,
            model: data.assistant_id,
        },
        ClientFrame::StopResponse(data) => {
            Action::Stop { conversation: data.conversation_id, turn: data.message_id }
        }
        ClientFrame::Typing(data) => {
            Action::Typing { conversation: data.conversation_id, is_typing: data.is_typing }
        }
        ClientFrame::Resume(data) => Action::Resume(data.positions.into_iter().map(position).collect()),
        ClientFrame::History(data) => match limit_of(data.limit) {
            Ok(limit) => {
                Action::History { conversation: data.conversation_id, before: data.before_seq, limit }
            }
            Err(refusal) => return Err(Undecodable { refusal, correlation }),
        },
        ClientFrame::Ping => Action::Heads,
    };
    Ok(Incoming::Command(Command { action, correlation }))
}

fn limit_of(limit: Option<u32>) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(HISTORY_DEFAULT);
    usize::try_from(limit).ok().filter(|limit| (1..=HISTORY_MAX).contains(limit)).ok_or_else(|| {
        let words = format!("`limit` is 1 to {HISTORY_MAX}");
        Refusal::new(parlor_domain::ErrorCode::InvalidRequest, words)
    })
}

fn position(position: wire::Position) -> Position {
    Position { conversation: position.conversation_id, seq: position.seq, epoch: position.epoch }
}

fn echo(correlation: &Correlation) -> Echo<'_> {
    Echo {
        request_id: correlation.request_id.as_deref().map(Cow::Borrowed),
        client_message_id: correlation.client_id.as_deref().map(Cow::Borrowed),
    }
}

fn reply_frame<'a>(body: &'a ReplyBody, correlation: &'a Correlation) -> ServerFrame<'a> {
    let echo = echo(correlation);
    match body {
        ReplyBody::Joined { conversation, last_seq, title } => {
            ServerFrame::ConversationJoined(wire::ConversationJoined {
                conversation_id: *conversation,
                last_seq: *last_seq,
                title: title.into(),
                echo,
            })
        }
        ReplyBody::Left { conversation } => {
            ServerFrame::ConversationLeft(wire::ConversationLeft { conversation_id: *conversation, echo })
        }
        ReplyBody::Sent { event, duplicate } => sent(event.body(), *duplicate, echo),
        ReplyBody::Stopped { conversation, turn, status } => {
            ServerFrame::ResponseStopped(wire::ResponseStopped {
                conversation_id: *conversation,
                message_id: *turn,
                status: status.map(|status| status.as_str().into()),
                echo,
            })
        }
        ReplyBody::History { conversation, messages, has_more } => ServerFrame::History(wire::HistoryPage {
            conversation_id: *conversation,
            messages: messages.iter().map(message).collect(),
            has_more: *has_more,
            echo,
        }),
        ReplyBody::Missed(missed) => ServerFrame::MessageReceived(message_event(missed)),
        ReplyBody::Resumed { conversation, from_seq, last_seq, recovered, epoch } => {
            ServerFrame::Resumed(wire::Resumed {
                conversation_id: *conversation,
                from_seq: *from_seq,
                last_seq: *last_seq,
                recovered: *recovered,
                epoch: (&**epoch).into(),
                echo,
            })
        }
        ReplyBody::Heads(heads) => {
            ServerFrame::Pong(wire::Pong { heads: heads.iter().copied().collect(), echo })
        }
        ReplyBody::Refused { refusal, conversation } => {
            ServerFrame::Error(wire::Error { conversation_id: *conversation, echo, ..error(refusal) })
        }
    }
}

static UNEXPECTED: Refusal = Refusal::of(parlor_domain::ErrorCode::Internal);

fn sent<'a>(body: &'a EventBody, duplicate: bool, echo: Echo<'a>) -> ServerFrame<'a> {
    match body {
        EventBody::Message(sent) => ServerFrame::MessageReceived(wire::MessageEvent {
            duplicate,
            request_id: echo.request_id,
            ..message_event(sent)
        }),
        // `Sent` holds the message's event by its contract.
        _ => ServerFrame::Error(error(&UNEXPECTED)),
    }
}

fn error(refusal: &Refusal) -> wire::Error<'_> {
    wire::Error {
        code: refusal.code,
        message: (&*refusal.message).into(),
        retry_after: refusal.retry_after,
        incident: refusal.incident.map(|incident| incident.to_string().into()),
        conversation_id: None,
        message_id: None,
        echo: Echo::default(),
    }
}

fn message(message: &Message) -> wire::Message<'_> {
    let reply = message.reply.as_ref();
    wire::Message {
        id: message.id,
        conversation_id: message.conversation,
        seq: message.seq,
        content: (&message.content).into(),
        message_type: (&message.kind).into(),
        sender_id: sender_id(message.author),
        created_at: message.created_at,
        client_message_id: message.client_id.as_deref().map(Cow::Borrowed),
        status: reply.map(|reply| reply.status.as_str().into()),
        in_reply_to: reply.map(|reply| reply.in_reply_to),
        model: reply.and_then(|reply| reply.model.as_deref()).map(Cow::Borrowed),
    }
}

fn sender_id(author: Author) -> Cow<'static, str> {
    match author {
        Author::User(user) => user.to_string().into(),
        Author::Assistant => ASSISTANT.into(),
    }
}

fn message_event(stored: &Message) -> wire::MessageEvent<'_> {
    wire::MessageEvent { message: message(stored), duplicate: false, request_id: None }
}

fn conversation(summary: &Summary) -> wire::ConversationUpdated<'_> {
    wire::ConversationUpdated {
        conversation: wire::Conversation {
            id: summary.id,
            title: (&summary.title).into(),
            updated_at: summary.updated_at,
            message_count: summary.message_count,
            last_seq: summary.last_seq,
        },
    }
}

fn typing(conversation_id: parlor_domain::ConversationId, user_id: &str, is_typing: bool) -> ServerFrame<'_> {
    ServerFrame::TypingIndicator(wire::TypingIndicator {
        conversation_id,
        user_id: user_id.into(),
        is_typing,
    })
}

fn stream_start(turn: &TurnRef) -> ServerFrame<'static> {
    ServerFrame::StreamStart(wire::StreamStart {
        message_id: turn.id,
        conversation_id: turn.conversation,
        in_reply_to: turn.in_reply_to,
    })
}

fn stream_content(
    message_id: parlor_domain::MessageId,
    content: &str,
    offset: u64,
    is_complete: bool,
) -> ServerFrame<'_> {
    ServerFrame::StreamContent(wire::StreamContent {
        message_id,
        content: content.into(),
        is_complete,
        offset,
    })
}

/// The end of a turn: why it failed, the last piece of its text, and what it cost.
fn turn_ended(frames: &mut Frames, message: &Message, refusal: Option<&Refusal>) {
    let Some(reply) = &message.reply else { return };
    frames.json(&typing(message.conversation, ASSISTANT, false));
    if let Some(refusal) = refusal {
        let (conversation_id, message_id) = (Some(message.conversation), Some(message.id));
        frames.json(&ServerFrame::Error(wire::Error { conversation_id, message_id, ..error(refusal) }));
    }
    frames.json(&stream_content(message.id, "", message.content.len() as u64, true));
    frames.json(&ServerFrame::StreamComplete(wire::StreamComplete {
        message_id: message.id,
        conversation_id: message.conversation,
        usage: wire::Usage {
            prompt_tokens: reply.usage.prompt_tokens,
            completion_tokens: reply.usage.completion_tokens,
            total_tokens: reply.usage.total_tokens(),
        },
        status: reply.status.as_str().into(),
        model: reply.model.as_deref().map(Cow::Borrowed),
        seq: message.seq,
    }));
}

#[cfg(test)]
mod tests;
