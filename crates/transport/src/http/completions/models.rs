//! The models that can be asked for.

use super::Failure;
use crate::http::auth::Bearer;
use crate::http::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_protocol::completions as wire;
use std::sync::Arc;

/// The models that are known to be served now. A backend that serves every model is asked for others too.
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
    bearer?;
    let models = state.hub.models().into_iter().map(|entry| wire::Model {
        id: entry.model,
        object: "model".to_owned(),
        created: 0,
        owned_by: entry.backend,
    });
    Ok(Json(wire::Models { object: "list".to_owned(), data: models.collect() }))
}
