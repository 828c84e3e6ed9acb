//! The HTTP routes: thin handlers over the domain, in one table of which the router and its document are both made.
//!
//! Unlike frames, requests over HTTP are not limited a user, but for those that have something made by an AI: a proxy in
//! front may limit them by address.

mod accounts;
mod ai;
mod assistants;
mod asyncapi;
mod audit;
mod auth;
mod completions;
mod config;
mod cors;
mod documents;
mod files;
mod health;
mod input;
mod live;
mod me;
mod members;
mod page;
mod problem;
mod rooms;
mod sessions;
mod stats;
#[cfg(test)]
mod tests;
mod tokens;
mod upgrade;
mod words;

pub(crate) use ai::answer as chat_answer;
pub(crate) use auth::token as bearer;
pub(crate) use health::draining;
pub(crate) use problem::Problem;
pub(crate) use upgrade::check_origin;

use crate::dialect::{Broker, Conversations, Dialect, Rooms, Sessions};
use crate::server::State;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use std::sync::Arc;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The WebSocket endpoints and their dialects.
const SOCKETS: &[(&str, &dyn Dialect)] = &[
    ("/api/v1/chat/ws", &Conversations),
    ("/api/v1/ws/ws", &Rooms),
    ("/ws", &Broker),
    ("/chat/ws", &Sessions),
];

/// The HTTP endpoints. What is not in here is neither served nor documented.
fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(tokens::issue))
        .routes(routes!(rooms::create, rooms::list))
        .routes(routes!(rooms::get, rooms::delete))
        .routes(routes!(members::list))
        .routes(account(routes!(accounts::sign_up)))
        .routes(account(routes!(accounts::verify_email)))
        .routes(account(routes!(accounts::sign_in)))
        .routes(account(routes!(accounts::verify_sign_in)))
        .routes(account(routes!(accounts::refresh)))
        .routes(account(routes!(accounts::guest)))
        .routes(account(routes!(accounts::sign_out)))
        .routes(routes!(me::get, me::change))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::get, sessions::delete))
        .routes(routes!(sessions::restore))
        .routes(routes!(sessions::export))
        .routes(routes!(ai::chat))
        .routes(routes!(ai::embed))
        .routes(routes!(ai::create, ai::list))
        .routes(routes!(ai::get, ai::change, ai::delete))
        .routes(routes!(ai::usage))
        .routes(routes!(ai::usage_of_all))
        .routes(routes!(ai::documents::add, ai::documents::list))
        .routes(routes!(ai::documents::get, ai::documents::delete))
        .routes(routes!(ai::jobs::create, ai::jobs::list))
        .routes(routes!(ai::jobs::get, ai::jobs::cancel))
        .routes(routes!(ai::jobs::overview))
        .routes(routes!(assistants::list, assistants::create))
        .routes(routes!(assistants::get, assistants::change, assistants::delete))
        .routes(routes!(assistants::of_room, assistants::set_of_room))
        .routes(routes!(files::list))
        .routes(routes!(files::upload).layer(DefaultBodyLimit::disable()))
        .routes(routes!(files::get, files::delete))
        .routes(routes!(files::preview))
        .routes(routes!(files::link))
        .routes(routes!(audit::list))
        .routes(routes!(stats::stats))
        .routes(routes!(live::live))
        .routes(routes!(completions::complete).layer(DefaultBodyLimit::max(completions::MAX_BODY)))
        .routes(routes!(completions::models))
        .routes(routes!(config::config))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(documents::openapi))
        .routes(routes!(documents::asyncapi))
}

/// A route that takes credentials.
fn account(routes: UtoipaMethodRouter<Arc<State>>) -> UtoipaMethodRouter<Arc<State>> {
    routes.layer(DefaultBodyLimit::max(accounts::MAX_BODY))
}

/// Everything that is served.
pub(crate) fn router(state: Arc<State>) -> Router {
    let mut sockets = Router::new();
    for (path, dialect) in SOCKETS {
        sockets = sockets.route(path, get(async |state, request| upgrade::upgrade(state, request, *dialect)));
    }
    let (routes, _) = routes().split_for_parts();
    let mut pages = routes
        .merge(documents::browser())
        .merge(crate::socketio::router(&state))
        .fallback(problem::not_found)
        .layer(DefaultBodyLimit::max(input::MAX_BODY));
    if let Some(origins) = &state.origins {
        pages = pages.layer(cors::layer(origins));
    }
    pages.merge(sockets).with_state(state)
}
