//! Templates of instructions: who checks them, and who fills them in.

use super::Extra;
use crate::room::RoomKind;
use crate::{ConversationId, RoomId, Timestamp};
use std::sync::Arc;

/// What a template may speak of. All of it is data: nothing in here is ever read as a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptFacts {
    /// What the one who asks is called.
    pub username: Arc<str>,
    /// What they have said of themselves, one JSON object; none in rooms, where others see the reply.
    pub profile: Option<Extra>,
    /// Where they ask.
    pub place: PromptPlace,
    /// When.
    pub now: Timestamp,
}

/// Where somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptPlace {
    /// In a room.
    Room {
        /// Its id.
        id: RoomId,
        /// Its name.
        name: String,
        /// Who may enter.
        kind: RoomKind,
    },
    /// In a conversation that is none.
    Conversation {
        /// Its id.
        id: ConversationId,
        /// Its title.
        title: String,
    },
    /// In none: a client brought the context itself.
    Nowhere,
}

/// What is wrong with a template: a line and a reason, never its text or a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PromptError(pub String);

/// Understands templates. It takes a bounded time and makes a bounded text, whatever the template.
pub trait Prompts: Send + Sync + 'static {
    /// Whether a template can be filled in.
    fn check(&self, template: &str) -> Result<(), PromptError>;

    /// Fills a template in.
    fn render(&self, template: &str, facts: &PromptFacts) -> Result<String, PromptError>;
}
