//! Jobs: a queue that outlives its runners. Each user has a queue of their own, and the queues take turns.
//!
//! A transaction holds the queues of all users that it names, in the order of their ids, before it touches a job; a claim
//! takes only queues that nobody holds. So nobody waits in a circle, and no two take the same job. On SQLite a transaction
//! is alone, and one hop onto a blocking thread.

mod column;
mod queues;
mod reclaim;
mod rows;
mod steps;

use self::queues::Clock;
use self::rows::{EntryRow, JobRow};
use self::steps::{Step, Steps};
use crate::at_once::change_at_once;
use crate::error::{Error, Result};
use crate::messages::signed;
use crate::pools::{Pools, change, read};
use crate::schema::{job_queues, jobs};
use crate::types::{At, Id};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{Job, JobCounts, JobEntry, JobState, JobWrite, JobWritten, Page, Paged};
use parlor_domain::{JobId, Timestamp, UserId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(crate) use self::reclaim::reclaim;

/// What the partial indexes have, word for word.
const WAITING: &str = "jobs.state = 'waiting'";
const ACTIVE: &str = "jobs.state = 'active'";
const IDLE: &str = "job_queues.due_at IS NULL \
     AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.user_id = job_queues.user_id)";
const FAILED: &str = "jobs.state = 'failed'";

/// Changes, ready to be made: what is sealed in them is sealed before the transaction begins.
#[derive(Clone)]
pub(crate) struct Changes(Arc<[Step]>);

impl Changes {
    pub(crate) fn of(pools: &Pools, writes: Vec<JobWrite>) -> Result<Self> {
        let steps = writes.into_iter().map(|write| Step::of(pools.cipher(), write));
        Ok(Self(steps.collect::<Result<_>>()?))
    }
}

/// Makes the changes in one transaction.
pub(crate) async fn write(pools: Pools, now: Timestamp, Changes(steps): Changes) -> Result<Vec<JobWritten>> {
    let users: BTreeSet<Id> = steps.iter().filter_map(Step::user).collect();
    let new: BTreeSet<Id> = steps.iter().filter_map(Step::new_user).collect();
    let (users, new) = (Vec::from_iter(users), Vec::from_iter(new));
    let cipher = pools.cipher().clone();
    change_at_once!(pools, |conn| conn.changes(&cipher, &steps, &users, &new, now.into()).await)
}

pub(crate) async fn get(pools: Pools, user: UserId, id: JobId) -> Result<Option<Job>> {
    let row: Option<JobRow> = read!(&pools, |conn| {
        let own = jobs::table.find(Id::from(id)).filter(jobs::user_id.eq(Id::from(user)));
        own.select(JobRow::as_select()).get_result(conn).await.optional()?
    });
    row.map(|row| row.into_job(pools.cipher())).transpose()
}

pub(crate) async fn list(
    pools: Pools,
    user: UserId,
    state: Option<JobState>,
    page: Page,
) -> Result<Paged<JobEntry>> {
    /// The user's jobs in the state, as a statement of its own each time.
    macro_rules! own {
        () => {{
            let own = jobs::table.filter(jobs::user_id.eq(Id::from(user)));
            let states = state.map_or_else(|| JobState::ALL.to_vec(), |state| vec![state]);
            own.filter(jobs::state.eq_any(states.into_iter().map(JobState::as_str).collect::<Vec<_>>()))
        }};
    }
    let (total, rows): (i64, Vec<EntryRow>) = read!(&pools, |conn| {
        let total = own!().count().get_result(conn).await?;
        let newest = own!().order(jobs::id.desc()).offset(signed(page.offset)).limit(signed(page.limit));
        (total, newest.select(EntryRow::as_select()).load(conn).await?)
    });
    paged(total, rows)
}

pub(crate) async fn failed(pools: Pools, page: Page) -> Result<Paged<JobEntry>> {
    let (total, rows): (i64, Vec<EntryRow>) = read!(&pools, |conn| {
        let total = jobs::table.filter(sql::<Bool>(FAILED)).count().get_result(conn).await?;
        let newest = jobs::table.filter(sql::<Bool>(FAILED)).order(jobs::id.desc());
        let newest = newest.offset(signed(page.offset)).limit(signed(page.limit));
        (total, newest.select(EntryRow::as_select()).load(conn).await?)
    });
    paged(total, rows)
}

fn paged(total: i64, rows: Vec<EntryRow>) -> Result<Paged<JobEntry>> {
    let items = rows.into_iter().map(EntryRow::into_entry).collect::<Result<_>>()?;
    Ok(Paged { items, total: total.unsigned_abs() })
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
struct CountRow {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    jobs: i64,
}

pub(crate) async fn counts(pools: Pools) -> Result<JobCounts> {
    const BY_STATE: &str = "SELECT state, count(*) AS jobs FROM jobs GROUP BY state";
    let rows: Vec<CountRow> = read!(&pools, |conn| diesel::sql_query(BY_STATE).load(conn).await?);
    let mut counts = JobCounts::default();
    for CountRow { state, jobs } in rows {
        *counts.of(JobState::find(&state).ok_or(Error::Corrupt("jobs"))?) = jobs.unsigned_abs();
    }
    Ok(counts)
}

/// How many jobs are told of at once: of those that run, and of those that ended.
const NEWS: i64 = 10_000;

/// The jobs that other nodes have, and those that ended lately.
pub(crate) async fn elsewhere(
    pools: Pools,
    now: Timestamp,
    node: Uuid,
    within: Duration,
) -> Result<Vec<JobEntry>> {
    let rows: Vec<EntryRow> = read!(&pools, |conn| {
        let since = At(conn.clock(now.into()).await?.0.saturating_sub(signed(within.as_micros())));
        let runs = jobs::table.filter(sql::<Bool>(ACTIVE)).filter(jobs::node.ne(Id(node)));
        let runs = runs.order(jobs::lease_until.desc()).limit(NEWS).select(EntryRow::as_select());
        let ended = jobs::table.filter(jobs::ended_at.ge(since)).order(jobs::ended_at.desc());
        let ended = ended.limit(NEWS).select(EntryRow::as_select());
        let mut rows: Vec<EntryRow> = runs.load(conn).await?;
        rows.extend(ended.load(conn).await?);
        rows
    });
    rows.into_iter().map(EntryRow::into_entry).collect()
}

/// Forgets jobs that ended before, and the queues of who has none any more.
pub(crate) async fn purge(pools: Pools, before: Timestamp, limit: usize) -> Result<usize> {
    let over = jobs::table.filter(jobs::ended_at.lt(At::from(before))).order(jobs::ended_at);
    let over = over.limit(signed(limit)).select(jobs::id);
    let due: Vec<Id> = read!(&pools, |conn| over.load(conn).await?);
    if due.is_empty() {
        return Ok(0);
    }
    change!(&pools, |conn| {
        let removed = diesel::delete(jobs::table.filter(jobs::id.eq_any(due.clone()))).execute(conn).await?;
        let idle = job_queues::table.filter(sql::<Bool>(IDLE));
        diesel::delete(idle).execute(conn).await?;
        Ok(removed)
    })
}
