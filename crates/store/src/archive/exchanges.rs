//! The log with all that is kept beside it: users' messages with what was answered, and exports.

use crate::conversations::is_living;
use crate::error::Result;
use crate::messages::{MessageRow, WholeRow, signed, whole};
use crate::pools::{Pools, read};
use crate::schema::messages;
use crate::types::Id;
use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use parlor_domain::message::{Message, Seq};
use parlor_domain::ports::{Exchange, Page, Paged};
use parlor_domain::{ConversationId, MessageId};
use std::collections::HashMap;

/// What a [`WholeRow`] is made of.
macro_rules! everything {
    () => {
        (MessageRow::as_select(), (messages::attached, messages::attached_key))
    };
}

/// The newest reply to each of some messages, in no order. Their seqs come first: what finds them is an index, which a
/// planner who is asked for whole rows may think little of.
macro_rules! newest_replies {
    ($conn:ident, $conversation:ident, $messages:expr) => {{
        let newest: Vec<Option<i64>> = messages::table
            .filter(messages::conversation_id.eq($conversation))
            .filter(messages::in_reply_to.eq_any($messages))
            .group_by(messages::in_reply_to)
            .select(max(messages::seq))
            .load($conn)
            .await?;
        let newest: Vec<i64> = newest.into_iter().flatten().collect();
        messages::table
            .filter(messages::conversation_id.eq($conversation))
            .filter(messages::seq.eq_any(newest))
            .filter(exists(is_living($conversation)))
            .select(everything!())
            .load($conn)
            .await?
    }};
}

/// A page of users' messages, and the newest reply to each. Of other replies nothing but the seq is read.
pub(crate) async fn list(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    page: Page,
) -> Result<Paged<Exchange>> {
    let id = Id::from(conversation);
    macro_rules! asked {
        () => {
            messages::table
                .filter(messages::conversation_id.eq(id))
                .filter(messages::seq.gt(signed(after)))
                .filter(messages::author_id.is_not_null())
                .filter(exists(is_living(id)))
        };
    }
    let (total, asked, replies): (i64, Vec<WholeRow>, Vec<WholeRow>) = read!(&pools, |conn| {
        let total = asked!().count().get_result(conn).await?;
        let asked: Vec<WholeRow> = asked!()
            .order(messages::seq)
            .offset(signed(page.offset))
            .limit(signed(page.limit))
            .select(everything!())
            .load(conn)
            .await?;
        let ids: Vec<Id> = asked.iter().map(|(row, _)| row.id).collect();
        let replies = newest_replies!(conn, id, ids);
        (total, asked, replies)
    });
    let mut answers: HashMap<MessageId, Message> = HashMap::with_capacity(replies.len());
    for row in replies {
        let answer = whole(&pools, row)?;
        answers.extend(answer.reply.as_ref().map(|reply| reply.in_reply_to).map(|to| (to, answer)));
    }
    let exchange = |row| {
        let message = whole(&pools, row)?;
        let reply = answers.remove(&message.id);
        Ok(Exchange { message, reply })
    };
    let items = asked.into_iter().map(exchange).collect::<Result<_>>()?;
    Ok(Paged { items, total: total.unsigned_abs() })
}

/// A page of messages of both sides, without what is attached to them.
pub(crate) async fn messages(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    page: Page,
) -> Result<Paged<Message>> {
    let id = Id::from(conversation);
    macro_rules! visible {
        () => {
            messages::table
                .filter(messages::conversation_id.eq(id))
                .filter(messages::seq.gt(signed(after)))
                .filter(exists(is_living(id)))
        };
    }
    let (total, rows): (i64, Vec<MessageRow>) = read!(&pools, |conn| {
        let total = visible!().count().get_result(conn).await?;
        let rows = visible!()
            .order(messages::seq)
            .offset(signed(page.offset))
            .limit(signed(page.limit))
            .select(MessageRow::as_select())
            .load(conn)
            .await?;
        (total, rows)
    });
    let items = rows.into_iter().map(|row| row.into_message(pools.cipher())).collect::<Result<_>>()?;
    Ok(Paged { items, total: total.unsigned_abs() })
}

pub(crate) async fn export(
    pools: Pools,
    conversation: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>> {
    let id = Id::from(conversation);
    let rows: Vec<WholeRow> = read!(&pools, |conn| {
        messages::table
            .filter(messages::conversation_id.eq(id))
            .filter(messages::seq.gt(signed(after)))
            .filter(exists(is_living(id)))
            .order(messages::seq)
            .limit(signed(limit))
            .select(everything!())
            .load(conn)
            .await?
    });
    rows.into_iter().map(|row| whole(&pools, row)).collect()
}

pub(crate) async fn reply_to(
    pools: Pools,
    conversation: ConversationId,
    message: MessageId,
) -> Result<Option<Message>> {
    let id = Id::from(conversation);
    let rows: Vec<WholeRow> = read!(&pools, |conn| newest_replies!(conn, id, [Id::from(message)]));
    rows.into_iter().next().map(|row| whole(&pools, row)).transpose()
}
