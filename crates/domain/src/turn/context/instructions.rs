//! What a context begins with.

use super::Job;
use crate::hub::Shared;
use crate::ports::StoreError;

/// What the context begins with: the instructions, what the one who asks has said of themselves, and what their client
/// said of the request.
pub(super) async fn build(shared: &Shared, job: &Job) -> Result<Option<String>, StoreError> {
    let prompt = job.options.system_prompt.as_deref().or(shared.settings.turns.system_prompt.as_deref());
    let user = if job.tells_profile { shared.store.user_get(job.user).await? } else { None };
    let profile = user.and_then(|user| user.profile).map(|it| format!("About the user, as JSON: {it}"));
    let context = job.options.context.as_ref().map(|it| format!("About this request, as JSON: {it}"));
    let parts: Vec<_> = prompt.map(str::to_owned).into_iter().chain(profile).chain(context).collect();
    Ok((!parts.is_empty()).then(|| parts.join("\n\n")))
}
