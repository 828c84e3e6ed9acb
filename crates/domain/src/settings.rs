//! The figures that an operator may choose. [`Settings::default`] is what the documents promise.

use crate::ports::UploadQuota;
use crate::prices::Prices;
use std::time::Duration;

/// Everything that the domain's rules depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many connections and how fast.
    pub limits: Limits,
    /// How turns run.
    pub turns: TurnSettings,
    /// How jobs run.
    pub jobs: JobSettings,
    /// How documents are kept and found.
    pub knowledge: KnowledgeSettings,
    /// The longest text of a message, in bytes.
    pub max_text: usize,
    /// How much may wait for one connection, in bytes. More than twice [`Settings::max_text`]; an AI's reply has at
    /// most half of it.
    pub outbox: usize,
    /// How long a conversation without connections, turns or work stays in memory.
    pub idle: Duration,
    /// After how long without a word "is typing" ends by itself.
    pub typing_expiry: Duration,
    /// How often a conversation's summary is pushed at most.
    pub update_interval: Duration,
    /// How often a room tells who came and went at most.
    pub presence_interval: Duration,
    /// How many entries of a conversation a resume brings at most, or a new connection that missed them; who misses
    /// more loads the history.
    pub resume_max: u64,
    /// Whether users may make assistants of their own.
    pub own_assistants: bool,
    /// How texts are moderated, where they are.
    pub moderation: ModerationSettings,
    /// How long a deleted conversation can be brought back, before it is removed for good; none keeps them for ever.
    pub deleted_kept: Option<Duration>,
    /// Files.
    pub uploads: UploadSettings,
}

/// How much may be uploaded, and how long it may take.
#[derive(Debug, Clone)]
pub struct UploadSettings {
    /// The largest file, in bytes.
    pub max_file: u64,
    /// The largest chunk, in bytes. Not zero.
    pub max_chunk: u32,
    /// How much one user may have.
    pub quota: UploadQuota,
    /// How long an upload may take, with all its interruptions.
    pub expiry: Duration,
    /// How long a link to a file is good.
    pub link: Duration,
}

/// Limits on connections and on their frames. None is no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Authenticated connections in all.
    pub connections: Option<usize>,
    /// Authenticated connections of one user.
    pub connections_per_user: Option<usize>,
    /// Frames of one connection.
    pub frames: Option<Quota>,
    /// Frames of one user, over all connections.
    pub user_frames: Option<Quota>,
    /// Messages of one connection.
    pub chats: Option<Quota>,
    /// What one user uploads, in kibibytes, of which there is one at least to each chunk.
    pub uploads: Option<Quota>,
    /// Completions of one user that belong to no conversation.
    pub completions: Option<Quota>,
    /// Messages of one user that come by the AI API, over HTTP and over Socket.IO together.
    pub ai_chats: Option<Quota>,
    /// Embeddings of one user.
    pub embeddings: Option<Quota>,
    /// How many refused frames in one window of `frames` are flooding.
    pub flooding: Option<u32>,
}

/// So many in a window of time; all of them may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub requests: std::num::NonZeroU32,
    /// In how much time.
    pub window: Duration,
}

impl Quota {
    /// A quota; none where either figure is zero.
    pub fn new(requests: u32, window: Duration) -> Option<Self> {
        let requests = std::num::NonZeroU32::new(requests)?;
        (!window.is_zero()).then_some(Self { requests, window })
    }
}

