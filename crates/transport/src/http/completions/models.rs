//! The models that can be asked for.

use super::Failure;
use crate::http::auth::Bearer;
use crate::http::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_protocol::completions as wire;
use std::sync::Arc;

/// What an assistant is said to be owned by.
const ASSISTANT: &str = "assistant";

/// The assistants that the caller may call, and the models that are known to be served now. A backend that serves every
/// model is asked for others too.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "completions",
    operation_id = "list_models",
    responses(
        (status = OK, description = "The models", body = wire::Models),
        (status = UNAUTHORIZED, description = "It was refused", body = wire::Failure),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn models(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    bearer: Result<Bearer, Problem>,
) -> Result<Json<wire::Models>, Failure> {
    let Bearer(caller) = bearer?;
    let assistants = state.hub.assistant_names(&caller).await?.into_iter().map(|name| model(name, ASSISTANT));
    let models = state.hub.models();
    let models = models.into_iter().map(|entry| model(entry.model, &entry.backend));
    Ok(Json(wire::Models { object: "list".to_owned(), data: assistants.chain(models).collect() }))
}

fn model(id: String, owned_by: &str) -> wire::Model {
    wire::Model { id, object: "model".to_owned(), created: 0, owned_by: owned_by.to_owned() }
}
