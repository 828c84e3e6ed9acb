//! What passes over the socket of the `sessions` dialect.

use super::channel::Channel;
use parlor_protocol::sessions::{Ask, Auth, ServerFrame};
use serde_json::json;

const ABOUT: &str =
    "The sessions dialect: one request, one reply, flat frames. What was said is read over HTTP.";

const BESIDE: &[(&str, &str)] =
    &[("request_id", "The client's own name for a request: its answer repeats it.")];

pub(super) fn channel() -> Channel {
    Channel::new("sessions", "/chat/ws", ABOUT)
        .query(&[("token", "A token; without one the first frame is `auth`.")])
        .beside(BESIDE)
        .untyped_client::<Ask>("request", "Store a message and have it answered: the one frame without a `type`.")
        .flat_client::<Auth>(
            "auth",
            "The credential: the first frame, unless the handshake carried one; later, to extend the connection.",
        )
        .plain_client("ping", "Ask for a sign of life.", &json!({}))
        .flat_server::<ServerFrame<'static>>()
}
