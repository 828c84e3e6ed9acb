//! A session as one file. It is made as it is taken: a page of it is in memory, whatever its length.
//!
//! A file that ends is whole: where the store fails on the way, the transfer is broken off instead.

mod html;
mod json;
mod markdown;

pub(super) use html::escape;

use super::session::Session;
use crate::http::auth::Bearer;
use crate::http::input::{Named, Params};
use crate::http::problem::Problem;
use crate::server::State;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use html::Html;
use json::JsonText;
use markdown::Markdown;
use parlor_domain::message::{Message, TurnStatus};
use parlor_domain::ports::{ConversationEntry, StoreError};
use parlor_domain::{ConversationId, Export, Refusal};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// About how many bytes are sent at once.
const PIECE: usize = 16 * 1024;

/// What an export is written in.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExportFormat)]
enum Format {
    #[default]
    Json,
    Md,
    Html,
}

/// How a session is exported.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ExportParams {
    /// JSON unless given.
    #[param(inline)]
    format: Option<Format>,
}

/// One way to write a session down. Each method adds text to what it is given.
trait Form: Send {
    /// What stands before the messages.
    fn begin(&mut self, session: &Heading, text: &mut String);

    /// The next message.
    fn message(&mut self, message: Message, text: &mut String);

    /// What stands behind the last one.
    fn end(&mut self, text: &mut String);
}

/// What is said of the session itself.
struct Heading {
    entry: ConversationEntry,
    session: Session,
}

impl Format {
    fn form(self) -> Box<dyn Form> {
        match self {
            Self::Json => Box::new(JsonText::default()),
            Self::Md => Box::new(Markdown::default()),
            Self::Html => Box::new(Html::default()),
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Md => "md",
            Self::Html => "html",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Md => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The whole of a session as a file, as it is when the export begins.
///
/// A transfer that breaks off is not whole. JSON ends with `"complete":true`.
#[utoipa::path(
    get,
    path = "/chat/sessions/{session_id}/export",
    tag = "sessions",
    operation_id = "export_session",
    params(("session_id" = ConversationId, Path, description = "The session"), ExportParams),
    responses(
        (
            status = OK,
            description = "The file",
            content(
                (Object = "application/json"),
                (String = "text/markdown"),
                (String = "text/html"),
            )
        ),
        (status = NOT_FOUND, response = crate::http::problem::Refused),
    ),
    security(("token" = []))
)]
pub(in crate::http) async fn export(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    Bearer(caller): Bearer,
    Named(id): Named<ConversationId>,
    Params(ExportParams { format }): Params<ExportParams>,
) -> Result<Response, Problem> {
    let format = format.unwrap_or_default();
    let export = state.hub.conversation_export(&caller, id).await?;
    let entry = export.entry().clone();
    let session = Session::of(entry.clone(), &caller);
    Ok(response(format, id, Telling::new(export, &Heading { entry, session }, format.form())))
}

fn response(format: Format, id: ConversationId, telling: Telling) -> Response {
    let pieces = stream::unfold(Some(telling), |telling| async move {
        let mut telling = telling?;
        match telling.piece().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(telling))),
            Ok(None) => None,
            // Logged by itself; who reads sees a transfer that broke.
            Err(error) => Some((Err(Refusal::internal(&error)), None)),
        }
    });
    let name = format!("attachment; filename=\"session-{id}.{}\"", format.extension());
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    // An id and an extension are ASCII.
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(html::POLICY));
    // nginx would keep pieces back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// An export that is being told.
struct Telling {
    export: Export,
    form: Box<dyn Form>,
    /// What was written and not sent.
    text: String,
    ended: bool,
}

impl Telling {
    fn new(export: Export, heading: &Heading, mut form: Box<dyn Form>) -> Self {
        let mut text = String::with_capacity(PIECE);
        form.begin(heading, &mut text);
        Self { export, form, text, ended: false }
    }

    /// The next piece; none after the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        while !self.ended && self.text.len() < PIECE {
            if let Some(message) = self.export.next().await? {
                self.form.message(message, &mut self.text);
            } else {
                self.form.end(&mut self.text);
                self.ended = true;
            }
        }
        let text = std::mem::take(&mut self.text);
        Ok((!text.is_empty()).then(|| text.into()))
    }
}

/// How a reply ended, where it did not end as it should.
fn unusual_end(message: &Message) -> Option<&'static str> {
    let status = message.reply.as_ref()?.status;
    (status != TurnStatus::Complete).then(|| status.as_str())
}

#[cfg(test)]
mod tests;
