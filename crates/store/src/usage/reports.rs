//! What the books say of a time, added up by the database.

use crate::error::Result;
use crate::members::REMOVED;
use crate::pools::{Pools, read};
use crate::schema::{conversations, participants};
use crate::types::{At, Id, sql};
use diesel::dsl::{count_star, sql as raw};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::RunQueryDsl;
use parlor_domain::message::NanoDollars;
use parlor_domain::ports::{Day, UsageBy, UsageFilter, UsageLine};
use parlor_domain::{Timestamp, UserId};

/// The end of time for databases, in microseconds: the first moment of the year 10000.
const FOREVER: i64 = 253_402_300_800_000_000;

#[derive(Debug, QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct Line {
    #[diesel(sql_type = Nullable<BigInt>)]
    day: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    model: Option<String>,
    #[diesel(sql_type = Nullable<sql::Uid>)]
    user_id: Option<Id>,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    prompt_tokens: i64,
    #[diesel(sql_type = BigInt)]
    completion_tokens: i64,
    #[diesel(sql_type = BigInt)]
    cost_nano: i64,
    #[diesel(sql_type = Nullable<sql::Instant>)]
    last_at: Option<At>,
}

impl From<Line> for UsageLine {
    fn from(line: Line) -> Self {
        Self {
            day: line.day.map(Day),
            model: line.model,
            user: line.user_id.map(Into::into),
            attempts: line.attempts.unsigned_abs(),
            prompt_tokens: line.prompt_tokens.unsigned_abs(),
            completion_tokens: line.completion_tokens.unsigned_abs(),
            cost: NanoDollars(line.cost_nano.unsigned_abs()),
            last_at: line.last_at.map(Into::into),
        }
    }
}

/// The question. `day` is how the database says on which day an attempt began.
fn text(by: UsageBy, day: &str, one_user: bool) -> String {
    let (none_day, none_model, none_user) =
        ("CAST(NULL AS BIGINT)", "CAST(NULL AS TEXT)", "CAST(NULL AS UUID)");
    let (day, model, user) = match by {
        UsageBy::Nothing => (none_day, none_model, none_user),
        UsageBy::Day => (day, none_model, none_user),
        UsageBy::Model => (none_day, "COALESCE(model, '')", none_user),
        UsageBy::User => (none_day, none_model, "user_id"),
    };
    let of_user = if one_user { " AND user_id = $3" } else { "" };
    let order = match by {
        UsageBy::Nothing => "",
        UsageBy::Day => " GROUP BY 1 ORDER BY 1",
        UsageBy::Model => " GROUP BY 2 ORDER BY SUM(prompt_tokens + completion_tokens) DESC, 2",
        UsageBy::User => " GROUP BY 3 ORDER BY SUM(prompt_tokens + completion_tokens) DESC, 3",
    };
    format!(
        "SELECT {day} AS day, {model} AS model, {user} AS user_id, COUNT(*) AS attempts, \
         CAST(COALESCE(SUM(prompt_tokens), 0) AS BIGINT) AS prompt_tokens, \
         CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT) AS completion_tokens, \
         CAST(COALESCE(SUM(cost_nano), 0) AS BIGINT) AS cost_nano, MAX(started_at) AS last_at \
         FROM attempts WHERE started_at >= $1 AND started_at < $2{of_user}{order} LIMIT 1000"
    )
}

pub(crate) async fn lines(pools: Pools, filter: UsageFilter, by: UsageBy) -> Result<Vec<UsageLine>> {
    let day = match pools {
        Pools::Sqlite { .. } => "started_at / 86400000000",
        Pools::Postgres { .. } => "CAST(floor(extract(epoch FROM started_at) / 86400) AS BIGINT)",
    };
    let question = text(by, day, filter.user.is_some());
    let at =
        |time: Option<Timestamp>, otherwise| At::from(time.unwrap_or(Timestamp::from_microsecond(otherwise)));
    let (from, to) = (at(filter.from, 0), at(filter.to, FOREVER - 1));
    let rows: Vec<Line> = read!(&pools, |conn| {
        let asked = diesel::sql_query(question).bind::<sql::Instant, _>(from).bind::<sql::Instant, _>(to);
        match filter.user {
            Some(user) => asked.bind::<sql::Uid, _>(Id::from(user)).load(conn).await?,
            None => asked.load(conn).await?,
        }
    });
    Ok(rows.into_iter().map(UsageLine::from).collect())
}

pub(crate) async fn conversations(pools: Pools, user: UserId) -> Result<(u64, u64)> {
    let messages = "CAST(COALESCE(SUM(conversations.message_count), 0) AS BIGINT)";
    let (count, messages): (i64, i64) = read!(&pools, |conn| {
        participants::table
            .inner_join(conversations::table)
            .filter(participants::user_id.eq(Id::from(user)))
            .filter(participants::role.ne(REMOVED))
            .filter(conversations::room_id.is_null())
            .filter(conversations::deleted_at.is_null())
            .select((count_star(), raw::<BigInt>(messages)))
            .get_result(conn)
            .await?
    });
    Ok((count.unsigned_abs(), messages.unsigned_abs()))
}
