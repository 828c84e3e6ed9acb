//! What a backend is told: the instructions, then the newest messages that fit the budget, in whole exchanges.

mod assistant;
mod files;
mod instructions;
mod knowledge;
mod window;

use super::Job;
use crate::assistants::Chosen;
use crate::hub::Shared;
use crate::message::Citation;
use crate::ports::{ContextMessage, Extra, StoreError};
use crate::{ErrorCode, Refusal};
use files::{Files, Told};
use instructions::Instructions;
use window::Window;

/// How many messages are read from the log at once.
const PAGE: usize = 64;

/// About how many tokens a text has: a third of its bytes, and 4 for what stands around it. English has about four
/// bytes a token and other languages about three, so that the estimate errs on the long side.
pub(crate) fn estimate_tokens(text: &str) -> usize {
    text.len().div_ceil(3) + 4
}

/// About how many tokens an image has, at most: the APIs make large ones smaller.
const IMAGE_TOKENS: usize = 1_600;

/// The same of a whole context, with all that a client gave beside its texts.
pub(crate) fn estimate_context(context: &[ContextMessage], extra: Option<&Extra>) -> usize {
    let beside = |extra: Option<&Extra>| extra.map_or(0, |extra| estimate_tokens(extra));
    let piece = |piece: &ContextMessage| {
        let images = piece.images.len() * IMAGE_TOKENS;
        estimate_tokens(&piece.content) + beside(piece.extra.as_ref()) + beside(piece.name.as_ref()) + images
    };
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

/// The context of a turn that is answered by who was chosen. With the documents that have to do with the question, where
/// they have room beside it; `citations` says which.
pub(super) async fn build(
    shared: &Shared,
    job: &Job,
    chosen: &Chosen,
    citations: &mut Vec<Citation>,
) -> Result<Context, NoContext> {
    let (assistant, model) = (chosen.assistant.as_deref(), chosen.model.as_deref());
    let Instructions { text, trusted, beside } = instructions::build(shared, job, assistant).await?;
    let known = knowledge::build(shared, job, &knowledge::scopes(job, assistant)).await;
    if let Some(known_text) = known.text {
        // What documents say comes last: the operator's own words stay at the beginning.
        let with: Vec<_> = text.iter().map(String::as_str).chain([known_text.as_str()]).collect();
        if let Some(pieces) = newest(shared, job, model, Some(&with.join("\n\n"))).await? {
            *citations = known.citations;
            return Ok(Context { pieces, trusted, beside });
        }
    }
    let pieces = newest(shared, job, model, text.as_deref()).await?;
    let too_long = || NoContext::Refused(Refusal::of(ErrorCode::ContextTooLong));
    Ok(Context { pieces: pieces.ok_or_else(too_long)?, trusted, beside })
}

/// The instructions and the newest messages that fit; none where not even the message to answer does.
async fn newest(
    shared: &Shared,
    job: &Job,
    model: Option<&str>,
    system: Option<&str>,
) -> Result<Option<Vec<ContextMessage>>, StoreError> {
    let mut window = Window::new(job.turn.in_reply_to, shared.settings.turns.context_tokens, system);
    window.names_people = job.names_people;
    let mut files = Files::new(shared, model);
    let mut before = job.answers + 1;
    'pages: loop {
        let page = shared.store.log_before(job.turn.conversation, Some(before), PAGE).await?;
        let Some(oldest) = page.first().map(|message| message.seq) else { break };
        for message in page.into_iter().rev() {
            if message.seq <= job.visible_after {
                break 'pages;
            }
            let told = match window.room_beside(&message) {
                Some(room) => files.told(&message, room).await,
                None => Told::default(),
            };
            if !window.take(message, told) {
                break 'pages;
            }
        }
        before = oldest;
    }
    Ok(window.finish(system))
}
