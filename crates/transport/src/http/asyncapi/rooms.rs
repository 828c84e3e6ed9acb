//! What passes over the socket of the `rooms` dialect.

use super::channel::Channel;
use parlor_protocol::rooms::{
    AddMember, Delete, Edit, History, JoinRoom, React, Read, Regenerate, RemoveMember, Resume, RoomRef,
    SendChat, ServerBody, SetTyping, Stop, Upload,
};
use serde_json::json;

const ABOUT: &str = "The rooms dialect: rooms with members, presence, receipts, replay and resume.";

const QUERY: &[(&str, &str)] = &[
    ("token", "A token; without one the first frame is `auth`."),
    ("room_id", "A room to join at once, as `join_room` would."),
    ("room_name", "Its name, where it is made."),
    ("room_type", "`private`, `shared` or `group`, where it is made."),
    ("ai_mode", "`always`, `mention` or `off`, where it is made."),
    ("resume", "1 where the client will send `resume`: then nothing is replayed by itself."),
];

const BESIDE: &[(&str, &str)] = &[
    ("room_id", "The room that the frame is about."),
    ("message_id", "The client's own id of its request or message: its answer repeats it."),
    ("request_id", "The client's own name for a request: its answer repeats it."),
];

pub(super) fn channel() -> Channel {
    Channel::new("rooms", "/api/v1/ws/ws", ABOUT)
        .query(QUERY)
        .beside(BESIDE)
        .plain_client(
            "auth",
            "The credential: the first frame, unless the handshake carried one; later, to extend the session.",
            &json!({"token": {"type": "string"}}),
        )
        .client::<SendChat>("chat", "Store a message and, where the AI answers, start a turn.")
        .client::<JoinRoom>("join_room", "Become a member of a room, which is made if there is none.")
        .client::<RoomRef>("leave_room", "Be no member any more.")
        .client::<RoomRef>("delete_room", "End a room.")
        .client::<AddMember>("add_member", "Make somebody a member, or give a member another role.")
        .client::<RemoveMember>("remove_member", "End somebody's membership.")
        .client::<SetTyping>("typing", "Tell the others that this user types, or no longer does.")
        .client::<Read>("read", "Say that everything up to a seq was read.")
        .client::<History>("history", "Get a page of earlier messages.")
        .client::<Edit>("edit", "Give a message another text.")
        .client::<Delete>("delete", "Take a message's text away.")
        .client::<React>("react", "Put an emoji under a message, or take it away.")
        .client::<Stop>("stop", "End a turn early, keeping what it produced.")
        .client::<Regenerate>("regenerate", "Make another reply.")
        .client::<Resume>("resume", "Get what was missed of conversations, and join them.")
        .client::<Upload>("file_upload", "Upload a file; a chunk may also be a binary frame.")
        .plain_client("ping", "Ask for the heads of the joined conversations.", &json!({}))
        .plain_client("subscribe_live", "Get the figures of this node as they go. For admins.", &json!({}))
        .plain_client("unsubscribe_live", "Get the figures of this node no more.", &json!({}))
        .server::<ServerBody<'static>>()
}
