//! Each change of a job, in the transaction that its caller has begun. The text is one for both databases; which methods
//! its queries are done with is the one difference.

use super::column::{self, Column};
use super::queues::{Clock, Queues};
use super::rows::{ClaimedRow, EntryRow, KnownRow, NewRow};
use super::{ACTIVE, WAITING};
use crate::cipher::Cipher;
use crate::error::Result;
use crate::messages::signed;
use crate::schema::{job_queues, jobs};
use crate::types::{At, Id};
use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use parlor_domain::ErrorCode;
use parlor_domain::ports::{ClaimedJob, JobLease, JobOutcome, JobState, JobWork, JobWrite, JobWritten};
use std::time::Duration;

/// A change, with what is sealed in it.
pub(super) enum Step {
    Enqueue { row: NewRow, work: JobWork, limit: i64 },
    Claim { node: Id, count: usize, lease: Duration },
    Renew { lease: JobLease, progress: i32, hold: Duration },
    Settle { lease: JobLease, end: End },
    Cancel { job: Id, user: Id },
}

/// How a job is let go of.
pub(super) enum End {
    Completed(Column),
    Failed(ErrorCode),
    Retry { code: ErrorCode, after: Duration },
    Released,
}

impl End {
    const fn state(&self) -> JobState {
        match self {
            Self::Completed(_) => JobState::Completed,
            Self::Failed(_) => JobState::Failed,
            Self::Retry { .. } | Self::Released => JobState::Waiting,
        }
    }
}

impl Step {
    pub(super) fn of(cipher: &Cipher, write: JobWrite) -> Result<Self> {
        Ok(match write {
            JobWrite::Enqueue { job, limit } => {
                Self::Enqueue { row: NewRow::of(cipher, &job)?, work: job.work, limit: signed(limit) }
            }
            JobWrite::Claim { node, count, lease } => Self::Claim { node: Id(node), count, lease },
            JobWrite::Renew { lease, progress, hold } => {
                Self::Renew { lease, progress: progress.min(100).into(), hold }
            }
            JobWrite::Settle { lease, outcome } => {
                let end = match outcome {
                    JobOutcome::Completed(result) => {
                        End::Completed(column::result_to(cipher, lease.job.into(), &result)?)
                    }
                    JobOutcome::Failed(code) => End::Failed(code),
                    JobOutcome::Retry { code, after } => End::Retry { code, after },
                    JobOutcome::Released => End::Released,
                };
                Self::Settle { lease, end }
            }
            JobWrite::Cancel { job, user } => Self::Cancel { job: job.into(), user: user.into() },
        })
    }

    /// Whose jobs it changes; none for a claim, which takes what it finds.
    pub(super) fn user(&self) -> Option<Id> {
        match self {
            Self::Enqueue { row, .. } => Some(row.user),
            Self::Renew { lease, .. } | Self::Settle { lease, .. } => Some(lease.user.into()),
            Self::Cancel { user, .. } => Some(*user),
            Self::Claim { .. } => None,
        }
    }

    /// Who may have no queue yet.
    pub(super) fn new_user(&self) -> Option<Id> {
        match self {
            Self::Enqueue { row, .. } => Some(row.user),
            _ => None,
        }
    }
}

/// When a job is due that need not wait: at a time that no clock is before, wherever that is set.
pub(super) const AT_ONCE: At = At(0);

fn after(now: At, wait: Duration) -> At {
    At(now.0.saturating_add(signed(wait.as_micros())))
}

/// The jobs of a user that wait.
macro_rules! waiting {
    ($user:expr) => {
        jobs::table.filter(jobs::user_id.eq($user)).filter(sql::<Bool>(WAITING))
    };
}

/// The job, while the hold on it is good.
macro_rules! held {
    ($lease:expr) => {
        jobs::table
            .find(Id::from($lease.job))
            .filter(jobs::node.eq(Id($lease.node)))
            .filter(jobs::fence.eq(signed($lease.fence)))
            .filter(sql::<Bool>(ACTIVE))
    };
}

/// What a job has that nobody holds.
macro_rules! let_go {
    ($state:expr) => {
        (
            jobs::state.eq($state.as_str()),
            jobs::node.eq(None::<$crate::types::Id>),
            jobs::lease_until.eq(None::<$crate::types::At>),
        )
    };
}
pub(super) use let_go;

