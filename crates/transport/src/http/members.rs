//! The members of a room.

use super::auth::Bearer;
use super::input::{Named, Params};
use super::page;
use super::problem::Problem;
use super::words::MemberRole;
use crate::server::State;
use axum::Json;
use parlor_domain::{Caller, MemberEntry, Refusal, RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Somebody in a room.
#[derive(Serialize, ToSchema)]
pub(super) struct Member {
    user_id: UserId,
    /// What they are called; null where the account is gone.
    #[schema(required)]
    username: Option<String>,
    role: MemberRole,
    /// Since when they are a member.
    joined_at: Timestamp,
    /// Everything up to this entry has reached a client of theirs.
    delivered_seq: u64,
    /// They have read up to this entry.
    read_seq: u64,
    /// Whether they have a connection open.
    online: bool,
}

impl From<MemberEntry> for Member {
    fn from(MemberEntry { record, online }: MemberEntry) -> Self {
        Self {
            user_id: record.user,
            username: record.username,
            role: record.role.into(),
            joined_at: record.joined_at,
            delivered_seq: record.delivered,
            read_seq: record.read,
            online,
        }
    }
}

/// Which members are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only members behind this one: the `next_after` of the page before.
    after: Option<UserId>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of members.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberPage {
    /// In the order of their ids.
    members: Vec<Member>,
    /// What to ask for as `after` to get the next page; null where this is the last.
    #[schema(required)]
    next_after: Option<UserId>,
}

/// Lists the members of a room, for one of them.
#[utoipa::path(
    get,
    path = "/api/v1/ws/rooms/{room_id}/members",
    tag = "rooms",
    operation_id = "list_members",
    params(("room_id" = RoomId, Path, description = "The room"), ListParams),
    responses(
        (status = OK, description = "A page of them", body = MemberPage),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<RoomId>,
    Params(params): Params<ListParams>,
) -> Result<Json<MemberPage>, Problem> {
    let limit = page::limit(params.limit)?;
    read(&state, &caller, &id, params.after, limit).await.map(Json).map_err(Problem::from)
}

/// A page of members.
pub(super) async fn read(
    state: &State,
    caller: &Caller,
    id: &RoomId,
    after: Option<UserId>,
    limit: usize,
) -> Result<MemberPage, Refusal> {
    let found = state.hub.member_list(caller, id, after, limit).await?;
    let next_after = page::next(&found, limit, |entry| entry.record.user);
    Ok(MemberPage { members: found.into_iter().map(Member::from).collect(), next_after })
}
