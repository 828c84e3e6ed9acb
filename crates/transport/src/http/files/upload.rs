//! A file in one request: `multipart/form-data` (RFC 7578), of which no more than a chunk is in memory.

use super::head::{HEAD_MAX, Head};
use super::{File, url};
use crate::http::auth::Bearer;
use crate::http::problem::Problem;
use crate::server::State;
use axum::Json;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderName, StatusCode, header};
use parlor_domain::ports::Checksum;
use parlor_domain::{Caller, ErrorCode, Place, Refusal, UploadDraft};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long the next piece of a body may take to arrive.
const PIECE: Duration = Duration::from_secs(30);
/// The longest of the fields beside the file, in bytes.
const FIELD_MAX: usize = 256;
/// How many fields there are at most before the file.
const FIELDS: usize = 8;

/// The fields of an upload. The file comes last.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(in crate::http) struct UploadForm {
    /// The room whose members can read the file.
    room_id: Option<String>,
    /// The conversation whose participants can, where it is no room's.
    conversation_id: Option<String>,
    /// The SHA-256 that the file must have, in 64 hexadecimal digits.
    checksum: Option<String>,
    /// The file, with its name and its type.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Uploads a file.
///
/// Where the virus scanner does not answer, the file is taken all the same: it is `pending` until it was scanned.
#[utoipa::path(
    post,
    path = "/api/v1/files",
    tag = "files",
    operation_id = "upload_file",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = CREATED, description = "It can be read", body = File),
        (status = ACCEPTED, description = "It waits for the scanner", body = File),
        (status = BAD_REQUEST, response = crate::http::problem::Refused),
        (status = PAYLOAD_TOO_LARGE, response = crate::http::problem::Refused),
        (status = UNSUPPORTED_MEDIA_TYPE, response = crate::http::problem::Refused),
        (status = UNPROCESSABLE_ENTITY, response = crate::http::problem::Refused),
        (status = TOO_MANY_REQUESTS, response = crate::http::problem::Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn upload(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<File>), Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    let head = Head::new();
    let form = Multipart::from_request(request.map(|body| head.of(body)), &()).await;
    let mut form = form.map_err(|rejection| bad(rejection.body_text()))?;
    let mut wanted = Wanted::default();
    for _ in 0..=FIELDS {
        let Some(field) = next(&mut form, &head).await? else { break };
        if field.name() == Some("file") && field.file_name().is_some() {
            head.has_file();
            let (status, file) = wanted.take(&state, &caller, field, length).await?;
            let place = [(header::LOCATION, url(file.file_id))];
            return Ok((status, place, Json(file)));
        }
        wanted.read(field).await?;
    }
    Err(bad("the form has no `file` with a name"))
}

/// The next field. What was left of the one before is passed over.
async fn next<'a>(form: &'a mut Multipart, head: &Head) -> Result<Option<Field<'a>>, Problem> {
    let too_long = || bad(format!("a field begins within {HEAD_MAX} bytes"));
    let found = arriving(form.next_field()).await;
    let found = found.map_err(|problem| if head.is_too_long() { too_long() } else { problem })?;
    head.has_field();
    Ok(found)
}

/// What stands before the file.
#[derive(Default)]
struct Wanted {
    place: Option<Place>,
    checksum: Option<Checksum>,
}

impl Wanted {
    async fn read(&mut self, mut field: Field<'_>) -> Result<(), Problem> {
        let name = field.name().unwrap_or_default().to_owned();
        let mut text = Vec::new();
        while let Some(piece) = arriving(field.chunk()).await? {
            text.extend_from_slice(&piece);
            if text.len() > FIELD_MAX {
                return Err(bad("a field beside the file is too long"));
            }
        }
        let text = String::from_utf8(text).map_err(|_| bad("a field is no text"))?;
        match name.as_str() {
            _ if text.is_empty() => {}
            "room_id" => self.place = Some(Place::Room(text.parse().map_err(|_| bad("not a room's id"))?)),
            "conversation_id" if self.place.is_none() => {
                self.place =
                    Some(Place::Conversation(text.parse().map_err(|_| bad("not a conversation's id"))?));
            }
            "checksum" => {
                let words = "`checksum` is a SHA-256 in 64 hexadecimal digits";
                self.checksum = Some(text.parse().map_err(|_| bad(words))?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the file. `length` is that of the whole body, which is more than the file's.
    async fn take(
        self,
        state: &State,
        caller: &Caller,
        mut field: Field<'_>,
        length: Option<u64>,
    ) -> Result<(StatusCode, File), Problem> {
        let draft = UploadDraft {
            place: self.place,
            name: field.file_name().unwrap_or_default().to_owned(),
            size: state.hub.file_bound(length),
            media_type: field.content_type().unwrap_or_default().to_owned(),
        };
        let mut upload = state.hub.file_upload(caller, draft).await?;
        while let Some(piece) = arriving(field.chunk()).await? {
            upload.write(piece).await?;
        }
        let file = upload.id();
        match upload.finish(self.checksum).await {
            Ok(record) => Ok((StatusCode::CREATED, record.into())),
            Err(Refusal { code: code @ ErrorCode::ScannerUnavailable, .. }) => {
                let record = state.hub.file_get(caller, file).await?;
                Ok((StatusCode::ACCEPTED, File { code: Some(code), ..record.into() }))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

fn bad(words: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Refusal::new(ErrorCode::InvalidRequest, words).into()
}

async fn arriving<T>(piece: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Problem> {
    let late = || {
        let words = "the body did not arrive in time";
        Problem::with_status(StatusCode::REQUEST_TIMEOUT, ErrorCode::InvalidRequest, words)
    };
    timeout(PIECE, piece).await.map_err(|_| late())?.map_err(|error| bad(error.body_text()))
}
