//! What the server says of itself: the documents of its routes and of its sockets, and a page to browse the first.

use super::{asyncapi, routes};
use crate::server::State;
use axum::Router;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use std::sync::{Arc, LazyLock};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, Ref, RefOr};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the document of the routes stands.
const OPENAPI: &str = "/openapi.json";

const ABOUT: &str = "The HTTP side of a chat server between people and AI. What happens in conversations and rooms \
                     goes over WebSockets, which /asyncapi.json describes. Every refusal is a Problem (RFC 9457); its \
                     code says what to do. Frames are limited, a connection and a user; of requests, those that have something made are, a user.";

/// A document as it is sent. It does not change while the server runs.
type Document = ([(HeaderName, &'static str); 1], &'static str);

fn json(text: &'static str) -> Document {
    ([(CONTENT_TYPE, "application/json")], text)
}

/// This document (`OpenAPI` 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "documents",
    responses((status = OK, description = "The document", body = Object))
)]
pub(super) async fn openapi() -> Document {
    static TEXT: LazyLock<String> = LazyLock::new(|| text(&describe()));
    json(&TEXT)
}

/// The document of the sockets (`AsyncAPI` 3.0).
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    tag = "documents",
    responses((status = OK, description = "The document", body = Object))
)]
pub(super) async fn asyncapi() -> Document {
    static TEXT: LazyLock<String> = LazyLock::new(|| text(&asyncapi::describe()));
    json(&TEXT)
}

/// The page `/docs`.
pub(super) fn browser() -> Router<Arc<State>> {
    SwaggerUi::new("/docs").config(Config::from(OPENAPI)).into()
}

/// The document of all routes.
pub(super) fn describe() -> OpenApi {
    let mut document = routes().into_openapi();
    document.info = Info::new("Parlor", env!("CARGO_PKG_VERSION"));
    document.info.description = Some(ABOUT.to_owned());
    document.info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    let components = document.components.take().unwrap_or_default();
    document.components = Some(
        ComponentsBuilder::from(components)
            .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
            .response_from::<super::problem::Refused>()
            .build(),
    );
    add_refusals(&mut document);
    document
}

/// Every route may refuse in ways that it does not name.
fn add_refusals(document: &mut OpenApi) {
    let refused = RefOr::Ref(Ref::from_response_name("Refused"));
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
        {
            operation.responses.responses.entry("default".to_owned()).or_insert_with(|| refused.clone());
        }
    }
}

fn text(document: &impl serde::Serialize) -> String {
    serde_json::to_string(document).unwrap_or_else(|error| {
        tracing::error!(%error, "a document could not be written");
        "{}".to_owned()
    })
}
