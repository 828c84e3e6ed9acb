//! The door for clients of `OpenAI`'s API: a reply to a context of their own, by the same backends, budgets and books as
//! every reply. No conversation, no log.

mod chunks;
mod failure;
mod models;
mod request;
mod whole;

pub(super) use failure::Failure;
pub(super) use models::{__path_models, models};

use super::auth::Bearer;
use super::input::Body;
use crate::server::State;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use parlor_domain::message::TurnStatus;
use parlor_domain::{Caller, CompletionPiece, ErrorCode, Refusal};
use parlor_protocol::completions as wire;
use std::sync::Arc;

/// The largest body, in bytes: a context of many turns.
pub(super) const MAX_BODY: usize = 2 * 1024 * 1024;

/// A reply to a context.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "completions",
    operation_id = "complete",
    request_body = wire::Request,
    responses(
        (status = OK, description = "The reply; with `stream`, chunks as server-sent events, then `[DONE]`",
            body = wire::Completion),
        (status = "4XX", description = "It was refused", body = wire::Failure),
        (status = "5XX", description = "Nobody could answer", body = wire::Failure),
    ),
    security(("token" = []))
)]
pub(super) async fn complete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Call { caller, body }: Call,
) -> Result<Response, Failure> {
    let asked = request::Asked::of(&body);
    let mut stream = state.hub.complete(&caller, request::draft(body)?)?;
    // What goes wrong before the first piece still has a status of its own.
    let first = stream.next().await.ok_or(Refusal::of(ErrorCode::Internal))?;
    if let CompletionPiece::End(end) = &first
        && let Some(refusal) = failed(end.status, end.refusal.as_ref())
    {
        return Err(refusal.into());
    }
    let created = state.hub.now().as_second();
    if asked.streams {
        return Ok(chunks::response(asked, created, first, stream));
    }
    Ok(whole::collect(asked, created, first, stream).await?.into_response())
}

/// A request of somebody who is known: nothing of a stranger's is read.
pub(super) struct Call {
    caller: Caller,
    body: wire::Request,
}

impl FromRequest<Arc<State>> for Call {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Failure> {
        let (mut head, body) = request.into_parts();
        let Bearer(caller) = Bearer::from_request_parts(&mut head, state).await?;
        let Body(body) = Body::from_request(Request::from_parts(head, body), state).await?;
        Ok(Self { caller, body })
    }
}

/// Why a reply that ended so is no reply; none where it is.
fn failed(status: TurnStatus, refusal: Option<&Refusal>) -> Option<Refusal> {
    match status {
        TurnStatus::Complete => None,
        _ => Some(refusal.cloned().unwrap_or(Refusal::new(ErrorCode::AiUnavailable, "the reply broke off"))),
    }
}
