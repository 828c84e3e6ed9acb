//! What the books say of a time.

use super::{Day, StoreError};
use crate::message::NanoDollars;
use crate::{Timestamp, UserId};
use async_trait::async_trait;

/// Which attempts are meant. What is none does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those that began at or after this.
    pub from: Option<Timestamp>,
    /// Only those that began before this.
    pub to: Option<Timestamp>,
}

/// What belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBy {
    /// Everything.
    Nothing,
    /// What began on one day (UTC).
    Day,
    /// What one model answered.
    Model,
    /// What one user asked for.
    User,
}

/// What attempts have used together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageLine {
    /// By day: which.
    pub day: Option<Day>,
    /// By model: which; empty where it is not known.
    pub model: Option<String>,
    /// By user: whose.
    pub user: Option<UserId>,
    /// How many attempts.
    pub attempts: u64,
    /// Tokens of their contexts.
    pub prompt_tokens: u64,
    /// Tokens of their replies.
    pub completion_tokens: u64,
    /// What they cost, as far as that is known.
    pub cost: NanoDollars,
    /// When the last of them began.
    pub last_at: Option<Timestamp>,
}

impl UsageLine {
    /// Both sides together.
    pub const fn total_tokens(&self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }
}

/// Reports on the books.
#[async_trait]
pub trait ReportStore: Send + Sync + 'static {
    /// What was used: by day, the days in their order; else the most tokens first (of equals, the lower name or id), at
    /// most 1,000. By [`UsageBy::Nothing`], one line.
    async fn usage_lines(&self, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>, StoreError>;

    /// How many conversations that are no rooms a user takes part in, and how many messages these have together.
    async fn conversation_totals(&self, user: UserId) -> Result<(u64, u64), StoreError>;
}
