//! Rooms: made, listed, looked at and ended. What happens in them goes over sockets.

use super::auth::Bearer;
use super::input::{Body, Named, Params};
use super::members::{self, MemberPage};
use super::page;
use super::problem::Problem;
use super::words::{AiMode, MemberRole, RoomType, Scope};
use crate::server::State;
use axum::Json;
use axum::http::StatusCode;
use parlor_domain::ports::{RoomRecord, RoomScope};
use parlor_domain::{ConversationId, RoomDraft, RoomId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// A room.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(super) struct Room {
    /// Its id among all rooms, chosen by who made it.
    room_id: RoomId,
    /// Its name.
    room_name: String,
    room_type: RoomType,
    ai_mode: AiMode,
    /// Its conversation.
    conversation_id: ConversationId,
    /// What the caller is in it; null where they are no member.
    #[schema(required)]
    role: Option<MemberRole>,
    /// When it was made.
    created_at: Timestamp,
    /// When its newest entry was made.
    updated_at: Timestamp,
    /// Its newest entry; 0 where it has none.
    last_seq: u64,
    /// How many messages it has, of people and of the AI.
    message_count: u64,
    /// How many members it has.
    participant_count: u64,
}

impl From<RoomRecord> for Room {
    fn from(record: RoomRecord) -> Self {
        let RoomRecord { summary, room, created_at, role, members } = record;
        Self {
            ai_mode: room.ai_mode().into(),
            room_type: room.kind.into(),
            room_id: room.id,
            room_name: summary.title,
            conversation_id: summary.id,
            role: role.map(MemberRole::from),
            created_at,
            updated_at: summary.updated_at,
            last_seq: summary.last_seq,
            message_count: summary.message_count,
            participant_count: members,
        }
    }
}

/// A room to be made.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoom {
    /// 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    room_id: RoomId,
    /// Its name; its id unless given.
    room_name: Option<String>,
    /// Private unless given.
    room_type: Option<RoomType>,
    /// Unless given, always in a private room, and on mention in others.
    ai_mode: Option<AiMode>,
}

impl From<NewRoom> for RoomDraft {
    fn from(new: NewRoom) -> Self {
        Self {
            id: new.room_id,
            name: new.room_name,
            kind: new.room_type.map(Into::into),
            ai_mode: new.ai_mode.map(Into::into),
            assistant: None,
        }
    }
}

/// Makes a room, with the caller as its owner.
///
/// Asking for the same again is harmless.
#[utoipa::path(
    post,
    path = "/api/v1/ws/rooms",
    tag = "rooms",
    operation_id = "create_room",
    request_body = NewRoom,
    responses(
        (status = CREATED, description = "It was made", body = Room),
        (status = OK, description = "It was there, and is the caller's own", body = Room),
        (status = CONFLICT, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn create(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Body(new): Body<NewRoom>,
) -> Result<(StatusCode, Json<Room>), Problem> {
    let made = state.hub.room_create(&caller, new.into()).await?;
    let status = if made.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made.record.into())))
}

/// Which rooms are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Those that the caller is a member of, unless given.
    #[param(inline)]
    scope: Option<Scope>,
    /// Only rooms behind this one: the `next_after` of the page before.
    after: Option<RoomId>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of rooms.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomPage {
    /// In the order of their ids.
    rooms: Vec<Room>,
    /// What to ask for as `after` to get the next page; null where this is the last.
    #[schema(required)]
    next_after: Option<RoomId>,
}

/// Lists rooms.
#[utoipa::path(
    get,
    path = "/api/v1/ws/rooms",
    tag = "rooms",
    operation_id = "list_rooms",
    params(ListParams),
    responses((status = OK, description = "A page of them", body = RoomPage)),
    security(("token" = []))
)]
pub(super) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<ListParams>,
) -> Result<Json<RoomPage>, Problem> {
    let limit = page::limit(params.limit)?;
    let scope = params.scope.map_or(RoomScope::Own, RoomScope::from);
    let found = state.hub.room_list(&caller, scope, params.after.as_ref(), limit).await?;
    let next_after = page::next(&found, limit, |record| record.room.id.clone());
    Ok(Json(RoomPage { rooms: found.into_iter().map(Room::from).collect(), next_after }))
}

/// A room with its first members.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomDetails {
    #[serde(flatten)]
    room: Room,
    /// The first 200, and where the others begin; absent for who is no member.
    #[serde(flatten)]
    members: Option<MemberPage>,
}

/// One room that the caller is a member of, or that is shared. Its members are told to members.
#[utoipa::path(
    get,
    path = "/api/v1/ws/rooms/{room_id}",
    tag = "rooms",
    operation_id = "get_room",
    params(("room_id" = RoomId, Path, description = "The room")),
    responses(
        (status = OK, description = "The room", body = RoomDetails),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<RoomId>,
) -> Result<Json<RoomDetails>, Problem> {
    let room = state.hub.room_get(&caller, &id).await?;
    // Everybody may look at a shared room from outside, but not at who is in it.
    let members = match room.role {
        Some(_) => Some(members::read(&state, &caller, &id, None, page::MAX).await?),
        None => None,
    };
    Ok(Json(RoomDetails { room: room.into(), members }))
}

/// Ends a room. Its owner may.
#[utoipa::path(
    delete,
    path = "/api/v1/ws/rooms/{room_id}",
    tag = "rooms",
    operation_id = "delete_room",
    params(("room_id" = RoomId, Path, description = "The room")),
    responses(
        (status = NO_CONTENT, description = "It is no more"),
        (status = FORBIDDEN, response = super::problem::Refused),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<RoomId>,
) -> Result<StatusCode, Problem> {
    state.hub.room_delete(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
