//! Who takes part in a conversation, and how far each of them has got. (Parts and watermarks change in `append`.)

use crate::conversations::is_living;
use crate::error::{Error, Result};
use crate::messages::signed;
use crate::pools::{Pools, read};
use crate::rooms::room_id;
use crate::schema::{conversations, participants, users};
use crate::types::{At, Id};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::ports::{MemberRecord, Unsynced, username_of};
use parlor_domain::room::MemberRole;
use parlor_domain::{ConversationId, UserId};

/// The role of somebody who was removed and may not come back by themselves.
pub(crate) const REMOVED: &str = "removed";

/// What somebody may do; none where they were removed.
pub(crate) fn role_of(word: &str) -> Result<Option<MemberRole>> {
    if word == REMOVED {
        return Ok(None);
    }
    word.parse().map(Some).map_err(|_| Error::Corrupt("participants"))
}

/// The word of a role in the database.
pub(crate) fn word_of(role: Option<MemberRole>) -> &'static str {
    role.map_or(REMOVED, MemberRole::as_str)
}

/// Who makes a conversation.
#[derive(Debug, Insertable)]
#[diesel(table_name = participants)]
pub(crate) struct NewParticipant {
    conversation_id: Id,
    user_id: Id,
    role: &'static str,
    joined_at: At,
}

impl NewParticipant {
    pub(crate) fn owner(conversation_id: Id, user_id: Id, joined_at: At) -> Self {
        Self { conversation_id, user_id, role: MemberRole::Owner.as_str(), joined_at }
    }
}

pub(crate) async fn list(
    pools: Pools,
    conversation: ConversationId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<MemberRecord>> {
    type Row = (Id, String, At, i64, i64, Option<String>, Option<String>);
    let id = Id::from(conversation);
    let after = after.map_or(Id(uuid::Uuid::nil()), Id::from);
    let rows: Vec<Row> = read!(&pools, |conn| {
        participants::table
            .left_join(users::table.on(users::id.eq(participants::user_id)))
            .filter(participants::conversation_id.eq(id))
            .filter(participants::user_id.gt(after))
            .filter(participants::role.ne(REMOVED))
            .filter(exists(is_living(id)))
            .order(participants::user_id)
            .limit(signed(limit))
            .select((
                participants::user_id,
                participants::role,
                participants::joined_at,
                participants::delivered_seq,
                participants::read_seq,
                users::username.nullable(),
                users::email.nullable(),
            ))
            .load(conn)
            .await?
    });
    let member = |(user, role, joined_at, delivered, read, chosen, email): Row| {
        Ok(MemberRecord {
            user: user.into(),
            username: chosen.or_else(|| email.map(|email| username_of(&email).to_owned())),
            role: role_of(&role)?.ok_or(Error::Corrupt("participants"))?,
            joined_at: joined_at.into(),
            delivered: delivered.unsigned_abs(),
            read: read.unsigned_abs(),
        })
    };
    rows.into_iter().map(member).collect()
}

pub(crate) async fn unsynced(pools: Pools, user: UserId, limit: usize) -> Result<Vec<Unsynced>> {
    type Row = (Id, Option<String>, i64, i64, i64);
    let rows: Vec<Row> = read!(&pools, |conn| {
        participants::table
            .inner_join(conversations::table)
            .filter(participants::user_id.eq(Id::from(user)))
            .filter(participants::role.ne(REMOVED))
            .filter(conversations::deleted_at.is_null())
            .filter(conversations::last_seq.gt(participants::delivered_seq))
            .order((conversations::updated_at, conversations::id))
            .limit(signed(limit))
            .select((
                conversations::id,
                conversations::room_id,
                participants::delivered_seq,
                participants::visible_after,
                conversations::last_seq,
            ))
            .load(conn)
            .await?
    });
    let unsynced = |(conversation, room, delivered, visible_after, last_seq): Row| {
        Ok(Unsynced {
            conversation: conversation.into(),
            room: room.as_deref().map(room_id).transpose()?,
            delivered: delivered.unsigned_abs(),
            visible_after: visible_after.unsigned_abs(),
            last_seq: last_seq.unsigned_abs(),
        })
    };
    rows.into_iter().map(unsynced).collect()
}
