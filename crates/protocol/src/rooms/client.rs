//! What a client of the `rooms` dialect sends.
//!
//! A conversation is named by its room or by its own id; where both are there, the room counts.

use super::upload::Upload;
use crate::metadata::FileRef;
use crate::{ConversationId, MessageId, RoomId, UserId};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// One frame from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// `auth`: the credential; the first frame unless the upgrade carried one, and later to extend the session.
    Auth(Auth),
    /// `chat`: store a message and, where the AI answers, start a turn.
    Chat(SendChat),
    /// `join_room`: become a member of a room, which is made if there is none.
    JoinRoom(JoinRoom),
    /// `leave_room`: be no member any more.
    LeaveRoom(RoomRef),
    /// `delete_room`: end the room.
    DeleteRoom(RoomRef),
    /// `add_member`: make somebody a member, or give a member another role.
    AddMember(AddMember),
    /// `remove_member`: end somebody's membership.
    RemoveMember(RemoveMember),
    /// `typing`: tell the others that this user types, or no longer does.
    Typing(SetTyping),
    /// `read`: everything up to a seq was read.
    Read(Read),
    /// `history`: a page of earlier messages.
    History(History),
    /// `edit`: give a message another text.
    Edit(Edit),
    /// `delete`: take a message's text away.
    Delete(Delete),
    /// `react`: put an emoji under a message, or take it away.
    React(React),
    /// `stop`: end a turn early, keeping what it produced.
    Stop(Stop),
    /// `regenerate`: make another reply.
    Regenerate(Regenerate),
    /// `resume`: what this client has of each conversation; it gets the rest.
    Resume(Resume),
    /// `file_upload`: upload a file.
    FileUpload(Upload),
    /// `ping`: ask for the heads of the joined conversations.
    Ping,
    /// `subscribe_live`: get the figures of this node as they go. For admins.
    SubscribeLive,
    /// `unsubscribe_live`: get them no more.
    UnsubscribeLive,
}

/// `auth`. The token may stand in `data` or beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Auth))]
pub struct Auth {
    /// An access token or a socket token.
    pub token: String,
}

/// Data of `chat`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::SendChat))]
pub struct SendChat {
    /// The text: 1 byte to 64 KiB, no NUL.
    pub message: String,
    /// The room that it goes to; it may also stand beside `data`. With neither room nor conversation: a new conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation that it goes to, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The client's own id of the message, usually beside `data`: sending the same again stores nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The model that should answer; none leaves it to the server. In shared and group rooms, naming one asks the AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_preference: Option<String>,
    /// Instructions in the place of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// How freely the model chooses its words, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many tokens the reply may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Whether another backend may begin anew where one fails in the middle: then `stream_restart` comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
    /// The files that the message carries, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<FileRef>>,
}

/// Data of `join_room`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::JoinRoom))]
pub struct JoinRoom {
    /// The room, which must be named here or beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// Its name, where it is made; none is its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_name: Option<String>,
    /// `private`, `shared` or `group`. None is `private` where it is made, and any where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_type: Option<String>,
    /// When the AI answers: `always`, `mention` or `off`; none is what the type brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_mode: Option<String>,
    /// The assistant, by its name or id, that answers where a message names nobody, where the room is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<String>,
}

