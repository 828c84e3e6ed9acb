//! What a message has that a turn became: how it ended, who made it, what it used and what that cost.

use crate::MessageId;
use std::time::Duration;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TurnStatus {
    /// The backend said that it was done.
    Complete,
    /// A participant stopped it; what was produced is kept.
    Stopped,
    /// No backend could answer; nothing or a part was produced.
    Failed,
    /// It was cut off (by a provider, or by the end of its node); what was produced is kept.
    Interrupted,
}

impl TurnStatus {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl std::str::FromStr for TurnStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        [Self::Complete, Self::Stopped, Self::Failed, Self::Interrupted]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// The text names no way in which a turn ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a turn's status")]
pub struct UnknownStatus;

/// What an assistant's message has beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The user's message that it answers.
    pub in_reply_to: MessageId,
    /// How its turn ended.
    pub status: TurnStatus,
    /// The model that made it, where one was reached.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
    /// What it cost; none where the model's price is not known.
    pub cost: Option<NanoDollars>,
    /// From the turn's beginning to its end.
    pub elapsed: Duration,
    /// The name of the backend that made it, where one was reached.
    pub backend: Option<String>,
    /// How sure the backend was of it, where it said so.
    pub confidence: Option<Confidence>,
}

impl Reply {
    /// The reply of a turn that no backend was asked for.
    pub const fn unanswered(in_reply_to: MessageId, status: TurnStatus) -> Self {
        Self {
            in_reply_to,
            status,
            model: None,
            usage: Usage { prompt_tokens: 0, completion_tokens: 0, estimated: false },
            cost: None,
            elapsed: Duration::ZERO,
            backend: None,
            confidence: None,
        }
    }
}

/// How sure a backend is of a reply, from 0 to 1: in millionths, so that what is stored is what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(u32);

impl Confidence {
    /// Sure.
    pub const MAX: Self = Self(1_000_000);

    /// From so many millionths; more than [`Confidence::MAX`] is that.
    pub const fn from_millionths(millionths: u32) -> Self {
        if millionths > Self::MAX.0 { Self::MAX } else { Self(millionths) }
    }

    /// From 0 to 1, rounded to a millionth; none for what is not between.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000,000")]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * 1e6).round() as u32))
    }

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// From 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// Money in billionths of a US dollar: prices of single tokens are exact in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoDollars(pub u64);

impl NanoDollars {
    /// In dollars, for display. Never reckoned with.
    #[expect(clippy::cast_precision_loss, reason = "only shown")]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// What a turn used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the context.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Whether we estimated them because the backend told no figures.
    pub estimated: bool,
}

impl Usage {
    /// Both sides together.
    pub const fn total_tokens(self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }
}
