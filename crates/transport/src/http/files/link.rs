//! Links that let who has them read one file for a while: an `<img>` sends no token.

use super::url;
use crate::http::auth::Bearer;
use crate::http::input::{Named, Params};
use crate::http::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use parlor_domain::ports::FileRecord;
use parlor_domain::{FileId, FileLink, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// What a link has behind its `?`, all or nothing. It stands in for a token.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LinkParams {
    /// As whom the file is read.
    user: Option<UserId>,
    /// Until when, in seconds since 1970.
    expires: Option<i64>,
    /// That the server said so.
    signature: Option<String>,
}

/// A file that the caller may read, by a link or by their token.
pub(in crate::http) struct Reader(pub(super) FileRecord);

impl FromRequestParts<Arc<State>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let Params(params) = Params::<LinkParams>::from_request_parts(parts, state).await?;
        if let LinkParams { user: Some(user), expires: Some(expires), signature: Some(signature) } = params {
            let Named(file) = Named::<FileId>::from_request_parts(parts, state).await?;
            let expires_at = Timestamp::from_microsecond(expires.saturating_mul(1_000_000));
            let link = FileLink { file, user, expires_at, signature };
            return Ok(Self(state.hub.file_by_link(&link).await?));
        }
        let Bearer(caller) = Bearer::from_request_parts(parts, state).await?;
        let Named(file) = Named::<FileId>::from_request_parts(parts, state).await?;
        Ok(Self(state.hub.file_get(&caller, file).await?))
    }
}

/// A link to a file.
#[derive(Serialize, ToSchema)]
#[schema(as = FileLink)]
pub(in crate::http) struct Link {
    /// The link, on this server. `/preview` before its `?` makes it one to the preview.
    url: String,
    /// Until when it is good, and as long as the caller may read the file.
    expires_at: Timestamp,
}

/// A link to a file that the caller may read, for an `<img>`, which sends no token.
#[utoipa::path(
    post,
    path = "/api/v1/files/{file_id}/link",
    tag = "files",
    operation_id = "link_file",
    params(("file_id" = FileId, Path, description = "The file")),
    responses(
        (status = OK, description = "The link", body = Link),
        (status = NOT_FOUND, response = crate::http::problem::Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn link(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(file): Named<FileId>,
) -> Result<Json<Link>, Problem> {
    let FileLink { user, expires_at, signature, .. } = state.hub.file_link(&caller, file).await?;
    let expires = expires_at.as_microsecond() / 1_000_000;
    let url = format!("{}?user={user}&expires={expires}&signature={signature}", url(file));
    Ok(Json(Link { url, expires_at }))
}
