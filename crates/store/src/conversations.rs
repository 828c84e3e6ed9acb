//! Conversations and who takes part in them. (Their heads move in `append`.)

use crate::error::{Error, Result};
use crate::pools::{Pools, change, read};
use crate::schema::{conversations, participants};
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::message::Summary;
use parlor_domain::ports::ConversationRecord;
use parlor_domain::{ConversationId, Timestamp, UserId};

/// What the one who made a conversation is in it.
pub(crate) const OWNER: &str = "owner";
/// What everybody else is.
const MEMBER: &str = "member";

#[derive(Queryable, Selectable)]
#[diesel(table_name = conversations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct SummaryRow {
    id: Id,
    title: String,
    updated_at: At,
    message_count: i64,
    last_seq: i64,
}

impl SummaryRow {
    fn into_summary(self) -> Summary {
        Summary {
            id: self.id.into(),
            title: self.title,
            updated_at: self.updated_at.into(),
            message_count: self.message_count.unsigned_abs(),
            last_seq: self.last_seq.unsigned_abs(),
        }
    }
}

/// A new conversation.
#[derive(Debug, Insertable)]
#[diesel(table_name = conversations)]
pub(crate) struct NewConversation<'a> {
    pub(crate) id: Id,
    pub(crate) title: &'a str,
    pub(crate) title_folded: String,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
}

impl<'a> NewConversation<'a> {
    pub(crate) fn new(id: Id, title: &'a str, now: At) -> Self {
        Self { id, title, title_folded: title.to_lowercase(), created_at: now, updated_at: now }
    }
}

/// Somebody who joins.
#[derive(Debug, Insertable)]
#[diesel(table_name = participants)]
pub(crate) struct NewParticipant {
    pub(crate) conversation_id: Id,
    pub(crate) user_id: Id,
    pub(crate) role: &'static str,
    pub(crate) joined_at: At,
}

pub(crate) async fn get(pools: Pools, id: ConversationId) -> Result<Option<ConversationRecord>> {
    // One query, so that both halves are of one moment. Owners come first; `owner` is the last word by the alphabet.
    let rows: Vec<(SummaryRow, Option<Id>)> = read!(&pools, |conn| {
        conversations::table
            .left_join(participants::table)
            .filter(conversations::id.eq(Id::from(id)))
            .order((participants::role.desc(), participants::joined_at, participants::user_id))
            .select((SummaryRow::as_select(), participants::user_id.nullable()))
            .load(conn)
            .await?
    });
    let mut summary = None;
    let mut people = Vec::with_capacity(rows.len());
    for (row, user) in rows {
        summary.get_or_insert(row);
        people.extend(user.map(UserId::from));
    }
    Ok(summary.map(|row| ConversationRecord { summary: row.into_summary(), participants: people }))
}

pub(crate) async fn create(
    pools: Pools,
    id: ConversationId,
    owner: UserId,
    title: String,
    now: Timestamp,
) -> Result<()> {
    let conversation = NewConversation::new(id.into(), &title, now.into());
    let owner = NewParticipant {
        conversation_id: id.into(),
        user_id: owner.into(),
        role: OWNER,
        joined_at: now.into(),
    };
    change!(&pools, |conn| {
        let made = diesel::insert_into(conversations::table)
            .values(&conversation)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        if made == 0 {
            return Err(Error::Exists);
        }
        diesel::insert_into(participants::table).values(&owner).execute(conn).await?;
        Ok(())
    })
}

pub(crate) async fn participant_add(
    pools: Pools,
    id: ConversationId,
    user: UserId,
    now: Timestamp,
) -> Result<bool> {
    let member = NewParticipant {
        conversation_id: id.into(),
        user_id: user.into(),
        role: MEMBER,
        joined_at: now.into(),
    };
    change!(&pools, |conn| {
        let query = conversations::table.find(member.conversation_id).select(conversations::id);
        let known: Option<Id> = query.first(conn).await.optional()?;
        if known.is_none() {
            return Ok(false);
        }
        diesel::insert_into(participants::table)
            .values(&member)
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        Ok(true)
    })
}
