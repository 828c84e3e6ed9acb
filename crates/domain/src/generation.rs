//! A reply being made, whoever wants it: attempts at backends, one after the other, until one brings it to an end.
//!
//! Its first content commits a reply to the backend that said it; until then every failure only means that another
//! backend is asked. Each attempt is a line of the books, and has its tokens reserved where there is a budget.

mod attempt;
mod books;
mod budget;
mod embedding;
mod plan;
mod progress;
mod raw;
mod screen;

pub(crate) use books::{Books, channel, run};
pub(crate) use embedding::embed;
pub(crate) use progress::Progress;

use crate::hub::Shared;
use crate::message::TurnStatus;
use crate::moderation::{self, Moderation};
use crate::ports::{ContextMessage, Extra, ToolCall, TurnRequest};
use crate::router::{Denied, Lease, full_jitter};
use crate::{ConversationId, ErrorCode, MessageId, Refusal, UserId};
use attempt::Failure;
use plan::Plan;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

/// What is wanted.
pub(crate) struct Order {
    /// The turn, and what names it in the books.
    pub(crate) turn: MessageId,
    /// Its conversation, where it has one.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) in_reply_to: MessageId,
    pub(crate) user: UserId,
    pub(crate) model: Option<String>,
    pub(crate) context: Vec<ContextMessage>,
    /// How many bytes at the beginning of its instructions are the operator's own, and not moderated.
    pub(crate) trusted: usize,
    /// What is moderated with the context, though it stands elsewhere in it.
    pub(crate) beside: Option<Extra>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) temperature: Option<f64>,
    pub(crate) extra: Option<Extra>,
    /// Whether another backend may begin anew after the first content.
    pub(crate) restarts: bool,
    /// Whether what the backend sends is kept as it sends it.
    pub(crate) raw_events: bool,
}

/// A piece of a reply on its way to who wants it.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) turn: MessageId,
    pub(crate) body: PieceBody,
}

#[derive(Debug)]
pub(crate) enum PieceBody {
    Text(String),
    Reasoning(String),
    ToolCall(ToolCall),
    /// This attempt begins anew: nothing of what came before counts.
    Restarted(u32),
}

/// Where pieces go. Bounded: who takes them slowly slows the backend's stream down.
pub(crate) type Pieces = mpsc::Sender<Piece>;

/// How it ended.
pub(crate) type Outcome = (TurnStatus, Option<Refusal>);

/// Makes a reply. Dropping the future ends it at once; what is known then is in `progress`, to be closed by the caller.
pub(crate) async fn produce(
    shared: &Shared,
    order: Order,
    pieces: &Pieces,
    progress: &mut Progress,
) -> Outcome {
    let deadline = Instant::now() + shared.settings.turns.total;
    let turn = order.turn;
    let tried = match &shared.moderation {
        None => timeout_at(deadline, attempts(shared, &order, pieces, progress)).await,
        Some(moderation) => {
            timeout_at(deadline, moderated(shared, moderation, order, pieces, progress)).await
        }
    };
    tried.unwrap_or_else(|_| {
        tracing::warn!(%turn, "turn took too long");
        progress.close_as_silent();
        progress.broken(Refusal::of(ErrorCode::AiUnavailable))
    })
}

/// The same where texts are moderated: nobody is asked with what may not pass, and nothing is shown before it may.
async fn moderated(
    shared: &Shared,
    moderation: &Moderation,
    mut order: Order,
    pieces: &Pieces,
    progress: &mut Progress,
) -> Outcome {
    if let Err(refusal) = moderation::admit(shared, moderation, &mut order).await {
        return (TurnStatus::Failed, Some(refusal));
    }
    progress.withhold(&order);
    let (inlet, outlet) = mpsc::channel(screen::PIECES);
    let making = async {
        let outcome = attempts(shared, &order, &inlet, progress).await;
        drop(inlet); // what is held back is judged now
        outcome
    };
    let screening = screen::run(moderation, outlet, pieces);
    match screen::both(making, screening).await {
        Ok(outcome) => {
            progress.release();
            outcome
        }
        Err(objection) => {
            let refusal = moderation::refuse(shared, &order, "reply", objection).await;
            (TurnStatus::Failed, Some(refusal))
        }
    }
}

