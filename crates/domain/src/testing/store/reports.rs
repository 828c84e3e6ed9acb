//! Reports on the books: every line is looked at.

use super::MemoryStore;
use crate::UserId;
use crate::message::NanoDollars;
use crate::ports::{AttemptRecord, Day, ReportStore, StoreError, UsageBy, UsageFilter, UsageLine};
use async_trait::async_trait;
use std::cmp::Reverse;
use std::collections::BTreeMap;

#[async_trait]
impl ReportStore for MemoryStore {
    async fn usage_lines(&self, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>, StoreError> {
        self.with_inner(|inner| {
            let wanted = |record: &&AttemptRecord| {
                filter.user.is_none_or(|user| record.user == user)
                    && filter.from.is_none_or(|from| record.started_at >= from)
                    && filter.to.is_none_or(|to| record.started_at < to)
            };
            let mut lines: BTreeMap<(Option<Day>, Option<String>, Option<UserId>), UsageLine> =
                BTreeMap::new();
            if by == UsageBy::Nothing {
                lines.insert((None, None, None), UsageLine::default());
            }
            for record in inner.books.records().filter(wanted) {
                let day = (by == UsageBy::Day).then(|| Day::from(record.started_at));
                let model = (by == UsageBy::Model).then(|| record.model.clone().unwrap_or_default());
                let user = (by == UsageBy::User).then_some(record.user);
                let line = lines.entry((day, model.clone(), user)).or_default();
                (line.day, line.model, line.user) = (day, model, user);
                line.attempts += 1;
                line.prompt_tokens += record.usage.prompt_tokens;
                line.completion_tokens += record.usage.completion_tokens;
                line.cost = NanoDollars(line.cost.0 + record.cost.map_or(0, |cost| cost.0));
                line.last_at = line.last_at.max(Some(record.started_at));
            }
            let mut lines: Vec<_> = lines.into_values().collect();
            if by != UsageBy::Day {
                lines.sort_by_key(|line| Reverse(line.total_tokens()));
            }
            lines.truncate(1_000);
            lines
        })
    }

    async fn conversation_totals(&self, user: UserId) -> Result<(u64, u64), StoreError> {
        self.with_log(|log| {
            let own = log.conversations.values().filter(|one| one.room.is_none() && one.deleted_at.is_none());
            let own = own.filter(|one| one.member(user).is_some_and(|it| it.role.is_some()));
            own.fold((0, 0), |(count, messages), one| (count + 1, messages + one.messages.len() as u64))
        })
    }
}
