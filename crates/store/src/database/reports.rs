//! Reports on the books.

use super::Database;
use crate::usage;
use async_trait::async_trait;
use parlor_domain::UserId;
use parlor_domain::ports::{ReportStore, StoreError, UsageBy, UsageFilter, UsageLine};

#[async_trait]
impl ReportStore for Database {
    async fn usage_lines(&self, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>, StoreError> {
        self.read("report on the books", move |pools| usage::lines(pools, filter, by)).await
    }

    async fn conversation_totals(&self, user: UserId) -> Result<(u64, u64), StoreError> {
        self.read("count a user's conversations", move |pools| usage::conversations(pools, user)).await
    }
}
