//! What was used, read from the books.

use crate::caller::Caller;
use crate::hub::Hub;
use crate::ports::{AuditAction, UsageBy, UsageFilter, UsageLine};
use crate::{ErrorCode, Refusal, Timestamp};

/// A time: from its beginning, and before its end. None is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// From when on.
    pub from: Option<Timestamp>,
    /// Before when.
    pub to: Option<Timestamp>,
}

/// What one user has used, and what there is of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnUsage {
    /// All of it.
    pub total: UsageLine,
    /// Conversations now that are no rooms.
    pub conversations: u64,
    /// Messages in these, of both sides.
    pub messages: u64,
    /// The parts, where they were wanted.
    pub groups: Option<Vec<UsageLine>>,
}

impl Hub {
    /// What the caller has used in a time, in parts where `by` says so. Error: `INVALID_REQUEST` for a time that ends
    /// before it begins.
    pub async fn usage(&self, caller: &Caller, span: Span, by: Option<UsageBy>) -> Result<OwnUsage, Refusal> {
        let filter = span.filter(Some(caller))?;
        let total = self.usage_total(filter).await?;
        let groups = match by {
            Some(by) => Some(self.usage_lines(filter, by).await?),
            None => None,
        };
        let totals = self.0.store.conversation_totals(caller.identity.user).await;
        let (conversations, messages) = totals.map_err(|error| Refusal::internal(&error))?;
        Ok(OwnUsage { total, conversations, messages, groups })
    }

    /// What all users together have used in a time, and the parts of it: the days in their order, others the most tokens
    /// first, at most 1,000. It is written down who asked. Errors: `FORBIDDEN` for who is no admin; `INVALID_REQUEST`.
    pub async fn usage_of_all(
        &self,
        caller: &Caller,
        span: Span,
        by: UsageBy,
    ) -> Result<(UsageLine, Vec<UsageLine>), Refusal> {
        self.admin_reads(caller, AuditAction::UsageRead).await?;
        let filter = span.filter(None)?;
        Ok((self.usage_total(filter).await?, self.usage_lines(filter, by).await?))
    }

    async fn usage_total(&self, filter: UsageFilter) -> Result<UsageLine, Refusal> {
        Ok(self.usage_lines(filter, UsageBy::Nothing).await?.pop().unwrap_or_default())
    }

    async fn usage_lines(&self, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>, Refusal> {
        self.0.store.usage_lines(filter, by).await.map_err(|error| Refusal::internal(&error))
    }
}

impl Span {
    fn filter(self, of: Option<&Caller>) -> Result<UsageFilter, Refusal> {
        let Self { from, to } = self;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "`from` is before `to`"));
        }
        Ok(UsageFilter { user: of.map(|caller| caller.identity.user), from, to })
    }
}
