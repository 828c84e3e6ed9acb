//! From a text frame of the `rooms` dialect to a [`ClientFrame`], leniently where that loses nothing.

use super::client::{
    AddMember, Auth, ClientFrame, JoinRoom, Read, RemoveMember, RoomRef, SendChat, SetTyping,
};
use super::client::{History, Regenerate, Stop};
use crate::names::{cut, shorten, text_of};
use crate::{ErrorCode, RoomId};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How much of a parser's complaint is repeated: it may quote what it complains of. Characters.
const COMPLAINT: usize = 200;

/// A frame and the client's own names for it, which the answer repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// What was asked.
    pub frame: ClientFrame,
    /// The `message_id` from beside `data`; for a `chat` also from within it.
    pub message_id: Option<String>,
    /// The `request_id`, from beside `type` or from `data`.
    pub request_id: Option<String>,
    /// Whether the `request_id` stood beside `type`: then the answer has it there too.
    pub request_id_outside: bool,
}

/// Why a frame could not be understood, with what of it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `INVALID_JSON`, `UNKNOWN_TYPE` or `INVALID_REQUEST`.
    pub code: ErrorCode,
    /// For the client's developer.
    pub message: String,
    /// As in [`Incoming`].
    pub message_id: Option<String>,
    /// As in [`Incoming`].
    pub request_id: Option<String>,
    /// As in [`Incoming`].
    pub request_id_outside: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    token: Option<String>,
    /// Read on its own, so that a bad one is refused by name.
    #[serde(default)]
    room_id: Option<Value>,
    #[serde(default)]
    message_id: Option<Value>,
    #[serde(default)]
    request_id: Option<Value>,
}

/// The names within `data`, read leniently so that even a refused frame gets them back.
#[derive(Default, Deserialize)]
struct Names {
    #[serde(default)]
    request_id: Option<Value>,
    #[serde(default)]
    message_id: Option<Value>,
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// Unknown fields are ignored, and null means absent. Errors: `INVALID_JSON` where it is not a JSON object,
    /// `UNKNOWN_TYPE`, and `INVALID_REQUEST` where a field is missing or has the wrong form, or two rooms are named.
    pub fn parse(text: &str) -> Result<Incoming, FrameError> {
        // Serde would take an array's elements for the fields in their order.
        if !text.trim_start().starts_with('{') {
            return Err(unreadable(ErrorCode::InvalidJson, "a frame is a JSON object".to_owned()));
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| {
            let code = if error.is_data() { ErrorCode::InvalidRequest } else { ErrorCode::InvalidJson };
            unreadable(code, complaint(&error))
        })?;
        let data = envelope.data.map_or("{}", RawValue::get);
        let kind = envelope.kind.as_deref().unwrap_or_default();
        let names: Names = match kind {
            // A chat's own id is read with the chat.
            "chat" if !data.contains("\"request_id\"") => Names::default(),
            _ => serde_json::from_str(data).unwrap_or_default(),
        };
        let odd =
            [&envelope.message_id, &envelope.request_id].into_iter().flatten().any(|name| !name.is_string());
        let outside = text_of(envelope.request_id);
        let mut incoming = Incoming {
            frame: ClientFrame::Ping,
            message_id: text_of(envelope.message_id),
            request_id_outside: outside.is_some(),
            request_id: outside.or_else(|| text_of(names.request_id)),
        };
        if envelope.kind.is_none() {
            return Err(incoming.refuse(ErrorCode::InvalidRequest, "the frame has no `type`".to_owned()));
        }
        if odd {
            let words = "`message_id` and `request_id` are text".to_owned();
            return Err(incoming.refuse(ErrorCode::InvalidRequest, words));
        }
        let beside = Beside { token: envelope.token, room_id: envelope.room_id };
        match read(kind, data, beside) {
            Ok(Some(frame)) => incoming.frame = frame,
            Ok(None) => {
                let words = format!("`{}` is not a type of this dialect", shorten(kind));
                return Err(incoming.refuse(ErrorCode::UnknownType, words));
            }
            Err(error) => {
                if kind == "chat" && incoming.message_id.is_none() {
                    let names: Names = serde_json::from_str(data).unwrap_or_default();
                    incoming.message_id = text_of(names.message_id);
                }
                return Err(incoming.refuse(ErrorCode::InvalidRequest, complaint(&error)));
            }
        }
        if let ClientFrame::Chat(chat) = &mut incoming.frame {
            incoming.message_id = incoming.message_id.or_else(|| chat.message_id.take());
            chat.message_id.clone_from(&incoming.message_id);
        }
        Ok(incoming)
    }
}

