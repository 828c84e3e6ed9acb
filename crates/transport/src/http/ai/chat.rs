//! One message and its answer.

use crate::dialect::metadata::owned_citations;
use crate::http::auth::Bearer;
use crate::http::input::Body;
use crate::http::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use parlor_domain::message::{KIND_USER, Message};
use parlor_domain::{Draft, Place, TurnOptions};
use parlor_protocol::ai as wire;
use std::sync::Arc;

/// Sends a message, waits for its reply, and answers with it. Who stops waiting ends nothing: the reply is in the
/// conversation afterwards.
#[utoipa::path(
    post,
    path = "/api/v1/ai/chat",
    tag = "ai",
    operation_id = "ai_chat",
    request_body = wire::ChatRequest,
    responses(
        (status = OK, description = "The reply", body = wire::ChatAnswer),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
        (status = SERVICE_UNAVAILABLE, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn chat(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Body(request): Body<wire::ChatRequest>,
) -> Result<Json<wire::ChatAnswer>, Problem> {
    let reply = state.hub.chat(&caller, draft(request)).await?;
    Ok(Json(answer(&reply)))
}

/// The message that a request wants to be stored and answered.
pub(crate) fn draft(request: wire::ChatRequest) -> Draft {
    let options = TurnOptions {
        model: request.model.filter(|model| !model.is_empty()),
        max_tokens: request.max_tokens,
        temperature: request.temperature,
        // Nobody has seen a piece of it: it may begin anew unnoticed.
        restarts: true,
        ..TurnOptions::default()
    };
    Draft {
        place: request.conversation_id.map(Place::Conversation),
        content: request.message,
        kind: KIND_USER.to_owned(),
        content_type: None,
        client_id: request.client_message_id,
        attachments: Vec::new(),
        options,
    }
}

/// A reply as the API tells it.
pub(crate) fn answer(reply: &Message) -> wire::ChatAnswer {
    let made = reply.reply.as_ref();
    wire::ChatAnswer {
        conversation_id: reply.conversation,
        message_id: reply.id,
        content: reply.content.clone(),
        model: made.and_then(|made| made.model.clone()),
        tokens: made.map_or(0, |made| made.usage.total_tokens()),
        created_at: reply.created_at,
        status: made.map_or("", |made| made.status.as_str()).to_owned(),
        assistant: reply.author_name.as_deref().map(ToOwned::to_owned),
        citations: owned_citations(reply),
    }
}
