//! What a job must be like before it is kept.

use crate::check;
use crate::command::{Draft, TurnOptions};
use crate::embeddings::EmbeddingDraft;
use crate::hub::Shared;
use crate::message::KIND_USER;
use crate::ports::{CompletionWork, EmbeddingsWork, JobWork};
use crate::{ErrorCode, JobId, Refusal, UserId};
use std::sync::Arc;

/// The longest name that a user may give a job, in bytes.
const CLIENT_ID_MAX: usize = 128;

/// A job that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDraft {
    /// What is to be done.
    pub work: JobWork,
    /// The user's own name for it, at most 128 bytes: the same one twice is one job.
    pub client_id: Option<String>,
}

/// The message that a completion is, under the client id that makes it the same one each time the job is begun.
pub(super) fn message_of(id: JobId, work: &CompletionWork) -> Draft {
    Draft {
        place: work.conversation.map(Into::into),
        content: work.message.clone(),
        kind: KIND_USER.to_owned(),
        content_type: None,
        client_id: Some(format!("job:{id}")),
        attachments: Vec::new(),
        options: options_of(work),
    }
}

pub(super) fn options_of(work: &CompletionWork) -> TurnOptions {
    TurnOptions {
        model: work.model.clone(),
        max_tokens: work.max_tokens,
        temperature: work.temperature,
        ..TurnOptions::default()
    }
}

/// The text that is to become a vector.
pub(super) fn vector_of(work: &EmbeddingsWork) -> EmbeddingDraft {
    EmbeddingDraft { text: work.text.clone(), model: work.model.clone() }
}

/// Checks what can be checked now: by the rules of a message, and that its user takes part in its conversation.
pub(super) async fn check(
    shared: &Arc<Shared>,
    user: UserId,
    id: JobId,
    draft: &JobDraft,
) -> Result<(), Refusal> {
    let named =
        |it: &String| !it.is_empty() && it.len() <= CLIENT_ID_MAX && !it.chars().any(char::is_control);
    if !draft.client_id.as_ref().is_none_or(named) {
        let words = format!("a job's own id has 1 to {CLIENT_ID_MAX} bytes and no control characters");
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    match &draft.work {
        JobWork::Completion(work) => {
            check::draft(&message_of(id, work), shared.settings.max_text)?;
            if let Some(conversation) = work.conversation {
                shared.access(conversation, user).await?;
            }
            Ok(())
        }
        // Checked where it was counted.
        JobWork::Embeddings(_) => Ok(()),
    }
}
