//! The `conversations` dialect: `GET /api/v1/chat/ws`.

use super::{Dialect, Greeting, Incoming, Undecodable, history_limit, jobs, reactions};
use crate::dialect::metadata::{attachments, citations, files_of};
use crate::frame::{self, Frames};
use bytes::Bytes;
use parlor_domain::message::{Author, Message, Summary};
use parlor_domain::ports::ToolCall;
use parlor_domain::{
    Action, Command, Correlation, Draft, EncodingSlot, Event, EventBody, Place, Position, Refusal, Reply,
    ReplyBody, TurnOptions, TurnPart, TurnRef,
};
use parlor_protocol::conversations as wire;
use parlor_protocol::conversations::{ASSISTANT, ClientFrame, Echo, ServerFrame};
use serde::Serialize;
use std::borrow::Cow;

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

    fn greeting(&self, greeting: Greeting) -> Bytes {
        frame::json(&wire::AuthSuccess { user_id: greeting.user })
    }

    fn event(&self, event: &Event) -> Bytes {
        let mut frames = Frames::default();
        match event.body() {
            EventBody::Message(message) => {
                frames.json(&ServerFrame::MessageReceived(message_event(message)));
            }
            EventBody::MessageElsewhere(message) => {
                frames.json(&ServerFrame::MessageAdded(message_event(message)));
            }
            EventBody::Changed(message) => {
                frames.json(&ServerFrame::MessageUpdated(message_updated(message, Echo::default())));
            }
            EventBody::Updated(summary) => {
                frames.json(&ServerFrame::ConversationUpdated(conversation(summary, false)));
            }
            EventBody::Deleted(summary) => {
                frames.json(&ServerFrame::ConversationUpdated(conversation(summary, true)));
            }
            EventBody::Typing { conversation, who, is_typing, .. } => {
                frames.json(&typing(*conversation, &who.to_string(), *is_typing));
            }
            EventBody::TurnStarted(turn) => {
                frames.json(&typing(turn.conversation, ASSISTANT, true)).json(&stream_start(turn));
            }
            EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text, .. } => {
                frames.json(&stream_content(turn.id, text, *offset, false));
            }
            EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset, text, .. } => {
                frames.json(&stream_reasoning(turn, text, *offset));
            }
            EventBody::TurnToolCall { turn, call } => {
                frames.json(&tool_call(turn, call));
            }
            EventBody::TurnRestarted { turn, attempt } => {
                frames.json(&ServerFrame::StreamRestart(wire::StreamRestart {
                    message_id: turn.id,
                    attempt: *attempt,
                    conversation_id: turn.conversation,
                }));
            }
            EventBody::TurnEnded { message, refusal } => turn_ended(&mut frames, message, refusal.as_ref()),
            EventBody::Job(news) => {
                frames.json(&ServerFrame::JobUpdated(Box::new(jobs::update(news))));
            }
            // Of rooms this dialect has no words.
            EventBody::Members { .. }
            | EventBody::File(_)
            | EventBody::Presence { .. }
            | EventBody::Read { .. }
            | EventBody::ReadElsewhere { .. } => {}
        }
        frames.finish()
    }

    fn reply(&self, reply: &Reply) -> Bytes {
        let correlation = &reply.correlation;
        // The sender gets the very bytes that the others get, unless its request had a name to repeat.
        if let ReplyBody::Sent { event, duplicate: false } = &reply.body
            && correlation.request_id.is_none()
        {
            return event.encoded(SLOT, |event| self.event(event)).clone();
        }
        let Some(frame) = reply_frame(&reply.body, correlation) else { return Bytes::new() };
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
        ClientFrame::JoinConversation(data) => Action::Join(data.conversation_id.into()),
        ClientFrame::LeaveConversation(data) => Action::Leave(data.conversation_id.into()),
        ClientFrame::SendMessage(data) => Action::Send(Draft {
            place: data.conversation_id.map(Place::Conversation),
            content: data.content,
            kind: data.message_type,
            content_type: None,
            client_id: data.client_message_id,
            attachments: files_of(data.attachments),
            options: options(data.assistant_id, data.restart),
        }),
        ClientFrame::StreamResponse(data) => Action::Stream {
            place: data.conversation_id.into(),
            message: data.message_id,
            options: options(data.assistant_id, data.restart),
        },
        ClientFrame::StopResponse(data) => {
            Action::Stop { place: data.conversation_id.into(), turn: data.message_id }
        }
        ClientFrame::Typing(data) => {
            Action::Typing { place: data.conversation_id.into(), is_typing: data.is_typing }
        }
        ClientFrame::Resume(data) => Action::Resume(data.positions.into_iter().map(position).collect()),
        ClientFrame::History(data) => match history_limit(data.limit) {
            Ok(limit) => {
                Action::History { place: data.conversation_id.into(), before: data.before_seq, limit }
            }
            Err(refusal) => return Err(Undecodable { refusal, correlation }),
        },
        ClientFrame::Ping => Action::Heads,
    };
    Ok(Incoming::Command(Command { action, correlation }))
}