impl Incoming {
    fn refuse(self, code: ErrorCode, message: String) -> FrameError {
        let Self { message_id, request_id, request_id_outside, .. } = self;
        FrameError { code, message, message_id, request_id, request_id_outside }
    }
}

/// A refusal of what has no names to repeat.
fn unreadable(code: ErrorCode, message: String) -> FrameError {
    FrameError { code, message, message_id: None, request_id: None, request_id_outside: false }
}

fn complaint(error: &serde_json::Error) -> String {
    cut(&error.to_string(), COMPLAINT).to_owned()
}

/// What may stand beside `data` instead of in it.
struct Beside {
    token: Option<String>,
    room_id: Option<Value>,
}

fn read(kind: &str, data: &str, beside: Beside) -> Result<Option<ClientFrame>, serde_json::Error> {
    use serde_json::from_str;
    let Beside { token, room_id: room } = beside;
    Ok(Some(match kind {
        "auth" => ClientFrame::Auth(match token {
            Some(token) => Auth { token },
            None => from_str(data)?,
        }),
        "chat" => ClientFrame::Chat(with_room(data, room)?),
        "join_room" => ClientFrame::JoinRoom(with_room(data, room)?),
        "leave_room" => ClientFrame::LeaveRoom(with_room(data, room)?),
        "delete_room" => ClientFrame::DeleteRoom(with_room(data, room)?),
        "add_member" => ClientFrame::AddMember(with_room(data, room)?),
        "remove_member" => ClientFrame::RemoveMember(with_room(data, room)?),
        "typing" => ClientFrame::Typing(with_room(data, room)?),
        "read" => ClientFrame::Read(with_room(data, room)?),
        "history" => ClientFrame::History(with_room(data, room)?),
        "stop" => ClientFrame::Stop(with_room(data, room)?),
        "regenerate" => ClientFrame::Regenerate(with_room(data, room)?),
        // A message is named by its id alone, and positions name their own rooms.
        "edit" => ClientFrame::Edit(from_str(data)?),
        "delete" => ClientFrame::Delete(from_str(data)?),
        "react" => ClientFrame::React(from_str(data)?),
        "resume" => ClientFrame::Resume(from_str(data)?),
        "ping" => ClientFrame::Ping,
        _ => return Ok(None),
    }))
}

/// Data that has a `room_id`, whichever side of the brace it stands on.
fn with_room<T: DeserializeOwned + NamesRoom>(
    data: &str,
    beside: Option<Value>,
) -> Result<T, serde_json::Error> {
    let mut data: T = serde_json::from_str(data)?;
    let Some(beside) = beside else { return Ok(data) };
    let beside = RoomId::deserialize(beside)?;
    let within = data.room_id();
    if within.as_ref().is_some_and(|within| *within != beside) {
        return Err(serde_json::Error::custom("`room_id` beside `data` and in it name two rooms"));
    }
    *within = Some(beside);
    Ok(data)
}

trait NamesRoom {
    fn room_id(&mut self) -> &mut Option<RoomId>;
}

macro_rules! names_room {
    ($($data:ident),*) => {
        $(impl NamesRoom for $data {
            fn room_id(&mut self) -> &mut Option<RoomId> {
                &mut self.room_id
            }
        })*
    };
}

names_room!(SendChat, JoinRoom, RoomRef, AddMember, RemoveMember, SetTyping, Read, History, Stop, Regenerate);
