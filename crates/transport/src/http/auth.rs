//! Whose request it is: the bearer of the `Authorization` header, and of nothing else. A token in a URL opens sockets.

use super::problem::Problem;
use crate::server::State;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use parlor_domain::ports::Scope;
use parlor_domain::{Caller, ErrorCode, Refusal};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

/// The caller of a route.
///
/// Refusals: 401 `UNAUTHENTICATED` without a token, 401 `INVALID_TOKEN` or `TOKEN_EXPIRED` with a bad one, and 403
/// `FORBIDDEN` with one that opens sockets alone.
pub(super) struct Bearer(pub(super) Caller);

impl FromRequestParts<Arc<State>> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let token = token(&parts.headers).ok_or_else(|| Refusal::of(ErrorCode::Unauthenticated))?;
        let caller = state.hub.authenticate(token).await?;
        let caller = caller.at(state.address(&parts.extensions, &parts.headers));
        match caller.identity.scope {
            Scope::Everything => Ok(Self(caller)),
            Scope::Sockets => {
                Err(Refusal::new(ErrorCode::Forbidden, "this token opens sockets alone").into())
            }
        }
    }
}

/// From where a request comes, where that is known.
pub(super) struct Address(pub(super) Option<IpAddr>);

impl FromRequestParts<Arc<State>> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Infallible> {
        Ok(Self(state.address(&parts.extensions, &parts.headers)))
    }
}

/// The token of `Authorization: Bearer`.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
