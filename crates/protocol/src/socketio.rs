//! The events of the `socketio` dialect: the namespace `/ai` of Socket.IO (protocol 5, over Engine.IO 4).

use crate::ai::{JobError, JobResult};
use crate::metadata::{Attachment, Citation};
use crate::{ConversationId, ErrorCode, JobId, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// What a client gives with its connection: `io(url, {auth: {token}})`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Auth))]
pub struct Auth {
    /// An access token, or one for sockets alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The event `chat:start`: a message that wants its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::ChatStart))]
pub struct ChatStart {
    /// The text.
    pub message: String,
    /// Where it belongs; none or null makes a new conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The model; none leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many tokens the reply may have; the server's own maximum still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The token's user says who speaks; any other here is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The client's own id of the message: sent again with the same text, it gets the first one's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// `chat:start`.
    Start(ChatStart),
    /// `chat:stop`, whatever its argument.
    Stop,
}

/// Why an event asks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// [`ErrorCode::UnknownType`] or [`ErrorCode::InvalidRequest`].
    pub code: ErrorCode,
    /// For a person.
    pub message: Cow<'static, str>,
    /// The client's own id of the message, as far as that can be read.
    pub client_message_id: Option<String>,
}

impl ClientEvent {
    /// The events' names.
    pub const NAMES: [&'static str; 2] = ["chat:start", "chat:stop"];

    /// Reads an event by its name and its first argument. Fields that are not known are ignored.
    ///
    /// ```
    /// use parlor_protocol::socketio::ClientEvent;
    /// let argument = serde_json::json!({"message": "Hello"});
    /// assert!(matches!(ClientEvent::parse("chat:start", Some(argument)), Ok(ClientEvent::Start(_))));
    /// assert!(ClientEvent::parse("chat:start", None).is_err());
    /// ```
    pub fn parse(name: &str, argument: Option<Value>) -> Result<Self, EventError> {
        match name {
            "chat:start" => start(argument.unwrap_or_default()).map(Self::Start),
            "chat:stop" => Ok(Self::Stop),
            _ => Err(EventError::unknown()),
        }
    }
}

impl EventError {
    /// The event is none of this dialect's.
    pub const fn unknown() -> Self {
        let message = Cow::Borrowed("the events are `chat:start` and `chat:stop`");
        Self { code: ErrorCode::UnknownType, message, client_message_id: None }
    }
}

fn start(argument: Value) -> Result<ChatStart, EventError> {
    let invalid = |message, client_message_id| EventError {
        code: ErrorCode::InvalidRequest,
        message,
        client_message_id,
    };
    // Serde would take an array's elements for the fields in their order.
    if !argument.is_object() {
        return Err(invalid("`chat:start` has one object as its argument".into(), None));
    }
    let client_id = argument.get("clientMessageId").and_then(Value::as_str).map(ToOwned::to_owned);
    ChatStart::deserialize(argument).map_err(|error| invalid(error.to_string().into(), client_id))
}

/// What the server tells, each by the event of its [name](ServerEvent::name).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ServerEvent<'a> {
    /// A conversation was made.
    Conversation(Conversation),
    /// The user's message is stored.
    UserMessage(UserMessage<'a>),
    /// More of the reply.
    Message(Piece<'a>),
    /// The reply begins anew: what was shown of it counts no more.
    Restart(Restart),
    /// The reply is there.
    End(End<'a>),
    /// The reply was stopped, or there was none to stop.
    Stopped(Stopped<'a>),
    /// Something was refused, or a reply failed.
    Error(Error<'a>),
    /// A job of the user's goes on, or has ended.
    Job(Box<Job>),
}

impl ServerEvent<'_> {
    /// The events' names, in the order of the variants; those of jobs by how far they are.
    pub const NAMES: [&'static str; 11] = [
        "chat:conversation",
        "chat:user-message",
        "chat:message",
        "chat:restart",
        "chat:end",
        "chat:stopped",
        "chat:error",
        "job:progress",
        "job:completed",
        "job:failed",
        "job:cancelled",
    ];

    /// The event's name.
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Conversation(_) => 0,
            Self::UserMessage(_) => 1,
            Self::Message(_) => 2,
            Self::Restart(_) => 3,
            Self::End(_) => 4,
            Self::Stopped(_) => 5,
            Self::Error(_) => 6,
            Self::Job(job) => match job.end {
                None => 7,
                Some(JobEnd::Completed) => 8,
                Some(JobEnd::Failed) => 9,
                Some(JobEnd::Cancelled) => 10,
            },
        }]
    }
}

/// `chat:conversation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Conversation))]
pub struct Conversation {
    /// Its id.
    pub conversation_id: ConversationId,
}

/// `chat:user-message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::UserMessage))]
pub struct UserMessage<'a> {
    /// Its id.
    pub message_id: MessageId,
    /// Its text.
    pub content: Cow<'a, str>,
    /// Where it is.
    pub conversation_id: ConversationId,
    /// The client's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
    /// The files that it carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment<'a>>,
}

/// `chat:message`: a piece of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Piece))]
pub struct Piece<'a> {
    /// The piece.
    pub content: Cow<'a, str>,
    /// The reply's id.
    pub message_id: MessageId,
    /// Where it is.
    pub conversation_id: ConversationId,
    /// How many bytes of UTF-8 of the reply stand before it; 0 is its beginning, also where it is shown once more.
    pub offset: u64,
}

/// `chat:restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Restart))]
pub struct Restart {
    /// The reply's id.
    pub message_id: MessageId,
    /// Where it is.
    pub conversation_id: ConversationId,
    /// Which attempt begins, from 2.
    pub attempt: u32,
}

/// `chat:end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::End))]
pub struct End<'a> {
    /// The reply's id.
    pub message_id: MessageId,
    /// Where it is.
    pub conversation_id: ConversationId,
    /// What it used: its context and its text together.
    pub total_tokens: u64,
    /// The model that made it, where it is known.
    pub model: Option<Cow<'a, str>>,
    /// `complete`, or `interrupted` where it was cut off and this is what there is.
    pub status: Cow<'a, str>,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
    /// The passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
}

/// `chat:stopped`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Stopped))]
pub struct Stopped<'a> {
    /// The reply's id; null where none was live.
    pub message_id: Option<MessageId>,
    /// Where it is.
    pub conversation_id: Option<ConversationId>,
    /// What it used.
    pub total_tokens: u64,
    /// The model that made it, where it is known.
    pub model: Option<Cow<'a, str>>,
    /// The name of the assistant that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Cow<'a, str>>,
    /// The passages of documents that it was made with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<Citation<'a>>,
}

/// `chat:error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Error))]
pub struct Error<'a> {
    /// For a person.
    pub message: Cow<'a, str>,
    /// For a program.
    pub code: ErrorCode,
    /// Whole seconds after which the same may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// With `INTERNAL`: names the entry in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Cow<'a, str>>,
    /// The conversation that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The reply that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The client's own id of the message that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<Cow<'a, str>>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// It was done.
    Completed,
    /// It will not be tried again.
    Failed,
    /// Its user has cancelled it.
    Cancelled,
}

/// `job:progress`, `job:completed`, `job:failed` and `job:cancelled`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = socketio::Job))]
pub struct Job {
    /// The job.
    pub job_id: JobId,
    /// `generate-completion` or `generate-embeddings`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// How far it is, in a hundred.
    pub progress: u8,
    /// What came of it, where it is completed. Left out where it is large: then it is read over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// How it ended, if it has: the event's name says it.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub end: Option<JobEnd>,
}
