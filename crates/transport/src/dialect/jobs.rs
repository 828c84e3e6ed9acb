//! How a job stands, as every dialect and HTTP write it.

use parlor_domain::ports::{JobEntry, JobState};
use parlor_domain::{JobAnswer, JobFound, JobNews};
use parlor_protocol::ai as wire;

/// A job for the sockets of its user.
pub(crate) fn update(news: &JobNews) -> wire::JobUpdate {
    let JobNews { job, answer } = news;
    wire::JobUpdate {
        job_id: job.id,
        job_type: job.kind.as_str().into(),
        state: job.state.as_str().into(),
        progress: job.progress,
        result: answer.as_ref().map(result),
        error: error(job),
    }
}

/// A job with what came of it.
pub(crate) fn found(found: &JobFound) -> wire::Job {
    wire::Job { result: found.answer.as_ref().map(result), ..listed(&found.job) }
}

/// A job as it stands in lists.
pub(crate) fn listed(job: &JobEntry) -> wire::Job {
    wire::Job {
        id: job.id,
        kind: job.kind.as_str().into(),
        progress: job.progress,
        state: job.state.as_str().into(),
        result: None,
        error: error(job),
        attempts: job.attempts,
        created_at: job.created_at,
        ended_at: job.ended_at,
    }
}

/// Why it failed. What failed and is tried again has not.
fn error(job: &JobEntry) -> Option<wire::JobError> {
    let code = job.failure.filter(|_| job.state == JobState::Failed)?;
    Some(wire::JobError { code, message: code.meaning().into() })
}

fn result(answer: &JobAnswer) -> wire::JobResult {
    match answer {
        JobAnswer::Completion(reply) => wire::JobResult::Completion(crate::http::chat_answer(reply)),
        JobAnswer::Embeddings { vector, model, tokens } => {
            let (embedding, model) = (vector.to_vec(), model.as_ref().to_owned());
            wire::JobResult::Embeddings(wire::EmbeddingAnswer { embedding, model, tokens: *tokens })
        }
    }
}
