//! A reply to a context that a client brings itself: no conversation, no log, but the same backends, budgets and books.

use crate::check;
use crate::command::TurnOptions;
use crate::generation::{self, Order, Piece, PieceBody, Pieces, Progress};
use crate::hub::{Caller, Hub, Shared};
use crate::message::{TurnStatus, Usage};
use crate::ports::{ContextMessage, Extra, Finish, ToolCall};
use crate::turn::{estimate_context, outcome_of};
use crate::{ErrorCode, MessageId, Refusal, UserId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How many pieces may wait for the client; then the backend's stream waits.
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

/// A completion as it comes. Dropping it ends it.
pub struct CompletionStream {
    id: MessageId,
    pieces: mpsc::Receiver<Piece>,
    end: Option<oneshot::Receiver<CompletionEnd>>,
}

impl CompletionStream {
    /// Names it in the books.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The next piece; none after the end. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<CompletionPiece> {
        while let Some(piece) = self.pieces.recv().await {
            match piece.body {
                PieceBody::Text(text) => return Some(CompletionPiece::Content(text)),
                PieceBody::Reasoning(text) => return Some(CompletionPiece::Reasoning(text)),
                PieceBody::ToolCall(call) => return Some(CompletionPiece::ToolCall(call)),
                // Only thoughts were shown before: no other backend is asked after the first content.
                PieceBody::Restarted(_) => {}
            }
        }
        let end = self.end.as_mut()?.await;
        self.end = None;
        // A task that panicked left no end.
        let end = end.unwrap_or_else(|_| CompletionEnd {
            status: TurnStatus::Failed,
            refusal: Some(Refusal::of(ErrorCode::Internal)),
            finish: Finish::default(),
            model: None,
            usage: Usage::default(),
        });
        Some(CompletionPiece::End(Box::new(end)))
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
        shared.user_limits.check_completion(user)?;
        check(&draft, shared.settings.turns.context_tokens)?;
        let order = order_of(user, draft);
        let id = order.turn;
        let (sender, pieces) = mpsc::channel(PIECES);
        let (respond, end) = oneshot::channel();
        let guard = shared.live_turns.token();
        let task = Arc::clone(shared);
        shared.tasks.spawn(async move {
            let _guard = guard;
            let ended = run(&task, order, sender).await;
            let _ = respond.send(ended); // who asked may be gone
        });
        Ok(CompletionStream { id, pieces, end: Some(end) })
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
        max_tokens: draft.max_tokens,
        temperature: draft.temperature,
        extra: draft.extra,
        restarts: false,
    }
}

/// Runs a completion to its end: by itself, by its client's going, or by the end of this node.
async fn run(shared: &Shared, order: Order, pieces: Pieces) -> CompletionEnd {
    let mut progress = Progress::new(&order);
    let (status, refusal) = tokio::select! {
        biased;
        () = pieces.closed() => (TurnStatus::Stopped, None),
        () = shared.hard_stop.cancelled() => (TurnStatus::Interrupted, None),
        outcome = generation::produce(shared, order, &pieces, &mut progress) => outcome,
    };
    progress.close(outcome_of(status)).await;
    CompletionEnd {
        status,
        refusal,
        finish: progress.finish(),
        model: progress.model(),
        usage: progress.usage(),
    }
}
