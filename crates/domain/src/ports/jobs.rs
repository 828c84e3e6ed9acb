//! Jobs: work that is done in the background, and outlives the process that took it in.

use super::{Page, Paged, StoreError};
use crate::message::Fingerprint;
use crate::{ConversationId, ErrorCode, JobId, MessageId, Timestamp, UserId};
use async_trait::async_trait;
use std::time::Duration;
use uuid::Uuid;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word on the wire and in the database. It never changes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What a word means; none for another word.
            pub fn find(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }
    };
}

words! {
    /// What kind of work it is.
    JobKind {
        Completion "generate-completion" "A message is stored, and answered.";
        Embeddings "generate-embeddings" "A text becomes a vector.";
    }
}

words! {
    /// How far a job has come.
    JobState {
        Waiting "waiting" "For a runner, or for its next try.";
        Active "active" "A runner has it.";
        Completed "completed" "It was done, once.";
        Failed "failed" "It was tried as often as is worth it: the dead letters.";
        Cancelled "cancelled" "Its user did not want it any more.";
    }
}

impl JobState {
    /// Whether nothing more will happen.
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Active)
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum JobWork {
    /// A message, and its answer.
    Completion(CompletionWork),
    /// A vector of a text.
    Embeddings(EmbeddingsWork),
}

/// A message that is to be stored and answered.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionWork {
    /// The message's text.
    pub message: String,
    /// Where; none makes a conversation.
    pub conversation: Option<ConversationId>,
    /// Who should answer.
    pub model: Option<String>,
    /// How many tokens the reply may have.
    pub max_tokens: Option<u32>,
    /// How freely it chooses its words, 0 to 2.
    pub temperature: Option<f64>,
}

/// A text that is to become a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingsWork {
    /// The text.
    pub text: String,
    /// By which model; none leaves it to the server.
    pub model: Option<String>,
}

impl JobWork {
    /// Of what kind it is.
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Completion(_) => JobKind::Completion,
            Self::Embeddings(_) => JobKind::Embeddings,
        }
    }
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobResult {
    /// The reply, which is in the log and nowhere else.
    Completion {
        /// Its conversation.
        conversation: ConversationId,
        /// The reply.
        message: MessageId,
    },
    /// The vector.
    Embeddings {
        /// The vector.
        vector: Vec<f32>,
        /// The model that made it.
        model: String,
        /// How many tokens the text had.
        tokens: u64,
    },
}

/// A job that is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub user: UserId,
    /// What is to be done.
    pub work: JobWork,
    /// Its user's own name for it: the same one twice is one job.
    pub client_id: Option<String>,
    /// When it was wanted.
    pub at: Timestamp,
}

/// A job as it stands in lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEntry {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub user: UserId,
    /// Of what kind it is.
    pub kind: JobKind,
    /// How far it has come.
    pub state: JobState,
    /// The same in a hundred, as far as that is known.
    pub progress: u8,
    /// How often it was begun.
    pub attempts: u32,
    /// Why it failed the last time, if it did.
    pub failure: Option<ErrorCode>,
    /// When it was wanted.
    pub created_at: Timestamp,
    /// When it came to its end, if it has.
    pub ended_at: Option<Timestamp>,
}

/// A job with what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The job.
    pub entry: JobEntry,
    /// What came of it, where it is completed.
    pub result: Option<JobResult>,
}

/// A runner's hold on a job. It is good while the job has this fence: whoever claims the job next gets a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLease {
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub user: UserId,
    /// The node that has it.
    pub node: Uuid,
    /// How often it was claimed, this time too.
    pub fence: u64,
}

/// A job that was claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// The hold on it.
    pub lease: JobLease,
    /// What is to be done.
    pub work: JobWork,
    /// How often it was begun, this time too.
    pub attempts: u32,
    /// When it was wanted.
    pub created_at: Timestamp,
}

/// How a runner lets go of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobOutcome {
    /// It is done.
    Completed(JobResult),
    /// It will not be tried again.
    Failed(ErrorCode),
    /// It failed, and is tried again after this time.
    Retry {
        /// Why it failed.
        code: ErrorCode,
        /// When it is due, from now.
        after: Duration,
    },
    /// It was not tried: this begin does not count. Somebody else may have it at once.
    Released,
}

