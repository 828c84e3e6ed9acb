//! The running server as it goes, for its operators' page.

use super::auth::Bearer;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_protocol::rooms::LiveFigures;
use std::sync::Arc;

/// Figures of this node and its backends as they are now. An admin may have them.
///
/// Who watches is written into the audit log once an hour. The socket of the rooms dialect tells the same by itself
/// (`subscribe_live`).
#[utoipa::path(
    get,
    path = "/api/v1/admin/live",
    tag = "operation",
    operation_id = "get_live",
    responses(
        (status = OK, description = "The figures", body = LiveFigures<'static>),
        (status = FORBIDDEN, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn live(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<Json<LiveFigures<'static>>, Problem> {
    Ok(Json(state.live.told(state.hub.live(&caller).await?)))
}
