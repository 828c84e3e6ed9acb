//! Conversations as they stand in their participants' lists. What somebody takes part in is found by their id, and put
//! into order then: an index on the last change would be written with every message.

use crate::audit::{AuditRow, audit_insert};
use crate::conversations::SummaryRow;
use crate::error::{Error, Result};
use crate::members::{REMOVED, role_of};
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{conversations, participants};
use crate::types::{At, Id};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{ConversationEntry, Page, Paged};
use parlor_domain::room::MemberRole;
use parlor_domain::{ConversationId, Timestamp, UserId};

/// The summary, when it was made and deleted, the reader's role, and what is hidden from them.
type EntryRow = (SummaryRow, (At, Option<At>), String, i64);

fn entry(pools: &Pools, row: EntryRow) -> Result<ConversationEntry> {
    let (summary, (created_at, deleted_at), role, visible_after) = row;
    Ok(ConversationEntry {
        summary: summary.into_summary(pools.cipher())?,
        created_at: created_at.into(),
        deleted_at: deleted_at.map(Into::into),
        role: role_of(&role)?.ok_or(Error::Corrupt("participants"))?,
        visible_after: visible_after.unsigned_abs(),
    })
}

/// The conversations that `$user` takes part in, deleted ones too, but for rooms.
macro_rules! own {
    ($user:expr) => {
        participants::table
            .inner_join(conversations::table)
            .filter(participants::user_id.eq(Id::from($user)))
            .filter(participants::role.ne(REMOVED))
            .filter(conversations::room_id.is_null())
    };
}

/// What is read of each.
macro_rules! columns {
    () => {
        (
            SummaryRow::as_select(),
            (conversations::created_at, conversations::deleted_at),
            participants::role,
            participants::visible_after,
        )
    };
}

/// What the index on deleted conversations has, word for word, and the opposite.
const fn is_deleted(deleted: bool) -> &'static str {
    if deleted { "conversations.deleted_at IS NOT NULL" } else { "conversations.deleted_at IS NULL" }
}

pub(crate) async fn get(pools: Pools, id: ConversationId, user: UserId) -> Result<Option<ConversationEntry>> {
    let row: Option<EntryRow> = read!(&pools, |conn| {
        own!(user)
            .filter(participants::conversation_id.eq(Id::from(id)))
            .select(columns!())
            .get_result(conn)
            .await
            .optional()?
    });
    row.map(|row| entry(&pools, row)).transpose()
}

pub(crate) async fn list(
    pools: Pools,
    user: UserId,
    deleted: bool,
    page: Page,
) -> Result<Paged<ConversationEntry>> {
    let wanted = is_deleted(deleted);
    let (total, rows): (i64, Vec<EntryRow>) = read!(&pools, |conn| {
        let total = own!(user).filter(sql::<Bool>(wanted)).count().get_result(conn).await?;
        let rows = own!(user)
            .filter(sql::<Bool>(wanted))
            .order((conversations::updated_at.desc(), conversations::id.desc()))
            .offset(signed(page.offset))
            .limit(signed(page.limit))
            .select(columns!())
            .load(conn)
            .await?;
        (total, rows)
    });
    let items = rows.into_iter().map(|row| entry(&pools, row)).collect::<Result<_>>()?;
    Ok(Paged { items, total: total.unsigned_abs() })
}

/// Those of `ids` that `user` takes part in and that were not deleted, in no order.
pub(super) async fn some(pools: &Pools, user: UserId, ids: &[Id]) -> Result<Vec<ConversationEntry>> {
    let rows: Vec<EntryRow> = read!(pools, |conn| {
        own!(user)
            .filter(participants::conversation_id.eq_any(ids.to_vec()))
            .filter(conversations::deleted_at.is_null())
            .select(columns!())
            .load(conn)
            .await?
    });
    rows.into_iter().map(|row| entry(pools, row)).collect()
}

/// Brings a conversation back, as the one that changed last. Where it is being removed for good this waits for that step,
/// and then finds that nobody owns it; where this comes first there is nothing to remove.
pub(crate) async fn restore(
    pools: Pools,
    id: ConversationId,
    owner: UserId,
    now: Timestamp,
    entry: AuditRow,
) -> Result<bool> {
    let id = Id::from(id);
    let own = participants::table
        .filter(participants::conversation_id.eq(id))
        .filter(participants::user_id.eq(Id::from(owner)))
        .filter(participants::role.eq(MemberRole::Owner.as_str()));
    let deleted = conversations::table
        .filter(conversations::id.eq(id))
        .filter(conversations::deleted_at.is_not_null())
        .filter(conversations::room_id.is_null());
    let back = (conversations::deleted_at.eq(None::<At>), conversations::updated_at.eq(At::from(now)));
    change!(&pools, |conn| {
        // It is locked first, by a statement of its own: on PostgreSQL only a later one sees what whoever had the lock
        // before has done to its people.
        let lock = conversations::indexed_seq.eq(conversations::indexed_seq);
        if diesel::update(deleted).set(lock).execute(conn).await? == 0 {
            return Ok(false);
        }
        let restored = diesel::update(deleted.filter(exists(own))).set(back).execute(conn).await? == 1;
        if restored {
            audit_insert!(&entry).execute(conn).await?;
        }
        Ok(restored)
    })
}
