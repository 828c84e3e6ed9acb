//! What users see and change of themselves.

use super::auth::Bearer;
use super::input::Body;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_domain::ports::{Balance, User, UserChange};
use parlor_domain::{ErrorCode, Refusal, Timestamp, UserId};
use parlor_protocol::Json as Raw;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

/// A user.
#[derive(Serialize, ToSchema)]
pub(super) struct Profile {
    id: UserId,
    #[schema(format = "email")]
    email: String,
    /// What others see.
    username: String,
    /// `user` or `admin`.
    role: &'static str,
    /// When the account was made.
    created_at: Timestamp,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        let username = user.username().to_owned();
        Self {
            id: user.id,
            username,
            role: user.role.as_str(),
            created_at: user.created_at,
            email: user.email,
        }
    }
}

/// The caller.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    #[serde(flatten)]
    user: Profile,
    /// What they have said of themselves, for the AI.
    #[schema(value_type = Object)]
    profile: Map<String, Value>,
    usage: TokensOfUser,
}

/// How many tokens a user has used.
#[derive(Serialize, ToSchema)]
#[schema(as = UserTokens)]
pub(super) struct TokensOfUser {
    #[serde(flatten)]
    ever: TokenAccount,
    /// This day (UTC).
    today: TokenAccount,
}

/// How an account of tokens stands.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAccount {
    /// Tokens of replies that have ended.
    total_tokens: u64,
    /// Tokens that are set aside for replies under way.
    reserved_tokens: u64,
    /// How many there may be of both; null where there is no limit.
    #[schema(required)]
    token_budget: Option<u64>,
}

impl From<(Balance, Option<u64>)> for TokenAccount {
    fn from((balance, token_budget): (Balance, Option<u64>)) -> Self {
        Self { total_tokens: balance.used, reserved_tokens: balance.reserved, token_budget }
    }
}

impl From<parlor_domain::Me> for Me {
    fn from(me: parlor_domain::Me) -> Self {
        // An object by its contract.
        let profile = me.user.profile.as_deref().and_then(|it| serde_json::from_str(it).ok());
        let usage = TokensOfUser { ever: me.total.into(), today: me.today.into() };
        Self { user: me.user.into(), profile: profile.unwrap_or_default(), usage }
    }
}

/// The caller, with what they have used.
#[utoipa::path(
    get,
    path = "/api/v1/users/me",
    tag = "users",
    operation_id = "get_me",
    responses((status = OK, description = "The caller", body = Me)),
    security(("token" = []))
)]
pub(super) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
) -> Result<Json<Me>, Problem> {
    Ok(Json(state.hub.me(&caller).await?.into()))
}

/// What a user changes of themselves. What is left out stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct Change {
    /// What others see: 1 to 64 bytes.
    username: Option<String>,
    /// An object in the place of the one before, of at most 16 KiB and 32 levels.
    #[schema(value_type = Option<Object>)]
    profile: Option<Map<String, Value>>,
}

impl TryFrom<Change> for UserChange {
    type Error = Refusal;

    fn try_from(Change { username, profile }: Change) -> Result<Self, Refusal> {
        let profile = profile.map(|profile| Raw::object(Value::Object(profile).to_string())).transpose();
        let profile = profile
            .map_err(|error| Refusal::new(ErrorCode::InvalidRequest, format!("`profile`: {error}")))?
            .map(|profile| profile.as_str().into());
        Ok(Self { username, profile })
    }
}

/// Changes the caller's name and what the AI is told of them.
#[utoipa::path(
    patch,
    path = "/api/v1/users/me",
    tag = "users",
    operation_id = "change_me",
    request_body = Change,
    responses((status = OK, description = "The caller as they are now", body = Me)),
    security(("token" = []))
)]
pub(super) async fn change(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Body(change): Body<Change>,
) -> Result<Json<Me>, Problem> {
    Ok(Json(state.hub.user_update(&caller, change.try_into()?).await?.into()))
}
