//! Sessions at rest: listed, searched, read page by page, exported, deleted and brought back. What is said in them goes
//! over sockets. Another user's session is not there.

mod context;
mod exchange;
mod export;
mod list;
pub(super) mod page;
mod session;

pub(super) use export::{__path_export, export};
pub(super) use list::{__path_list, list};

use super::auth::Bearer;
use super::input::{Named, Params};
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use exchange::Exchange;
use page::{Meta, PageParams};
use parlor_domain::ConversationId;
use serde::Serialize;
use session::Session;
use std::sync::Arc;
use utoipa::ToSchema;

/// A session with a page of what was said in it.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionPage {
    #[serde(flatten)]
    session: Session,
    /// The oldest first.
    messages: Vec<Exchange>,
    meta: Meta,
}

/// One session of the caller's, with a page of its exchanges.
#[utoipa::path(
    get,
    path = "/chat/sessions/{session_id}",
    tag = "sessions",
    operation_id = "get_session",
    params(("session_id" = ConversationId, Path, description = "The session"), PageParams),
    responses(
        (status = OK, description = "The session", body = SessionPage),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
    Params(params): Params<PageParams>,
) -> Result<Json<SessionPage>, Problem> {
    let asked = params.asked()?;
    let (entry, exchanges) = state.hub.conversation_read(&caller, id, asked.page()).await?;
    let meta = asked.meta(exchanges.total);
    let messages = exchanges.items.into_iter().map(Exchange::from).collect();
    Ok(Json(SessionPage { session: Session::of(entry, &caller), messages, meta }))
}

/// Deletes a session. Its owner can bring it back until it is removed for good.
#[utoipa::path(
    delete,
    path = "/chat/sessions/{session_id}",
    tag = "sessions",
    operation_id = "delete_session",
    params(("session_id" = ConversationId, Path, description = "The session")),
    responses(
        (status = NO_CONTENT, description = "It was deleted"),
        (status = FORBIDDEN, response = super::problem::Refused),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
) -> Result<StatusCode, Problem> {
    state.hub.conversation_delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted session back.
#[utoipa::path(
    post,
    path = "/chat/sessions/{session_id}/restore",
    tag = "sessions",
    operation_id = "restore_session",
    params(("session_id" = ConversationId, Path, description = "The session")),
    responses(
        (status = OK, description = "It is there again", body = Session),
        (status = FORBIDDEN, response = super::problem::Refused),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn restore(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
) -> Result<Json<Session>, Problem> {
    let entry = state.hub.conversation_restore(&caller, id).await?;
    Ok(Json(Session::of(entry, &caller)))
}
