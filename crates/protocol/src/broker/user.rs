//! What a user's client sends.

use super::{FrameError, field, of_the_other_side};
use crate::envelope::{Bad, Envelope};
use crate::names::text_of;
use crate::{ConversationId, MessageId};
use serde::{Deserialize, Serialize};

/// One frame from a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum UserFrame {
    /// The credential; the first frame unless the upgrade carried one, and later to extend the session.
    Auth(Auth),
    /// Store a message and start a turn.
    SendMessage(SendMessage),
    /// Tell the others that this user types, or no longer does.
    Typing(Typing),
    /// End a turn early, keeping what it produced.
    CancelMessage(CancelMessage),
    /// What this client has of each thread; it gets the rest.
    Resume(Resume),
    /// A page of earlier messages.
    History(History),
    /// Ask for the heads of the joined threads.
    Ping,
}

/// `auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Auth))]
pub struct Auth {
    /// An access token or a socket token.
    pub token: String,
}

/// `send_message`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::SendMessage))]
pub struct SendMessage {
    /// Where to; none makes a new thread.
    #[serde(default)]
    pub thread_id: Option<ConversationId>,
    /// The text: 1 byte to 10 KiB, no NUL.
    pub content: String,
    /// What the text is, in the client's word of at most 64 bytes; none is `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The client's own id of the message: sending the same again stores nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
    /// The model that should answer; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether another backend may begin anew where one fails in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
}

/// `typing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Typing))]
pub struct Typing {
    /// The thread.
    #[serde(deserialize_with = "field::thread_id")]
    pub thread_id: ConversationId,
    /// Whether the user types now.
    pub typing: bool,
}

/// `cancel_message` from a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::CancelMessage))]
pub struct CancelMessage {
    /// The thread.
    #[serde(deserialize_with = "field::thread_id")]
    pub thread_id: ConversationId,
    /// The reply that is being made; none means the one that is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_id: Option<MessageId>,
}

/// `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Resume))]
pub struct Resume {
    /// What the client has, a line a thread.
    pub positions: Vec<Position>,
}

/// How far a client has read a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::Position))]
pub struct Position {
    /// The thread.
    #[serde(deserialize_with = "field::thread_id")]
    pub thread_id: ConversationId,
    /// The highest seq that the client has; 0 for none.
    #[serde(deserialize_with = "field::seq")]
    pub seq: u64,
    /// The epoch that came with it; none is taken for the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = broker::History))]
pub struct History {
    /// The thread.
    #[serde(deserialize_with = "field::thread_id")]
    pub thread_id: ConversationId,
    /// Only messages with a lower seq; none starts at the newest.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::before_seq")]
    pub before_seq: Option<u64>,
    /// How many at most: 1 to 200, 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::limit")]
    pub limit: Option<u32>,
}

/// A frame and the client's own name for it, which the answer repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// What was asked.
    pub frame: UserFrame,
    /// The `request_id`.
    pub request_id: Option<String>,
}

impl UserFrame {
    /// The words in `type`.
    pub const KINDS: &'static [&'static str] =
        &["auth", "send_message", "typing", "cancel_message", "resume", "history", "ping"];

    /// Reads one text frame of a user.
    ///
    /// Unknown fields are ignored, and null means absent. Errors: `INVALID_JSON` where it is not a JSON object,
    /// `UNKNOWN_TYPE`, `INVALID_REQUEST` where a field is missing or has the wrong form, and `FORBIDDEN` where it is a
    /// worker's.
    pub fn parse(text: &str) -> Result<Incoming, FrameError> {
        let envelope = Envelope::open(text).map_err(|bad| FrameError::of(bad, None))?;
        let odd = envelope.request_id.as_ref().is_some_and(|name| !name.is_string());
        let read = match read(envelope.kind(), text) {
            Ok(None) if super::WorkerFrame::KINDS.contains(&envelope.kind()) => {
                Err(of_the_other_side(envelope.kind(), "workers"))
            }
            _ if odd => Err(Bad::request("`request_id` is text")),
            read => envelope.verdict(read),
        };
        match read {
            Ok(frame) => Ok(Incoming { frame, request_id: text_of(envelope.request_id) }),
            Err(bad) => Err(FrameError::of(bad, Some(envelope))),
        }
    }
}

fn read(kind: &str, text: &str) -> Result<Option<UserFrame>, serde_json::Error> {
    use serde_json::from_str;
    Ok(Some(match kind {
        "auth" => UserFrame::Auth(from_str(text)?),
        "send_message" => UserFrame::SendMessage(from_str(text)?),
        "typing" => UserFrame::Typing(from_str(text)?),
        "cancel_message" => UserFrame::CancelMessage(from_str(text)?),
        "resume" => UserFrame::Resume(from_str(text)?),
        "history" => UserFrame::History(from_str(text)?),
        "ping" => UserFrame::Ping,
        _ => return Ok(None),
    }))
}
