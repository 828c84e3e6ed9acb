//! Assistants: the server's, which admins make, and users' own.
#![allow(clippy::option_option, reason = "what is left out of a change is not what is null in it")]

use super::auth::Bearer;
use super::input::{Body, Named};
use super::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use parlor_domain::{AssistantChange, AssistantDraft, AssistantEntry, AssistantId, RoomId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Whom an assistant is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AssistantScope {
    /// Who made it, and the rooms in which they set it.
    #[default]
    Private,
    /// Everybody. Admins make them.
    Server,
}

/// An assistant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assistant {
    id: AssistantId,
    /// What it is called where a model is named, and with `@` before it in a message.
    name: String,
    /// What people see.
    display_name: String,
    scope: AssistantScope,
    /// The model that answers; null leaves it to the server.
    #[schema(required)]
    model: Option<String>,
    /// Its instructions, a template; null for who may not change it.
    #[schema(required)]
    system_prompt: Option<String>,
    #[schema(required)]
    temperature: Option<f64>,
    #[schema(required)]
    max_tokens: Option<u32>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<AssistantEntry> for Assistant {
    fn from(AssistantEntry { assistant, editable }: AssistantEntry) -> Self {
        let scope = if assistant.owner.is_some() { AssistantScope::Private } else { AssistantScope::Server };
        Self {
            id: assistant.id,
            name: assistant.name,
            display_name: assistant.display_name,
            scope,
            model: assistant.model,
            system_prompt: editable.then_some(assistant.prompt),
            temperature: assistant.temperature,
            max_tokens: assistant.max_tokens,
            created_at: assistant.created_at,
            updated_at: assistant.updated_at,
        }
    }
}

/// Assistants.
#[derive(Serialize, ToSchema)]
pub(super) struct AssistantList {
    /// All that the caller may call, their own first, each by name.
    data: Vec<Assistant>,
}

/// The assistants that the caller may call: their own, at most 100, and the server's, at most 1,000.
#[utoipa::path(
    get,
    path = "/api/v1/ai/assistants",
    tag = "ai",
    operation_id = "list_assistants",
    responses((status = OK, description = "The assistants", body = AssistantList)),
    security(("token" = []))
)]
pub(super) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<Json<AssistantList>, Problem> {
    let data = state.hub.assistant_list(&caller).await?.into_iter().map(Assistant::from).collect();
    Ok(Json(AssistantList { data }))
}

/// An assistant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewAssistant {
    /// 1 to 64 of `a-z 0-9 . _ -`, the first a letter or a digit; not `ai` or `assistant`.
    name: String,
    /// What people see; its name unless given.
    display_name: Option<String>,
    /// Private unless given.
    #[serde(default)]
    scope: AssistantScope,
    /// The model that answers; left to the server unless given.
    model: Option<String>,
    /// A template, at most 16 KiB. It knows `user`, `room` or `conversation`, `now` and `date`.
    #[serde(default)]
    system_prompt: String,
    /// 0 to 2.
    temperature: Option<f64>,
    /// From 1.
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
}

impl From<NewAssistant> for AssistantDraft {
    fn from(new: NewAssistant) -> Self {
        Self {
            name: new.name,
            display_name: new.display_name,
            model: new.model,
            prompt: new.system_prompt,
            temperature: new.temperature,
            max_tokens: new.max_tokens,
            for_everybody: new.scope == AssistantScope::Server,
        }
    }
}

