//! What turns use, and what may be used: the books.
//!
//! Every attempt of a turn is one line of the books. Where a budget is set, its tokens are reserved before the backend is
//! asked, and the line settles the reservation, exactly once, whatever became of the attempt.

use crate::message::{NanoDollars, Usage};
use crate::{ConversationId, MessageId, Timestamp, UserId};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// A day by UTC: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i64);

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

impl From<Timestamp> for Day {
    fn from(at: Timestamp) -> Self {
        Self(at.as_microsecond().div_euclid(MICROSECONDS_A_DAY))
    }
}

/// Whose tokens are counted together. Its text ([`fmt::Display`]) names it in the database, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// A user's, of all time.
    User(UserId),
    /// A user's of one day.
    UserDay(UserId, Day),
    /// A model's of one day, of all users: the model that was asked for, or else the server's own.
    ModelDay(String, Day),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user:{user}"),
            Self::UserDay(user, Day(day)) => write!(f, "user:{user}:{day}"),
            Self::ModelDay(model, Day(day)) => write!(f, "model:{model}:{day}"),
        }
    }
}

/// One attempt at a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    /// The turn.
    pub turn: MessageId,
    /// Which attempt, from 1.
    pub number: u32,
}

/// Tokens to be set aside before a backend is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// For which attempt.
    pub attempt: AttemptId,
    /// Who asks.
    pub user: UserId,
    /// The turn's conversation, where it has one.
    pub conversation: Option<ConversationId>,
    /// The context by estimate and the most that the reply may have.
    pub tokens: u64,
    /// The context alone, by estimate: what a dead node's attempt is taken to have used.
    pub prompt_tokens: u64,
    /// Every account that counts, and the most that used and reserved tokens together may come to.
    pub accounts: Vec<(Account, Option<u64>)>,
    /// The node that makes the attempt.
    pub node: Uuid,
    /// When.
    pub at: Timestamp,
    /// When the attempt is over for sure: a reservation that is still there then was a dead node's.
    pub expires_at: Timestamp,
}

/// What became of a [`Reservation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// Every account has room, and the tokens are set aside in each.
    Granted,
    /// Nothing was set aside, because this account has no room.
    Exceeded(Account),
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// The reply is whole.
    Complete,
    /// It was stopped, or nobody wanted it any more.
    Stopped,
    /// Its node ended.
    Interrupted,
    /// The backend could not be reached, or the connection broke.
    Unreachable,
    /// The backend answered with an error.
    Refused,
    /// The backend was silent for too long.
    Silent,
    /// The stream ended without its end, or made no sense, or was too long.
    Broken,
    /// Its node died: nobody knows.
    Lost,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Complete,
        Self::Stopped,
        Self::Interrupted,
        Self::Unreachable,
        Self::Refused,
        Self::Silent,
        Self::Broken,
        Self::Lost,
    ];

    /// The word in the database and in figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Broken => "broken",
            Self::Lost => "lost",
        }
    }
}

/// One line of the books: an attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Who asked.
    pub user: UserId,
    /// The turn's conversation, where it has one.
    pub conversation: Option<ConversationId>,
    /// The backend's name.
    pub backend: String,
    /// The model that answered, or else the one that was asked for.
    pub model: Option<String>,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What it used.
    pub usage: Usage,
    /// What it cost; none where the model's price is not known.
    pub cost: Option<NanoDollars>,
    /// When it began.
    pub started_at: Timestamp,
    /// From its beginning to its first content, if there was any.
    pub first_content: Option<Duration>,
    /// From its beginning to its end.
    pub elapsed: Duration,
    /// The accounts in which it counts: those of its reservation, if it had one.
    pub accounts: Vec<Account>,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Tokens used, of all attempts that are over.
    pub used: u64,
    /// Tokens set aside for attempts that are not.
    pub reserved: u64,
}
