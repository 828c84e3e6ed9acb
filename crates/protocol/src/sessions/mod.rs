//! The `sessions` dialect, `GET /chat/ws`: one request, one reply.
//!
//! Every frame is flat: its fields stand beside its `type`. A request has no `type` at all. A *session* is what other
//! dialects call a conversation.
//!
//! ```
//! use parlor_protocol::sessions::ClientFrame;
//!
//! let text = r#"{"message":"What should I train?","message_type":"fitness_plan"}"#;
//! let ClientFrame::Ask(ask) = ClientFrame::parse(text).unwrap().frame else { panic!("another frame") };
//! assert_eq!(ask.message_type.as_deref(), Some("fitness_plan"));
//! ```

mod client;
mod field;
mod server;

pub use client::{Ask, Auth, ClientFrame, FrameError, Incoming};
pub use server::{Chunk, Data, Error, Message, Pong, ServerFrame, Usage};
