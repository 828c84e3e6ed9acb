//! Handshakes, before the library sees them: where they come from, whether there is room, and whether the server goes on.

use crate::http::{Problem, check_origin, draining};
use crate::server::State;
use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use hyper::service::Service;
use parking_lot::Mutex;
use parlor_domain::{CloseCode, ErrorCode, Session};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long the body of a poll's opposite may take to arrive.
const BODY: Duration = Duration::from_secs(10);

/// What a handshake leaves to its connection, in the library's copy of its request.
#[derive(Clone)]
pub(super) struct Entrance {
    /// A place among those that have not authenticated. It is free again when the connection has, or is gone.
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    /// From where the client speaks, where that is known.
    pub(super) address: Option<IpAddr>,
    /// The session of who has left the namespace and not the transport, which the library cannot close: it counts among its
    /// user's connections until the transport is gone, or somebody comes in by it again.
    left: Arc<Mutex<Option<Session>>>,
}

impl Entrance {
    /// The connection has authenticated.
    pub(super) fn free(&self) {
        self.place.lock().take();
    }

    /// The namespace was left.
    pub(super) fn keep(&self, session: Session) {
        session.outbox().close(CloseCode::Normal);
        *self.left.lock() = Some(session);
    }

    /// Somebody comes in, or wants to.
    pub(super) fn forget(&self) {
        let left = self.left.lock().take();
        drop(left);
    }
}

/// Serves one request by the library's service: a handshake, a poll, what a client sends, or an upgrade.
pub(super) async fn enter<S, B>(state: &State, mut request: Request, service: &S) -> Result<Response, Problem>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    check_origin(state, request.headers())?;
    if is_handshake(&request) {
        if state.hub.is_draining() {
            return Err(draining());
        }
        let place = Arc::clone(&state.unauthenticated).try_acquire_owned();
        let place = place.map_err(|_| {
            let words = "too many connections are on their way to authentication";
            Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyConnections, words)
        })?;
        let address = state.address(request.extensions(), request.headers());
        let place = Arc::new(Mutex::new(Some(place)));
        request.extensions_mut().insert(Entrance { place, address, left: Arc::default() });
    }
    let sends = request.method() == Method::POST;
    let answer = service.call(request);
    let answered = if sends {
        timeout(BODY, answer).await.map_err(|_| {
            let words = "the body did not arrive in time";
            Problem::with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::InvalidRequest, words)
        })?
    } else {
        answer.await
    };
    let Ok(response) = answered;
    Ok(response.map(Body::new))
}

/// A request that names no session begins one.
fn is_handshake(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    !query.split('&').any(|part| part.starts_with("sid="))
}
