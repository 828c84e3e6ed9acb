//! Jobs: work that is done in the background.

use super::{ChatAnswer, EmbeddingAnswer, PageMeta};
use crate::{ConversationId, ErrorCode, JobId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `POST /api/v1/ai/jobs`: a job that is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobRequest))]
pub struct JobRequest {
    /// What is to be done.
    #[serde(flatten)]
    pub work: JobWork,
    /// The client's own name for it, 1 to 128 bytes: sent again with the same work, it gets the first one's answer. The
    /// header `Idempotency-Key` says the same.
    #[serde(rename = "clientJobId", default, skip_serializing_if = "Option::is_none")]
    pub client_job_id: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobWork))]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum JobWork {
    /// A message that wants its answer.
    GenerateCompletion {
        /// The text.
        message: String,
        /// Where it belongs; none or null makes a new conversation, one however often the job is tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
        /// The model; none leaves it to the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// How many tokens the reply may have; the server's own maximum still holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_tokens: Option<u32>,
        /// How freely the model chooses its words, 0 to 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature: Option<f64>,
    },
    /// A text that is to become a vector.
    GenerateEmbeddings {
        /// The text.
        text: String,
        /// The model; none leaves it to the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
}

/// A job was taken in: it will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobAccepted))]
pub struct JobAccepted {
    /// Its id.
    pub job_id: JobId,
    /// `queued`.
    pub status: Cow<'static, str>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Job))]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// `generate-completion` or `generate-embeddings`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// How far it is, in a hundred.
    pub progress: u8,
    /// `waiting`, `active`, `completed`, `failed`, or `cancelled` where its user has cancelled it.
    pub state: Cow<'static, str>,
    /// What the synchronous route would have answered; null unless it is completed, and where the conversation of its
    /// reply was deleted.
    #[cfg_attr(feature = "schema", schema(required))]
    pub result: Option<JobResult>,
    /// Why it failed; null unless it has.
    #[cfg_attr(feature = "schema", schema(required))]
    pub error: Option<JobError>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was taken in.
    pub created_at: Timestamp,
    /// When it came to its end; null unless it has.
    #[cfg_attr(feature = "schema", schema(required))]
    pub ended_at: Option<Timestamp>,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobResult))]
#[serde(untagged)]
pub enum JobResult {
    /// The reply.
    Completion(ChatAnswer),
    /// The vector.
    Embeddings(EmbeddingAnswer),
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobError))]
pub struct JobError {
    /// The code, as of every refusal.
    pub code: ErrorCode,
    /// For a person.
    pub message: Cow<'static, str>,
}

/// A page of jobs. Their results are read one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::Jobs))]
pub struct Jobs {
    /// The newest first.
    pub data: Vec<Job>,
    /// Where the page stands.
    pub meta: PageMeta,
}

/// `GET /api/v1/admin/jobs`: how the jobs of all users are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobsOverview))]
pub struct JobsOverview {
    /// How many there are in each state.
    pub counts: JobCounts,
    /// Those that failed, the newest first.
    pub data: Vec<FailedJob>,
    /// Where the page of them stands.
    pub meta: PageMeta,
}

/// How many jobs there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobCounts))]
pub struct JobCounts {
    /// That wait.
    pub waiting: u64,
    /// That run, on any node.
    pub active: u64,
    /// That were done, and are still kept.
    pub completed: u64,
    /// That failed, and are still kept.
    pub failed: u64,
    /// That were cancelled, and are still kept.
    pub cancelled: u64,
}

/// A job that failed. What it was to do is its user's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::FailedJob))]
pub struct FailedJob {
    /// Whose it is.
    pub user_id: UserId,
    /// The job.
    #[serde(flatten)]
    pub job: Job,
}

/// How a job stands, for the sockets of its user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ai::JobUpdate))]
pub struct JobUpdate {
    /// The job.
    pub job_id: JobId,
    /// `generate-completion` or `generate-embeddings`.
    pub job_type: Cow<'static, str>,
    /// `active`, or how it ended: `completed`, `failed` or `cancelled`.
    pub state: Cow<'static, str>,
    /// How far it is, in a hundred.
    pub progress: u8,
    /// What came of it, where it is completed, as `GET /api/v1/ai/jobs/{id}` has it. Left out where it is large: then it is
    /// read there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed, where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}
