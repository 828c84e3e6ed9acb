//! What a client of the `rooms` dialect gets.

use super::chat::{Chat, ChatMessage, MessageUpdated, Reasoning, StreamRestart, ToolCall};
use super::live::Live;
use super::upload::FileUpload;
use crate::ai::JobUpdate;
use crate::{ConnectionId, ConversationId, ErrorCode, MessageId, RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One frame to a client: its body, and the names that stand beside `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ServerFrame))]
pub struct ServerFrame<'a> {
    /// `type` and `data`.
    #[serde(flatten)]
    pub body: ServerBody<'a>,
    /// The room that it is about; it also stands in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The `message_id` of the request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The `request_id` of the request that it answers, where it stood there; it also stands in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ServerBody))]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum ServerBody<'a> {
    /// The connection is open; also the answer to a later `auth`.
    Connect(Connect<'a>),
    /// A heartbeat, the end of a replay, or the wish that the client reconnects.
    System(System<'a>),
    /// A message, or a piece of a reply.
    Chat(Chat<'a>),
    /// A piece of what the model thinks aloud.
    Reasoning(Reasoning<'a>),
    /// A piece of a call of a tool that the model wants.
    ToolCall(ToolCall<'a>),
    /// Another backend begins a reply anew.
    StreamRestart(StreamRestart),
    /// A message was changed; also the answer to who changed it.
    MessageUpdated(Box<MessageUpdated<'a>>),
    /// A message was stored, or read.
    DeliveryConfirmation(DeliveryConfirmation<'a>),
    /// The user has read on another connection.
    Read(ReadElsewhere),
    /// Somebody types, or no longer does.
    Typing(Typing<'a>),
    /// Members came or went.
    Presence(Presence<'a>),
    /// The answer to `join_room`.
    JoinRoom(Box<RoomJoined<'a>>),
    /// The answer to `leave_room`.
    LeaveRoom(RoomNamed<'a>),
    /// The room is gone; also the answer to `delete_room`.
    RoomDeleted(RoomNamed<'a>),
    /// The answer to `add_member`.
    AddMember(MemberChanged<'a>),
    /// The answer to `remove_member`.
    RemoveMember(MemberChanged<'a>),
    /// Somebody was made a member, or has another role.
    MemberAdded(MemberEvent<'a>),
    /// Somebody was removed.
    MemberRemoved(MemberEvent<'a>),
    /// A job of the user's has gone on, or has ended.
    Job(Box<JobUpdate>),
    /// The answer to `history`.
    History(HistoryPage<'a>),
    /// The answer to `stop`.
    Stopped(Stopped<'a>),
    /// The end of what was missed of one conversation.
    Resumed(Resumed<'a>),
    /// How an upload stands, or a file that can be read.
    FileUpload(FileUpload<'a>),
    /// The answer to `ping`.
    Pong(Pong<'a>),
    /// The figures of this node; the first answers `subscribe_live`.
    Live(Box<Live<'a>>),
    /// A refusal.
    Error(Error<'a>),
}

/// Data of `connect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Connect))]
pub struct Connect<'a> {
    /// This connection, in the server's logs.
    pub connection_id: ConnectionId,
    /// `connected`.
    pub status: Cow<'a, str>,
    /// The server's time of day.
    pub server_time: Timestamp,
    /// Whose connection it is.
    pub user_id: UserId,
}

/// Data of `system`: a heartbeat, or an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::System))]
pub struct System<'a> {
    /// True on a heartbeat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heartbeat: bool,
    /// `sync_complete` or `reconnect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// The server's time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// On a heartbeat: the newest seq of each joined conversation. A client that has less missed something, and resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<BTreeMap<ConversationId, u64>>,
    /// With `reconnect`: how long to wait before that, in milliseconds. Every connection gets another delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// With `sync_complete`: conversations of which too much was missed. The client loads their `history`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<ConversationId>,
}

/// Data of `delivery_confirmation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::DeliveryConfirmation))]
pub struct DeliveryConfirmation<'a> {
    /// The sender's own id of the message; the server's where it had none.
    pub message_id: Cow<'a, str>,
    /// `delivered`: it is in the log. `read`: somebody has read it.
    pub status: Cow<'a, str>,
    /// When it was stored, or read.
    pub timestamp: Timestamp,
    /// The message.
    pub server_message_id: MessageId,
    /// `delivered`: the message's place in the log. `read`: up to where the reader has read.
    pub seq: u64,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// With `read`: who has read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// True where the message was sent before: nothing was stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `read`: what the user has read by another of their connections is read here too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::ReadElsewhere))]
