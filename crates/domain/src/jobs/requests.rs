//! What users and admins ask of jobs. Another user's job is not there.

use super::answer::JobFound;
use super::draft::{self, JobDraft};
use crate::archive::bounded;
use crate::caller::Caller;
use crate::hub::Hub;
use crate::limits::Counted;
use crate::ports::{
    AuditAction, JobCounts, JobEntry, JobState, JobWork, JobWrite, JobWritten, NewJob, Page, Paged,
};
use crate::{ErrorCode, JobId, Refusal};
use std::time::Duration;

/// After how long it makes sense to ask again, where too many jobs wait.
const FULL: Duration = Duration::from_secs(30);

/// A job that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEnqueued {
    /// The job, as it is now.
    pub job: JobEntry,
    /// Whether it was there before, under the user's own name for it.
    pub duplicate: bool,
}

/// How the jobs of all users are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsOverview {
    /// How many there are.
    pub counts: JobCounts,
    /// Those that failed, the newest first.
    pub failed: Paged<JobEntry>,
}

impl Hub {
    /// Takes a job in. It is kept when this returns, and will be done. Errors: those of a message (`MESSAGE_TOO_LONG`,
    /// `CONVERSATION_NOT_FOUND`, …), `RATE_LIMIT` also where too many of the user's jobs wait, and `CONFLICT` where the
    /// user's own name for it is another job's.
    pub async fn job_enqueue(&self, caller: &Caller, wanted: JobDraft) -> Result<JobEnqueued, Refusal> {
        let (user, id) = (caller.identity.user, JobId::new());
        match &wanted.work {
            JobWork::Completion(_) => self.0.user_limits.check(Counted::AiChats, user)?,
            JobWork::Embeddings(work) => self.embedding_check(caller, &draft::vector_of(work))?,
        }
        draft::check(&self.0, user, id, &wanted).await?;
        let JobDraft { work, client_id } = wanted;
        let job = NewJob { id, user, work, client_id, at: self.now() };
        let limit = self.0.settings.jobs.queued.unwrap_or(usize::MAX);
        match self.0.jobs.ask(JobWrite::Enqueue { job, limit }).await? {
            JobWritten::Enqueued { job, duplicate } => Ok(JobEnqueued { job, duplicate }),
            JobWritten::Full => Err(Refusal {
                message: "as many jobs of this user wait as may".into(),
                ..Refusal::retry_after(ErrorCode::RateLimit, FULL)
            }),
            JobWritten::Taken => {
                Err(Refusal::new(ErrorCode::Conflict, "another job was sent under this id of its own"))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// One of the caller's jobs, with what came of it. Error: `JOB_NOT_FOUND`.
    pub async fn job_get(&self, caller: &Caller, id: JobId) -> Result<JobFound, Refusal> {
        let job = self.0.store.job_get(caller.identity.user, id).await;
        let job = job.map_err(|error| Refusal::internal(&error))?;
        let job = job.ok_or(Refusal::of(ErrorCode::JobNotFound))?;
        self.0.job_answer(job).await.map_err(|error| Refusal::internal(&error))
    }

    /// The caller's jobs, or those of them in one state, the newest first; at most 200 a page.
    pub async fn job_list(
        &self,
        caller: &Caller,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Paged<JobEntry>, Refusal> {
        let listed = self.0.store.job_list(caller.identity.user, state, bounded(page)).await;
        listed.map_err(|error| Refusal::internal(&error))
    }

    /// Ends one of the caller's jobs, unless it has ended. One that runs is stopped; what it did stays. Gives the job as it
    /// is then. Error: `JOB_NOT_FOUND`.
    pub async fn job_cancel(&self, caller: &Caller, id: JobId) -> Result<JobEntry, Refusal> {
        match self.0.jobs.ask(JobWrite::Cancel { job: id, user: caller.identity.user }).await? {
            JobWritten::Cancelled { job, .. } => job.ok_or(Refusal::of(ErrorCode::JobNotFound)),
            other => Err(unexpected(&other)),
        }
    }

    /// How the jobs of all users are, with a page of those that failed. It is written down who asked. Error: `FORBIDDEN`
    /// for who is no admin.
    pub async fn jobs_overview(&self, caller: &Caller, page: Page) -> Result<JobsOverview, Refusal> {
        self.admin_reads(caller, AuditAction::JobsRead).await?;
        let counts = self.0.store.job_counts().await.map_err(|error| Refusal::internal(&error))?;
        let failed = self.0.store.jobs_failed(bounded(page)).await;
        Ok(JobsOverview { counts, failed: failed.map_err(|error| Refusal::internal(&error))? })
    }
}

fn unexpected(written: &JobWritten) -> Refusal {
    tracing::error!(?written, "the store answered another question");
    Refusal::of(ErrorCode::Internal)
}
