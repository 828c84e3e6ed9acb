//! The log as it is read. (It is written in `append`.)

use crate::error::{Error, Result};
use crate::pools::{Pools, read};
use crate::schema::messages;
use crate::types::{At, Id};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::message::{Author, Fingerprint, Message, Reply, Seq, Usage};
use parlor_domain::{ConversationId, MessageId};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct MessageRow {
    pub(crate) conversation_id: Id,
    pub(crate) seq: i64,
    pub(crate) id: Id,
    pub(crate) author_id: Option<Id>,
    kind: String,
    content: String,
    client_id: Option<String>,
    in_reply_to: Option<Id>,
    status: Option<String>,
    model: Option<String>,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    usage_estimated: Option<bool>,
    created_at: At,
}

impl MessageRow {
    pub(crate) fn into_message(self) -> Result<Message> {
        let tokens = |count: Option<i64>| count.unwrap_or(0).unsigned_abs();
        let usage = Usage {
            prompt_tokens: tokens(self.prompt_tokens),
            completion_tokens: tokens(self.completion_tokens),
            estimated: self.usage_estimated.unwrap_or(false),
        };
        let reply = match (self.in_reply_to, self.status) {
            (Some(in_reply_to), Some(status)) => {
                let status = status.parse().map_err(|_| Error::Corrupt("messages"))?;
                Some(Reply { in_reply_to: in_reply_to.into(), status, model: self.model, usage })
            }
            _ => None,
        };
        Ok(Message {
            id: self.id.into(),
            conversation: self.conversation_id.into(),
            seq: self.seq.unsigned_abs(),
            author: self.author_id.map_or(Author::Assistant, |id| Author::User(id.into())),
            kind: self.kind,
            content: self.content,
            client_id: self.client_id,
            created_at: self.created_at.into(),
            reply,
        })
    }
}

/// A seq or a limit as the databases count; what is beyond their range is beyond every log.
pub(crate) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn all(rows: Vec<MessageRow>) -> Result<Vec<Message>> {
    rows.into_iter().map(MessageRow::into_message).collect()
}

pub(crate) async fn after(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    through: Seq,
    limit: usize,
) -> Result<Vec<Message>> {
    all(read!(&pools, |conn| {
        messages::table
            .filter(messages::conversation_id.eq(Id::from(conversation)))
            .filter(messages::seq.gt(signed(after)))
            .filter(messages::seq.le(signed(through)))
            .order(messages::seq)
            .limit(signed(limit))
            .select(MessageRow::as_select())
            .load(conn)
            .await?
    }))
}

pub(crate) async fn before(
    pools: Pools,
    conversation: ConversationId,
    before: Option<Seq>,
    limit: usize,
) -> Result<Vec<Message>> {
    let mut newest: Vec<MessageRow> = read!(&pools, |conn| {
        messages::table
            .filter(messages::conversation_id.eq(Id::from(conversation)))
            .filter(messages::seq.lt(before.map_or(i64::MAX, signed)))
            .order(messages::seq.desc())
            .limit(signed(limit))
            .select(MessageRow::as_select())
            .load(conn)
            .await?
    });
    newest.reverse();
    all(newest)
}

pub(crate) async fn that_created(pools: Pools, fingerprint: Fingerprint) -> Result<Option<Message>> {
    let row = read!(&pools, |conn| {
        messages::table
            .filter(messages::fingerprint.eq(Id::from(fingerprint)))
            .filter(messages::seq.eq(1))
            .order(messages::conversation_id)
            .select(MessageRow::as_select())
            .first(conn)
            .await
            .optional()?
    });
    row.map(MessageRow::into_message).transpose()
}

pub(crate) async fn get(
    pools: Pools,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Message>> {
    let row = read!(&pools, |conn| {
        messages::table
            .filter(messages::id.eq(Id::from(id)))
            .filter(messages::conversation_id.eq(Id::from(conversation)))
            .select(MessageRow::as_select())
            .first(conn)
            .await
            .optional()?
    });
    row.map(MessageRow::into_message).transpose()
}
