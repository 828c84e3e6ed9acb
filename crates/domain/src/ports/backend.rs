//! What answers.

use crate::message::Usage;
use crate::{ConversationId, MessageId};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
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
}

/// One piece of a turn's context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextMessage {
    /// Who said it.
    pub speaker: Speaker,
    /// What that person is called, where there may be several.
    pub name: Option<Arc<str>>,
    /// What they said.
    pub content: String,
}

impl ContextMessage {
    /// A piece of a conversation in which nobody needs a name.
    pub fn new(speaker: Speaker, content: impl Into<String>) -> Self {
        Self { speaker, name: None, content: content.into() }
    }
}

/// What a backend is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The turn.
    pub turn: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The model that was asked for; none leaves it to the backend.
    pub model: Option<String>,
    /// The context, oldest first; the last piece is the message to answer.
    pub context: Vec<ContextMessage>,
    /// How many tokens the reply may have; none leaves it to the backend.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words, 0 to 2; none leaves it to the backend.
    pub temperature: Option<f64>,
}

/// A piece of what a backend streams.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text of the reply.
    Content(String),
    /// What it cost so far, or in the end: the last one counts.
    Usage(Usage),
    /// The model that really answers, as soon as it is known.
    Model(String),
    /// The reply is whole. A stream that ends without it was cut off.
    End,
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

/// A reply as it is made. Dropping it tells the backend to stop.
pub type TurnStream = BoxStream<'static, Result<Delta, BackendError>>;

/// Something that answers: an LLM API or the built-in demo. Time limits and the turn's end are the domain's.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Its name in logs and figures.
    fn name(&self) -> &str;

    /// Whether it serves `model` (none: any will do).
    fn serves(&self, model: Option<&str>) -> bool;

    /// Begins a reply.
    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError>;
}
