//! From a GET to a WebSocket. Whether the client may come in is said on the socket, since a browser cannot read the
//! status of a handshake that failed.

use super::health::draining;
use super::problem::Problem;
use crate::dialect::Dialect;
use crate::server::State;
use crate::ws::{Connection, Socket};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use parlor_domain::ErrorCode;
use std::sync::Arc;

/// The query's names and values, decoded.
type Query = Vec<(String, String)>;

/// Answers the handshake (RFC 6455 §4.2) and serves the socket from then on.
pub(crate) fn upgrade(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    mut request: Request,
    dialect: &'static dyn Dialect,
) -> Result<Response, Problem> {
    if state.hub.is_draining() {
        return Err(draining());
    }
    if !fastwebsockets::upgrade::is_upgrade_request(&request) {
        return Err(Problem::with_status(
            StatusCode::UPGRADE_REQUIRED,
            ErrorCode::InvalidRequest,
            "this is a WebSocket endpoint",
        ));
    }
    check_origin(&state, request.headers())?;
    let query = query(&request)?;
    let (credential, opening) = (credential(&query, request.headers()), dialect.opening(&query));
    let protocol = offered_protocol(request.headers());
    let (response, upgraded) = fastwebsockets::upgrade::upgrade(&mut request)
        .map_err(|_| invalid("not a WebSocket handshake of version 13"))?;
    let (traffic, address) =
        (Arc::clone(&state.traffic), state.address(request.extensions(), request.headers()));
    let (hub, live) = (state.hub.clone(), Arc::clone(&state.live));
    let connection = Connection { hub, dialect, address, timing: state.timing, traffic, live };
    let gate = state.gate.clone();
    let place = Arc::clone(&state.unauthenticated).try_acquire_owned().ok();
    state.sockets.spawn(async move {
        match Socket::upgraded(upgraded, Arc::clone(&connection.traffic), gate).await {
            Ok(socket) => connection.run(socket, credential, opening, place).await,
            Err(error) => tracing::debug!(%error, "a handshake was not completed"),
        }
    });
    let mut response = response.map(|_| Body::empty());
    if let Some(protocol) = protocol {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

fn invalid(detail: &'static str) -> Problem {
    Problem::with_status(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, detail)
}

/// Where origins are set, a browser's page of another origin is refused. What is no browser sends none.
pub(crate) fn check_origin(state: &State, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(allowed) = &state.origins else { return Ok(()) };
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    if allowed.iter().any(|it| it == "*" || it.as_bytes() == origin.as_bytes()) {
        return Ok(());
    }
    Err(Problem::with_status(StatusCode::FORBIDDEN, ErrorCode::Forbidden, "this origin may not connect"))
}

fn query(request: &Request) -> Result<Query, Problem> {
    let query = axum::extract::Query::<Query>::try_from_uri(request.uri());
    query.map(|query| query.0).map_err(|_| invalid("the query cannot be read"))
}

/// The credential that the handshake carries: `?token=`, else `Authorization: Bearer`.
fn credential(query: &Query, headers: &HeaderMap) -> Option<String> {
    let token = query.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone());
    token.or_else(|| super::auth::token(headers).map(ToOwned::to_owned))
}

/// A client that offers sub-protocols wants one of them named; ours are all the same.
fn offered_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    HeaderValue::from_str(offered.split(',').next()?.trim()).ok()
}
