//! What a client gets.

use crate::metadata::Citation;
use crate::{ConversationId, ErrorCode, Json, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One frame to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::ServerFrame))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    /// The connection is authenticated; also the answer to a later `auth`.
    Connected,
    /// The AI has begun to answer.
    Typing,
    /// A piece of the reply, where it was asked for.
    Chunk(Chunk<'a>),
    /// The reply, whole.
    Message(Box<Message<'a>>),
    /// The answer to `ping`.
    Pong(Pong<'a>),
    /// A refusal, or why there is no reply.
    Error(Error<'a>),
}

/// `chunk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Chunk))]
pub struct Chunk<'a> {
    /// The piece.
    pub content: Cow<'a, str>,
    /// The session.
    pub session_id: ConversationId,
    /// The reply's own id.
    pub message_id: MessageId,
    /// How many bytes of UTF-8 stand before this piece. At 0 the reply begins, or begins anew.
    pub offset: u64,
}

/// `message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Message))]
pub struct Message<'a> {
    /// The reply's text.
    pub message: Cow<'a, str>,
    /// The session.
    pub session_id: ConversationId,
    /// Who asked.
    pub user_id: UserId,
    /// When the reply was stored.
    pub timestamp: Timestamp,
    /// The `message_type` of the request.
    pub message_type: Cow<'a, str>,
    /// What there is beside the text.
    pub data: Data<'a>,
    /// The request's own id of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// What a reply has beside its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Data))]
pub struct Data<'a> {
    /// What the backend sent, as it sent it.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub raw_events: Vec<Json<'a>>,
    /// From the turn's beginning to its end, in milliseconds.
    pub response_time_ms: u64,
    /// `complete`, `stopped` or `interrupted`.
    pub status: Cow<'a, str>,
    /// The reply's own id.
    pub message_id: MessageId,
    /// The id of the message that it answers.
    pub in_reply_to: MessageId,
    /// The model that made it; null where none was reached.
    pub model: Option<Cow<'a, str>>,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
    /// What it used.
    pub usage: Usage,
    /// How many more raw events there were, from the middle, which were too much to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_events_omitted: Option<u64>,
    /// The passages of documents that the reply was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
}

/// What a turn used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Usage))]
pub struct Usage {
    /// Tokens of the context.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Their sum.
    pub total_tokens: u64,
}

/// `pong`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Pong))]
pub struct Pong<'a> {
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

/// `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Error))]
pub struct Error<'a> {
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// For a person.
    pub message: Cow<'a, str>,
    /// Whole seconds after which the same may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With `INTERNAL`: names the entry in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Cow<'a, str>>,
    /// The session, where the refusal concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<ConversationId>,
    /// Where a turn has failed: the reply that it left in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Where a turn has failed: the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<MessageId>,
    /// The request's own id of its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
}

impl ServerFrame<'static> {
    /// Reads one text frame, as a client does; none for a type that is not known here. Error: it is no such frame.
    pub fn parse(text: &str) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
        }
        // By hand, since what is read by its `type` alone would lose the raw events' own form.
        let kind: Kind<'_> = serde_json::from_str(text)?;
        Ok(Some(match &*kind.kind {
            "connected" => Self::Connected,
            "typing" => Self::Typing,
            "chunk" => Self::Chunk(serde_json::from_str(text)?),
            "message" => Self::Message(serde_json::from_str(text)?),
            "pong" => Self::Pong(serde_json::from_str(text)?),
            "error" => Self::Error(serde_json::from_str(text)?),
            _ => return Ok(None),
        }))
    }
}
