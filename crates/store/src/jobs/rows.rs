//! Jobs as rows.

use super::column::{self, Column};
use crate::cipher::Cipher;
use crate::error::{Error, Result};
use crate::schema::jobs;
use crate::types::{At, Id};
use diesel::prelude::*;
use parlor_domain::ErrorCode;
use parlor_domain::ports::{ClaimedJob, Job, JobEntry, JobKind, JobLease, JobState, JobWork, NewJob};

/// What stands in lists.
#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct EntryRow {
    id: Id,
    user_id: Id,
    kind: String,
    state: String,
    progress: i32,
    attempts: i64,
    code: Option<String>,
    created_at: At,
    ended_at: Option<At>,
}

impl EntryRow {
    pub(super) fn into_entry(self) -> Result<JobEntry> {
        let corrupt = || Error::Corrupt("jobs");
        let failure = self.code.map(|code| code_of(&code).ok_or_else(corrupt)).transpose()?;
        Ok(JobEntry {
            id: self.id.into(),
            user: self.user_id.into(),
            kind: JobKind::find(&self.kind).ok_or_else(corrupt)?,
            state: JobState::find(&self.state).ok_or_else(corrupt)?,
            progress: u8::try_from(self.progress).map_err(|_| corrupt())?,
            attempts: u32::try_from(self.attempts).map_err(|_| corrupt())?,
            failure,
            created_at: self.created_at.into(),
            ended_at: self.ended_at.map(Into::into),
        })
    }
}

fn code_of(word: &str) -> Option<ErrorCode> {
    ErrorCode::ALL.iter().copied().find(|code| code.as_str() == word)
}

/// A job with what came of it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct JobRow {
    #[diesel(embed)]
    entry: EntryRow,
    result: Option<String>,
    result_key: Option<String>,
}

impl JobRow {
    pub(super) fn into_job(self, cipher: &Cipher) -> Result<Job> {
        let Self { entry, result, result_key: key } = self;
        let (id, entry) = (entry.id, entry.into_entry()?);
        let kind = entry.kind;
        let result =
            result.map(|text| column::result_from(cipher, id, kind, Column { text, key })).transpose()?;
        Ok(Job { entry, result })
    }
}

/// What a runner gets.
#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct ClaimedRow {
    pub(super) id: Id,
    user_id: Id,
    kind: String,
    attempts: i64,
    fence: i64,
    payload: String,
    payload_key: Option<String>,
    created_at: At,
}

impl ClaimedRow {
    /// Error: its payload cannot be read.
    pub(super) fn into_claimed(self, cipher: &Cipher, node: Id) -> Result<ClaimedJob> {
        let payload = Column { text: self.payload, key: self.payload_key };
        let lease = JobLease {
            job: self.id.into(),
            user: self.user_id.into(),
            node: node.0,
            fence: self.fence.unsigned_abs(),
        };
        Ok(ClaimedJob {
            lease,
            work: column::work_from(cipher, self.id, &self.kind, payload)?,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            created_at: self.created_at.into(),
        })
    }
}

/// A job that the user's own name for it has found.
#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct KnownRow {
    #[diesel(embed)]
    pub(super) entry: EntryRow,
    payload: String,
    payload_key: Option<String>,
}

impl KnownRow {
    /// Whether it is the same work. What cannot be read is not.
    pub(super) fn is(&self, cipher: &Cipher, work: &JobWork) -> bool {
        let payload = Column { text: self.payload.clone(), key: self.payload_key.clone() };
        let known = column::work_from(cipher, self.entry.id, &self.entry.kind, payload);
        known.is_ok_and(|known| known == *work)
    }

    pub(super) fn id(&self) -> Id {
        self.entry.id
    }
}

/// A job that is new.
#[derive(Debug, Clone)]
pub(super) struct NewRow {
    pub(super) id: Id,
    pub(super) user: Id,
    pub(super) kind: &'static str,
    pub(super) client_id: Option<String>,
    pub(super) payload: Column,
    pub(super) created_at: At,
}

impl NewRow {
    pub(super) fn of(cipher: &Cipher, job: &NewJob) -> Result<Self> {
        let id = job.id.into();
        Ok(Self {
            id,
            user: job.user.into(),
            kind: job.work.kind().as_str(),
            client_id: job.client_id.clone(),
            payload: column::work_to(cipher, id, &job.work)?,
            created_at: job.at.into(),
        })
    }
}
