//! Where messages go, and in which dialect that is said.

use parlor_protocol::conversations::{self, ConversationRef, SendMessage};
use parlor_protocol::rooms::{self, JoinRoom, SendChat};
use parlor_protocol::{ConversationId, RoomId};
use serde::Serialize;

/// A frame of a client, in the dialect of what it is about.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Ask {
    Conversations(conversations::ClientFrame),
    Rooms(rooms::ClientFrame),
}

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The one that the bare servers speak too.
    Conversations,
    Rooms,
}

impl Dialect {
    /// Where the server listens for it. What was missed is not asked for.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Conversations => "/api/v1/chat/ws",
            Self::Rooms => "/api/v1/ws/ws?resume=1",
        }
    }

    /// The first frame, and the type of its answer.
    pub(crate) fn auth(self, token: String) -> (Ask, &'static str) {
        match self {
            Self::Conversations => {
                (Ask::Conversations(conversations::ClientFrame::Auth { token }), "auth_success")
            }
            Self::Rooms => (Ask::Rooms(rooms::ClientFrame::Auth(rooms::Auth { token })), "connect"),
        }
    }
}

/// One conversation, under the name that a dialect has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Spoken of in the `conversations` dialect.
    Conversation(ConversationId),
    /// A shared room, in the `rooms` dialect.
    Room(RoomId),
}

impl Place {
    /// The dialect that names it so.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Conversation(_) => Dialect::Conversations,
            Self::Room(_) => Dialect::Rooms,
        }
    }

    /// What asks to join it, and the type of its answer.
    pub(crate) fn join(&self) -> (Ask, &'static str) {
        match self {
            Self::Conversation(id) => {
                let frame =
                    conversations::ClientFrame::JoinConversation(ConversationRef { conversation_id: *id });
                (Ask::Conversations(frame), "conversation_joined")
            }
            Self::Room(room) => {
                let join = JoinRoom {
                    room_id: Some(room.clone()),
                    room_name: None,
                    room_type: Some("shared".to_owned()),
                    ai_mode: None,
                    assistant: None,
                };
                (Ask::Rooms(rooms::ClientFrame::JoinRoom(join)), "join_room")
            }
        }
    }

    /// A message to it that starts no AI turn.
    pub(crate) fn message(&self, content: String, client_id: String) -> Ask {
        match self {
            Self::Conversation(id) => message(Some(*id), content, client_id),
            Self::Room(room) => Ask::Rooms(rooms::ClientFrame::Chat(SendChat {
                message: content,
                room_id: Some(room.clone()),
                message_id: Some(client_id),
                ..SendChat::default()
            })),
        }
    }
}

/// A message to a conversation, or to a new one; it starts no AI turn.
pub(crate) fn message(conversation: Option<ConversationId>, content: String, client_id: String) -> Ask {
    Ask::Conversations(conversations::ClientFrame::SendMessage(SendMessage {
        conversation_id: conversation,
        content,
        message_type: "note".to_owned(),
        client_message_id: Some(client_id),
        assistant_id: None,
        restart: None,
        attachments: None,
    }))
}

/// Whether a frame of a server is a message, or tells its sender that it is stored.
pub(crate) fn is_delivery(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"message_received""#)
        || payload.starts_with(br#"{"type":"chat""#)
        || payload.starts_with(br#"{"type":"delivery_confirmation""#)
}
