//! The AI API, `/api/v1/ai/*`: chats, conversations and what they use, in requests and answers of camelCase.

mod chat;
mod conversations;
pub(super) mod documents;
mod embeddings;
pub(super) mod jobs;
mod usage;

pub(crate) use chat::answer;
pub(super) use chat::{__path_chat, chat};
pub(super) use conversations::{
    __path_change, __path_create, __path_delete, __path_get, __path_list, change, create, delete, get, list,
};
pub(super) use embeddings::{__path_embed, embed};
pub(super) use usage::{__path_usage, __path_usage_of_all, usage, usage_of_all};
