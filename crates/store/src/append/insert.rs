//! The one statement that SQLite executes for every message.

use super::row::Row;
use crate::types::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;

/// The insert of one message. It changes no row where the message is there already.
///
/// Written out, because diesel's own insert would build its text anew for every message; this one has a fixed id, by
/// which the prepared statement is found.
pub(super) struct InsertMessage<'a>(pub(super) Row<'a>);

impl QueryId for InsertMessage<'_> {
    type QueryId = InsertMessage<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for InsertMessage<'_> {}

impl QueryFragment<Sqlite> for InsertMessage<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        macro_rules! values {
            ($($sql:literal $kind:ty, $value:expr;)*) => {
                $(
                    out.push_sql($sql);
                    out.push_bind_param::<$kind, _>($value)?;
                )*
            };
        }
        let Row { reply, .. } = &self.0;
        out.push_sql(
            "INSERT INTO messages (conversation_id, seq, changed_seq, id, author_id, kind, content, client_id, \
             fingerprint, created_at, in_reply_to, status, model, prompt_tokens, completion_tokens, usage_estimated, \
             author_name, cost_nano, elapsed_ms, content_type, backend, confidence, attached, key_id, \
             attached_key, fingerprint_keyed, metadata, metadata_key) VALUES (",
        );
        values! {
            "" sql::Uid, &self.0.conversation;
            ", " BigInt, &self.0.seq;
            ", " BigInt, &self.0.seq;
            ", " sql::Uid, &self.0.id;
            ", " Nullable<sql::Uid>, &self.0.author;
            ", " Text, self.0.kind;
            ", " Text, self.0.content.as_ref();
            ", " Nullable<Text>, &self.0.client_id;
            ", " Nullable<sql::Uid>, &self.0.fingerprint;
            ", " sql::Instant, &self.0.created_at;
            ", " Nullable<sql::Uid>, &reply.in_reply_to;
            ", " Nullable<Text>, &reply.status;
            ", " Nullable<Text>, &reply.model;
            ", " Nullable<BigInt>, &reply.prompt_tokens;
            ", " Nullable<BigInt>, &reply.completion_tokens;
            ", " Nullable<Bool>, &reply.usage_estimated;
            ", " Nullable<Text>, &self.0.author_name;
            ", " Nullable<BigInt>, &reply.cost_nano;
            ", " Nullable<BigInt>, &reply.elapsed_ms;
            ", " Nullable<Text>, &self.0.content_type;
            ", " Nullable<Text>, &reply.backend;
            ", " Nullable<Integer>, &reply.confidence;
            ", " Nullable<Text>, &self.0.attached;
            ", " Nullable<Text>, &self.0.key;
            ", " Nullable<Text>, &self.0.attached_key;
            ", " Nullable<Bool>, &self.0.fingerprint_keyed;
            ", " Nullable<Text>, &self.0.metadata;
            ", " Nullable<Text>, &self.0.metadata_key;
        }
        out.push_sql(") ON CONFLICT DO NOTHING");
        Ok(())
    }
}
