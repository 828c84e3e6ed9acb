//! Jobs whose holders are gone.

use super::ACTIVE;
use super::queues::{Clock, Queues};
use super::rows::EntryRow;
use super::steps::{AT_ONCE, Steps, let_go};
use crate::at_once::change_at_once;
use crate::error::Result;
use crate::messages::signed;
use crate::pools::{Pools, read};
use crate::schema::jobs;
use crate::types::{At, Id};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};
use parlor_domain::ports::{JobState, Reclaimed};
use parlor_domain::{ErrorCode, JobId, Timestamp};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// How many are taken back at once.
const RECLAIMED: usize = 1_000;

/// A job that may have to be taken back: itself, whose it is, who has it, its fence, how often it was begun.
type Candidate = (Id, Id, Option<Id>, i64, i64);

/// Takes jobs back. `alone`: no other process can have this database, so that all other nodes are dead.
pub(crate) async fn reclaim(
    pools: Pools,
    now: Timestamp,
    node: Uuid,
    held: HashSet<JobId>,
    attempts: u32,
    alone: bool,
) -> Result<Reclaimed> {
    let node = Id(node);
    let candidates: Vec<Candidate> = read!(&pools, |conn| {
        let now = conn.clock(now.into()).await?;
        let active = jobs::table.filter(sql::<Bool>(ACTIVE)).order(jobs::id);
        let active = active.limit(signed(RECLAIMED + held.len()));
        let active = active.select((jobs::id, jobs::user_id, jobs::node, jobs::fence, jobs::attempts));
        if alone {
            active.load(conn).await?
        } else {
            let over = jobs::node.eq(node).or(jobs::lease_until.le(now));
            active.filter(over).load(conn).await?
        }
    });
    let own = |candidate: &Candidate| candidate.2 == Some(node) && held.contains(&candidate.0.into());
    let lost: Vec<Candidate> = candidates.into_iter().filter(|it| !own(it)).take(RECLAIMED).collect();
    if lost.is_empty() {
        return Ok(Reclaimed::default());
    }
    let users: BTreeSet<Id> = lost.iter().map(|(_, user, ..)| *user).collect();
    let users = Vec::from_iter(users);
    let dead = Dead { node, alone, attempts };
    change_at_once!(pools, |conn| conn.take_back(&lost, &users, dead, now.into()).await)
}

/// Whose jobs are taken back.
#[derive(Clone, Copy)]
struct Dead {
    node: Id,
    alone: bool,
    /// How often a job is begun at most.
    attempts: u32,
}

trait TakeBack {
    /// Takes those back that are still as they were found, with the queues of their users held.
    async fn take_back(&mut self, lost: &[Candidate], users: &[Id], dead: Dead, now: At)
    -> Result<Reclaimed>;
}

macro_rules! take_back {
    ($connection:ty) => {
        impl TakeBack for $connection {
            async fn take_back(
                &mut self,
                lost: &[Candidate],
                users: &[Id],
                dead: Dead,
                now: At,
            ) -> Result<Reclaimed> {
                let Dead { node, alone, attempts } = dead;
                self.queues_hold(users).await?;
                let now = self.clock(now).await?;
                let mut reclaimed = Reclaimed::default();
                for (id, user, _, fence, begun) in lost {
                    // As it was when it was looked for: who has renewed it since, or claimed it, keeps it.
                    let same =
                        jobs::table.find(*id).filter(sql::<Bool>(ACTIVE)).filter(jobs::fence.eq(*fence));
                    let over = jobs::node.eq(node).or(jobs::lease_until.le(now));
                    let same = same.filter(over.or(sql::<Bool>(if alone { "1 = 1" } else { "1 = 0" })));
                    if *begun >= i64::from(attempts) {
                        let code = jobs::code.eq(Some(ErrorCode::Internal.as_str()));
                        let columns = (let_go!(JobState::Failed), code, jobs::ended_at.eq(Some(now)));
                        let update = diesel::update(same).set(columns).returning(EntryRow::as_returning());
                        let failed: Option<EntryRow> = update.get_result(self).await.optional()?;
                        reclaimed.failed.extend(failed.map(EntryRow::into_entry).transpose()?);
                    } else {
                        let columns = (let_go!(JobState::Waiting), jobs::due_at.eq(AT_ONCE));
                        let freed = diesel::update(same).set(columns).execute(self).await?;
                        if freed > 0 {
                            self.queue_due(*user, AT_ONCE).await?;
                        }
                        reclaimed.waiting += freed;
                    }
                }
                Ok(reclaimed)
            }
        }
    };
}

mod on_sqlite {
    #[allow(clippy::wildcard_imports, reason = "the same text, but for what its queries are done with")]
    use super::*;
    use crate::at_once::RunQueryDsl;

    take_back!(SqliteConnection);
}

mod on_postgres {
    #[allow(clippy::wildcard_imports, reason = "the same text, but for what its queries are done with")]
    use super::*;
    use diesel_async::{AsyncPgConnection, RunQueryDsl};

    take_back!(AsyncPgConnection);
}
