//! What passes over the socket of the `broker` dialect: a channel for users and one for workers, at one address.

use super::channel::Channel;
use parlor_protocol::broker::{
    AiAuth, AiError, AiResponseChunk, AiStatus, Auth, CancelMessage, History, OrderFrame, Resume,
    SendMessage, ServerFrame, Typing, WorkerResponse,
};
use serde_json::json;

const USERS: &str = "The broker dialect for users: flat frames, whole replies, resume.";
const WORKERS: &str =
    "The broker dialect for AI workers: they connect, are let in by a service key and make replies.";

const BESIDE: &[(&str, &str)] =
    &[("request_id", "The client's own name for a request: its answer repeats it.")];

pub(super) fn users() -> Channel {
    Channel::new("broker", "/ws", USERS)
        .query(&[("token", "A token; without one the first frame is `auth`.")])
        .beside(BESIDE)
        .flat_client::<Auth>(
            "auth",
            "The credential: the first frame, unless the handshake carried one; later, to extend the session.",
        )
        .flat_client::<SendMessage>("send_message", "Store a message and start a turn.")
        .flat_client::<Typing>("typing", "Tell the others that this user types, or no longer does.")
        .flat_client::<CancelMessage>("cancel_message", "End a turn early, keeping what it produced.")
        .flat_client::<Resume>("resume", "Get what was missed of threads, and join them.")
        .flat_client::<History>("history", "Get a page of earlier messages.")
        .plain_client("ping", "Ask for the heads of the joined threads.", &json!({}))
        .flat_server::<ServerFrame<'static>>()
}

pub(super) fn workers() -> Channel {
    Channel::new("workers", "/ws", WORKERS)
        .open()
        .flat_client::<AiAuth>("ai_auth", "Its key and what it serves: the first frame, and only that.")
        .flat_client::<WorkerResponse>("ai_response", "A reply is whole.")
        .flat_client::<AiResponseChunk>("ai_response_chunk", "A piece of a reply.")
        .flat_client::<AiError>("ai_error", "The worker cannot make a reply.")
        .flat_client::<AiStatus>("ai_status", "How the worker is.")
        .plain_client("ping", "Answered with `pong`.", &json!({}))
        .flat_server::<OrderFrame<'static>>()
}
