//! From a backend's stream to pieces of text, under the turn's time limits.

use super::context::{self, NoContext};
use super::{Job, Piece, estimate_tokens};
use crate::hub::Shared;
use crate::message::{TurnStatus, Usage};
use crate::ports::{Backend, BackendError, Delta, TurnRequest};
use crate::{ErrorCode, Refusal};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What is known of a turn while it runs, also when it is stopped in the middle.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) model: Option<String>,
    reported: Option<Usage>,
    prompt_estimate: usize,
    produced: usize,
}

impl Progress {
    /// Another backend answers: what the one before said of itself does not count.
    fn forget_figures(&mut self) {
        (self.model, self.reported) = (None, None);
    }

    /// The backend's figures, or an estimate marked so.
    pub(super) fn usage(&self) -> Usage {
        self.reported.unwrap_or(Usage {
            prompt_tokens: self.prompt_estimate as u64,
            completion_tokens: self.produced.div_ceil(3) as u64,
            estimated: true,
        })
    }
}

/// How one attempt ended, where it did not end well.
enum Failure {
    /// The backend failed.
    Backend(BackendError),
    /// It was silent for too long.
    Silent(Duration),
    /// Its stream ended without saying that the reply was whole.
    CutOff,
    /// It says more than a message can hold.
    Endless,
}

/// Asks one backend after the other until one begins to answer; from its first content on there is no other.
pub(super) async fn produce(
    shared: &Shared,
    job: &Job,
    progress: &mut Progress,
) -> (TurnStatus, Option<Refusal>) {
    let context = match context::build(shared, job).await {
        Ok(context) => context,
        Err(NoContext::Refused(refusal)) => return (TurnStatus::Failed, Some(refusal)),
        Err(NoContext::Store(error)) => return (TurnStatus::Failed, Some(Refusal::internal(&error))),
    };
    progress.prompt_estimate = context.iter().map(|piece| estimate_tokens(&piece.content)).sum();
    let request = TurnRequest {
        turn: job.turn.id,
        conversation: job.turn.conversation,
        model: job.options.model.clone(),
        context,
        max_tokens: lower(job.options.max_tokens, shared.settings.turns.max_tokens),
        temperature: job.options.temperature,
    };
    let deadline = Instant::now() + shared.settings.turns.total;
    let tried = timeout_at(deadline, try_backends(shared, job, &request, progress)).await;
    tried.unwrap_or_else(|_| {
        tracing::warn!(turn = %job.turn.id, "turn took too long");
        broken(progress)
    })
}

/// The lower of two limits, where there are two.
fn lower(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

async fn try_backends(
    shared: &Shared,
    job: &Job,
    request: &TurnRequest,
    progress: &mut Progress,
) -> (TurnStatus, Option<Refusal>) {
    let model = request.model.as_deref();
    let mut served = false;
    for backend in shared.backends.iter().filter(|backend| backend.serves(model)) {
        served = true;
        progress.forget_figures();
        match attempt(shared, job, backend, request.clone(), progress).await {
            Ok(()) => return (TurnStatus::Complete, None),
            Err(failure) => report(job, backend.name(), &failure),
        }
        if progress.produced > 0 {
            break;
        }
    }
    if served { broken(progress) } else { (TurnStatus::Failed, Some(Refusal::of(ErrorCode::ModelNotFound))) }
}

/// The end of a turn that no backend finished.
fn broken(progress: &Progress) -> (TurnStatus, Option<Refusal>) {
    if progress.produced > 0 {
        (TurnStatus::Interrupted, None)
    } else {
        (TurnStatus::Failed, Some(Refusal::of(ErrorCode::AiUnavailable)))
    }
}

fn report(job: &Job, backend: &str, failure: &Failure) {
    let turn = job.turn.id;
    match failure {
        Failure::Backend(error) => tracing::warn!(%turn, backend, %error, "backend failed"),
        Failure::Silent(limit) => tracing::warn!(%turn, backend, ?limit, "backend was silent"),
        Failure::CutOff => tracing::warn!(%turn, backend, "backend's stream was cut off"),
        Failure::Endless => tracing::warn!(%turn, backend, "backend's reply is too long"),
    }
}

/// One backend's try: its whole stream, or how it failed.
async fn attempt(
    shared: &Shared,
    job: &Job,
    backend: &Arc<dyn Backend>,
    request: TurnRequest,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let limits = &shared.settings.turns;
    let first = Instant::now() + limits.first_token;
    let opened = timeout_at(first, backend.open(request)).await;
    let mut stream = opened.map_err(|_| Failure::Silent(limits.first_token))?.map_err(Failure::Backend)?;
    loop {
        let next = if progress.produced == 0 {
            timeout_at(first, stream.next()).await.map_err(|_| Failure::Silent(limits.first_token))
        } else {
            timeout(limits.between_tokens, stream.next())
                .await
                .map_err(|_| Failure::Silent(limits.between_tokens))
        };
        match next?.ok_or(Failure::CutOff)?.map_err(Failure::Backend)? {
            Delta::Content(text) => hand_on(job, text, shared.settings.max_reply(), progress).await?,
            Delta::Usage(usage) => progress.reported = Some(usage),
            Delta::Model(model) => progress.model = Some(model),
            Delta::End => return Ok(()),
        }
    }
}

/// Hands a piece of text on, or as much of it as the reply may still have.
async fn hand_on(job: &Job, mut text: String, max: usize, progress: &mut Progress) -> Result<(), Failure> {
    let room = text.floor_char_boundary(max.saturating_sub(progress.produced));
    let endless = room < text.len();
    text.truncate(room);
    if !text.is_empty() {
        progress.produced += text.len();
        // The receiver lives as long as this turn: the conversation's task holds both.
        let _ = job.pieces.send(Piece { turn: job.turn.id, text }).await;
    }
    if endless { Err(Failure::Endless) } else { Ok(()) }
}
