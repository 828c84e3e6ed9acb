//! The log as it is read. (It is written in `append`.)

use crate::attached;
use crate::cipher::{Cipher, Place};
use crate::conversations::is_living;
use crate::error::{Error, Result};
use crate::metadata;
use crate::pools::{Pools, read};
use crate::reactions;
use crate::schema::{conversations, messages};
use crate::types::{At, Id};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::message::{Author, Confidence, Fingerprint, Message, NanoDollars, Reply, Seq, Usage};
use parlor_domain::{ConversationId, MessageId, UserId};
use std::time::Duration;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(crate) struct MessageRow {
    pub(crate) conversation_id: Id,
    pub(crate) seq: i64,
    changed_seq: i64,
    pub(crate) id: Id,
    pub(crate) author_id: Option<Id>,
    author_name: Option<String>,
    kind: String,
    content: String,
    client_id: Option<String>,
    in_reply_to: Option<Id>,
    status: Option<String>,
    model: Option<String>,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    usage_estimated: Option<bool>,
    cost_nano: Option<i64>,
    elapsed_ms: Option<i64>,
    created_at: At,
    edited_at: Option<At>,
    deleted_at: Option<At>,
    reactions: Option<String>,
    content_type: Option<String>,
    backend: Option<String>,
    confidence: Option<i32>,
    key_id: Option<String>,
    metadata: Option<String>,
    metadata_key: Option<String>,
}

impl MessageRow {
    /// Errors: its text cannot be opened, or the row makes no sense.
    pub(crate) fn into_message(self, cipher: &Cipher) -> Result<Message> {
        let place = Place::Content { conversation: self.conversation_id, message: self.id };
        let content = cipher.open(place, self.key_id.as_deref(), self.content)?;
        let place = Place::Metadata { conversation: self.conversation_id, message: self.id };
        let metadata = cipher.open_some(place, self.metadata_key.as_deref(), self.metadata)?;
        let count = |column: Option<i64>| column.unwrap_or(0).unsigned_abs();
        let usage = Usage {
            prompt_tokens: count(self.prompt_tokens),
            completion_tokens: count(self.completion_tokens),
            estimated: self.usage_estimated.unwrap_or(false),
        };
        let reply = match (self.in_reply_to, self.status) {
            (Some(in_reply_to), Some(status)) => Some(Reply {
                in_reply_to: in_reply_to.into(),
                status: status.parse().map_err(|_| Error::Corrupt("messages"))?,
                model: self.model,
                usage,
                cost: self.cost_nano.map(|nano| NanoDollars(nano.unsigned_abs())),
                elapsed: Duration::from_millis(count(self.elapsed_ms)),
                backend: self.backend,
                confidence: self.confidence.map(|share| Confidence::from_millionths(share.unsigned_abs())),
            }),
            _ => None,
        };
        Ok(Message {
            id: self.id.into(),
            conversation: self.conversation_id.into(),
            seq: self.seq.unsigned_abs(),
            changed_seq: self.changed_seq.unsigned_abs(),
            author: self.author_id.map_or(Author::Assistant, |id| Author::User(id.into())),
            author_name: self.author_name.map(Into::into),
            kind: self.kind,
            content,
            content_type: self.content_type.map(Into::into),
            client_id: self.client_id,
            created_at: self.created_at.into(),
            edited_at: self.edited_at.map(Into::into),
            deleted_at: self.deleted_at.map(Into::into),
            reactions: reactions::from_column(self.reactions.as_deref())?,
            reply,
            attached: None,
            metadata: metadata::from_column(metadata.as_deref())?,
        })
    }
}

/// A message with what is kept beside its text, and the key of that.
pub(crate) type WholeRow = (MessageRow, (Option<String>, Option<String>));

/// Errors: as of [`MessageRow::into_message`].
pub(crate) fn whole(pools: &Pools, (row, (attached, key)): WholeRow) -> Result<Message> {
    let place = Place::Attached { conversation: row.conversation_id, message: row.id };
    let attached = pools.cipher().open_some(place, key.as_deref(), attached)?;
    Ok(Message { attached: attached::from_column(attached.as_deref())?, ..row.into_message(pools.cipher())? })
}

/// A seq or a limit as the databases count; what is beyond their range is beyond every log.
pub(crate) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn all(pools: &Pools, rows: Vec<MessageRow>) -> Result<Vec<Message>> {
    rows.into_iter().map(|row| row.into_message(pools.cipher())).collect()
}

fn one(pools: &Pools, row: Option<MessageRow>) -> Result<Option<Message>> {
    row.map(|row| row.into_message(pools.cipher())).transpose()
}

