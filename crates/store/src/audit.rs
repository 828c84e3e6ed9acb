//! The audit log. The schema itself refuses to change or remove an entry; here is no statement that would.

use crate::error::{Error, Result};
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::audit_log;
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{AuditEntry, AuditFilter};
use uuid::Uuid;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct AuditRow {
    id: Id,
    at: At,
    actor: Option<Id>,
    account: Option<String>,
    address: Option<String>,
    action: String,
    subject: Option<String>,
    outcome: String,
}

impl From<AuditEntry> for AuditRow {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: Id(entry.id),
            at: entry.at.into(),
            actor: entry.actor.map(Id::from),
            account: entry.account,
            address: entry.address.map(|address| address.to_string()),
            action: entry.action,
            subject: entry.subject,
            outcome: entry.outcome,
        }
    }
}

impl AuditRow {
    fn into_entry(self) -> Result<AuditEntry> {
        let address = self.address.map(|address| address.parse()).transpose();
        Ok(AuditEntry {
            id: self.id.0,
            at: self.at.into(),
            actor: self.actor.map(Into::into),
            account: self.account,
            address: address.map_err(|_| Error::Corrupt("audit_log"))?,
            action: self.action,
            subject: self.subject,
            outcome: self.outcome,
        })
    }
}

/// An entry that is there stays as it is, so that the same ones may be brought again where the outcome was not known.
pub(crate) async fn append(pools: Pools, rows: Vec<AuditRow>) -> Result<()> {
    change!(&pools, |conn| {
        for row in &rows {
            audit_insert!(row).execute(conn).await?;
        }
        Ok(())
    })
}

/// The statement that adds `$rows` to the log, in whatever transaction it is done. Entries that are there stay as they are.
macro_rules! audit_insert {
    ($rows:expr) => {
        diesel::insert_into($crate::schema::audit_log::table).values($rows).on_conflict_do_nothing()
    };
}
pub(crate) use audit_insert;

pub(crate) async fn list(
    pools: Pools,
    filter: AuditFilter,
    before: Option<Uuid>,
    limit: usize,
) -> Result<Vec<AuditEntry>> {
    let AuditFilter { actor, action, since, until } = filter;
    // No entry has such an action, and PostgreSQL would not even take the question.
    if action.as_ref().is_some_and(|action| action.contains('\0')) {
        return Ok(Vec::new());
    }
    let rows: Vec<AuditRow> = read!(&pools, |conn| {
        let page = audit_log::table.order(audit_log::id.desc()).limit(signed(limit));
        let mut page = page.select(AuditRow::as_select()).into_boxed();
        if let Some(before) = before {
            page = page.filter(audit_log::id.lt(Id(before)));
        }
        if let Some(actor) = actor {
            page = page.filter(audit_log::actor.eq(Id::from(actor)));
        }
        if let Some(action) = action {
            page = page.filter(audit_log::action.eq(action));
        }
        if let Some(since) = since {
            page = page.filter(audit_log::at.ge(At::from(since)));
        }
        if let Some(until) = until {
            page = page.filter(audit_log::at.lt(At::from(until)));
        }
        page.load(conn).await?
    });
    rows.into_iter().map(AuditRow::into_entry).collect()
}
