//! Documents that replies may be made with.

use crate::http::auth::Bearer;
use crate::http::input::{self, Named, Params};
use crate::http::problem::{Problem, Refused};
use crate::server::State;
use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use parlor_domain::ports::{DocumentRecord, Page};
use parlor_domain::{AssistantId, AttachTo, Caller, DocumentDraft, DocumentId, ErrorCode, Refusal, RoomId};
use parlor_protocol::ai as wire;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::IntoParams;

/// How long a file may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);
/// How many documents a page has at most, and unless asked for another number.
const LIMIT_MAX: u32 = 100;
const LIMIT: u32 = 20;

/// Of a file: what JSON says in its body. Of a list: which.
#[derive(Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Attached {
    /// A room's documents, and not the caller's own.
    #[param(value_type = Option<String>)]
    room_id: Option<RoomId>,
    /// An assistant's documents.
    assistant_id: Option<AssistantId>,
}

/// What is said of a file beside it.
#[derive(Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FileParams {
    /// With a file for a body: what the document is called.
    title: Option<String>,
    /// With a file for a body: the room that it is attached to.
    #[param(value_type = Option<String>)]
    room_id: Option<RoomId>,
    /// With a file for a body: the assistant that it is attached to.
    assistant_id: Option<AssistantId>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageParams {
    /// Which page, from 1.
    #[param(minimum = 1)]
    page: Option<u32>,
    /// How many documents at most; 20 unless given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A document of somebody who is known: nothing of a stranger's is read.
pub(in crate::http) struct Upload {
    caller: Caller,
    draft: DocumentDraft,
}

impl FromRequest<Arc<State>> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        let (mut head, body) = request.into_parts();
        let Bearer(caller) = Bearer::from_request_parts(&mut head, state).await?;
        let Params(params) = Params::<FileParams>::from_request_parts(&mut head, state).await?;
        let most = state.hub.document_max();
        let draft = match content_type(&head.headers) {
            // Every character of a text may be written as an escape of six.
            None => of_json(&arrived(body, most.saturating_mul(6).saturating_add(64 * 1024)).await?)?,
            Some(content_type) => of_file(params, content_type, arrived(body, most).await?)?,
        };
        Ok(Self { caller, draft })
    }
}

/// What a file is; none for a body of JSON. `curl -d` says that it sends a form, and what it sends is JSON on every other
/// route; a form is no document.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let kind = value.split(';').next().unwrap_or_default().trim();
    let is_json = ["application/json", "application/x-www-form-urlencoded"];
    let is_json = is_json.iter().any(|it| kind.eq_ignore_ascii_case(it));
    (!is_json).then(|| value.to_owned())
}

async fn arrived(body: Body, most: usize) -> Result<Bytes, Problem> {
    let late = || {
        Problem::with_status(
            StatusCode::REQUEST_TIMEOUT,
            ErrorCode::InvalidRequest,
            "the body did not arrive in time",
        )
    };
    let too_large = |_| Problem::from(Refusal::of(ErrorCode::FileTooLarge));
    timeout(ARRIVAL, to_bytes(body, most)).await.map_err(|_| late())?.map_err(too_large)
}

fn of_json(bytes: &[u8]) -> Result<DocumentDraft, Problem> {
    let wire::NewDocument { title, content, content_type, attach_to } = input::read(bytes)?;
    let wire::AttachTo { room_id, assistant_id } = attach_to.unwrap_or_default();
    let attach_to = attached(Attached { room_id, assistant_id })?;
    let content_type = content_type.unwrap_or_else(|| "text/plain".to_owned());
    Ok(DocumentDraft { title, content: content.into(), content_type, attach_to })
}

fn of_file(params: FileParams, content_type: String, content: Bytes) -> Result<DocumentDraft, Problem> {
    let FileParams { title, room_id, assistant_id } = params;
    let title = title.ok_or(Refusal::new(ErrorCode::InvalidRequest, "a file needs a title: ?title="))?;
    let attach_to = attached(Attached { room_id, assistant_id })?;
    Ok(DocumentDraft { title, content, content_type, attach_to })
}

