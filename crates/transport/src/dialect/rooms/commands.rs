//! From a client's frames, and the upgrade's query, to commands.

use super::files;
use crate::dialect::metadata::files_of;
use crate::dialect::{Incoming, Opening, Undecodable, history_limit};
use parlor_domain::message::Edit;
use parlor_domain::room::{AiMode, MemberRole, RoomKind};
use parlor_domain::{
    Action, Command, ConversationId, Correlation, Draft, ErrorCode, MessageId, Place, Position, Refusal,
    RoomAction, RoomDraft, RoomId, TurnOptions,
};
use parlor_protocol::rooms as wire;
use parlor_protocol::rooms::ClientFrame;
use std::str::FromStr;

/// What a frame that was understood asks.
pub(super) fn incoming(incoming: wire::Incoming) -> Result<Incoming, Undecodable> {
    let wire::Incoming { frame, message_id, request_id, request_id_outside: outside } = incoming;
    let frame = match frame {
        ClientFrame::Auth(auth) => return Ok(Incoming::Auth { token: auth.token }),
        // Clients that are in no room say so to nobody.
        ClientFrame::Typing(wire::SetTyping { room_id: None, conversation_id: None, .. }) => {
            return Ok(Incoming::Nothing);
        }
        frame => frame,
    };
    let correlation = Correlation {
        request_id: request_id.map(Into::into),
        client_id: message_id.map(Into::into),
        outside,
    };
    if matches!(frame, ClientFrame::SubscribeLive | ClientFrame::UnsubscribeLive) {
        return Ok(Incoming::Watch { on: frame == ClientFrame::SubscribeLive, correlation });
    }
    match action(frame) {
        Ok(action) => Ok(Incoming::Command(Command { action, correlation })),
        Err(refusal) => Err(Undecodable { refusal, correlation }),
    }
}

fn action(frame: ClientFrame) -> Result<Action, Refusal> {
    Ok(match frame {
        ClientFrame::Chat(data) => Action::Send(draft(data)),
        ClientFrame::JoinRoom(data) => Action::Room(RoomAction::Enter(RoomDraft {
            id: room(data.room_id)?,
            name: data.room_name,
            kind: word::<RoomKind>(data.room_type.as_deref(), "room_type")?,
            ai_mode: word::<AiMode>(data.ai_mode.as_deref(), "ai_mode")?,
            assistant: data.assistant.filter(|name| !name.is_empty()),
        })),
        ClientFrame::LeaveRoom(data) => Action::Room(RoomAction::Exit(room(data.room_id)?)),
        ClientFrame::DeleteRoom(data) => Action::Room(RoomAction::Delete(room(data.room_id)?)),
        ClientFrame::AddMember(data) => Action::Room(RoomAction::AddMember {
            room: room(data.room_id)?,
            user: data.user_id,
            role: role(data.role.as_deref())?,
        }),
        ClientFrame::RemoveMember(data) => {
            Action::Room(RoomAction::RemoveMember { room: room(data.room_id)?, user: data.user_id })
        }
        ClientFrame::Typing(data) => {
            Action::Typing { place: place(data.room_id, data.conversation_id)?, is_typing: data.is_typing }
        }
        ClientFrame::Read(data) => {
            Action::Read { place: place(data.room_id, data.conversation_id)?, seq: data.seq }
        }
        ClientFrame::History(data) => Action::History {
            place: place(data.room_id, data.conversation_id)?,
            before: data.before_seq,
            limit: history_limit(data.limit)?,
        },
        ClientFrame::Edit(data) => change(data.message_id, Edit::Content(data.message)),
        ClientFrame::Delete(data) => change(data.message_id, Edit::Delete),
        ClientFrame::React(data) => {
            change(data.message_id, Edit::React { emoji: data.emoji, add: !data.remove })
        }
        ClientFrame::Stop(data) => {
            Action::Stop { place: place(data.room_id, data.conversation_id)?, turn: data.message_id }
        }
        ClientFrame::Regenerate(data) => Action::Regenerate {
            place: place(data.room_id, data.conversation_id)?,
            message: data.message_id,
            options: TurnOptions {
                model: data.model_preference,
                system_prompt: data.system_prompt,
                temperature: data.temperature,
                max_tokens: data.max_tokens,
                restarts: data.restart.unwrap_or_default(),
                ..TurnOptions::default()
            },
        },
        ClientFrame::Resume(data) => Action::Resume(positions(data.positions)?),
        ClientFrame::FileUpload(upload) => Action::Upload(files::action(upload)?),
        // The last three are no commands, and were taken out before.
        ClientFrame::Ping
        | ClientFrame::Auth(_)
        | ClientFrame::SubscribeLive
        | ClientFrame::UnsubscribeLive => Action::Heads,
    })
}

