//! Files: uploaded in one request, read in parts, linked to, listed, removed.

mod head;
mod headers;
mod link;
mod range;
mod upload;

pub(super) use link::{__path_link, link};
pub(super) use upload::{__path_upload, upload};

use super::auth::Bearer;
use super::input::{Named, Params};
use super::problem::Problem;
use super::sessions::page::{Meta, PageParams};
use crate::server::State;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use link::Reader;
use parlor_domain::ports::{Checksum, FileRecord};
use parlor_domain::{ErrorCode, FileId, Timestamp, UserId};
use range::Wanted;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A file.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "clients know them by these names")]
pub(super) struct File {
    file_id: FileId,
    /// What it is called.
    file_name: String,
    /// How many bytes it has; while it comes, how many it may have.
    file_size: u64,
    /// What it is served as.
    mime_type: String,
    /// `uploading`, `pending` (it waits for the virus scanner), `clean` or `available`.
    status: &'static str,
    /// Its SHA-256, once that is known.
    #[schema(required)]
    checksum: Option<String>,
    /// Where it is.
    url: String,
    /// Who uploaded it.
    user_id: UserId,
    created_at: Timestamp,
    /// `SCANNER_UNAVAILABLE` where it waits because the scanner does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<ErrorCode>,
}

impl From<FileRecord> for File {
    fn from(record: FileRecord) -> Self {
        Self {
            file_id: record.id,
            file_name: record.name,
            file_size: record.size,
            mime_type: record.media_type,
            status: record.status.as_str(),
            checksum: record.checksum.as_ref().map(Checksum::to_string),
            url: url(record.id),
            user_id: record.owner,
            created_at: record.created_at,
            code: None,
        }
    }
}

fn url(file: FileId) -> String {
    format!("/api/v1/files/{file}")
}

/// A page of files.
#[derive(Serialize, ToSchema)]
pub(super) struct FilePage {
    /// The last uploaded first.
    data: Vec<File>,
    meta: Meta,
}

/// Lists the caller's own files.
#[utoipa::path(
    get,
    path = "/api/v1/files",
    tag = "files",
    operation_id = "list_files",
    params(PageParams),
    responses((status = OK, description = "A page of them", body = FilePage)),
    security(("token" = []))
)]
pub(super) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(params): Params<PageParams>,
) -> Result<Json<FilePage>, Problem> {
    let asked = params.asked()?;
    let found = state.hub.file_list(&caller, asked.page()).await?;
    let meta = asked.meta(found.total);
    Ok(Json(FilePage { data: found.items.into_iter().map(File::from).collect(), meta }))
}

/// A file, or a part of it.
///
/// For its owner, for the members of the room or conversation that it was uploaded into, and for those who can read a
/// message that carries it; or for who has a link to it. Ranges, `If-None-Match` and `If-Range` are understood.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_id}",
    tag = "files",
    operation_id = "get_file",
    params(("file_id" = FileId, Path, description = "The file"), link::LinkParams),
    responses(
        (status = OK, description = "All of it", body = Vec<u8>, content_type = "*/*"),
        (status = PARTIAL_CONTENT, description = "The range", body = Vec<u8>, content_type = "*/*"),
        (status = NOT_MODIFIED, description = "The client has it"),
        (status = NOT_FOUND, response = super::problem::Refused),
        (status = RANGE_NOT_SATISFIABLE, description = "There are not so many bytes"),
        (status = SERVICE_UNAVAILABLE, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Reader(record): Reader,
    method: Method,
    mut asked: HeaderMap,
) -> Result<Response, Problem> {
    let is_read = method == Method::GET;
    if !is_read {
        asked.remove(header::RANGE); // it is GET's alone (RFC 9110 §14.2)
    }
    let wanted = Wanted::of(&asked, record.size, &headers::tag(&record));
    let mut answer = headers::of(&record);
    let (status, range) = match wanted {
        Wanted::Nothing => return Ok((StatusCode::NOT_MODIFIED, answer).into_response()),
        Wanted::Beyond => {
            answer.insert(header::CONTENT_RANGE, text(format!("bytes */{}", record.size)));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, answer).into_response());
        }
        Wanted::Whole => (StatusCode::OK, 0..record.size),
        Wanted::Part(range) => {
            let words = format!("bytes {}-{}/{}", range.start, range.end - 1, record.size);
            answer.insert(header::CONTENT_RANGE, text(words));
            (StatusCode::PARTIAL_CONTENT, range)
        }
    };
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    // Of nothing, no file is opened, nor is anything fetched.
    let part = state.hub.file_read(&record, if is_read { range } else { 0..0 }).await?;
    Ok((status, answer, Body::from_stream(part.content)).into_response())
}

fn text(words: String) -> HeaderValue {
    HeaderValue::try_from(words).unwrap_or(HeaderValue::from_static("bytes */*"))
}

/// A small PNG of an image, for lists. As [`get`], for PNG, JPEG, GIF and WebP images of up to 20 MiB and 50 megapixels.
#[utoipa::path(
    get,
    path = "/api/v1/files/{file_id}/preview",
    tag = "files",
    operation_id = "get_preview",
    params(("file_id" = FileId, Path, description = "The file"), link::LinkParams),
    responses(
        (status = OK, description = "At most 320 pixels on a side", body = Vec<u8>, content_type = "image/png"),
        (status = NOT_FOUND, response = super::problem::Refused),
        (status = UNSUPPORTED_MEDIA_TYPE, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn preview(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Reader(record): Reader,
) -> Result<Response, Problem> {
    let png = state.hub.file_preview(&record).await?;
    Ok((headers::plain("image/png"), png).into_response())
}

/// Removes a file of the caller's own, wherever it is carried.
#[utoipa::path(
    delete,
    path = "/api/v1/files/{file_id}",
    tag = "files",
    operation_id = "delete_file",
    params(("file_id" = FileId, Path, description = "The file")),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        (status = FORBIDDEN, response = super::problem::Refused),
        (status = NOT_FOUND, response = super::problem::Refused),
    ),
    security(("token" = []))
)]
pub(super) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(file): Named<FileId>,
) -> Result<StatusCode, Problem> {
    state.hub.file_delete(&caller, file).await?;
    Ok(StatusCode::NO_CONTENT)
}