/// Names a room: data of `leave_room` and `delete_room`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::RoomRef))]
pub struct RoomRef {
    /// The room, which must be named here or beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}

/// Data of `add_member`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::AddMember))]
pub struct AddMember {
    /// The room, which must be named here or beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// Who.
    pub user_id: UserId,
    /// As what: `member` or `moderator`. None is a member, or what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Data of `remove_member`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::RemoveMember))]
pub struct RemoveMember {
    /// The room, which must be named here or beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// Who.
    pub user_id: UserId,
}

/// Data of `typing`. Without a place it tells nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::SetTyping))]
pub struct SetTyping {
    /// The room; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Whether the user types now.
    pub is_typing: bool,
}

/// Data of `read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Read))]
pub struct Read {
    /// The room; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Everything up to here was read.
    pub seq: u64,
}

/// Data of `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::History))]
pub struct History {
    /// The room; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Only messages with a lower seq; none starts at the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<u64>,
    /// How many at most: 1 to 200, 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Data of `edit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Edit))]
pub struct Edit {
    /// The message.
    pub message_id: MessageId,
    /// Its new text: 1 byte to 64 KiB, no NUL.
    pub message: String,
}

/// Data of `delete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Delete))]
pub struct Delete {
    /// The message.
    pub message_id: MessageId,
}

/// Data of `react`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::React))]
pub struct React {
    /// The message.
    pub message_id: MessageId,
    /// The emoji, or a short word.
    pub emoji: String,
    /// Whether it goes instead of coming.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
}

/// Data of `stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Stop))]
pub struct Stop {
    /// The room; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The assistant message that is being made; none means the one that is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
}

/// Data of `regenerate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Regenerate))]
pub struct Regenerate {
    /// The room; it may also stand beside `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The reply, or the message that it answers; none means the newest reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The model that should answer; none leaves it to the server. In shared and group rooms, naming one asks the AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_preference: Option<String>,
    /// Instructions in the place of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// How freely the model chooses its words, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many tokens the reply may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Whether another backend may begin anew where one fails in the middle: then `stream_restart` comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
}

/// Data of `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Resume))]
pub struct Resume {
    /// What the client has, a line a conversation.
    pub positions: Vec<Position>,
}

/// How far a client has read a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Position))]
pub struct Position {
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation, where it is no room's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The highest seq that the client has; 0 for none.
    pub seq: u64,
    /// The epoch that came with it; none is taken for the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

impl ClientFrame {
    /// The word in the frame's `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Auth(_) => "auth",
            Self::Chat(_) => "chat",
            Self::JoinRoom(_) => "join_room",
            Self::LeaveRoom(_) => "leave_room",
            Self::DeleteRoom(_) => "delete_room",
            Self::AddMember(_) => "add_member",
            Self::RemoveMember(_) => "remove_member",
            Self::Typing(_) => "typing",
            Self::Read(_) => "read",
            Self::History(_) => "history",
            Self::Edit(_) => "edit",
            Self::Delete(_) => "delete",
            Self::React(_) => "react",
            Self::Stop(_) => "stop",
            Self::Regenerate(_) => "regenerate",
            Self::Resume(_) => "resume",
            Self::FileUpload(_) => "file_upload",
            Self::Ping => "ping",
            Self::SubscribeLive => "subscribe_live",
            Self::UnsubscribeLive => "unsubscribe_live",
        }
    }
}

/// The frame as this server reads it, with every name inside `data`.
impl Serialize for ClientFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind())?;
        match self {
            Self::Auth(data) => map.serialize_entry("token", &data.token)?,
            Self::LeaveRoom(data) | Self::DeleteRoom(data) => map.serialize_entry("data", data)?,
            Self::Chat(data) => map.serialize_entry("data", data)?,
            Self::JoinRoom(data) => map.serialize_entry("data", data)?,
            Self::AddMember(data) => map.serialize_entry("data", data)?,
            Self::RemoveMember(data) => map.serialize_entry("data", data)?,
            Self::Typing(data) => map.serialize_entry("data", data)?,
            Self::Read(data) => map.serialize_entry("data", data)?,
            Self::History(data) => map.serialize_entry("data", data)?,
            Self::Edit(data) => map.serialize_entry("data", data)?,
            Self::Delete(data) => map.serialize_entry("data", data)?,
            Self::React(data) => map.serialize_entry("data", data)?,
            Self::Stop(data) => map.serialize_entry("data", data)?,
            Self::Regenerate(data) => map.serialize_entry("data", data)?,
            Self::Resume(data) => map.serialize_entry("data", data)?,
            Self::FileUpload(data) => map.serialize_entry("data", data)?,
            Self::Ping | Self::SubscribeLive | Self::UnsubscribeLive => {}
        }
        map.end()
    }
}
