//! The AI API, `/api/v1/ai/*`: chats, conversations and what they use, in requests and answers of camelCase.

mod chat;
mod embeddings;

pub(super) use chat::{__path_chat, chat};
pub(super) use embeddings::{__path_embed, embed};
