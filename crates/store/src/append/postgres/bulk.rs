//! The changes of a transaction, one statement a table.

use super::known::Head;
use crate::append::row::{ReplyColumns, Row};
use crate::bulk::bulk;
use crate::cipher::{Cipher, Place};
use crate::conversations::NewConversation;
use crate::error::Result;
use crate::messages::signed;
use crate::reactions;
use crate::types::{At, Id, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlor_domain::message::Message;
use parlor_domain::ports::NewTurn;
use std::borrow::Cow;
use std::collections::HashMap;

mod files;
mod people;

pub(super) use self::files::files_move;
pub(super) use self::people::{audit_append, conversations_delete, parts_delete, parts_set};

bulk! {
    InsertConversations
    "INSERT INTO conversations (id, title, title_folded, created_at, updated_at, key_id) \
     SELECT id, title, title_folded, created_at, created_at, key_id FROM unnest("
    {
        id: sql::Uid = Id,
        title: Text = &'a str,
        title_folded: Text = &'a str,
        created_at: sql::Instant = At,
        key_id: Nullable<Text> = Option<&'a str>,
    }
    ") AS new (id, title, title_folded, created_at, key_id)"
}

pub(super) async fn conversations_insert(
    connection: &mut AsyncPgConnection,
    conversations: &[NewConversation<'_>],
) -> Result<()> {
    if conversations.is_empty() {
        return Ok(());
    }
    let mut insert = InsertConversations::default();
    for conversation in conversations {
        insert.id.push(conversation.id);
        insert.title.push(&conversation.title);
        insert.title_folded.push(&conversation.title_folded);
        insert.created_at.push(conversation.created_at);
        insert.key_id.push(conversation.key_id);
    }
    insert.execute(connection).await?;
    Ok(())
}

bulk! {
    InsertMessages
    "INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, kind, content, client_id, fingerprint, \
     created_at, in_reply_to, status, model, prompt_tokens, completion_tokens, usage_estimated, \
     author_name, cost_nano, elapsed_ms, content_type, backend, confidence, attached, key_id, attached_key, fingerprint_keyed, \
     metadata, metadata_key) \
     SELECT conversation_id, seq, seq, id, author_id, kind, content, client_id, fingerprint, created_at, in_reply_to, \
     status, model, prompt_tokens, completion_tokens, usage_estimated, author_name, cost_nano, elapsed_ms, \
     content_type, backend, confidence, attached, key_id, attached_key, fingerprint_keyed, metadata, metadata_key \
     FROM unnest("
    {
        conversation: sql::Uid = Id,
        seq: BigInt = i64,
        id: sql::Uid = Id,
        author: Nullable<sql::Uid> = Option<Id>,
        kind: Text = &'a str,
        content: Text = &'a str,
        client_id: Nullable<Text> = Option<&'a str>,
        fingerprint: Nullable<sql::Uid> = Option<Id>,
        created_at: sql::Instant = At,
        in_reply_to: Nullable<sql::Uid> = Option<Id>,
        status: Nullable<Text> = Option<&'a str>,
        model: Nullable<Text> = Option<&'a str>,
        prompt_tokens: Nullable<BigInt> = Option<i64>,
        completion_tokens: Nullable<BigInt> = Option<i64>,
        usage_estimated: Nullable<Bool> = Option<bool>,
        author_name: Nullable<Text> = Option<&'a str>,
        cost_nano: Nullable<BigInt> = Option<i64>,
        elapsed_ms: Nullable<BigInt> = Option<i64>,
        content_type: Nullable<Text> = Option<&'a str>,
        backend: Nullable<Text> = Option<&'a str>,
        confidence: Nullable<Integer> = Option<i32>,
        attached: Nullable<Text> = Option<&'a str>,
        key_id: Nullable<Text> = Option<&'a str>,
        attached_key: Nullable<Text> = Option<&'a str>,
        fingerprint_keyed: Nullable<Bool> = Option<bool>,
        metadata: Nullable<Text> = Option<&'a str>,
        metadata_key: Nullable<Text> = Option<&'a str>,
    }
    ") AS new (conversation_id, seq, id, author_id, kind, content, client_id, fingerprint, created_at, in_reply_to, \
     status, model, prompt_tokens, completion_tokens, usage_estimated, author_name, cost_nano, elapsed_ms, \
     content_type, backend, confidence, attached, key_id, attached_key, fingerprint_keyed, metadata, metadata_key)"
}

pub(super) async fn messages_insert(connection: &mut AsyncPgConnection, rows: &[Row<'_>]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = InsertMessages::default();
    for row in rows {
        insert.conversation.push(row.conversation);
        insert.seq.push(row.seq);
        insert.id.push(row.id);
        insert.author.push(row.author);
        insert.kind.push(row.kind);
        insert.content.push(&row.content);
        insert.client_id.push(row.client_id);
        insert.fingerprint.push(row.fingerprint);
        insert.created_at.push(row.created_at);
        insert.in_reply_to.push(row.reply.in_reply_to);
        insert.status.push(row.reply.status);
        insert.model.push(row.reply.model);
        insert.prompt_tokens.push(row.reply.prompt_tokens);
        insert.completion_tokens.push(row.reply.completion_tokens);
        insert.usage_estimated.push(row.reply.usage_estimated);
        insert.author_name.push(row.author_name);
        insert.cost_nano.push(row.reply.cost_nano);
        insert.elapsed_ms.push(row.reply.elapsed_ms);
        insert.content_type.push(row.content_type);
        insert.backend.push(row.reply.backend);
        insert.confidence.push(row.reply.confidence);
        insert.attached.push(row.attached.as_deref());
        insert.key_id.push(row.key);
        insert.attached_key.push(row.attached_key);
        insert.fingerprint_keyed.push(row.fingerprint_keyed);
        insert.metadata.push(row.metadata.as_deref());
        insert.metadata_key.push(row.metadata_key);
    }
    insert.execute(connection).await?;
    Ok(())
}

bulk! {
    ChangeMessages
    "UPDATE messages SET changed_seq = new.changed_seq, content = new.content, key_id = new.key_id, edited_at = new.edited_at, \
     deleted_at = new.deleted_at, reactions = new.reactions, \
     attached = CASE WHEN new.deleted_at IS NULL THEN messages.attached END, \
     attached_key = CASE WHEN new.deleted_at IS NULL THEN messages.attached_key END, \
     metadata = CASE WHEN new.deleted_at IS NULL THEN messages.metadata END, \
     metadata_key = CASE WHEN new.deleted_at IS NULL THEN messages.metadata_key END FROM unnest("
    {
        id: sql::Uid = Id,
        changed_seq: BigInt = i64,
        content: Text = Cow<'a, str>,
        key_id: Nullable<Text> = Option<&'a str>,
        edited_at: Nullable<sql::Instant> = Option<At>,
        deleted_at: Nullable<sql::Instant> = Option<At>,
        reactions: Nullable<Text> = Option<String>,
    }
    ") AS new (id, changed_seq, content, key_id, edited_at, deleted_at, reactions) WHERE messages.id = new.id"
}

pub(super) async fn messages_change<'a>(
    connection: &mut AsyncPgConnection,
    cipher: &'a Cipher,
    messages: impl Iterator<Item = &'a Message>,
) -> Result<()> {
    let mut update = ChangeMessages::default();
    for message in messages {
        update.id.push(message.id.into());
        update.changed_seq.push(signed(message.changed_seq));
        let place = Place::Content { conversation: message.conversation.into(), message: message.id.into() };
        let sealed = cipher.seal(place, &message.content)?;
        update.key_id.push(sealed.as_ref().map(|sealed| sealed.key));
        let plain = || Cow::Borrowed(&*message.content);
        update.content.push(sealed.map_or_else(plain, |sealed| Cow::Owned(sealed.text)));
        update.edited_at.push(message.edited_at.map(At::from));
        update.deleted_at.push(message.deleted_at.map(At::from));
        update.reactions.push(reactions::to_column(&message.reactions)?);
    }
    if !update.id.is_empty() {
        update.execute(connection).await?;
    }
    Ok(())
}

bulk! {
    InsertTurns
    "INSERT INTO turns (id, conversation_id, in_reply_to, node, lease_until) SELECT * FROM unnest("
    {
        id: sql::Uid = Id,
        conversation: sql::Uid = Id,
        in_reply_to: sql::Uid = Id,
        node: sql::Uid = Id,
        lease_until: sql::Instant = At,
    }
    ") AS new (id, conversation_id, in_reply_to, node, lease_until)"
}

pub(super) async fn turns_insert(connection: &mut AsyncPgConnection, turns: &[&NewTurn]) -> Result<()> {
    if turns.is_empty() {
        return Ok(());
    }
    let mut insert = InsertTurns::default();
    for turn in turns {
        insert.id.push(turn.id.into());
        insert.conversation.push(turn.conversation.into());
        insert.in_reply_to.push(turn.in_reply_to.into());
        insert.node.push(Id(turn.node));
        insert.lease_until.push(turn.lease_until.into());
    }
    insert.execute(connection).await?;
    Ok(())
}

bulk! {
    CheckpointTurns
    "UPDATE turns SET lease_until = new.lease_until, content = coalesce(new.content, turns.content), \
     key_id = CASE WHEN new.content IS NULL THEN turns.key_id ELSE new.key_id END FROM unnest("
    {
        id: sql::Uid = Id,
        lease_until: sql::Instant = At,
        content: Nullable<Text> = Option<Cow<'a, str>>,
        key_id: Nullable<Text> = Option<&'a str>,
    }
    ") AS new (id, lease_until, content, key_id) WHERE turns.id = new.id"
}

pub(super) async fn turns_checkpoint(
    connection: &mut AsyncPgConnection,
    cipher: &Cipher,
    checkpoints: &HashMap<Id, (At, Option<&str>)>,
) -> Result<()> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let mut update = CheckpointTurns::default();
    for (id, (lease_until, content)) in checkpoints {
        update.id.push(*id);
        update.lease_until.push(*lease_until);
        let place = Place::Checkpoint(*id);
        let sealed = content.map(|content| cipher.seal(place, content)).transpose()?.flatten();
        update.key_id.push(sealed.as_ref().map(|sealed| sealed.key));
        let plain = || content.map(Cow::Borrowed);
        update.content.push(sealed.map_or_else(plain, |sealed| Some(Cow::Owned(sealed.text))));
    }
    update.execute(connection).await?;
    Ok(())
}

bulk! {
    EndTurns
    "UPDATE turns SET content = '', key_id = NULL, status = new.status, model = new.model, prompt_tokens = new.prompt_tokens, \
     completion_tokens = new.completion_tokens, usage_estimated = new.usage_estimated, ended_at = new.ended_at \
     FROM unnest("
    {
        id: sql::Uid = Id,
        status: Nullable<Text> = Option<&'a str>,
        model: Nullable<Text> = Option<&'a str>,
        prompt_tokens: Nullable<BigInt> = Option<i64>,
        completion_tokens: Nullable<BigInt> = Option<i64>,
        usage_estimated: Nullable<Bool> = Option<bool>,
        ended_at: sql::Instant = At,
    }
    ") AS new (id, status, model, prompt_tokens, completion_tokens, usage_estimated, ended_at) WHERE turns.id = new.id"
}

pub(super) async fn turns_end(connection: &mut AsyncPgConnection, messages: &[&Message]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut update = EndTurns::default();
    for message in messages {
        let reply = ReplyColumns::of(message);
        update.id.push(message.id.into());
        update.status.push(reply.status);
        update.model.push(reply.model);
        update.prompt_tokens.push(reply.prompt_tokens);
        update.completion_tokens.push(reply.completion_tokens);
        update.usage_estimated.push(reply.usage_estimated);
        update.ended_at.push(message.created_at.into());
    }
    update.execute(connection).await?;
    Ok(())
}

bulk! {
    UpdateHeads
    "UPDATE conversations SET last_seq = new.last_seq, message_count = new.message_count, \
     updated_at = new.updated_at FROM unnest("
    {
        id: sql::Uid = Id,
        last_seq: BigInt = i64,
        message_count: BigInt = i64,
        updated_at: sql::Instant = At,
    }
    ") AS new (id, last_seq, message_count, updated_at) WHERE conversations.id = new.id"
}

pub(super) async fn heads_update(
    connection: &mut AsyncPgConnection,
    heads: impl Iterator<Item = (&Id, &Head)>,
) -> Result<()> {
    let mut update = UpdateHeads::default();
    for (id, head) in heads {
        update.id.push(*id);
        update.last_seq.push(head.last_seq);
        update.message_count.push(head.message_count);
        update.updated_at.push(head.updated_at);
    }
    if !update.id.is_empty() {
        update.execute(connection).await?;
    }
    Ok(())
}
