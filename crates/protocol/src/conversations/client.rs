//! What a client of the `conversations` dialect sends.

use crate::envelope::{Bad, Envelope, Names};
use crate::metadata::FileRef;
use crate::names::text_of;
use crate::{ConversationId, ErrorCode, MessageId};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// One frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// `auth`: the credential; the first frame unless the upgrade carried one, and later to extend the session.
    Auth {
        /// An access token.
        token: String,
    },
    /// `join_conversation`: get the conversation's events on this connection.
    JoinConversation(ConversationRef),
    /// `leave_conversation`: stop getting them.
    LeaveConversation(ConversationRef),
    /// `send_message`: store a message and, if it is a user's, start a turn.
    SendMessage(SendMessage),
    /// `stream_response`: follow the turn that answers a message, or start another.
    StreamResponse(StreamResponse),
    /// `stop_response`: end a turn early, keeping what it produced.
    StopResponse(StopResponse),
    /// `typing`, and `typing_start` and `typing_stop`, which say the same in two words.
    Typing(Typing),
    /// `resume`: what this client has of each conversation; it gets the rest.
    Resume(Resume),
    /// `history`: a page of earlier messages.
    History(History),
    /// `ping`: ask for the heads of the joined conversations.
    Ping,
}

/// Names a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::ConversationRef))]
pub struct ConversationRef {
    /// The conversation.
    pub conversation_id: ConversationId,
}

/// Data of `send_message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::SendMessage))]
pub struct SendMessage {
    /// Where to; none makes a new conversation.
    #[serde(default)]
    pub conversation_id: Option<ConversationId>,
    /// The text: 1 byte to 64 KiB, no NUL.
    pub content: String,
    /// `user` starts a turn; any other word (say `note`) does not.
    #[serde(default = "user")]
    pub message_type: String,
    /// The client's own id of the message: sending the same again stores nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
    /// The model or assistant that should answer; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant_id: Option<String>,
    /// Whether another backend may begin anew where one fails in the middle: then `stream_restart` comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
    /// The files that the message carries, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<FileRef>>,
}

fn user() -> String {
    "user".to_owned()
}

/// Data of `stream_response`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StreamResponse))]
pub struct StreamResponse {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user's message that is to be answered.
    pub message_id: MessageId,
    /// The model or assistant that should answer; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant_id: Option<String>,
    /// Whether another backend may begin anew where one fails in the middle: then `stream_restart` comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<bool>,
}

/// Data of `stop_response`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::StopResponse))]
pub struct StopResponse {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The assistant message that is being made; none means the one that is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
}

/// Data of `typing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Typing))]
pub struct Typing {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether the user is typing now.
    pub is_typing: bool,
}

/// Data of `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Resume))]
pub struct Resume {
    /// What the client has, a line a conversation.
    pub positions: Vec<Position>,
}

/// How far a client has read a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::Position))]
pub struct Position {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The highest seq that the client has; 0 for none.
    pub seq: u64,
    /// The epoch that came with it; none is taken for the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// Data of `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = conversations::History))]
pub struct History {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Only messages with a lower seq; none starts at the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<u64>,
    /// How many at most: 1 to 200, 50 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A frame and the client's own names for it, which the answer repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// What was asked.
    pub frame: ClientFrame,
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
    pub request_id: Option<String>,
    /// As in [`Incoming`].
    pub request_id_outside: bool,
    /// The frame's `client_message_id`, where it had one.
    pub client_message_id: Option<String>,
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// Unknown fields are ignored. Errors: `INVALID_JSON` where it is not a JSON object, `UNKNOWN_TYPE`, and
    /// `INVALID_REQUEST` where a field is missing or has the wrong form.
    pub fn parse(text: &str) -> Result<Incoming, FrameError> {
        let mut envelope = Envelope::open(text).map_err(|bad| refused(bad, Names::default(), false))?;
        let data = envelope.data();
        let outside = envelope.request_id.take();
        let odd = outside.as_ref().is_some_and(|name| !name.is_string());
        let (outside, token) = (text_of(outside), envelope.token.take());
        let request_id_outside = outside.is_some();
        let read = match read(envelope.kind(), data, token) {
            _ if odd => Err(Bad::request("`request_id` is text")),
            read => envelope.verdict(read),
        };
        match read {
            Ok(frame) => {
                let within =
                    || data.contains("\"request_id\"").then(|| Names::within(data).request).flatten();
                Ok(Incoming { frame, request_id: outside.or_else(within), request_id_outside })
            }
            Err(bad) => {
                let mut names = Names::within(data);
                names.request = outside.or(names.request);
                Err(refused(bad, names, request_id_outside))
            }
        }
    }

    /// The word in the frame's `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "auth",
            Self::JoinConversation(_) => "join_conversation",
            Self::LeaveConversation(_) => "leave_conversation",
            Self::SendMessage(_) => "send_message",
            Self::StreamResponse(_) => "stream_response",
            Self::StopResponse(_) => "stop_response",
            Self::Typing(_) => "typing",
            Self::Resume(_) => "resume",
            Self::History(_) => "history",
            Self::Ping => "ping",
        }
    }
}

fn read(kind: &str, data: &str, token: Option<String>) -> Result<Option<ClientFrame>, serde_json::Error> {
    use serde_json::from_str;
    Ok(Some(match kind {
        "auth" => ClientFrame::Auth {
            token: token.ok_or_else(|| serde::de::Error::custom("missing field `token`"))?,
        },
        "join_conversation" => ClientFrame::JoinConversation(from_str(data)?),
        "leave_conversation" => ClientFrame::LeaveConversation(from_str(data)?),
        "send_message" => ClientFrame::SendMessage(from_str(data)?),
        "stream_response" => ClientFrame::StreamResponse(from_str(data)?),
        "stop_response" => ClientFrame::StopResponse(from_str(data)?),
        "typing" => ClientFrame::Typing(from_str(data)?),
        "typing_start" | "typing_stop" => {
            let ConversationRef { conversation_id } = from_str(data)?;
            ClientFrame::Typing(Typing { conversation_id, is_typing: kind == "typing_start" })
        }
        "resume" => ClientFrame::Resume(from_str(data)?),
        "history" => ClientFrame::History(from_str(data)?),
        "ping" => ClientFrame::Ping,
        _ => return Ok(None),
    }))
}

fn refused(bad: Bad, names: Names, request_id_outside: bool) -> FrameError {
    let Bad { code, message } = bad;
    let Names { request: request_id, client_message: client_message_id, .. } = names;
    FrameError { code, message, request_id, request_id_outside, client_message_id }
}

impl Serialize for ClientFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind())?;
        match self {
            Self::Auth { token } => map.serialize_entry("token", token)?,
            Self::JoinConversation(data) | Self::LeaveConversation(data) => {
                map.serialize_entry("data", data)?;
            }
            Self::SendMessage(data) => map.serialize_entry("data", data)?,
            Self::StreamResponse(data) => map.serialize_entry("data", data)?,
            Self::StopResponse(data) => map.serialize_entry("data", data)?,
            Self::Typing(data) => map.serialize_entry("data", data)?,
            Self::Resume(data) => map.serialize_entry("data", data)?,
            Self::History(data) => map.serialize_entry("data", data)?,
            Self::Ping => {}
        }
        map.end()
    }
}
