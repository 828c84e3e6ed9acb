//! Turns that lost their node. (Turns begin, go on and end in `append`.)

use crate::error::Result;
use crate::pools::{Pools, read};
use crate::schema::{messages, turns};
use crate::types::{At, Id};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use parlor_domain::Timestamp;
use parlor_domain::message::Fingerprint;
use parlor_domain::ports::OrphanTurn;
use uuid::Uuid;

/// As many as one look gives.
const LIMIT: i64 = 1_000;

/// The live turns whose lease was over at `now`. Where this process is `alone`, also those of every other node.
pub(crate) async fn orphaned(
    pools: Pools,
    node: Uuid,
    now: Timestamp,
    alone: bool,
) -> Result<Vec<OrphanTurn>> {
    let of_the_dead = alone.into_sql::<Bool>().and(turns::node.ne(Id(node)));
    let query = turns::table
        .filter(turns::status.is_null())
        .filter(turns::lease_until.le(At::from(now)).or(of_the_dead))
        .order(turns::id)
        .limit(LIMIT)
        .select((turns::id, turns::conversation_id, turns::in_reply_to));
    let rows: Vec<(Id, Id, Id)> = read!(&pools, |conn| query.load(conn).await?);
    let orphan = |(turn, conversation, in_reply_to): (Id, Id, Id)| OrphanTurn {
        turn: turn.into(),
        conversation: conversation.into(),
        in_reply_to: in_reply_to.into(),
    };
    Ok(rows.into_iter().map(orphan).collect())
}

/// Whether a live turn of another node answers the message with this fingerprint.
pub(crate) async fn elsewhere(pools: Pools, node: Uuid, question: Fingerprint) -> Result<bool> {
    let forms: Vec<Id> = pools.cipher().fingerprint(question).forms().collect();
    Ok(read!(&pools, |conn| {
        let questions = messages::table.filter(messages::fingerprint.eq_any(&forms)).select(messages::id);
        let live = turns::table.filter(turns::status.is_null()).filter(turns::node.ne(Id(node)));
        diesel::select(exists(live.filter(turns::in_reply_to.eq_any(questions)))).get_result(conn).await?
    }))
}