fn draft(data: wire::SendChat) -> Draft {
    Draft {
        place: named(data.room_id, data.conversation_id),
        content: data.message,
        kind: parlor_domain::message::KIND_USER.to_owned(),
        content_type: None,
        client_id: data.message_id,
        attachments: files_of(data.attachments),
        options: TurnOptions {
            model: data.model_preference,
            system_prompt: data.system_prompt,
            temperature: data.temperature,
            max_tokens: data.max_tokens,
            restarts: data.restart.unwrap_or_default(),
            ..TurnOptions::default()
        },
    }
}

fn change(message: MessageId, edit: Edit) -> Action {
    Action::Change { message, edit }
}

fn positions(positions: Vec<wire::Position>) -> Result<Vec<Position>, Refusal> {
    let read = positions.into_iter().map(|position| {
        let place = place(position.room_id, position.conversation_id)?;
        Ok(Position { place, seq: position.seq, epoch: position.epoch })
    });
    read.collect()
}

/// The conversation that a frame names. A room's client may know its conversation too, and name both: the room counts.
pub(super) fn named(room: Option<RoomId>, conversation: Option<ConversationId>) -> Option<Place> {
    room.map(Place::Room).or_else(|| conversation.map(Place::Conversation))
}

fn place(room: Option<RoomId>, conversation: Option<ConversationId>) -> Result<Place, Refusal> {
    named(room, conversation).ok_or_else(|| invalid("missing `room_id` or `conversation_id`"))
}

fn room(room: Option<RoomId>) -> Result<RoomId, Refusal> {
    room.ok_or_else(|| invalid("missing `room_id`"))
}

fn role(text: Option<&str>) -> Result<Option<MemberRole>, Refusal> {
    match word(text, "role")? {
        Some(MemberRole::Owner) => Err(invalid("`role` is member or moderator")),
        role => Ok(role),
    }
}

fn word<T: FromStr>(text: Option<&str>, field: &str) -> Result<Option<T>, Refusal> {
    let word = text.map(str::parse).transpose();
    word.map_err(|_| Refusal::new(ErrorCode::InvalidRequest, format!("`{field}` is none of its words")))
}

fn invalid(words: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, words)
}

/// What the upgrade's query asks for: first what came while this user was away, unless the client is going to resume;
/// then the room.
pub(super) fn opening(query: &[(String, String)]) -> Opening {
    let value = |name: &str| {
        let value = query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    };
    let resumes = matches!(value("resume"), Some("1" | "true"));
    let first = Ok(if resumes { Action::Hold } else { Action::Sync });
    let entry = value("room_id").map(|id| entry(id, value));
    let command = |action| Command { action, correlation: Correlation::default() };
    std::iter::once(first).chain(entry).map(|asked| asked.map(command)).collect()
}

fn entry<'a>(id: &str, value: impl Fn(&str) -> Option<&'a str>) -> Result<Action, Refusal> {
    Ok(Action::Room(RoomAction::Enter(RoomDraft {
        id: id.parse().map_err(|_| invalid("`room_id` is 1 to 128 of A-Z a-z 0-9 . _ : -"))?,
        name: value("room_name").map(ToOwned::to_owned),
        kind: word(value("room_type"), "room_type")?,
        ai_mode: word(value("ai_mode"), "ai_mode")?,
        assistant: value("assistant").map(ToOwned::to_owned),
    })))
}
