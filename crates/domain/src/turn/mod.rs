//! One AI reply being made: a task that reads the context, asks a backend, and hands its text to the conversation's
//! task piece by piece. It always ends, and says how by what it returns.

mod context;
mod stream;

use crate::command::TurnOptions;
use crate::hub::Shared;
use crate::message::{NanoDollars, Seq, TurnStatus, Usage};
use crate::ports::NewTurn;
use crate::{MessageId, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use context::estimate_tokens;

/// What a turn's task is given.
pub(crate) struct Job {
    pub(crate) turn: NewTurn,
    /// The seq of the message that it answers: the context ends with it.
    pub(crate) answers: Seq,
    /// The one who asked sees only entries with a higher seq.
    pub(crate) visible_after: Seq,
    /// Several people may have spoken: the backend is told who did.
    pub(crate) names_people: bool,
    /// Who should answer, and how.
    pub(crate) options: TurnOptions,
    /// Where the text goes. Bounded: a conversation that is busy slows the backend's stream down.
    pub(crate) pieces: mpsc::Sender<Piece>,
    /// A participant wants it to end.
    pub(crate) stop: CancellationToken,
}

/// A piece of a turn's text on its way to the conversation's task.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) turn: MessageId,
    pub(crate) text: String,
}

/// How a turn ended. Its text is with the conversation's task.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) turn: MessageId,
    pub(crate) status: TurnStatus,
    pub(crate) usage: Usage,
    pub(crate) cost: Option<NanoDollars>,
    /// From the beginning of its task.
    pub(crate) elapsed: Duration,
    pub(crate) model: Option<String>,
    pub(crate) refusal: Option<Refusal>,
}

/// Runs a turn to its end: by itself, by its stop, or by the end of this node.
pub(crate) async fn run(shared: Arc<Shared>, job: Job) -> Ended {
    let (begun, mut progress) = (Instant::now(), stream::Progress::default());
    let (status, refusal) = tokio::select! {
        biased;
        () = job.stop.cancelled() => (TurnStatus::Stopped, None),
        () = shared.hard_stop.cancelled() => (TurnStatus::Interrupted, None),
        outcome = stream::produce(&shared, &job, &mut progress) => outcome,
    };
    let (usage, model) = (progress.usage(), progress.model);
    let cost = model.as_deref().and_then(|model| shared.settings.turns.prices.cost(model, usage));
    Ended { turn: job.turn.id, status, usage, cost, elapsed: begun.elapsed(), model, refusal }
}
