//! The instructions of an assistant, filled in for who asks and where.

use super::{Job, NoContext};
use crate::hub::Shared;
use crate::ports::{Assistant, Extra, PromptFacts, PromptPlace};
use std::sync::Arc;

/// Instructions that were filled in.
pub(super) struct Filled {
    pub(super) text: String,
    /// How much of them is the operator's own: all where the assistant is the server's.
    pub(super) trusted: usize,
    /// What people have said that may stand in them.
    pub(super) beside: Option<Extra>,
}

/// What an assistant is told of its task. The profile is told only where nobody but the one who asks sees the answer.
pub(super) async fn instructions(
    shared: &Shared,
    job: &Job,
    assistant: &Assistant,
) -> Result<Filled, NoContext> {
    let user = shared.store.user_get(job.user).await?;
    let username = user.as_ref().map_or_else(|| "user".into(), |user| Arc::from(user.username()));
    let profile = user.and_then(|user| user.profile).filter(|_| job.tells_profile);
    let (place, now) = (job.place.clone(), shared.clock.now());
    let facts = PromptFacts { username, profile, place, now };
    let text = shared.instructions_of(assistant, &facts).map_err(NoContext::Refused)?;
    let trusted = if assistant.owner.is_none() { text.len() } else { 0 };
    Ok(Filled { text, trusted, beside: spoken(assistant, &facts) })
}

/// Whatever of the facts somebody else than the operator has said, and the template speaks of.
fn spoken(assistant: &Assistant, facts: &PromptFacts) -> Option<Extra> {
    let (of_place, place) = match &facts.place {
        PromptPlace::Room { name, .. } => ("room", Some(name.as_str())),
        PromptPlace::Conversation { title, .. } => ("conversation", Some(title.as_str())),
        PromptPlace::Nowhere => ("", None),
    };
    let username = Some(&*facts.username).filter(|_| assistant.prompt.contains("user"));
    let place = place.filter(|_| assistant.prompt.contains(of_place));
    let parts: Vec<&str> = facts.profile.as_deref().into_iter().chain(username).chain(place).collect();
    (!parts.is_empty()).then(|| parts.join("\n").into())
}
