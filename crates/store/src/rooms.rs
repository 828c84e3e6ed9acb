//! Conversations that are rooms: made and found by the id that a client chose, and listed.

use crate::cipher::Cipher;
use crate::conversations::{NewConversation, SummaryRow};
use crate::error::{Error, Result};
use crate::members::{NewParticipant, REMOVED, role_of};
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{conversations, participants};
use crate::types::{At, Id};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{NewRoom, RoomRecord, RoomScope};
use parlor_domain::room::{AiMode, Room};
use parlor_domain::{ConversationId, RoomId, UserId};

/// How many members a conversation has.
const MEMBERS: &str = "(SELECT count(*) FROM participants AS member \
     WHERE member.conversation_id = conversations.id AND member.role <> 'removed')";

/// What the index on shared rooms has, word for word: a bound value would not tell the planner so.
const SHARED: &str = "conversations.room_kind = 'shared'";

/// The columns of `conversations` that make a [`Room`].
pub(crate) type RoomColumns = (Option<String>, Option<String>, Option<String>);

/// The room, where the columns are those of one.
pub(crate) fn room_of((id, kind, ai_mode): RoomColumns) -> Result<Option<Room>> {
    let Some(id) = id else { return Ok(None) };
    let corrupt = |_| Error::Corrupt("conversations");
    let kind = kind.ok_or(Error::Corrupt("conversations"))?.parse().map_err(corrupt)?;
    let ai_mode = ai_mode.map(|mode| mode.parse()).transpose().map_err(corrupt)?;
    Ok(Some(Room { id: room_id(&id)?, kind, ai_mode }))
}

/// The id in a column.
pub(crate) fn room_id(text: &str) -> Result<RoomId> {
    text.parse().map_err(|_| Error::Corrupt("conversations"))
}

/// Makes a room with its owner. False where its id, or its conversation's, is taken.
pub(crate) async fn create(pools: Pools, new: NewRoom) -> Result<bool> {
    let NewRoom { conversation, room, title, owner, assistant, at } = new;
    let (id, now) = (Id::from(conversation), At::from(at));
    let columns = (
        conversations::room_id.eq(room.id.as_str()),
        conversations::room_kind.eq(room.kind.as_str()),
        conversations::ai_mode.eq(room.ai_mode.map(AiMode::as_str)),
        conversations::assistant_id.eq(assistant.map(Id::from)),
    );
    let NewConversation { title, title_folded, key_id, .. } =
        NewConversation::new(pools.cipher(), id, &title, now)?;
    let values = (
        conversations::id.eq(id),
        conversations::title.eq(title),
        conversations::title_folded.eq(title_folded),
        conversations::key_id.eq(key_id),
        conversations::created_at.eq(now),
        conversations::updated_at.eq(now),
        columns,
    );
    let owner = NewParticipant::owner(id, owner.into(), now);
    change!(&pools, |conn| {
        let insert = diesel::insert_into(conversations::table).values(&values).on_conflict_do_nothing();
        if insert.execute(conn).await? == 0 {
            return Ok(false);
        }
        diesel::insert_into(participants::table).values(&owner).execute(conn).await?;
        Ok(true)
    })
}

pub(crate) async fn find(pools: Pools, id: RoomId) -> Result<Option<ConversationId>> {
    let found: Option<Id> = read!(&pools, |conn| {
        conversations::table
            .filter(conversations::room_id.eq(id.as_str()))
            .filter(conversations::deleted_at.is_null())
            .select(conversations::id)
            .get_result(conn)
            .await
            .optional()?
    });
    Ok(found.map(Into::into))
}

/// One room of a list: its summary, itself, when it was made, the reader's role, the number of members.
type RecordRow = (SummaryRow, RoomColumns, At, Option<String>, i64);

fn record(cipher: &Cipher, (summary, room, created_at, role, members): RecordRow) -> Result<RoomRecord> {
    Ok(RoomRecord {
        summary: summary.into_summary(cipher)?,
        room: room_of(room)?.ok_or(Error::Corrupt("conversations"))?,
        created_at: created_at.into(),
        role: role.map_or(Ok(None), |role| role_of(&role))?,
        members: members.unsigned_abs(),
    })
}

/// The rooms that are there, each with the part in it of the user `$user`.
macro_rules! rooms {
    ($user:expr) => {
        conversations::table
            .left_join(
                participants::table.on(participants::conversation_id
                    .eq(conversations::id)
                    .and(participants::user_id.eq(Id::from($user)))),
            )
            .filter(conversations::room_id.is_not_null())
            .filter(conversations::deleted_at.is_null())
            .select((
                SummaryRow::as_select(),
                (conversations::room_id, conversations::room_kind, conversations::ai_mode),
                conversations::created_at,
                participants::role.nullable(),
                sql::<BigInt>(MEMBERS),
            ))
    };
}

pub(crate) async fn get(pools: Pools, id: RoomId, user: UserId) -> Result<Option<RoomRecord>> {
    let row: Option<RecordRow> = read!(&pools, |conn| {
        rooms!(user).filter(conversations::room_id.eq(id.as_str())).get_result(conn).await.optional()?
    });
    row.map(|row| record(pools.cipher(), row)).transpose()
}

pub(crate) async fn list(
    pools: Pools,
    user: UserId,
    scope: RoomScope,
    after: Option<RoomId>,
    limit: usize,
) -> Result<Vec<RoomRecord>> {
    let after = after.as_ref().map_or("", RoomId::as_str);
    let rows: Vec<RecordRow> = read!(&pools, |conn| {
        let page = rooms!(user)
            .filter(conversations::room_id.gt(after))
            .order(conversations::room_id)
            .limit(signed(limit));
        match scope {
            RoomScope::Own => {
                let own = participants::user_id.eq(Id::from(user)).and(participants::role.ne(REMOVED));
                page.filter(own).load(conn).await?
            }
            RoomScope::Shared => page.filter(sql::<Bool>(SHARED)).load(conn).await?,
        }
    });
    rows.into_iter().map(|row| record(pools.cipher(), row)).collect()
}