/// Makes an assistant: the caller's own, or where an admin says so the server's.
#[utoipa::path(
    post,
    path = "/api/v1/ai/assistants",
    tag = "ai",
    operation_id = "create_assistant",
    request_body = NewAssistant,
    responses(
        (status = CREATED, description = "It was made", body = Assistant),
        (status = FORBIDDEN, response = Refused),
        (status = CONFLICT, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn create(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Body(new): Body<NewAssistant>,
) -> Result<(StatusCode, Json<Assistant>), Problem> {
    let made = state.hub.assistant_create(&caller, new.into()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// One assistant that the caller may call.
#[utoipa::path(
    get,
    path = "/api/v1/ai/assistants/{assistant_id}",
    tag = "ai",
    operation_id = "get_assistant",
    params(("assistant_id" = AssistantId, Path, description = "The assistant")),
    responses(
        (status = OK, description = "The assistant", body = Assistant),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<AssistantId>,
) -> Result<Json<Assistant>, Problem> {
    Ok(Json(state.hub.assistant_get(&caller, id).await?.into()))
}

/// What is to be changed of an assistant. What is left out stays; null takes a value away.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    name: Option<String>,
    display_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    model: Option<Option<String>>,
    system_prompt: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    temperature: Option<Option<f64>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_tokens: Option<Option<u32>>,
}

/// A field that is there, null or not.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

impl From<Change> for AssistantChange {
    fn from(change: Change) -> Self {
        Self {
            name: change.name,
            display_name: change.display_name,
            model: change.model,
            prompt: change.system_prompt,
            temperature: change.temperature,
            max_tokens: change.max_tokens,
        }
    }
}

/// Changes an assistant: one's own, or as an admin the server's.
#[utoipa::path(
    patch,
    path = "/api/v1/ai/assistants/{assistant_id}",
    tag = "ai",
    operation_id = "change_assistant",
    params(("assistant_id" = AssistantId, Path, description = "The assistant")),
    request_body = Change,
    responses(
        (status = OK, description = "The assistant as it is now", body = Assistant),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
        (status = CONFLICT, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn change(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<AssistantId>,
    Body(change): Body<Change>,
) -> Result<Json<Assistant>, Problem> {
    Ok(Json(state.hub.assistant_update(&caller, id, change.into()).await?.into()))
}

/// Removes an assistant, also from the rooms that have it.
#[utoipa::path(
    delete,
    path = "/api/v1/ai/assistants/{assistant_id}",
    tag = "ai",
    operation_id = "delete_assistant",
    params(("assistant_id" = AssistantId, Path, description = "The assistant")),
    responses(
        (status = NO_CONTENT, description = "It is no more"),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<AssistantId>,
) -> Result<StatusCode, Problem> {
    state.hub.assistant_delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The assistant of a room.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomAssistant {
    /// Null where there is none.
    #[schema(required)]
    assistant: Option<Assistant>,
}

/// The assistant that answers in a room where a message names nobody.
#[utoipa::path(
    get,
    path = "/api/v1/ws/rooms/{room_id}/assistant",
    tag = "rooms",
    operation_id = "get_room_assistant",
    params(("room_id" = RoomId, Path, description = "The room")),
    responses(
        (status = OK, description = "It, if there is one", body = RoomAssistant),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn of_room(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(room): Named<RoomId>,
) -> Result<Json<RoomAssistant>, Problem> {
    let assistant = state.hub.room_assistant(&caller, &room).await?.map(Assistant::from);
    Ok(Json(RoomAssistant { assistant }))
}

/// Which assistant a room is to have.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoomAssistant {
    /// Its id or name; null for none.
    assistant: Option<String>,
}

/// Says which assistant answers in a room where a message names nobody. The room's owner may.
#[utoipa::path(
    put,
    path = "/api/v1/ws/rooms/{room_id}/assistant",
    tag = "rooms",
    operation_id = "set_room_assistant",
    params(("room_id" = RoomId, Path, description = "The room")),
    request_body = NewRoomAssistant,
    responses(
        (status = OK, description = "It, if there is one now", body = RoomAssistant),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn set_of_room(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(room): Named<RoomId>,
    Body(new): Body<NewRoomAssistant>,
) -> Result<Json<RoomAssistant>, Problem> {
    let set = state.hub.room_assistant_set(&caller, &room, new.assistant.as_deref()).await?;
    Ok(Json(RoomAssistant { assistant: set.map(Assistant::from) }))
}
