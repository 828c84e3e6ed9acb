//! What changes of people's parts, and of conversations that end.

use crate::append::people::Part;
use crate::audit::{AuditRow, audit_insert};
use crate::bulk::bulk;
use crate::error::Result;
use crate::types::{At, Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlor_domain::message::TurnStatus;

bulk! {
    SetParts
    "INSERT INTO participants (conversation_id, user_id, role, joined_at, visible_after, delivered_seq, read_seq) \
     SELECT * FROM unnest("
    {
        conversation: sql::Uid = Id,
        user: sql::Uid = Id,
        role: Text = &'a str,
        joined_at: sql::Instant = At,
        visible_after: BigInt = i64,
        delivered: BigInt = i64,
        read: BigInt = i64,
    }
    ") ON CONFLICT (conversation_id, user_id) DO UPDATE SET role = excluded.role, joined_at = excluded.joined_at, \
     visible_after = excluded.visible_after, delivered_seq = excluded.delivered_seq, read_seq = excluded.read_seq"
}

/// Makes or changes parts, in the order given.
pub(crate) async fn parts_set(
    connection: &mut AsyncPgConnection,
    parts: impl Iterator<Item = (&(Id, Id), Part)>,
) -> Result<()> {
    let mut set = SetParts::default();
    for ((conversation, user), part) in parts {
        set.conversation.push(*conversation);
        set.user.push(*user);
        set.role.push(part.word());
        set.joined_at.push(part.joined_at);
        set.visible_after.push(part.visible_after);
        set.delivered.push(part.delivered);
        set.read.push(part.read);
    }
    if !set.user.is_empty() {
        set.execute(connection).await?;
    }
    Ok(())
}

bulk! {
    DeleteParts
    "DELETE FROM participants USING unnest("
    {
        conversation: sql::Uid = Id,
        user: sql::Uid = Id,
    }
    ") AS gone (conversation_id, user_id) \
     WHERE participants.conversation_id = gone.conversation_id AND participants.user_id = gone.user_id"
}

pub(crate) async fn parts_delete(
    connection: &mut AsyncPgConnection,
    parts: impl Iterator<Item = &(Id, Id)>,
) -> Result<()> {
    let mut delete = DeleteParts::default();
    (delete.conversation, delete.user) = parts.copied().unzip();
    if !delete.user.is_empty() {
        delete.execute(connection).await?;
    }
    Ok(())
}

bulk! {
    DeleteConversations
    "UPDATE conversations SET deleted_at = gone.at FROM unnest("
    {
        id: sql::Uid = Id,
        at: sql::Instant = At,
    }
    ") AS gone (id, at) WHERE conversations.id = gone.id"
}

bulk! {
    EndTurnsIn
    "UPDATE turns SET content = '', key_id = NULL, status = gone.status, ended_at = gone.at FROM unnest("
    {
        conversation: sql::Uid = Id,
        at: sql::Instant = At,
        status: Text = &'a str,
    }
    ") AS gone (conversation_id, at, status) \
     WHERE turns.conversation_id = gone.conversation_id AND turns.status IS NULL"
}

/// Ends conversations and the turns that live in them.
pub(crate) async fn conversations_delete(
    connection: &mut AsyncPgConnection,
    conversations: &[(Id, At)],
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let (ids, times): (Vec<Id>, Vec<At>) = conversations.iter().copied().unzip();
    let mut end = EndTurnsIn { conversation: ids.clone(), at: times.clone(), ..EndTurnsIn::default() };
    end.status.resize(ids.len(), TurnStatus::Interrupted.as_str());
    end.execute(connection).await?;
    let delete = DeleteConversations { id: ids, at: times, ..DeleteConversations::default() };
    delete.execute(connection).await?;
    Ok(())
}

/// Writes down that they ended.
pub(crate) async fn audit_append(connection: &mut AsyncPgConnection, entries: &[AuditRow]) -> Result<()> {
    if !entries.is_empty() {
        audit_insert!(entries).execute(connection).await?;
    }
    Ok(())
}