/// A change to the jobs.
#[derive(Debug, Clone, PartialEq)]
pub enum JobWrite {
    /// Keep a job, unless as many of its user wait. Answer: `Enqueued`, `Full` or `Taken`.
    Enqueue {
        /// The job.
        job: NewJob,
        /// How many of one user may wait.
        limit: usize,
    },
    /// Take jobs that are due: the next one is always of the user whose last one was taken longest ago, and of that
    /// user's the oldest. Answer: `Claimed`.
    Claim {
        /// Who takes them.
        node: Uuid,
        /// How many at most.
        count: usize,
        /// For how long they are taken.
        lease: Duration,
    },
    /// Keep a job, and tell how far it is. Answer: `Held` or `Lost`.
    Renew {
        /// The hold on it.
        lease: JobLease,
        /// How far it is, in a hundred.
        progress: u8,
        /// For how much longer, from now.
        hold: Duration,
    },
    /// Let go of a job. Answer: `Settled` or `Lost`. The same again is answered the same.
    Settle {
        /// The hold on it.
        lease: JobLease,
        /// How.
        outcome: JobOutcome,
    },
    /// End a job that has not ended, whoever has it. Answer: `Cancelled`.
    Cancel {
        /// The job.
        job: JobId,
        /// Whose it must be.
        user: UserId,
    },
}

/// What became of a [`JobWrite`].
#[derive(Debug, Clone, PartialEq)]
pub enum JobWritten {
    /// The job is kept.
    Enqueued {
        /// As it is now.
        job: JobEntry,
        /// Whether it was there before.
        duplicate: bool,
    },
    /// As many jobs of the user wait as may.
    Full,
    /// The user's name for it is another job's.
    Taken,
    /// What was claimed.
    Claimed {
        /// The jobs.
        jobs: Vec<ClaimedJob>,
        /// Where fewer were claimed than wanted: in what time the next one is due that is known of. Nothing where one is
        /// due that somebody holds.
        next: Option<Duration>,
    },
    /// The hold was still good.
    Held,
    /// The hold is good no more.
    Lost {
        /// The job's state; none where it is gone.
        state: Option<JobState>,
    },
    /// The job as it is, now that it was let go of.
    Settled(JobEntry),
    /// The job as it is now; none where that user has no such job.
    Cancelled {
        /// The job.
        job: Option<JobEntry>,
        /// Whether it was this that ended it.
        changed: bool,
    },
}

/// Jobs whose holders are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// How many wait again.
    pub waiting: usize,
    /// Those that were begun too often: each of them may be what its nodes died of.
    pub failed: Vec<JobEntry>,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// That wait.
    pub waiting: u64,
    /// That somebody has.
    pub active: u64,
    /// That were done, and are still kept.
    pub completed: u64,
    /// That failed, and are still kept.
    pub failed: u64,
    /// That were cancelled, and are still kept.
    pub cancelled: u64,
}

impl JobCounts {
    /// The count of one state.
    pub const fn of(&mut self, state: JobState) -> &mut u64 {
        match state {
            JobState::Waiting => &mut self.waiting,
            JobState::Active => &mut self.active,
            JobState::Completed => &mut self.completed,
            JobState::Failed => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }
}

/// Jobs on disk.
///
/// `now` is the caller's clock. A store that several nodes share goes by a clock of its own instead, so that one node
/// whose clock jumps takes nothing from the others.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Commits `writes` in one transaction, in their order, and answers each. It is durable when this returns.
    async fn job_write(&self, now: Timestamp, writes: Vec<JobWrite>) -> Result<Vec<JobWritten>, StoreError>;

    /// Takes jobs back, at most 1,000: those of other nodes whose time was over, in a store that only one process can open
    /// (`SQLite`) all of other nodes; and those of `node` that are not among `held`, which it must have claimed without
    /// learning of it. What was begun `attempts` times fails as [`ErrorCode::Internal`].
    async fn job_reclaim(
        &self,
        now: Timestamp,
        node: Uuid,
        held: Vec<JobId>,
        attempts: u32,
    ) -> Result<Reclaimed, StoreError>;

    /// A job of a user, if there is one.
    async fn job_get(&self, user: UserId, id: JobId) -> Result<Option<Job>, StoreError>;

    /// A user's jobs, or those of them in one state; the newest first.
    async fn job_list(
        &self,
        user: UserId,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Paged<JobEntry>, StoreError>;

    /// The jobs of all users that failed, the newest first.
    async fn jobs_failed(&self, page: Page) -> Result<Paged<JobEntry>, StoreError>;

    /// How many jobs there are.
    async fn job_counts(&self) -> Result<JobCounts, StoreError>;

    /// What other nodes do: the jobs that they have now, and those of all nodes that ended no longer than `within` ago, the
    /// last ones first; of either at most 10,000. Nothing in a store that only one process can open (`SQLite`).
    async fn jobs_elsewhere(
        &self,
        now: Timestamp,
        node: Uuid,
        within: Duration,
    ) -> Result<Vec<JobEntry>, StoreError>;

    /// Whether a turn that another node than `node` has begun, and that has not ended, answers the message with this
    /// fingerprint.
    async fn job_turn_elsewhere(&self, node: Uuid, question: Fingerprint) -> Result<bool, StoreError>;

    /// Forgets jobs that ended before `before`, with what came of them, at most `limit`. Gives how many.
    async fn job_purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;
}