/// The page is merged of two: what is new, from the log's own order, and what was changed, from an index that holds
/// nothing else. A change that comes between the two reads moves its message out of the page, where a later one has
/// it.
pub(crate) async fn after(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    through: Seq,
    limit: usize,
) -> Result<Vec<Message>> {
    let (id, from, to) = (Id::from(conversation), signed(after), signed(through));
    let rows: Vec<MessageRow> = read!(&pools, |conn| {
        let mut rows = messages::table
            .filter(messages::conversation_id.eq(id))
            .filter(messages::seq.gt(from))
            .filter(messages::seq.le(to))
            .filter(exists(is_living(id)))
            .order(messages::seq)
            .limit(signed(limit))
            .select(MessageRow::as_select())
            .load(conn)
            .await?;
        // Who has nothing has missed no change.
        if after > 0 {
            let changed: Vec<MessageRow> = messages::table
                .filter(messages::conversation_id.eq(id))
                .filter(messages::changed_seq.ne(messages::seq))
                .filter(messages::seq.le(from))
                .filter(messages::changed_seq.gt(from))
                .filter(messages::changed_seq.le(to))
                .filter(exists(is_living(id)))
                .order(messages::changed_seq)
                .limit(signed(limit))
                .select(MessageRow::as_select())
                .load(conn)
                .await?;
            rows.extend(changed);
        }
        rows
    });
    let mut entries = all(&pools, rows)?;
    entries.sort_by_key(|message| message.position(after));
    entries.truncate(limit);
    Ok(entries)
}

pub(crate) async fn before(
    pools: Pools,
    conversation: ConversationId,
    before: Option<Seq>,
    limit: usize,
) -> Result<Vec<Message>> {
    let id = Id::from(conversation);
    let mut newest: Vec<MessageRow> = read!(&pools, |conn| {
        messages::table
            .filter(messages::conversation_id.eq(id))
            .filter(messages::seq.lt(before.map_or(i64::MAX, signed)))
            .filter(exists(is_living(id)))
            .order(messages::seq.desc())
            .limit(signed(limit))
            .select(MessageRow::as_select())
            .load(conn)
            .await?
    });
    newest.reverse();
    all(&pools, newest)
}

pub(crate) async fn that_created(pools: Pools, fingerprint: Fingerprint) -> Result<Option<Message>> {
    // All forms in one statement: a rotation may change one into the other meanwhile.
    let forms: Vec<Id> = pools.cipher().fingerprint(fingerprint).forms().collect();
    let row = read!(&pools, |conn| {
        messages::table
            .inner_join(conversations::table)
            .filter(messages::fingerprint.eq_any(&forms))
            .filter(messages::seq.eq(1))
            .filter(conversations::deleted_at.is_null())
            .filter(conversations::room_id.is_null())
            .order(messages::conversation_id)
            .select(MessageRow::as_select())
            .first(conn)
            .await
            .optional()?
    });
    one(&pools, row)
}

pub(crate) async fn sent(
    pools: Pools,
    conversation: ConversationId,
    fingerprint: Fingerprint,
) -> Result<Option<Message>> {
    let forms: Vec<Id> = pools.cipher().fingerprint(fingerprint).forms().collect();
    let row = read!(&pools, |conn| {
        messages::table
            .inner_join(conversations::table)
            .filter(messages::fingerprint.eq_any(&forms))
            .filter(messages::conversation_id.eq(Id::from(conversation)))
            .filter(conversations::deleted_at.is_null())
            .select(MessageRow::as_select())
            .first(conn)
            .await
            .optional()?
    });
    one(&pools, row)
}

pub(crate) async fn get(
    pools: Pools,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Message>> {
    let message = find(pools, id).await?;
    Ok(message.filter(|message| message.conversation == conversation))
}

pub(crate) async fn find(pools: Pools, id: MessageId) -> Result<Option<Message>> {
    let row = read!(&pools, |conn| {
        messages::table
            .inner_join(conversations::table)
            .filter(messages::id.eq(Id::from(id)))
            .filter(conversations::deleted_at.is_null())
            .select(MessageRow::as_select())
            .get_result(conn)
            .await
            .optional()?
    });
    one(&pools, row)
}

pub(crate) async fn covered(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    through: Seq,
    reader: UserId,
) -> Result<Option<Message>> {
    let id = Id::from(conversation);
    let row = read!(&pools, |conn| {
        messages::table
            .filter(messages::conversation_id.eq(id))
            .filter(messages::seq.gt(signed(after)))
            .filter(messages::seq.le(signed(through)))
            .filter(messages::author_id.ne(Id::from(reader)))
            .filter(exists(is_living(id)))
            .order(messages::seq.desc())
            .select(MessageRow::as_select())
            .first(conn)
            .await
            .optional()?
    });
    one(&pools, row)
}
