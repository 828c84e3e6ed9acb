//! From a text frame of the `rooms` dialect to a [`ClientFrame`], leniently where that loses nothing.

use super::client::{
    AddMember, Auth, ClientFrame, JoinRoom, Read, RemoveMember, RoomRef, SendChat, SetTyping,
};
use super::client::{History, Regenerate, Stop};
use super::upload::{Upload, UploadInit};
use crate::envelope::{Bad, Envelope, Names};
use crate::names::text_of;
use crate::{ErrorCode, RoomId};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

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

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// Unknown fields are ignored, and null means absent. Errors: `INVALID_JSON` where it is not a JSON object,
    /// `UNKNOWN_TYPE`, and `INVALID_REQUEST` where a field is missing or has the wrong form, or two rooms are named.
    pub fn parse(text: &str) -> Result<Incoming, FrameError> {
        let mut envelope = Envelope::open(text).map_err(|bad| Incoming::default().refuse(bad))?;
        let data = envelope.data();
        let within = match envelope.kind() {
            // A chat's own id is read with the chat.
            "chat" if !data.contains("\"request_id\"") => Names::default(),
            _ => Names::within(data),
        };
        let (message_id, request_id) = (envelope.message_id.take(), envelope.request_id.take());
        let odd = [&message_id, &request_id].into_iter().flatten().any(|name| !name.is_string());
        let outside = text_of(request_id);
        let mut incoming = Incoming {
            message_id: text_of(message_id),
            request_id_outside: outside.is_some(),
            request_id: outside.or(within.request),
            ..Incoming::default()
        };
        let beside = Beside { token: envelope.token.take(), room_id: envelope.room_id.take() };
        let read = match read(envelope.kind(), data, beside) {
            _ if odd => Err(Bad::request("`message_id` and `request_id` are text")),
            read => envelope.verdict(read),
        };
        match read {
            Ok(frame) => incoming.frame = frame,
            Err(bad) => {
                if envelope.kind() == "chat" && incoming.message_id.is_none() {
                    incoming.message_id = Names::within(data).message;
                }
                return Err(incoming.refuse(bad));
            }
        }
        if let ClientFrame::Chat(chat) = &mut incoming.frame {
            incoming.message_id = incoming.message_id.or_else(|| chat.message_id.take());
            chat.message_id.clone_from(&incoming.message_id);
        }
        Ok(incoming)
    }
}

impl Default for Incoming {
    /// A frame without names.
    fn default() -> Self {
        let frame = ClientFrame::Ping;
        Self { frame, message_id: None, request_id: None, request_id_outside: false }
    }
}

impl Incoming {
    fn refuse(self, bad: Bad) -> FrameError {
        let Bad { code, message } = bad;
        let Self { message_id, request_id, request_id_outside, .. } = self;
        FrameError { code, message, message_id, request_id, request_id_outside }
    }
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
        "file_upload" => ClientFrame::FileUpload(upload(data, room)?),
        "ping" => ClientFrame::Ping,
        "subscribe_live" => ClientFrame::SubscribeLive,
        "unsubscribe_live" => ClientFrame::UnsubscribeLive,
        _ => return Ok(None),
    }))
}

/// Data that has a `room_id`, whichever side of the brace it stands on.
fn with_room<T: DeserializeOwned + NamesRoom>(
    data: &str,
    beside: Option<Value>,
) -> Result<T, serde_json::Error> {
    let mut data: T = serde_json::from_str(data)?;
    name_room(&mut data, beside)?;
    Ok(data)
}

fn name_room(data: &mut impl NamesRoom, beside: Option<Value>) -> Result<(), serde_json::Error> {
    let Some(beside) = beside else { return Ok(()) };
    let beside = RoomId::deserialize(beside)?;
    let within = data.room_id();
    if within.as_ref().is_some_and(|within| *within != beside) {
        return Err(serde_json::Error::custom("`room_id` beside `data` and in it name two rooms"));
    }
    *within = Some(beside);
    Ok(())
}

/// Only the beginning of an upload has a room; beside the others it says nothing.
fn upload(data: &str, beside: Option<Value>) -> Result<Upload, serde_json::Error> {
    let mut upload: Upload = serde_json::from_str(data)?;
    if let Upload::Init(init) = &mut upload {
        name_room(init, beside)?;
    }
    Ok(upload)
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

names_room!(
    SendChat,
    JoinRoom,
    RoomRef,
    AddMember,
    RemoveMember,
    SetTyping,
    Read,
    History,
    Stop,
    Regenerate,
    UploadInit
);
