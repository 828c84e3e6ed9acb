//! Who says which texts may not pass.

use async_trait::async_trait;
use std::time::Duration;

/// What is thought of one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What speaks against it, each in a word or two; nothing does where there are none.
    pub categories: Vec<String>,
}

impl Judgement {
    /// Whether the text may not pass.
    pub fn is_flagged(&self) -> bool {
        !self.categories.is_empty()
    }
}

/// How much of a reply is worth a question while it is made: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// So many bytes of text.
    pub bytes: usize,
    /// Or so long after the first of them.
    pub wait: Duration,
}

/// Why texts were not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModerationError {
    /// It could not be reached, was too slow, or answered with an error. Never a credential or a text.
    #[error("the moderator cannot be reached: {0}")]
    Unreachable(String),
    /// What it said makes no sense. Never a text.
    #[error("the moderator's answer makes no sense: {0}")]
    Malformed(String),
}

impl ModerationError {
    /// Whether the same question may be answered a moment later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

/// Something that judges texts. Time limits, second tries and what follows are the domain's.
#[async_trait]
pub trait Moderator: Send + Sync + 'static {
    /// How much of a reply it is asked about at once.
    fn window(&self) -> Window;

    /// Judges texts, none of which is empty: one judgement for each, in their order.
    async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError>;
}
