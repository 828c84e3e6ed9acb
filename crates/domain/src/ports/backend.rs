//! What answers.

use crate::message::{Confidence, Usage};
use crate::{ConversationId, MessageId, Timestamp, UserId};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who said a piece of a turn's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions.
    System,
    /// A person.
    User,
    /// The AI.
    Assistant,
    /// A tool that the AI called. Only in contexts that a client made itself.
    Tool,
}

/// Fields that a client gave beside those that the domain knows, as the text of one JSON object. The domain never looks
/// into it; a backend that speaks the same protocol passes the fields on.
pub type Extra = Arc<str>;

/// One piece of a turn's context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextMessage {
    /// Who said it.
    pub speaker: Speaker,
    /// What that person is called, where there may be several.
    pub name: Option<Arc<str>>,
    /// What they said.
    pub content: String,
    /// When; none for instructions.
    pub at: Option<Timestamp>,
    /// What else the client said of this piece (calls of tools, say).
    pub extra: Option<Extra>,
    /// Images that go with it. Their names stand in `content`. None for a backend that
    /// [takes none](Backend::takes_images).
    pub images: Vec<ContextImage>,
}

/// An image for a model to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct ContextImage {
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    pub media_type: String,
    /// The file's bytes, at most [`IMAGE_MAX`].
    pub content: Bytes,
}

/// The largest image that a backend is given, in bytes: in base64, no API takes much more than 5 MB.
pub const IMAGE_MAX: u64 = 3_750_000;

/// Without the bytes.
impl fmt::Debug for ContextImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextImage({}, {} bytes)", self.media_type, self.content.len())
    }
}

impl ContextMessage {
    /// A piece of a conversation in which nobody needs a name.
    pub fn new(speaker: Speaker, content: impl Into<String>) -> Self {
        Self { speaker, name: None, content: content.into(), at: None, extra: None, images: Vec::new() }
    }
}

/// What a backend is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The turn: the assistant message that it will become.
    pub turn: MessageId,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// Its conversation; one that nobody has heard of where a client brought the context itself.
    pub conversation: ConversationId,
    /// The message that it answers; the turn's own id where a client brought the context itself.
    pub in_reply_to: MessageId,
    /// Who asked.
    pub user: UserId,
    /// The model that was asked for; none leaves it to the backend.
    pub model: Option<String>,
    /// The context, oldest first; the last piece is the message to answer.
    pub context: Vec<ContextMessage>,
    /// How many tokens the reply may have; none leaves it to the backend.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words, 0 to 2; none leaves it to the backend.
    pub temperature: Option<f64>,
    /// What else the client wants of the backend (tools, stop words).
    pub extra: Option<Extra>,
    /// Whether what the backend says is also wanted as it says it: as [`Delta::Raw`].
    pub raw_events: bool,
}

impl TurnRequest {
    /// The first attempt at a reply to a context of the caller's own, all else left to the backend.
    pub fn new(user: UserId, context: Vec<ContextMessage>) -> Self {
        let turn = MessageId::new();
        Self {
            turn,
            attempt: 1,
            conversation: ConversationId::new(),
            in_reply_to: turn,
            user,
            model: None,
            context,
            max_tokens: None,
            temperature: None,
            extra: None,
            raw_events: false,
        }
    }
}

/// A piece of what a backend streams.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text of the reply. The first one commits the turn to this backend.
    Content(String),
    /// Text that the model thinks aloud. No part of the reply.
    Reasoning(String),
    /// A piece of a call of a tool. No part of the reply's text.
    ToolCall(ToolCall),
    /// What it cost so far, or in the end: the last one counts.
    Usage(Usage),
    /// The model that really answers, as soon as it is known.
    Model(String),
    /// What the backend says of its reply beside the text. The last one counts.
    About(About),
    /// Something that the backend sent, as it sent it: one JSON text. Only where [`TurnRequest::raw_events`] says so;
    /// what it means comes beside it.
    Raw(Extra),
    /// The reply is whole. A stream that ends without it was cut off.
    End(Finish),
}

/// A piece of a call of a tool: pieces with the same index belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Which call of the reply, from 0.
    pub index: u32,
    /// Its id, in its first piece.
    pub id: Option<String>,
    /// The tool's name, in its first piece.
    pub name: Option<String>,
    /// The next piece of its arguments, which are JSON once they are whole.
    pub arguments: String,
}

/// What a backend says of its reply beside the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// How sure it is.
    pub confidence: Option<Confidence>,
    /// What the text is; none is plain text.
    pub content_type: Option<String>,
}

/// Why a whole reply ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Finish {
    /// It said what it had to say.
    #[default]
    Stop,
    /// It reached the maximum of tokens.
    Length,
    /// It wants tools to be called.
    ToolCalls,
    /// The provider held something back.
    Filtered,
}

/// Why a backend did not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It could not be reached, or the connection broke.
    #[error("the backend cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with an error.
    #[error("the backend answered {status}: {message}")]
    Status {
        /// The HTTP status, or what comes nearest.
        status: u16,
        /// What it said, cut to 500 bytes; never a credential.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// What it sent makes no sense.
    #[error("the backend's stream is malformed: {0}")]
    Malformed(String),
}

impl BackendError {
    /// Whether the same request may succeed later: the connection broke, or the answer was 408, 425, 429 or 5xx.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Malformed(_) => false,
        }
    }
}

/// A reply as it is made. Dropping it tells the backend to stop.
pub type TurnStream = BoxStream<'static, Result<Delta, BackendError>>;

/// Something that answers: an LLM API, a worker or the built-in demo. Time limits, retries and the turn's end are the
/// domain's.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Its name in logs and figures.
    fn name(&self) -> &str;

    /// Whether it serves `model` (none: any will do).
    fn serves(&self, model: Option<&str>) -> bool;

    /// The models that it is known to serve, for lists. Not all of those that it would serve.
    fn models(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether `model` (none: its own choice) looks at images. To one that does not, none are given.
    fn takes_images(&self, _model: Option<&str>) -> bool {
        false
    }

    /// Begins a reply.
    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError>;
}