fn attached(to: Attached) -> Result<AttachTo, Refusal> {
    match to {
        Attached { room_id: None, assistant_id: None } => Ok(AttachTo::Me),
        Attached { room_id: Some(room), assistant_id: None } => Ok(AttachTo::Room(room)),
        Attached { room_id: None, assistant_id: Some(assistant) } => Ok(AttachTo::Assistant(assistant)),
        Attached { .. } => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "a document is attached to a room or to an assistant",
        )),
    }
}

/// Adds a document: text as JSON, or a file as the body, with its `Content-Type` (`text/plain`, `text/markdown`, `text/html`,
/// `application/pdf`) and `?title=`. It is `pending` until its passages are made.
#[utoipa::path(
    post,
    path = "/api/v1/ai/documents",
    tag = "ai",
    operation_id = "add_document",
    params(FileParams),
    request_body(content((wire::NewDocument = "application/json"), (String = "text/markdown"), (String = "application/pdf"))),
    responses(
        (status = CREATED, description = "It is kept", body = wire::Document),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
        (status = CONFLICT, response = Refused),
        (status = PAYLOAD_TOO_LARGE, response = Refused),
        (status = UNSUPPORTED_MEDIA_TYPE, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn add(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Upload { caller, draft }: Upload,
) -> Result<(StatusCode, Json<wire::Document>), Problem> {
    let record = state.hub.document_add(&caller, draft).await?;
    Ok((StatusCode::CREATED, Json(document(record))))
}

/// The caller's own documents, or those of a room or an assistant, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/ai/documents",
    tag = "ai",
    operation_id = "list_documents",
    params(Attached, PageParams),
    responses(
        (status = OK, description = "A page of documents", body = wire::Documents),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn list(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Params(of): Params<Attached>,
    Params(PageParams { page, limit }): Params<PageParams>,
) -> Result<Json<wire::Documents>, Problem> {
    let (page, limit) = (page.unwrap_or(1), limit.unwrap_or(LIMIT));
    if page == 0 || !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "page is from 1, limit from 1 to 100").into());
    }
    let offset = u64::from(page - 1) * u64::from(limit);
    let wanted = Page { offset, limit: limit as usize };
    let found = state.hub.document_list(&caller, &attached(of)?, wanted).await?;
    let meta = wire::PageMeta {
        total: found.total,
        page,
        limit,
        total_pages: found.total.div_ceil(u64::from(limit)),
    };
    Ok(Json(wire::Documents { data: found.items.into_iter().map(document).collect(), meta }))
}

/// A document: how far it is.
#[utoipa::path(
    get,
    path = "/api/v1/ai/documents/{document_id}",
    tag = "ai",
    operation_id = "get_document",
    params(("document_id" = DocumentId, Path, description = "The document")),
    responses(
        (status = OK, description = "The document", body = wire::Document),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn get(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<DocumentId>,
) -> Result<Json<wire::Document>, Problem> {
    Ok(Json(document(state.hub.document_get(&caller, id).await?)))
}

/// Removes a document and all that was made of it. No later reply is made with it; those that are there keep what they cite.
#[utoipa::path(
    delete,
    path = "/api/v1/ai/documents/{document_id}",
    tag = "ai",
    operation_id = "delete_document",
    params(("document_id" = DocumentId, Path, description = "The document")),
    responses(
        (status = NO_CONTENT, description = "It is gone"),
        (status = FORBIDDEN, response = Refused),
        (status = NOT_FOUND, response = Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn delete(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<DocumentId>,
) -> Result<StatusCode, Problem> {
    state.hub.document_delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(record: DocumentRecord) -> wire::Document {
    wire::Document {
        id: record.id,
        title: record.title,
        content_type: record.content_type,
        size: record.size,
        attached_to: record.scope.kind().to_owned(),
        user_id: record.owner,
        state: record.state.as_str().to_owned(),
        problem: record.problem,
        chunks: record.chunks,
        created_at: record.created_at,
        updated_at: record.updated_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    /// Protects who tries the documentation's command: curl names no JSON by itself.
    #[test]
    fn what_curl_sends_by_itself_is_json() {
        let said = |value: &'static str| {
            content_type(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert_eq!(content_type(&HeaderMap::new()), None);
        assert_eq!(said("Application/JSON; charset=utf-8"), None);
        assert_eq!(said("application/x-www-form-urlencoded"), None);
        assert_eq!(said("text/plain; charset=utf-8").unwrap(), "text/plain; charset=utf-8");
    }
}
