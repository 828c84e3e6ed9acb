//! What a context begins with.

use super::{Job, NoContext, assistant};
use crate::hub::Shared;
use crate::ports::{Assistant, Extra};

/// What a context begins with.
pub(super) struct Instructions {
    pub(super) text: Option<String>,
    /// How many bytes at its beginning are the operator's own words.
    pub(super) trusted: usize,
    /// What somebody else said that stands among those.
    pub(super) beside: Option<Extra>,
}

/// What the context begins with: the instructions, what the one who asks has said of themselves, and what their client
/// said of the request.
///
/// An assistant's instructions stand in the place of the server's, and a client's own are left out then. They say by
/// themselves what they want of the profile.
pub(super) async fn build(
    shared: &Shared,
    job: &Job,
    assistant: Option<&Assistant>,
) -> Result<Instructions, NoContext> {
    let of_assistant = match assistant.filter(|assistant| !assistant.prompt.is_empty()) {
        Some(assistant) => Some(assistant::instructions(shared, job, assistant).await?),
        None => None,
    };
    let (prompt, trusted, profile, beside) = if let Some(filled) = of_assistant {
        (Some(filled.text), filled.trusted, None, filled.beside)
    } else {
        let own = job.options.system_prompt.as_deref().filter(|_| assistant.is_none());
        let of_server = shared.settings.turns.system_prompt.as_deref();
        let trusted = own.map_or(of_server.map_or(0, str::len), |_| 0);
        (own.or(of_server).map(str::to_owned), trusted, profile(shared, job).await?, None)
    };
    let profile = profile.map(|it| format!("About the user, as JSON: {it}"));
    let context = job.options.context.as_ref().map(|it| format!("About this request, as JSON: {it}"));
    let parts: Vec<_> = prompt.into_iter().chain(profile).chain(context).collect();
    Ok(Instructions { text: (!parts.is_empty()).then(|| parts.join("\n\n")), trusted, beside })
}

async fn profile(shared: &Shared, job: &Job) -> Result<Option<Extra>, NoContext> {
    let user = if job.tells_profile { shared.store.user_get(job.user).await? } else { None };
    Ok(user.and_then(|user| user.profile))
}
