//! What a backend is told: the instructions, then the newest messages that fit the budget, in whole exchanges.

mod assistant;
mod instructions;
mod window;

use super::Job;
use crate::hub::Shared;
use crate::message::Citation;
use crate::ports::{Assistant, ContextMessage, Extra, StoreError};
use crate::{ErrorCode, Refusal};
use instructions::Instructions;
use window::Window;

/// How many messages are read from the log at once.
const PAGE: usize = 64;

/// About how many tokens a text has: a third of its bytes, and 4 for what stands around it. English has about four
/// bytes a token and other languages about three, so that the estimate errs on the long side.
pub(crate) fn estimate_tokens(text: &str) -> usize {
    text.len().div_ceil(3) + 4
}

/// The same of a whole context, with all that a client gave beside its texts.
pub(crate) fn estimate_context(context: &[ContextMessage], extra: Option<&Extra>) -> usize {
    let beside = |extra: Option<&Extra>| extra.map_or(0, |extra| estimate_tokens(extra));
    let piece = |piece: &ContextMessage| estimate_tokens(&piece.content) + beside(piece.extra.as_ref());
    context.iter().map(piece).sum::<usize>() + beside(extra)
}

/// Why there is no context.
pub(super) enum NoContext {
    Store(StoreError),
    Refused(Refusal),
}

impl From<StoreError> for NoContext {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a backend is told.
pub(super) struct Context {
    /// Oldest first; the last piece is the message to answer.
    pub(super) pieces: Vec<ContextMessage>,
    /// How many bytes at its beginning are the operator's own words.
    pub(super) trusted: usize,
    /// What somebody else said that may stand among those.
    pub(super) beside: Option<Extra>,
}

/// The context of a turn that this assistant answers, or none.
pub(super) async fn build(
    shared: &Shared,
    job: &Job,
    assistant: Option<&Assistant>,
    _citations: &mut Vec<Citation>,
) -> Result<Context, NoContext> {
    let settings = &shared.settings.turns;
    let Instructions { text, trusted, beside } = instructions::build(shared, job, assistant).await?;
    let system = text.as_deref();
    let mut window = Window::new(job.turn.in_reply_to, settings.context_tokens, system);
    window.names_people = job.names_people;
    let mut before = job.answers + 1;
    'pages: loop {
        let page = shared.store.log_before(job.turn.conversation, Some(before), PAGE).await?;
        let Some(oldest) = page.first().map(|message| message.seq) else { break };
        for message in page.into_iter().rev() {
            if message.seq <= job.visible_after || !window.take(message) {
                break 'pages;
            }
        }
        before = oldest;
    }
    let too_long = || NoContext::Refused(Refusal::of(ErrorCode::ContextTooLong));
    Ok(Context { pieces: window.finish(system).ok_or_else(too_long)?, trusted, beside })
}
