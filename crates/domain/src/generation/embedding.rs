//! Vectors of texts: asked of the embedder like a reply of a backend, with the same budgets and a line in the books where
//! its tokens cost something.

use super::{Order, budget};
use crate::hub::Shared;
use crate::message::Usage;
use crate::ports::{AttemptOutcome, BackendError, Embedded, Embedder};
use crate::turn::estimate_tokens;
use crate::{ErrorCode, MessageId, Refusal, UserId};
use tokio::time::Instant;

/// The vectors of `texts` by `model`, for `user`. Errors: `TOKEN_BUDGET_EXCEEDED`, `MODEL_NOT_FOUND` where the server knows
/// of no such model, `AI_UNAVAILABLE` where it does not answer, `INTERNAL`.
pub(crate) async fn embed(
    shared: &Shared,
    embedder: &dyn Embedder,
    user: UserId,
    texts: &[String],
    model: &str,
) -> Result<Embedded, Refusal> {
    if !embedder.is_metered() {
        return embedder.embed(texts, model).await.map_err(|error| refusal(&error));
    }
    let prompt = texts.iter().map(|text| estimate_tokens(text) as u64).sum();
    let mut line = budget::open(shared, &order(user, model), 1, prompt, embedder.name()).await?;
    let began = Instant::now();
    let result = embedder.embed(texts, model).await;
    let usage = match &result {
        Ok(Embedded { tokens, .. }) => Usage { prompt_tokens: *tokens, ..Usage::default() },
        Err(_) => Usage::default(),
    };
    let record = line.record();
    (record.outcome, record.usage, record.elapsed) = (outcome(result.as_ref().err()), usage, began.elapsed());
    record.cost = shared.settings.turns.prices.cost(model, usage);
    line.enter().await;
    result.map_err(|error| refusal(&error))
}

/// What names it in the books, and in whose accounts it counts: there is no reply.
fn order(user: UserId, model: &str) -> Order {
    let turn = MessageId::new();
    Order {
        turn,
        conversation: None,
        in_reply_to: turn,
        user,
        model: Some(model.to_owned()),
        context: Vec::new(),
        trusted: 0,
        beside: None,
        max_tokens: Some(0),
        temperature: None,
        extra: None,
        restarts: false,
        raw_events: false,
    }
}

fn outcome(error: Option<&BackendError>) -> AttemptOutcome {
    match error {
        None => AttemptOutcome::Complete,
        Some(BackendError::Unreachable(_)) => AttemptOutcome::Unreachable,
        Some(BackendError::Status { .. }) => AttemptOutcome::Refused,
        Some(BackendError::Malformed(_)) => AttemptOutcome::Broken,
    }
}

fn refusal(error: &BackendError) -> Refusal {
    tracing::warn!(%error, "texts could not be embedded");
    match error {
        BackendError::Status { status: 404, .. } => Refusal::of(ErrorCode::ModelNotFound),
        BackendError::Status { retry_after: Some(wait), .. } => {
            Refusal::retry_after(ErrorCode::AiUnavailable, *wait)
        }
        _ => Refusal::of(ErrorCode::AiUnavailable),
    }
}