/// A connection in a transaction that holds the queues of whom its steps name.
pub(super) trait Steps {
    /// Makes the changes, in their order, with the queues of `users` held and those of `new` made before.
    async fn changes(
        &mut self,
        cipher: &Cipher,
        steps: &[Step],
        users: &[Id],
        new: &[Id],
        now: At,
    ) -> Result<Vec<JobWritten>>;
    async fn step(&mut self, cipher: &Cipher, step: &Step, now: At) -> Result<JobWritten>;
    async fn enqueue(
        &mut self,
        cipher: &Cipher,
        row: &NewRow,
        work: &JobWork,
        limit: i64,
    ) -> Result<JobWritten>;
    async fn claim(
        &mut self,
        cipher: &Cipher,
        node: Id,
        count: usize,
        lease: Duration,
        now: At,
    ) -> Result<JobWritten>;
    /// Takes the oldest job of a user that is due; nothing where it cannot be read, which ends it.
    async fn take(&mut self, cipher: &Cipher, node: Id, user: Id, until: At, now: At) -> Result<Taken>;
    async fn settle(&mut self, lease: &JobLease, end: &End, now: At) -> Result<JobWritten>;
    async fn cancel(&mut self, job: Id, user: Id, now: At) -> Result<JobWritten>;
    /// A job of the user waits from now on, and is due then.
    async fn queue_due(&mut self, user: Id, at: At) -> Result<()>;
    /// Looks when the first job of the user that waits is due.
    async fn queue_look(&mut self, user: Id) -> Result<()>;
}

/// What came of looking for a job.
pub(super) enum Taken {
    Job(Box<ClaimedJob>),
    /// One that makes no sense is out of the way.
    Broken,
    Nothing,
}