/// What is said about the answer.
fn options(model: Option<String>, restart: Option<bool>) -> TurnOptions {
    TurnOptions { model, restarts: restart.unwrap_or_default(), ..TurnOptions::default() }
}

fn position(position: wire::Position) -> Position {
    Position { place: position.conversation_id.into(), seq: position.seq, epoch: position.epoch }
}

fn echo(correlation: &Correlation) -> Echo<'_> {
    Echo {
        request_id: correlation.request_id.as_deref().map(Cow::Borrowed),
        client_message_id: correlation.client_id.as_deref().map(Cow::Borrowed),
    }
}

/// An answer's frame; none for what only another dialect asks.
fn reply_frame<'a>(body: &'a ReplyBody, correlation: &'a Correlation) -> Option<ServerFrame<'a>> {
    let echo = echo(correlation);
    Some(match body {
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
        ReplyBody::Changed { event, .. } => changed(event.body(), echo),
        ReplyBody::Missed { message, is_change } | ReplyBody::Replayed { message, is_change } => {
            if *is_change {
                ServerFrame::MessageUpdated(message_updated(message, Echo::default()))
            } else {
                ServerFrame::MessageReceived(message_event(message))
            }
        }
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
        ReplyBody::RoomJoined(_)
        | ReplyBody::RoomLeft { .. }
        | ReplyBody::RoomDeleted { .. }
        | ReplyBody::Member { .. }
        | ReplyBody::Upload(_)
        | ReplyBody::Answered { .. }
        | ReplyBody::Synced { .. }
        | ReplyBody::NothingToStop => return None,
    })
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

fn changed<'a>(body: &'a EventBody, echo: Echo<'a>) -> ServerFrame<'a> {
    match body {
        EventBody::Changed(changed) => ServerFrame::MessageUpdated(message_updated(changed, echo)),
        // `Changed` holds the change's event by its contract.
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
        assistant: reply.and(message.author_name.as_deref()).map(Cow::Borrowed),
        edited_at: message.edited_at,
        deleted: message.deleted_at.is_some(),
        reactions: reactions(message),
        citations: citations(message),
        attachments: attachments(message),
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

fn message_updated<'a>(changed: &'a Message, echo: Echo<'a>) -> wire::MessageUpdated<'a> {
    wire::MessageUpdated { message: message(changed), seq: changed.changed_seq, echo }
}

fn conversation(summary: &Summary, deleted: bool) -> wire::ConversationUpdated<'_> {
    wire::ConversationUpdated {
        conversation: wire::Conversation {
            id: summary.id,
            title: (&summary.title).into(),
            updated_at: summary.updated_at,
            message_count: summary.message_count,
            last_seq: summary.last_seq,
            deleted,
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

fn stream_reasoning<'a>(turn: &TurnRef, content: &'a str, offset: u64) -> ServerFrame<'a> {
    ServerFrame::StreamReasoning(wire::StreamReasoning {
        message_id: turn.id,
        content: content.into(),
        offset,
        conversation_id: turn.conversation,
    })
}

fn tool_call<'a>(turn: &TurnRef, call: &'a ToolCall) -> ServerFrame<'a> {
    ServerFrame::ToolCall(wire::ToolCall {
        message_id: turn.id,
        index: call.index,
        id: call.id.as_deref().map(Cow::Borrowed),
        name: call.name.as_deref().map(Cow::Borrowed),
        arguments: (&call.arguments).into(),
        conversation_id: turn.conversation,
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
        citations: citations(message),
        assistant: message.author_name.as_deref().map(Cow::Borrowed),
    }));
}

#[cfg(test)]
mod tests;