/// How turns run.
#[derive(Debug, Clone)]
pub struct TurnSettings {
    /// How long a backend may take to its first content.
    pub first_token: Duration,
    /// How long it may be silent after that.
    pub between_tokens: Duration,
    /// How long a turn may take in all.
    pub total: Duration,
    /// How many tokens of context a turn gets, by estimate.
    pub context_tokens: usize,
    /// What every context begins with.
    pub system_prompt: Option<String>,
    /// How many tokens a reply may have; none leaves it to the backend.
    pub max_tokens: Option<u32>,
    /// What replies cost, where their provider has no price of its own for the model.
    pub prices: Prices,
    /// The model whose budget counts where a turn names none.
    pub default_model: Option<String>,
    /// What may be used.
    pub budgets: Budgets,
    /// How long a turn waits for a backend to have a place for it, or for a worker to come.
    pub queue_wait: Duration,
    /// How many turns may wait for a backend.
    pub queue: usize,
    /// How often and when a backend that failed is asked again.
    pub retries: Retries,
    /// When a backend that fails is left alone.
    pub breaker: BreakerSettings,
    /// How many turns a worker gets at once that has not said how many it wants.
    pub worker_turns: usize,
    /// How often a live turn's text is written down: what a crash costs at most.
    pub checkpoint: Duration,
    /// For how long a checkpoint says that its node lives.
    pub lease: Duration,
    /// How often turns of dead nodes are looked for.
    pub reap: Duration,
    /// How many turns of one conversation stream at once.
    pub live: usize,
    /// How many more may wait for their place.
    pub waiting: usize,
}

/// How jobs run: work that is done in the background.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// How many run on this node at once; none leaves them to other nodes.
    pub workers: usize,
    /// How many of one user may wait; none is no limit.
    pub queued: Option<usize>,
    /// How long a runner's hold on a job is good, unless it is renewed. It outlasts the lease of a turn, so that a turn of
    /// a dead node has been ended when its job is begun again.
    pub lease: Duration,
    /// How often a job is begun at most, and after what time again. (A round is one try.)
    pub retries: Retries,
    /// How often is looked for jobs that other nodes took in, about.
    pub poll: Duration,
    /// How long a job is kept that has ended, with what came of it; none keeps it for ever.
    pub kept: Option<Duration>,
}

/// How documents are kept and found.
#[derive(Debug, Clone)]
pub struct KnowledgeSettings {
    /// The largest file, in bytes.
    pub max_file: usize,
    /// The longest text of a document, in bytes.
    pub max_text: usize,
    /// How many documents a user, a room or an assistant may have.
    pub documents: u64,
    /// How long a passage is at most, in tokens by estimate.
    pub chunk_tokens: usize,
    /// How much of the end of one stands at the beginning of the next.
    pub chunk_overlap: usize,
    /// How many passages a context has at most.
    pub passages: usize,
    /// How much of a context they may take, in a hundred.
    pub share: usize,
    /// From which cosine on a passage has to do with a question; none leaves it to the embedder.
    pub relevance: Option<f32>,
}

impl KnowledgeSettings {
    /// How many tokens of a context passages may take.
    pub(crate) fn share(&self, turns: &TurnSettings) -> usize {
        (turns.context_tokens / 100).saturating_mul(self.share)
    }
}

impl Default for KnowledgeSettings {
    fn default() -> Self {
        Self {
            max_file: 10 * 1024 * 1024,
            max_text: 2 * 1024 * 1024,
            documents: 1_000,
            chunk_tokens: 240,
            chunk_overlap: 48,
            passages: 8,
            share: 25,
            relevance: None,
        }
    }
}

/// How many tokens may be used: context and reply together. None is no limit.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    /// By one user, ever.
    pub user: Option<u64>,
    /// By one user in a day (UTC).
    pub user_day: Option<u64>,
    /// Of one model in a day (UTC), by all users together. With `*` at its end, a name is the beginning of names, each
    /// of which has the whole budget; the longest that fits counts.
    pub model_day: Vec<(String, u64)>,
}

/// How often and when a backend that failed in passing is asked again, once every other one was asked: after a time
/// between nothing and `base`, doubled with each round, at most `cap` ("full jitter"), or after what it asked for.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How often all backends are asked, at least once.
    pub rounds: u32,
    /// The longest wait before the second round.
    pub base: Duration,
    /// The longest wait before any.
    pub cap: Duration,
}