pub struct ReadElsewhere {
    /// Where.
    pub conversation_id: ConversationId,
    /// Its room, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// Everything up to here.
    pub seq: u64,
}

/// Data of `typing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Typing))]
pub struct Typing<'a> {
    /// The user's id, or `assistant`.
    pub user_id: Cow<'a, str>,
    /// What they are called.
    pub username: Cow<'a, str>,
    /// Whether they type now.
    pub is_typing: bool,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// For the assistant: the reply that it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// For the assistant: the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
}

/// Data of `presence`. Several changes may come at once: the first stands flat, and then all of them in `changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Presence))]
pub struct Presence<'a> {
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The change, or the first of them.
    #[serde(flatten)]
    pub first: PresenceChange<'a>,
    /// All of them, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PresenceChange<'a>>,
}

/// Whether somebody is in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::PresenceChange))]
pub struct PresenceChange<'a> {
    /// Who.
    pub user_id: UserId,
    /// What they are called.
    pub username: Cow<'a, str>,
    /// `online` or `offline`.
    pub status: Cow<'a, str>,
}

/// Data of `join_room`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::RoomJoined))]
pub struct RoomJoined<'a> {
    /// The room.
    pub room_id: RoomId,
    /// Its name.
    pub room_name: Cow<'a, str>,
    /// `private`, `shared` or `group`.
    pub room_type: Cow<'a, str>,
    /// Its members, the one who joins too; 1,000 at most.
    pub participants: Vec<UserId>,
    /// Since when the one who joins is a member.
    pub joined_at: Timestamp,
    /// Its newest entry; what follows arrives by itself.
    pub last_seq: u64,
    /// What the one who joins is: `member`, `moderator` or `owner`.
    pub role: Cow<'a, str>,
    /// When the AI answers: `always`, `mention` or `off`.
    pub ai_mode: Cow<'a, str>,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// How many members it has.
    pub participant_count: usize,
    /// The members that are there; 1,000 at most.
    pub online: Vec<UserId>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `leave_room` and `room_deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::RoomNamed))]
pub struct RoomNamed<'a> {
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of the answers `add_member` and `remove_member`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::MemberChanged))]
pub struct MemberChanged<'a> {
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whose part changed.
    pub user_id: UserId,
    /// What they are now, if they are a member: `member`, `moderator` or `owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `member_added` and `member_removed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::MemberEvent))]
pub struct MemberEvent<'a> {
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whose part changed.
    pub user_id: UserId,
    /// What they are now, if they are a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'a, str>>,
    /// Who did it.
    pub by: UserId,
}

/// Data of `history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::HistoryPage))]
pub struct HistoryPage<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The messages, oldest first.
    pub messages: Vec<ChatMessage<'a>>,
    /// Whether there are earlier ones.
    pub has_more: bool,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Stopped))]
pub struct Stopped<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The reply; none where none was named and none was live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// How it ended: `stopped`, or what it was before the stop came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Resumed))]
pub struct Resumed<'a> {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its room, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
    /// The position that the client named.
    pub from_seq: u64,
    /// The position that it has now; what follows arrives by itself.
    pub last_seq: u64,
    /// False: too much was missed, or the position is of another log. The client loads `history`.
    pub recovered: bool,
    /// Which log this is. It changes where a database was put back from a copy.
    pub epoch: Cow<'a, str>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `pong`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Pong))]
pub struct Pong<'a> {
    /// The newest seq of each joined conversation: a client that has less missed something, and resumes.
    pub heads: BTreeMap<ConversationId, u64>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// Data of `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = rooms::Error))]
pub struct Error<'a> {
    /// For a person.
    pub error: Cow<'a, str>,
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// Whole seconds after which the same may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The request's own `message_id`; where the refusal ended a reply, the reply's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// With `INTERNAL`: names the entry in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Cow<'a, str>>,
    /// The conversation, where the refusal concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The room, where the refusal concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_id: Option<RoomId>,
}