macro_rules! steps {
    ($connection:ty) => {
        impl Steps for $connection {
            async fn changes(
                &mut self,
                cipher: &Cipher,
                steps: &[Step],
                users: &[Id],
                new: &[Id],
                now: At,
            ) -> Result<Vec<JobWritten>> {
                self.queues_make(new).await?;
                self.queues_hold(users).await?;
                let now = self.clock(now).await?;
                let mut written = Vec::with_capacity(steps.len());
                for step in steps {
                    written.push(self.step(cipher, step, now).await?);
                }
                Ok(written)
            }

            async fn step(&mut self, cipher: &Cipher, step: &Step, now: At) -> Result<JobWritten> {
                match step {
                    Step::Enqueue { row, work, limit } => self.enqueue(cipher, row, work, *limit).await,
                    Step::Claim { node, count, lease } => {
                        self.claim(cipher, *node, *count, *lease, now).await
                    }
                    Step::Renew { lease, progress, hold } => {
                        let columns =
                            (jobs::progress.eq(*progress), jobs::lease_until.eq(Some(after(now, *hold))));
                        if diesel::update(held!(lease)).set(columns).execute(self).await? == 1 {
                            return Ok(JobWritten::Held);
                        }
                        let state = jobs::table.find(Id::from(lease.job)).select(jobs::state);
                        let state: Option<String> = state.get_result(self).await.optional()?;
                        Ok(JobWritten::Lost { state: state.as_deref().and_then(JobState::find) })
                    }
                    Step::Settle { lease, end } => self.settle(lease, end, now).await,
                    Step::Cancel { job, user } => self.cancel(*job, *user, now).await,
                }
            }

            async fn enqueue(
                &mut self,
                cipher: &Cipher,
                row: &NewRow,
                work: &JobWork,
                limit: i64,
            ) -> Result<JobWritten> {
                if let Some(client_id) = &row.client_id {
                    let known = jobs::table.filter(jobs::user_id.eq(row.user));
                    let known = known.filter(jobs::client_id.eq(client_id)).select(KnownRow::as_select());
                    if let Some(known) = known.get_result(self).await.optional()? {
                        if !known.is(cipher, work) {
                            return Ok(JobWritten::Taken);
                        }
                        let duplicate = known.id() != row.id;
                        return Ok(JobWritten::Enqueued { job: known.entry.into_entry()?, duplicate });
                    }
                }
                let waiting: i64 = waiting!(row.user).count().get_result(self).await?;
                if waiting >= limit {
                    return Ok(JobWritten::Full);
                }
                let columns = (
                    jobs::id.eq(row.id),
                    jobs::user_id.eq(row.user),
                    jobs::kind.eq(row.kind),
                    jobs::state.eq(JobState::Waiting.as_str()),
                    jobs::progress.eq(0),
                    jobs::attempts.eq(0_i64),
                    jobs::fence.eq(0_i64),
                    jobs::due_at.eq(AT_ONCE),
                    jobs::client_id.eq(row.client_id.as_deref()),
                    jobs::payload.eq(&row.payload.text),
                    jobs::payload_key.eq(row.payload.key.as_deref()),
                    jobs::created_at.eq(row.created_at),
                );
                let insert = diesel::insert_into(jobs::table).values(columns).on_conflict_do_nothing();
                insert.execute(self).await?;
                self.queue_due(row.user, AT_ONCE).await?;
                let job = jobs::table.find(row.id).select(EntryRow::as_select());
                let job: EntryRow = job.get_result(self).await?;
                Ok(JobWritten::Enqueued { job: job.into_entry()?, duplicate: false })
            }

            async fn claim(
                &mut self,
                cipher: &Cipher,
                node: Id,
                count: usize,
                lease: Duration,
                now: At,
            ) -> Result<JobWritten> {
                let turn = job_queues::table.order(job_queues::turn.desc()).select(job_queues::turn);
                let mut turn: i64 = turn.first(self).await.optional()?.unwrap_or_default();
                let mut claimed = Vec::new();
                while claimed.len() < count {
                    let Some(user) = self.queue_next(now).await? else { break };
                    match self.take(cipher, node, user, after(now, lease), now).await? {
                        Taken::Job(job) => {
                            turn = turn.saturating_add(1);
                            let queue = job_queues::table.find(user);
                            diesel::update(queue).set(job_queues::turn.eq(turn)).execute(self).await?;
                            claimed.push(*job);
                        }
                        Taken::Broken | Taken::Nothing => {}
                    }
                    self.queue_look(user).await?;
                }
                let next = job_queues::table.filter(job_queues::due_at.is_not_null());
                let next = next.order(job_queues::due_at).select(job_queues::due_at);
                let next: Option<Option<At>> = next.first(self).await.optional()?;
                let next = next.flatten().map(|at| at.0.saturating_sub(now.0).max(0));
                let next = next.map(|micros| Duration::from_micros(micros.unsigned_abs()));
                Ok(JobWritten::Claimed { jobs: claimed, next })
            }

            async fn take(
                &mut self,
                cipher: &Cipher,
                node: Id,
                user: Id,
                until: At,
                now: At,
            ) -> Result<Taken> {
                // Said in this way, it makes SQLite go along the index of ids up to the first that is due, instead of
                // sorting all that are.
                let due = not(jobs::due_at.gt(now));
                let oldest = waiting!(user).filter(due).order(jobs::id).select(jobs::id);
                let oldest: Option<Id> = oldest.first(self).await.optional()?;
                let Some(id) = oldest else { return Ok(Taken::Nothing) };
                let columns = (
                    jobs::state.eq(JobState::Active.as_str()),
                    jobs::node.eq(Some(node)),
                    jobs::lease_until.eq(Some(until)),
                    jobs::fence.eq(jobs::fence + 1),
                    jobs::attempts.eq(jobs::attempts + 1),
                    jobs::progress.eq(0),
                );
                let update = diesel::update(jobs::table.find(id)).set(columns);
                let row: ClaimedRow = update.returning(ClaimedRow::as_returning()).get_result(self).await?;
                match row.into_claimed(cipher, node) {
                    Ok(job) => Ok(Taken::Job(Box::new(job))),
                    Err(error) => {
                        tracing::error!(job = %id.0, %error, "a job cannot be read: it has failed");
                        let code = jobs::code.eq(Some(ErrorCode::Internal.as_str()));
                        let columns = (let_go!(JobState::Failed), code, jobs::ended_at.eq(Some(now)));
                        diesel::update(jobs::table.find(id)).set(columns).execute(self).await?;
                        Ok(Taken::Broken)
                    }
                }
            }

            async fn settle(&mut self, lease: &JobLease, end: &End, now: At) -> Result<JobWritten> {
                let ended = let_go!(end.state());
                /// Changes the columns, if the hold is good.
                macro_rules! change {
                    ($columns:expr) => {{
                        let update = diesel::update(held!(lease)).set((ended, $columns));
                        update.returning(EntryRow::as_returning()).get_result(self).await.optional()?
                    }};
                }
                let changed: Option<EntryRow> = match end {
                    End::Completed(result) => change!((
                        jobs::result.eq(Some(&result.text)),
                        jobs::result_key.eq(result.key.as_deref()),
                        jobs::progress.eq(100),
                        jobs::code.eq(None::<&str>),
                        jobs::ended_at.eq(Some(now)),
                    )),
                    End::Failed(code) => {
                        change!((jobs::code.eq(Some(code.as_str())), jobs::ended_at.eq(Some(now))))
                    }
                    End::Retry { code, after: wait } => {
                        let due_at = after(now, *wait);
                        self.queue_due(lease.user.into(), due_at).await?;
                        change!((jobs::code.eq(Some(code.as_str())), jobs::due_at.eq(due_at)))
                    }
                    End::Released => {
                        self.queue_due(lease.user.into(), AT_ONCE).await?;
                        change!((jobs::attempts.eq(jobs::attempts - 1), jobs::due_at.eq(AT_ONCE)))
                    }
                };
                if let Some(row) = changed {
                    return Ok(JobWritten::Settled(row.into_entry()?));
                }
                let before = jobs::table.find(Id::from(lease.job));
                let before: Option<(i64, EntryRow)> =
                    before.select((jobs::fence, EntryRow::as_select())).get_result(self).await.optional()?;
                let Some((fence, row)) = before else { return Ok(JobWritten::Lost { state: None }) };
                let entry = row.into_entry()?;
                let same = fence == signed(lease.fence) && entry.state == end.state();
                let state = Some(entry.state);
                Ok(if same { JobWritten::Settled(entry) } else { JobWritten::Lost { state } })
            }

            async fn cancel(&mut self, job: Id, user: Id, now: At) -> Result<JobWritten> {
                let own = jobs::table.find(job).filter(jobs::user_id.eq(user));
                let open = own.filter(jobs::ended_at.is_null());
                let columns = (let_go!(JobState::Cancelled), jobs::ended_at.eq(Some(now)));
                let update = diesel::update(open).set(columns).returning(EntryRow::as_returning());
                let ended: Option<EntryRow> = update.get_result(self).await.optional()?;
                let changed = ended.is_some();
                let row = match ended {
                    Some(row) => {
                        self.queue_look(user).await?;
                        Some(row)
                    }
                    None => own.select(EntryRow::as_select()).get_result(self).await.optional()?,
                };
                Ok(JobWritten::Cancelled { job: row.map(EntryRow::into_entry).transpose()?, changed })
            }

            async fn queue_due(&mut self, user: Id, at: At) -> Result<()> {
                let later = job_queues::due_at.is_null().or(job_queues::due_at.gt(at));
                let queue = job_queues::table.find(user).filter(later);
                diesel::update(queue).set(job_queues::due_at.eq(Some(at))).execute(self).await?;
                Ok(())
            }

            async fn queue_look(&mut self, user: Id) -> Result<()> {
                let first = waiting!(user).order(jobs::due_at).select(jobs::due_at);
                let first: Option<At> = first.first(self).await.optional()?;
                let queue = job_queues::table.find(user);
                diesel::update(queue).set(job_queues::due_at.eq(first)).execute(self).await?;
                Ok(())
            }
        }
    };
}

/// Each query is done when it is asked for.
mod on_sqlite {
    #[allow(clippy::wildcard_imports, reason = "the same text, but for what its queries are done with")]
    use super::*;
    use crate::at_once::RunQueryDsl;

    steps!(SqliteConnection);
}

mod on_postgres {
    #[allow(clippy::wildcard_imports, reason = "the same text, but for what its queries are done with")]
    use super::*;
    use diesel_async::{AsyncPgConnection, RunQueryDsl};

    steps!(AsyncPgConnection);
}