/// When a backend that fails is left alone for a while.
#[derive(Debug, Clone, Copy)]
pub struct BreakerSettings {
    /// Over what time attempts are counted.
    pub window: Duration,
    /// So many attempts in it, or more, tell something.
    pub minimum: u32,
    /// Of them, so many in a hundred failed.
    pub failures: u32,
    /// For how long it is left alone; then one attempt shows whether it is well again.
    pub cooldown: Duration,
}

/// How texts are moderated, where there is a [`Moderator`](crate::ports::Moderator).
#[derive(Debug, Clone, Copy)]
pub struct ModerationSettings {
    /// How long one question to it may take; it is asked twice.
    pub timeout: Duration,
    /// What becomes of texts that it could not judge.
    pub unjudged: Unjudged,
}

/// What becomes of texts that a moderator could not judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// They do not pass: the turn ends with `AI_UNAVAILABLE`.
    Refused,
    /// They pass.
    Pass,
}

/// What an outbox needs for a message beside its text. Bytes.
const MESSAGE_ENVELOPE: usize = 1_024;

impl Settings {
    /// The longest text of an AI's reply, in bytes: what is always sent in one piece, because it fits into half of an
    /// outbox. A backend that says more is interrupted.
    pub(crate) fn max_reply(&self) -> usize {
        (self.outbox / 2).saturating_sub(MESSAGE_ENVELOPE)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            turns: TurnSettings::default(),
            jobs: JobSettings::default(),
            knowledge: KnowledgeSettings::default(),
            max_text: 64 * 1024,
            outbox: 1024 * 1024,
            idle: Duration::from_secs(60),
            typing_expiry: Duration::from_secs(6),
            update_interval: Duration::from_secs(1),
            presence_interval: Duration::from_millis(250),
            resume_max: 1_000,
            own_assistants: true,
            moderation: ModerationSettings::default(),
            deleted_kept: Some(Duration::from_hours(30 * 24)),
            uploads: UploadSettings::default(),
        }
    }
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self {
            max_file: 50 * 1024 * 1024,
            max_chunk: 1024 * 1024,
            quota: UploadQuota { bytes: Some(1024 * 1024 * 1024), unfinished: Some(10) },
            expiry: Duration::from_hours(24),
            link: Duration::from_hours(1),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Some(10_000),
            connections_per_user: Some(20),
            frames: Quota::new(100, Duration::from_secs(60)),
            user_frames: None,
            chats: Quota::new(60, Duration::from_secs(60)),
            uploads: Quota::new(1024 * 1024, Duration::from_secs(60)),
            completions: Quota::new(60, Duration::from_secs(60)),
            ai_chats: Quota::new(20, Duration::from_secs(60)),
            embeddings: Quota::new(20, Duration::from_secs(60)),
            flooding: Some(1_000),
        }
    }
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            workers: 4,
            queued: Some(1_000),
            lease: Duration::from_secs(30),
            retries: Retries { rounds: 5, base: Duration::from_secs(2), cap: Duration::from_secs(300) },
            poll: Duration::from_secs(1),
            kept: Some(Duration::from_hours(7 * 24)),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { rounds: 3, base: Duration::from_millis(500), cap: Duration::from_secs(8) }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        let (window, cooldown) = (Duration::from_secs(30), Duration::from_secs(15));
        Self { window, minimum: 5, failures: 50, cooldown }
    }
}

impl Default for ModerationSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), unjudged: Unjudged::Refused }
    }
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(60),
            between_tokens: Duration::from_secs(60),
            total: Duration::from_secs(600),
            context_tokens: 32_000,
            system_prompt: None,
            max_tokens: None,
            prices: Prices::default(),
            default_model: None,
            budgets: Budgets::default(),
            queue_wait: Duration::from_secs(30),
            queue: 10_000,
            retries: Retries::default(),
            breaker: BreakerSettings::default(),
            worker_turns: 16,
            checkpoint: Duration::from_secs(2),
            lease: Duration::from_secs(10),
            reap: Duration::from_secs(5),
            live: 4,
            waiting: 64,
        }
    }
}