async fn attempts(shared: &Shared, order: &Order, pieces: &Pieces, progress: &mut Progress) -> Outcome {
    let mut plan = Plan::new(order.model.clone(), shared.settings.turns.queue_wait);
    loop {
        let lease = match next_backend(shared, order, &mut plan).await {
            Ok(lease) => lease,
            Err(refusal) => return progress.broken(refusal),
        };
        match attempt(shared, order, pieces, progress, lease, &mut plan).await {
            Ok(()) => return (TurnStatus::Complete, None),
            Err(Some(refusal)) => return progress.broken(refusal),
            Err(None) if progress.is_committed() && !order.restarts => {
                return (TurnStatus::Interrupted, None);
            }
            Err(None) => {}
        }
    }
}

/// The backend for the next attempt: one that has not failed yet; then, after a while, those again that may have
/// recovered; then a worker that may come.
async fn next_backend(shared: &Shared, order: &Order, plan: &mut Plan) -> Result<Lease, Refusal> {
    let retries = shared.settings.turns.retries;
    loop {
        let until = plan.begin_wait();
        // Where there are such as may have recovered, others are waited for only until those are asked again.
        let next_round = plan.next_round(retries.rounds);
        let retry_at = next_round.map(|round| Instant::now() + full_jitter(retries, round, random()));
        let found =
            shared.router.acquire(order.user, &plan.wish, retry_at.map_or(until, |at| at.min(until))).await;
        plan.end_wait();
        match (found, retry_at) {
            (Ok(lease), _) => return Ok(lease),
            (Err(Denied::Refused(refusal)), _) => return Err(refusal),
            // Each at a time of their own: those who were sent away together do not come back together.
            (Err(Denied::Asked(at)), _) if at <= until => {
                sleep_until(at + full_jitter(retries, 2, random())).await;
            }
            (Err(Denied::Asked(at)), _) => {
                let wait = at.saturating_duration_since(Instant::now());
                return Err(Refusal::retry_after(ErrorCode::AiUnavailable, wait));
            }
            (Err(Denied::Exhausted | Denied::TimedOut), Some(at)) => {
                sleep_until(at).await;
                plan.begin_round();
            }
            (Err(Denied::Exhausted), None) if !plan.wish.patient => plan.wish.patient = true,
            (Err(Denied::Exhausted | Denied::TimedOut), None) => {
                return Err(shared.router.failed(&plan.wish));
            }
        }
    }
}

/// One attempt, from its reservation to its line in the books. Error: it failed; for good, where a refusal says why.
async fn attempt(
    shared: &Shared,
    order: &Order,
    pieces: &Pieces,
    progress: &mut Progress,
    lease: Lease,
    plan: &mut Plan,
) -> Result<(), Option<Refusal>> {
    progress.begin(shared, order, &lease).await.map_err(Some)?;
    let request = request(order, shared, &lease, progress.number());
    let streamed = attempt::stream(shared, lease.backend(), request, pieces, progress).await;
    let failure = streamed.as_ref().err();
    if let Some(failure) = failure {
        failure.report(order.turn, lease.backend().name());
        plan.failed(lease.member(), failure);
    }
    lease.end(failure.map_or(crate::router::Verdict::Well, Failure::verdict));
    progress.close(Failure::outcome(failure)).await;
    streamed.map_err(|_| None)
}

fn request(order: &Order, shared: &Shared, lease: &Lease, attempt: u32) -> TurnRequest {
    let mut context = order.context.clone();
    if !lease.backend().takes_images(order.model.as_deref()) {
        context.iter_mut().for_each(|piece| piece.images.clear()); // it has their names
    }
    TurnRequest {
        turn: order.turn,
        attempt,
        // Nobody has heard of it; a worker that wants to name one has something to name.
        conversation: order.conversation.unwrap_or_else(|| order.turn.as_uuid().into()),
        in_reply_to: order.in_reply_to,
        user: order.user,
        model: order.model.clone(),
        context,
        max_tokens: lower(order.max_tokens, shared.settings.turns.max_tokens),
        temperature: order.temperature,
        extra: order.extra.clone(),
        raw_events: order.raw_events,
    }
}

/// The lower of two limits, where there are two.
fn lower(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.into_iter().chain(other).min()
}

fn random() -> u64 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    low
}
