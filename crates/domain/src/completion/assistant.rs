//! A completion by an assistant: its instructions stand before the client's own context.

use crate::generation::Order;
use crate::hub::Shared;
use crate::ports::{ContextMessage, PromptFacts, PromptPlace, Speaker};
use crate::turn::estimate_context;
use crate::{ErrorCode, Refusal};
use std::sync::Arc;

/// The order as it goes to a backend. Errors: `MODEL_NOT_FOUND`, `CONTEXT_TOO_LONG` where the instructions do not fit
/// beside the context, `INVALID_REQUEST` where they cannot be filled in, `INTERNAL`.
pub(super) async fn ready(shared: &Shared, mut order: Order) -> Result<Order, Refusal> {
    let chosen = shared.choose(order.user, order.model.as_deref(), None).await?;
    order.max_tokens = chosen.max_tokens(order.max_tokens);
    order.temperature = chosen.temperature(order.temperature);
    order.model = chosen.model;
    let Some(assistant) = chosen.assistant.filter(|assistant| !assistant.prompt.is_empty()) else {
        return Ok(order);
    };
    let user = shared.store.user_get(order.user).await.map_err(|error| Refusal::internal(&error))?;
    let username = user.as_ref().map_or_else(|| "user".into(), |user| Arc::from(user.username()));
    let profile = user.and_then(|user| user.profile);
    let (place, now) = (PromptPlace::Nowhere, shared.clock.now());
    let facts = PromptFacts { username, profile: profile.clone(), place, now };
    let text = shared.instructions_of(&assistant, &facts)?;
    if assistant.owner.is_none() {
        (order.trusted, order.beside) = (text.len(), profile);
    }
    order.context.insert(0, ContextMessage::new(Speaker::System, text));
    if estimate_context(&order.context, order.extra.as_ref()) > shared.settings.turns.context_tokens {
        return Err(Refusal::of(ErrorCode::ContextTooLong));
    }
    Ok(order)
}
