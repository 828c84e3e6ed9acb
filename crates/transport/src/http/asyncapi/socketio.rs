//! What passes in the namespace of the `socketio` dialect: events, each with one argument.

use super::channel::Channel;
use parlor_protocol::socketio::{
    Auth, ChatStart, Conversation, End, Error, Job, Piece, Restart, Stopped, UserMessage,
};

const ABOUT: &str = "The socketio dialect: the namespace `/ai` of Socket.IO 5 over Engine.IO 4, by polling or WebSocket. A \
                     message's name is that of its event, and its payload the event's one argument. Nothing is \
                     acknowledged: all is told by events.";

pub(super) fn channel() -> Channel {
    Channel::new("socketio", "/socket.io/", ABOUT)
        .schemes(&["bearer", "auth"])
        .untyped_client::<Auth>("connect", "The `auth` with which the namespace is entered; no event.")
        .untyped_client::<ChatStart>("chat:start", "Store a message and have it answered.")
        .untyped_client::<Nothing>("chat:stop", "End the newest live reply that this user has asked for.")
        .untyped_server::<Conversation>("chat:conversation", "The message is the first of its conversation.")
        .untyped_server::<UserMessage<'static>>("chat:user-message", "The message is stored.")
        .untyped_server::<Piece<'static>>("chat:message", "A piece of the reply.")
        .untyped_server::<Restart>(
            "chat:restart",
            "The reply begins anew: what was shown of it counts no more.",
        )
        .untyped_server::<End<'static>>("chat:end", "The reply is there, whole or cut off.")
        .untyped_server::<Stopped<'static>>(
            "chat:stopped",
            "The reply was stopped; with nulls: there was none.",
        )
        .untyped_server::<Error<'static>>("chat:error", "Something was refused, or a reply failed.")
        .untyped_server::<Job>("job:progress", "A job of the user's goes on.")
        .untyped_server::<Job>("job:completed", "A job of the user's is done.")
        .untyped_server::<Job>("job:failed", "A job of the user's has failed.")
        .untyped_server::<Job>("job:cancelled", "A job of the user's was cancelled.")
}

/// No fields are read.
#[derive(utoipa::ToSchema)]
#[schema(as = socketio::Nothing)]
struct Nothing {}
