//! The caller's conversations: made, listed, read, named and deleted. Another user's is not there.

use crate::dialect::metadata::{owned_attachments, owned_citations};
use crate::http::auth::Bearer;
use crate::http::input::{Body, Named, OptionalBody, Params};
use crate::http::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use parlor_domain::message::{Author, Message};
use parlor_domain::ports::{ConversationEntry, Page};
use parlor_domain::{Caller, ConversationId, ErrorCode, Refusal};
use parlor_protocol::ai as wire;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// The most that one page has.
const MAX: u32 = 200;

/// Which page is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageParams {
    /// Which page, from 1; the first unless given.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// How many a page has at most: 20 conversations or 200 messages unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page that there can be.
#[derive(Clone, Copy)]
struct Asked {
    page: u32,
    limit: u32,
}

impl PageParams {
    /// Error: `INVALID_REQUEST`.
    fn asked(&self, default: u32) -> Result<Asked, Refusal> {
        let (page, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(default));
        if page == 0 || !(1..=MAX).contains(&limit) {
            let words = "pages are counted from 1, and have from 1 to 200 entries";
            return Err(Refusal::new(ErrorCode::InvalidRequest, words));
        }
        Ok(Asked { page, limit })
    }
}

impl Asked {
    fn page(self) -> Page {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        Page { offset: u64::from(self.page - 1) * u64::from(self.limit), limit }
    }

    fn meta(self, total: u64) -> wire::PageMeta {
        let Self { page, limit } = self;
        wire::PageMeta { total, page, limit, total_pages: total.div_ceil(u64::from(limit)) }
    }
}

/// A conversation as the caller finds it.
fn conversation(entry: ConversationEntry, caller: &Caller) -> wire::Conversation {
    let ConversationEntry { summary, created_at, .. } = entry;
    wire::Conversation {
        id: summary.id,
        title: summary.title,
        user_id: caller.identity.user,
        message_count: summary.message_count,
        created_at,
        updated_at: summary.updated_at,
    }
}

fn message(message: Message) -> wire::Message {
    let (citations, attachments) = (owned_citations(&message), owned_attachments(&message));
    let reply = message.reply;
    let assistant = reply.as_ref().and(message.author_name.as_deref()).map(ToOwned::to_owned);
    wire::Message {
        id: message.id,
        role: match message.author {
            Author::User(_) => wire::Role::User,
            Author::Assistant => wire::Role::Assistant,
        },
        content: message.content,
        tokens: reply.as_ref().map(|reply| reply.usage.total_tokens()),
        status: reply.as_ref().map(|reply| reply.status.as_str().to_owned()),
        model: reply.and_then(|reply| reply.model),
        created_at: message.created_at,
        deleted: message.deleted_at.is_some(),
        assistant,
        citations,
        attachments,
    }
}

/// Makes a conversation without messages.
#[utoipa::path(
    post,
    path = "/api/v1/ai/conversations",
    tag = "ai",
    operation_id = "ai_create_conversation",
    request_body = Option<wire::NewConversation>,
    responses((status = CREATED, description = "The conversation", body = wire::Conversation)),
    security(("token" = []))
)]
pub(in crate::http) async fn create(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    OptionalBody(new): OptionalBody<wire::NewConversation>,
) -> Result<(StatusCode, Json<wire::Conversation>), Problem> {
    let made = state.hub.conversation_make(&caller, new.title.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(conversation(made, &caller))))
}

/// Lists the caller's conversations, the last changed first.
#[utoipa::path(
    get,
    path = "/api/v1/ai/conversations",
    tag = "ai",
    operation_id = "ai_list_conversations",
    params(PageParams),
    responses((status = OK, description = "A page of them", body = wire::Conversations)),
    security(("token" = []))
)]
pub(in crate::http) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<PageParams>,
) -> Result<Json<wire::Conversations>, Problem> {
    let asked = params.asked(20)?;
    let listed = state.hub.conversation_list(&caller, false, asked.page()).await?;
    let data = listed.items.into_iter().map(|entry| conversation(entry, &caller)).collect();
    Ok(Json(wire::Conversations { data, meta: asked.meta(listed.total) }))
}

/// One conversation with a page of its messages, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/ai/conversations/{conversation_id}",
    tag = "ai",
    operation_id = "ai_get_conversation",
    params(("conversation_id" = ConversationId, Path, description = "The conversation"), PageParams),
    responses(
        (status = OK, description = "The conversation", body = wire::ConversationWithMessages),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
    Params(params): Params<PageParams>,
) -> Result<Json<wire::ConversationWithMessages>, Problem> {
    let asked = params.asked(MAX)?;
    let (entry, messages) = state.hub.conversation_messages(&caller, id, asked.page()).await?;
    Ok(Json(wire::ConversationWithMessages {
        conversation: conversation(entry, &caller),
        messages: messages.items.into_iter().map(message).collect(),
        meta: asked.meta(messages.total),
    }))
}

/// Gives a conversation another title, of which everybody hears who takes part.
#[utoipa::path(
    patch,
    path = "/api/v1/ai/conversations/{conversation_id}",
    tag = "ai",
    operation_id = "ai_change_conversation",
    params(("conversation_id" = ConversationId, Path, description = "The conversation")),
    request_body = wire::ConversationChange,
    responses(
        (status = OK, description = "The conversation as it is now", body = wire::Conversation),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn change(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
    Body(change): Body<wire::ConversationChange>,
) -> Result<Json<wire::Conversation>, Problem> {
    let changed = state.hub.conversation_rename(&caller, id, &change.title).await?;
    Ok(Json(conversation(changed, &caller)))
}

/// Deletes a conversation. Its owner can bring it back as a session until it is removed for good.
#[utoipa::path(
    delete,
    path = "/api/v1/ai/conversations/{conversation_id}",
    tag = "ai",
    operation_id = "ai_delete_conversation",
    params(("conversation_id" = ConversationId, Path, description = "The conversation")),
    responses(
        (status = NO_CONTENT, description = "It was deleted"),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
) -> Result<StatusCode, Problem> {
    state.hub.conversation_delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
