//! What passes over the socket of the `conversations` dialect.

use super::channel::Channel;
use parlor_domain::UserId;
use parlor_protocol::conversations::{
    ConversationRef, History, Resume, SendMessage, ServerFrame, StopResponse, StreamResponse, Typing,
};
use serde_json::json;

const ABOUT: &str =
    "The conversations dialect: first-message authentication, streamed replies, several tabs.";

const BESIDE: &[(&str, &str)] =
    &[("request_id", "The client's own name for a request: its answer repeats it.")];

pub(super) fn channel() -> Channel {
    Channel::new("conversations", "/api/v1/chat/ws", ABOUT)
        .query(&[("token", "A token; without one the first frame is `auth`.")])
        .beside(BESIDE)
        .plain_client(
            "auth",
            "The credential: the first frame, unless the handshake carried one; later, to extend the session.",
            &json!({"token": {"type": "string"}}),
        )
        .client::<ConversationRef>("join_conversation", "Get the conversation's events on this connection.")
        .client::<ConversationRef>("leave_conversation", "Stop getting them.")
        .client::<SendMessage>("send_message", "Store a message and, if it is a user's, start a turn.")
        .client::<StreamResponse>("stream_response", "Follow the turn that answers a message, or start another.")
        .client::<StopResponse>("stop_response", "End a turn early, keeping what it produced.")
        .client::<Typing>("typing", "Tell the others that this user types, or no longer does.")
        .client::<ConversationRef>("typing_start", "The same as `typing` with `is_typing` true.")
        .client::<ConversationRef>("typing_stop", "The same as `typing` with `is_typing` false.")
        .client::<Resume>("resume", "Get what was missed of conversations, and join them.")
        .client::<History>("history", "Get a page of earlier messages.")
        .plain_client("ping", "Ask for the heads of the joined conversations.", &json!({}))
        .plain_server::<UserId>("auth_success", "The connection is authenticated: whose it is.", "user_id")
        .server::<ServerFrame<'static>>()
}
