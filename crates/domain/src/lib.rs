//! All of Parlor's rules, and nothing else: no socket, no SQL, no HTTP, no wire format.
pub mod error;
pub mod message;
pub mod ports;
pub mod testing;

pub use error::Refusal;
pub use parlor_protocol::{
    CloseCode, ConnectionId, ConversationId, ErrorCode, MessageId, Timestamp, UserId, ids,
};
