//! What came of a job, as its user reads it.

use crate::hub::Shared;
use crate::message::Message;
use crate::ports::{Job, JobEntry, JobResult, StoreError};
use std::sync::Arc;

/// What came of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobAnswer {
    /// The reply, as it is in the log now.
    Completion(Arc<Message>),
    /// The vector of the text.
    Embeddings {
        /// The vector.
        vector: Arc<[f32]>,
        /// The model that made it.
        model: Arc<str>,
        /// How many tokens the text had.
        tokens: u64,
    },
}

impl JobAnswer {
    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Completion(message) => message.weight(),
            // As text, about.
            Self::Embeddings { vector, .. } => vector.len() * 12,
        }
    }
}

/// A job with what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFound {
    /// The job.
    pub job: JobEntry,
    /// What came of it, where it is completed and still there: a reply goes with its conversation.
    pub answer: Option<JobAnswer>,
}

impl Shared {
    /// Reads what came of a job, where that stands elsewhere.
    pub(super) async fn job_answer(&self, job: Job) -> Result<JobFound, StoreError> {
        let Job { entry, result } = job;
        let answer = match result {
            None => None,
            Some(JobResult::Completion { conversation, message }) => {
                let message = self.store.message_get(conversation, message).await?;
                message.map(|message| JobAnswer::Completion(Arc::new(message)))
            }
            Some(JobResult::Embeddings { vector, model, tokens }) => {
                Some(JobAnswer::Embeddings { vector: vector.into(), model: model.into(), tokens })
            }
        };
        Ok(JobFound { job: entry, answer })
    }
}
