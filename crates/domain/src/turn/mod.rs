//! A conversation's reply being made: a task that reads the context, has the reply made, and hands it to the
//! conversation's task piece by piece. It always ends, and says how by what it returns.

mod context;

use crate::Refusal;
use crate::UserId;
use crate::assistants::Chosen;
use crate::command::TurnOptions;
use crate::generation::{self, Order, Outcome, Pieces, Progress};
use crate::hub::Shared;
use crate::message::{Attached, Citation, Confidence, Metadata, NanoDollars, Seq, TurnStatus, Usage};
use crate::ports::{AttemptOutcome, NewTurn, PromptPlace};
use context::{Context, NoContext};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use context::{estimate_context, estimate_tokens};

/// What a turn's task is given.
pub(crate) struct Job {
    pub(crate) turn: NewTurn,
    /// The seq of the message that it answers: the context ends with it.
    pub(crate) answers: Seq,
    /// Who asked.
    pub(crate) user: UserId,
    /// They see only entries with a higher seq.
    pub(crate) visible_after: Seq,
    /// Several people may have spoken: the backend is told who did.
    pub(crate) names_people: bool,
    /// Nobody but the one who asked sees the answer: the backend is told what they have said of themselves.
    pub(crate) tells_profile: bool,
    /// Nobody else takes part: what is the asker's own may be in the answer.
    pub(crate) is_private: bool,
    /// Where it is asked.
    pub(crate) place: PromptPlace,
    /// Who should answer, and how.
    pub(crate) options: TurnOptions,
    /// Where the pieces go.
    pub(crate) pieces: Pieces,
    /// A participant wants it to end.
    pub(crate) stop: CancellationToken,
}

/// How a turn ended. Its text is with the conversation's task.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) turn: crate::MessageId,
    pub(crate) status: TurnStatus,
    pub(crate) usage: Usage,
    pub(crate) cost: Option<NanoDollars>,
    /// From the beginning of its task.
    pub(crate) elapsed: Duration,
    pub(crate) model: Option<String>,
    /// The name of the assistant that was to answer.
    pub(crate) assistant: Option<Arc<str>>,
    pub(crate) backend: Option<String>,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) content_type: Option<Box<str>>,
    /// What the backend sent, where that is to be kept.
    pub(crate) attached: Option<Box<Attached>>,
    /// What everybody sees beside its text: the passages that it was made with.
    pub(crate) metadata: Option<Box<Metadata>>,
    pub(crate) refusal: Option<Refusal>,
}

/// Runs a turn to its end: by itself, by its stop, or by the end of this node.
pub(crate) async fn run(shared: Arc<Shared>, job: Job) -> Ended {
    let (begun, mut progress) = (Instant::now(), Progress::default());
    let (mut chosen, mut citations) = (Chosen::default(), Vec::new());
    let (status, refusal) = tokio::select! {
        biased;
        () = job.stop.cancelled() => (TurnStatus::Stopped, None),
        () = shared.hard_stop.cancelled() => (TurnStatus::Interrupted, None),
        outcome = produce(&shared, &job, &mut chosen, &mut progress, &mut citations) => outcome,
    };
    progress.close(outcome_of(status)).await;
    Ended {
        turn: job.turn.id,
        status,
        usage: progress.usage(),
        cost: progress.cost(),
        elapsed: begun.elapsed(),
        model: progress.model(),
        assistant: chosen.assistant.map(|assistant| assistant.name.as_str().into()),
        backend: progress.backend(),
        confidence: progress.confidence(),
        content_type: progress.content_type().map(Into::into),
        attached: progress.attached(),
        metadata: Metadata { citations, ..Metadata::default() }.boxed(),
        refusal,
    }
}

/// What a turn's end makes of the attempt that was under way.
pub(crate) fn outcome_of(status: TurnStatus) -> AttemptOutcome {
    match status {
        TurnStatus::Stopped => AttemptOutcome::Stopped,
        TurnStatus::Complete | TurnStatus::Failed | TurnStatus::Interrupted => AttemptOutcome::Interrupted,
    }
}

async fn produce(
    shared: &Shared,
    job: &Job,
    chosen: &mut Chosen,
    progress: &mut Progress,
    citations: &mut Vec<Citation>,
) -> Outcome {
    let context = match prepare(shared, job, chosen, citations).await {
        Ok(context) => context,
        Err(NoContext::Refused(refusal)) => return (TurnStatus::Failed, Some(refusal)),
        Err(NoContext::Store(error)) => return (TurnStatus::Failed, Some(Refusal::internal(&error))),
    };
    let Context { pieces, trusted, beside } = context;
    let order = Order {
        turn: job.turn.id,
        conversation: Some(job.turn.conversation),
        in_reply_to: job.turn.in_reply_to,
        user: job.user,
        model: chosen.model.clone(),
        context: pieces,
        trusted,
        beside,
        max_tokens: chosen.max_tokens(job.options.max_tokens),
        temperature: chosen.temperature(job.options.temperature),
        extra: None,
        restarts: job.options.restarts,
        raw_events: job.options.raw_events,
    };
    *progress = Progress::new(&order);
    generation::produce(shared, order, &job.pieces, progress).await
}

/// Who answers, and what they are told.
async fn prepare(
    shared: &Shared,
    job: &Job,
    chosen: &mut Chosen,
    citations: &mut Vec<Citation>,
) -> Result<Context, NoContext> {
    let room = matches!(job.place, PromptPlace::Room { .. }).then_some(job.turn.conversation);
    *chosen =
        shared.choose(job.user, job.options.model.as_deref(), room).await.map_err(NoContext::Refused)?;
    context::build(shared, job, chosen, citations).await
}
