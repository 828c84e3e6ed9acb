//! What was used: by the caller, and, for admins, by all.

use crate::http::auth::Bearer;
use crate::http::input::Params;
use crate::http::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use parlor_domain::ports::{UsageBy, UsageLine};
use parlor_domain::{Span, Timestamp};
use parlor_protocol::ai as wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Which parts are wanted.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UsageGroupBy)]
enum GroupBy {
    Day,
    Model,
}

/// Which parts an admin wants.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AdminUsageGroupBy)]
enum AdminGroupBy {
    #[default]
    Day,
    Model,
    User,
}

/// What of the caller's is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UsageParams {
    /// Only what was used at or after this.
    from: Option<Timestamp>,
    /// Only what was used before this.
    to: Option<Timestamp>,
    /// In which parts it is wanted, too.
    #[param(inline)]
    group_by: Option<GroupBy>,
}

/// What of all is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct AdminUsageParams {
    /// Only what was used at or after this.
    from: Option<Timestamp>,
    /// Only what was used before this.
    to: Option<Timestamp>,
    /// In which parts it is wanted; days unless given.
    #[param(inline)]
    group_by: Option<AdminGroupBy>,
}

/// What all users together have used.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UsageReport {
    /// All of it.
    total: wire::UsageGroup,
    /// Its parts: the days in their order, else the most tokens first; at most 1,000.
    data: Vec<wire::UsageGroup>,
}

fn group(line: UsageLine) -> wire::UsageGroup {
    let total_tokens = line.total_tokens();
    let day = line.day.map(|day| {
        let midnight = Timestamp::from_microsecond(day.0.saturating_mul(MICROSECONDS_A_DAY)).to_string();
        midnight.split('T').next().unwrap_or_default().to_owned()
    });
    wire::UsageGroup {
        day,
        model: line.model,
        user_id: line.user,
        attempts: line.attempts,
        prompt_tokens: line.prompt_tokens,
        completion_tokens: line.completion_tokens,
        total_tokens,
        cost_usd: line.cost.as_dollars(),
    }
}

/// What the caller has used, by the books: every attempt at a reply counts, those that failed too.
#[utoipa::path(
    get,
    path = "/api/v1/ai/usage",
    tag = "ai",
    operation_id = "ai_usage",
    params(UsageParams),
    responses((status = OK, description = "The figures", body = wire::Usage)),
    security(("token" = []))
)]
pub(in crate::http) async fn usage(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<UsageParams>,
) -> Result<Json<wire::Usage>, Problem> {
    let by = params.group_by.map(|by| match by {
        GroupBy::Day => UsageBy::Day,
        GroupBy::Model => UsageBy::Model,
    });
    let used = state.hub.usage(&caller, Span { from: params.from, to: params.to }, by).await?;
    Ok(Json(wire::Usage {
        total_tokens: used.total.total_tokens(),
        conversations_count: used.conversations,
        messages_count: used.messages,
        last_used: used.total.last_at,
        groups: used.groups.map(|groups| groups.into_iter().map(group).collect()),
    }))
}

/// What all users together have used. An admin may have it, and the audit log says who had.
#[utoipa::path(
    get,
    path = "/api/v1/admin/usage",
    tag = "operation",
    operation_id = "admin_usage",
    params(AdminUsageParams),
    responses(
        (status = OK, description = "The figures", body = UsageReport),
        (status = FORBIDDEN, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn usage_of_all(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<AdminUsageParams>,
) -> Result<Json<UsageReport>, Problem> {
    let by = match params.group_by.unwrap_or_default() {
        AdminGroupBy::Day => UsageBy::Day,
        AdminGroupBy::Model => UsageBy::Model,
        AdminGroupBy::User => UsageBy::User,
    };
    let span = Span { from: params.from, to: params.to };
    let (total, lines) = state.hub.usage_of_all(&caller, span, by).await?;
    let (total, data) = (group(total), lines.into_iter().map(group).collect());
    Ok(Json(UsageReport { total, data }))
}
