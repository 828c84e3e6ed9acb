//! Socket.IO beside the WebSocket endpoints: `/socket.io/`, the namespace `/ai`, on one port and server with them.
//!
//! The library (socketioxide) speaks Engine.IO and Socket.IO: polling and WebSocket, heartbeats, packets. What happens in
//! the namespace is the domain's, by one [`Session`](parlor_domain::Session) a socket: `door` lets handshakes in,
//! `admission` finds out who it is, `inbox` holds a client's events until they are done, and `connection` serves a
//! socket as `ws/connection.rs` does. An event is turned into a packet for each socket anew: the library takes no packet
//! that is made.

mod admission;
mod connection;
mod door;
mod inbox;

use crate::server::State;
use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use socketioxide::SocketIo;
use socketioxide::handler::ConnectHandler as _;
use std::sync::Arc;
use std::time::Duration;

/// Where Socket.IO's clients look for it.
const PATH: &str = "/socket.io/";
/// The namespace.
const NAMESPACE: &str = "/ai";
/// How many packets wait in the library for a client's transport; what more there is waits in its outbox.
const PACKETS: usize = 32;
/// Between heartbeats where an operator wants none: Engine.IO has them in any case.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// The largest packet and body, in bytes.
const MAX_PAYLOAD: usize = 2 * 1024 * 1024;

/// The route of Socket.IO.
pub(crate) fn router(state: &Arc<State>) -> Router<Arc<State>> {
    let heartbeat = state.timing.heartbeat.unwrap_or(HEARTBEAT);
    let (service, io) = SocketIo::builder()
        .req_path(PATH.trim_end_matches('/'))
        .ping_interval(heartbeat)
        // As everywhere: who is silent for two heartbeats is closed.
        .ping_timeout(heartbeat)
        .connect_timeout(state.timing.authentication)
        .max_buffer_size(PACKETS)
        .max_payload(MAX_PAYLOAD as u64)
        .ws_max_message_size(MAX_PAYLOAD)
        .ws_max_frame_size(MAX_PAYLOAD)
        .build_svc();
    let (for_admission, for_connection) = (Arc::clone(state), Arc::clone(state));
    let connected = {
        let io = io.clone();
        async move |socket| connection::begin(&for_connection, &io, socket)
    };
    io.ns(
        NAMESPACE,
        connected.with(async move |socket, auth| admission::admit(&for_admission, socket, auth).await),
    );
    let enter = async move |axum::extract::State(state): axum::extract::State<Arc<State>>,
                            request: Request| {
        door::enter(&state, request, &service).await
    };
    Router::new().route(PATH, any(enter))
}
