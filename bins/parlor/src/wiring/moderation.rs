//! Who judges texts.

use crate::failure::Failure;
use crate::settings::Moderation;
use parlor_ai::moderation::{Both, OpenAiModerator};
use parlor_domain::ports::Moderator;
use std::sync::Arc;

/// The moderator that is configured, if one is.
pub(crate) fn moderator(settings: &Moderation) -> Result<Option<Arc<dyn Moderator>>, Failure> {
    let failed = |error| Failure::while_doing("the moderation server", &error);
    let server = settings.server.as_ref().map(OpenAiModerator::new).transpose().map_err(failed)?;
    Ok(match (settings.rules.clone(), server) {
        (None, None) => None,
        (Some(rules), None) => Some(Arc::new(rules)),
        (None, Some(server)) => Some(Arc::new(server)),
        (Some(rules), Some(server)) => Some(Arc::new(Both::new(rules, server))),
    })
}
