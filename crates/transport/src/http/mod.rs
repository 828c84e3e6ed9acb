//! The HTTP routes: thin handlers over the domain.

mod health;
mod problem;
mod upgrade;

use crate::dialect::{Conversations, Dialect};
use crate::server::State;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;

/// The WebSocket endpoints and their dialects.
const SOCKETS: &[(&str, &dyn Dialect)] = &[("/api/v1/chat/ws", &Conversations)];

/// All routes.
pub(crate) fn router(state: Arc<State>) -> Router {
    let mut router = Router::new()
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready));
    for (path, dialect) in SOCKETS {
        router = router.route(path, get(async |state, request| upgrade::upgrade(state, request, *dialect)));
    }
    router.fallback(problem::not_found).with_state(state)
}
