//! The AI API, `/api/v1/ai/*`: chats, conversations and what they use, in requests and answers of camelCase.

mod chat;

pub(super) use chat::{__path_chat, chat};
