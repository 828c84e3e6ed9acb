//! The audit log, for admins.

use super::auth::Bearer;
use super::input::Params;
use super::page;
use super::problem::Problem;
use crate::server::State;
use axum::Json;
use parlor_domain::ports::{AuditAction, AuditEntry, AuditFilter};
use parlor_domain::{ErrorCode, Refusal, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Something of consequence that was done or refused.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct Entry {
    id: Uuid,
    /// When.
    at: Timestamp,
    /// Who did it; null where nobody has proved who they are.
    #[schema(required)]
    actor: Option<UserId>,
    /// The address of the account that it was about, as it was given; null where it was about none.
    #[schema(required)]
    account: Option<String>,
    /// The IP address from where it was done; null where that is not known.
    #[schema(required, value_type = Option<String>)]
    address: Option<IpAddr>,
    /// What was done.
    #[schema(example = "sign_in")]
    action: String,
    /// What it was done to; null where that says nothing more.
    #[schema(required)]
    subject: Option<String>,
    /// `done`, or the code with which it was refused.
    outcome: String,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, account, address, action, subject, outcome } = entry;
        Self { id, at, actor, account, address, action, subject, outcome }
    }
}

/// Which entries are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only entries older than this one: the `next_before` of the page before.
    before: Option<Uuid>,
    /// How many at most; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Only what this user did.
    actor: Option<UserId>,
    /// Only this action.
    action: Option<String>,
    /// Only what was done at or after this.
    since: Option<Timestamp>,
    /// Only what was done before this.
    until: Option<Timestamp>,
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditPage {
    /// The newest first.
    data: Vec<Entry>,
    meta: AuditMeta,
}

/// Where a page of the audit log stands.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditMeta {
    limit: usize,
    /// What to ask for as `before` to get the next page; null where this is the last.
    #[schema(required)]
    next_before: Option<Uuid>,
}

/// Lists what was done of consequence. An admin may have it, and it says who had.
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit",
    tag = "operation",
    operation_id = "list_audit",
    params(ListParams),
    responses(
        (status = OK, description = "A page of the log", body = AuditPage),
        (status = FORBIDDEN, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<ListParams>,
) -> Result<Json<AuditPage>, Problem> {
    let ListParams { before, limit, actor, action, since, until } = params;
    let limit = page::limit(limit)?;
    if action.as_deref().is_some_and(|word| AuditAction::ALL.iter().all(|known| known.as_str() != word)) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "no such action is audited").into());
    }
    let filter = AuditFilter { actor, action, since, until };
    let found = state.hub.audit_list(&caller, filter, before, limit).await?;
    let next_before = page::next(&found, limit, |entry| entry.id);
    let data = found.into_iter().map(Entry::from).collect();
    Ok(Json(AuditPage { data, meta: AuditMeta { limit, next_before } }))
}
