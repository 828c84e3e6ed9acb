//! How a failure leaves the domain: as a [`Refusal`], an [`ErrorCode`] with what a client may know of it.

use crate::ErrorCode;
use std::borrow::Cow;
use uuid::Uuid;

/// Why a command was not done.
///
/// Use [`Refusal::new`] for what the client did wrong, [`Refusal::retry_after`] where waiting helps and
/// [`Refusal::internal`] for our own failures, whose cause goes to the log and not to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// What kind of refusal it is.
    pub code: ErrorCode,
    /// For a person. It never quotes a message, a token or an internal cause.
    pub message: Cow<'static, str>,
    /// Whole seconds after which the same may succeed.
    pub retry_after: Option<u64>,
    /// Names the entry in our log; only with [`ErrorCode::Internal`].
    pub incident: Option<Uuid>,
}

impl Refusal {
    /// A refusal in the table's own words.
    pub const fn of(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.meaning()), retry_after: None, incident: None }
    }

    /// A refusal with words of its own.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::of(code) }
    }

    /// A refusal that ends by itself after `wait`, told in whole seconds, rounded up.
    pub fn retry_after(code: ErrorCode, wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after: Some(seconds.max(1)), ..Self::of(code) }
    }

    /// The same in the words of how the client named the conversation: a room that it may not know of is no room.
    pub(crate) fn about(self, room: bool) -> Self {
        match self.code {
            ErrorCode::ConversationNotFound if room => Self::of(ErrorCode::RoomNotFound),
            ErrorCode::RoomNotFound if !room => Self::of(ErrorCode::ConversationNotFound),
            _ => self,
        }
    }

    /// Our own failure: logs `cause` under a new incident id, and tells the client only the id.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        let incident = Uuid::new_v4();
        tracing::error!(%incident, error = %Chain(cause), "internal error");
        Self { incident: Some(incident), ..Self::of(ErrorCode::Internal) }
    }
}

/// An error with all its sources on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
