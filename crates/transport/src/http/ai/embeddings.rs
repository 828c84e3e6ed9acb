//! A vector of a text.

use crate::http::auth::Bearer;
use crate::http::input::Body;
use crate::http::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use parlor_domain::EmbeddingDraft;
use parlor_protocol::ai as wire;
use std::sync::Arc;

/// The vector of a text: near to those of texts that mean something alike. 20 a minute a user.
#[utoipa::path(
    post,
    path = "/api/v1/ai/embeddings",
    tag = "ai",
    operation_id = "ai_embed",
    request_body = wire::EmbeddingRequest,
    responses(
        (status = OK, description = "The vector", body = wire::EmbeddingAnswer),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
        (status = SERVICE_UNAVAILABLE, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn embed(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Body(wire::EmbeddingRequest { text, model }): Body<wire::EmbeddingRequest>,
) -> Result<Json<wire::EmbeddingAnswer>, Problem> {
    let draft = EmbeddingDraft { text, model: model.filter(|model| !model.is_empty()) };
    let made = state.hub.embed(&caller, draft).await?;
    let embedding = made.vectors.into_iter().next().unwrap_or_default();
    Ok(Json(wire::EmbeddingAnswer { embedding, model: made.model, tokens: made.tokens }))
}
