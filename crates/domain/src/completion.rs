//! A reply to a context that a client brings itself: no conversation, no log, but the same backends, budgets and books.

mod assistant;
mod spool;

use crate::caller::Caller;
use crate::check;
use crate::command::TurnOptions;
use crate::generation::{self, Order, Piece, Progress};
use crate::hub::{Hub, Shared};
use crate::limits::Counted;
use crate::message::{TurnStatus, Usage};
use crate::ports::{ContextMessage, Extra, Finish, ToolCall};
use crate::turn::{estimate_context, outcome_of};
use crate::{ErrorCode, MessageId, Refusal, UserId};
use spool::Spool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many pieces may be on their way to the spool.
const PIECES: usize = 64;

/// What a client asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompletionDraft {
    /// The model; none leaves it to the server.
    pub model: Option<String>,
    /// The context, oldest first.
    pub context: Vec<ContextMessage>,
    /// How many tokens the reply may have; the server's own maximum still holds.
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2.
    pub temperature: Option<f64>,
    /// What else the client wants of the backend.
    pub extra: Option<Extra>,
}

/// A piece of a completion.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionPiece {
    /// Text of the reply.
    Content(String),
    /// What the model thinks aloud. Where a backend failed before its first content, another one's thoughts follow.
    Reasoning(String),
    /// A piece of a call of a tool.
    ToolCall(ToolCall),
    /// The end, after which nothing comes.
    End(Box<CompletionEnd>),
}

/// How a completion ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionEnd {
    /// How.
    pub status: TurnStatus,
    /// Why, where it failed.
    pub refusal: Option<Refusal>,
    /// Why the reply ended, where it is whole.
    pub finish: Finish,
    /// The model that answered.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// A completion as it comes. Dropping it ends it; reading it slowly holds nobody up.
pub struct CompletionStream {
    id: MessageId,
    spool: Arc<Spool>,
}

impl CompletionStream {
    /// Names it in the books.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The next piece, neighbours that have waited as one; none after the end. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<CompletionPiece> {
        self.spool.next().await
    }
}

impl Drop for CompletionStream {
    fn drop(&mut self) {
        self.spool.gone.cancel();
    }
}

impl Hub {
    /// Begins a reply to a context of the caller's own. Errors: `INVALID_REQUEST`, `CONTEXT_TOO_LONG`, `RATE_LIMIT`, and
    /// `AI_UNAVAILABLE` while the server drains. What happens later is in the end.
    pub fn complete(&self, caller: &Caller, draft: CompletionDraft) -> Result<CompletionStream, Refusal> {
        let shared = &self.0;
        if shared.draining.is_cancelled() {
            return Err(Refusal::retry_after(ErrorCode::AiUnavailable, Duration::from_secs(1)));
        }
        let user = caller.identity.user;
        shared.user_limits.check(Counted::Completions, user)?;
        check(&draft, shared.settings.turns.context_tokens)?;
        let order = order_of(user, draft);
        let id = order.turn;
        let (spool, guard) = (Arc::new(Spool::default()), shared.live_turns.token());
        let (task, teller) = (Arc::clone(shared), Teller(Arc::clone(&spool)));
        shared.tasks.spawn(async move {
            let _guard = guard;
            let end = run(&task, order, &teller.0).await;
            teller.0.end(end);
        });
        Ok(CompletionStream { id, spool })
    }
}

fn check(draft: &CompletionDraft, context_tokens: usize) -> Result<(), Refusal> {
    if draft.context.is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "there is no message to answer"));
    }
    check::options(&TurnOptions {
        model: draft.model.clone(),
        temperature: draft.temperature,
        max_tokens: draft.max_tokens,
        ..TurnOptions::default()
    })?;
    if estimate_context(&draft.context, draft.extra.as_ref()) > context_tokens {
        return Err(Refusal::of(ErrorCode::ContextTooLong));
    }
    Ok(())
}

fn order_of(user: UserId, draft: CompletionDraft) -> Order {
    let turn = MessageId::new();
    Order {
        turn,
        conversation: None,
        in_reply_to: turn,
        user,
        model: draft.model,
        context: draft.context,
        trusted: 0,
        beside: None,
        max_tokens: draft.max_tokens,
        temperature: draft.temperature,
        extra: draft.extra,
        restarts: false,
        raw_events: false,
    }
}

/// Tells the reader of an end also where the task panics.
struct Teller(Arc<Spool>);

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.end(failed(Refusal::of(ErrorCode::Internal)));
    }
}

/// The end of a completion that no backend was asked for.
fn failed(refusal: Refusal) -> CompletionEnd {
    CompletionEnd {
        status: TurnStatus::Failed,
        refusal: Some(refusal),
        finish: Finish::default(),
        model: None,
        usage: Usage::default(),
    }
}

/// Runs a completion to its end: by itself, by its client's going, or by the end of this node.
async fn run(shared: &Shared, order: Order, spool: &Spool) -> CompletionEnd {
    let order = match assistant::ready(shared, order).await {
        Ok(order) => order,
        Err(refusal) => return failed(refusal),
    };
    let mut progress = Progress::new(&order);
    let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES);
    let spooling = async {
        while let Some(piece) = pieces.recv().await {
            spool.push(piece.body);
        }
        std::future::pending().await
    };
    let (status, refusal) = tokio::select! {
        biased;
        () = spool.gone.cancelled() => (TurnStatus::Stopped, None),
        () = shared.hard_stop.cancelled() => (TurnStatus::Interrupted, None),
        never = spooling => never,
        outcome = generation::produce(shared, order, &sender, &mut progress) => outcome,
    };
    while let Ok(piece) = pieces.try_recv() {
        spool.push(piece.body);
    }
    progress.close(outcome_of(status)).await;
    CompletionEnd {
        status,
        refusal,
        finish: progress.finish(),
        model: progress.model(),
        usage: progress.usage(),
    }
}
