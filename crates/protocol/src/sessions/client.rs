//! What a client sends.

use super::field;
use crate::envelope::{Bad, Envelope};
use crate::metadata::FileRef;
use crate::names::text_of;
use crate::{ConversationId, ErrorCode, Json};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// One frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Store a message and have it answered: the one frame without a `type`.
    Ask(Ask),
    /// The credential; the first frame unless the upgrade carried one, and later to extend the connection.
    Auth(Auth),
    /// Ask for a sign of life.
    Ping,
}

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Ask))]
pub struct Ask {
    /// The text: 1 byte to 64 KiB, no NUL.
    #[serde(deserialize_with = "field::message")]
    pub message: String,
    /// What kind of message it is, in the client's word of at most 32 bytes; none is `user`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::message_type")]
    pub message_type: Option<String>,
    /// Where to; none makes a new session.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::session_id")]
    pub session_id: Option<ConversationId>,
    /// What the client says of its request: an object of at most 16 KiB and 32 levels, which the AI is told.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::context")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>))]
    pub context: Option<Json<'static>>,
    /// Whether the text is wanted as it comes, too.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::stream")]
    pub stream: Option<bool>,
    /// The client's own id of the message: sending the same again gets the same reply, and stores nothing twice.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::client_message_id")]
    pub client_message_id: Option<String>,
    /// The files that the message carries, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::attachments")]
    pub attachments: Option<Vec<FileRef>>,
}

/// `auth`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = sessions::Auth))]
pub struct Auth {
    /// An access token or a socket token.
    pub token: String,
}

/// Without the token.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

/// The frames that have a `type`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Typed<'a> {
    Auth(&'a Auth),
    Ping,
}

impl Serialize for ClientFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ask(ask) => ask.serialize(serializer),
            Self::Auth(auth) => Typed::Auth(auth).serialize(serializer),
            Self::Ping => Typed::Ping.serialize(serializer),
        }
    }
}

/// A frame and the client's own name for it, which the answer repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// What was asked.
    pub frame: ClientFrame,
    /// The `request_id`.
    pub request_id: Option<String>,
}

/// Why a frame could not be understood, with the names in it that could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// `INVALID_JSON`, `UNKNOWN_TYPE` or `INVALID_REQUEST`.
    pub code: ErrorCode,
    /// For the client's developer.
    pub message: String,
    /// The frame's `request_id`.
    pub request_id: Option<String>,
    /// The frame's `client_message_id`.
    pub client_message_id: Option<String>,
}

impl FrameError {
    fn of(bad: Bad, envelope: Option<Envelope<'_>>) -> Self {
        let Bad { code, message } = bad;
        let mut error = Self { code, message, request_id: None, client_message_id: None };
        if let Some(envelope) = envelope {
            error.request_id = text_of(envelope.request_id);
            error.client_message_id = text_of(envelope.client_message_id);
        }
        error
    }
}

impl ClientFrame {
    /// The words in `type`. A request has none.
    pub const KINDS: &'static [&'static str] = &["auth", "ping"];

    /// Reads one text frame.
    ///
    /// Unknown fields are ignored, and null means absent. Errors: `INVALID_JSON` where it is not a JSON object,
    /// `UNKNOWN_TYPE`, and `INVALID_REQUEST` where a field is missing or has the wrong form.
    pub fn parse(text: &str) -> Result<Incoming, FrameError> {
        let envelope = Envelope::open(text).map_err(|bad| FrameError::of(bad, None))?;
        let odd = envelope.request_id.as_ref().is_some_and(|name| !name.is_string());
        let read = match read(envelope.kind(), text) {
            _ if odd => Err(Bad::request("`request_id` is text")),
            read => envelope.verdict(read),
        };
        match read {
            Ok(frame) => Ok(Incoming { frame, request_id: text_of(envelope.request_id) }),
            Err(bad) => Err(FrameError::of(bad, Some(envelope))),
        }
    }
}

fn read(kind: &str, text: &str) -> Result<Option<ClientFrame>, serde_json::Error> {
    use serde_json::from_str;
    Ok(Some(match kind {
        "" => ClientFrame::Ask(from_str(text)?),
        "auth" => ClientFrame::Auth(from_str(text)?),
        "ping" => ClientFrame::Ping,
        _ => return Ok(None),
    }))
}
