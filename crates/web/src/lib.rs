//! Parlor's web page, embedded in the binary: a chat at `/`, the operators' page at `/admin`, and the JavaScript client
//! that both speak through.
//!
//! Where it stands in a message's way: outside. It knows nothing of the server; its pages use the same routes and sockets
//! as every other client. [`router`] gives its routes, to be served beside the server's own:
//!
//! ```
//! use parlor_domain::testing::TestHub;
//! use parlor_transport::{Options, Server};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let domain = TestHub::start().await;
//! let server = Server::new(domain.hub.clone(), Options::default()).with_routes(parlor_web::router());
//! # let _ = server; }
//! ```
//!
//! What is loaded by a page stands under `/assets/` and a version, the hash of all of it, and never changes: it may be kept
//! for ever. The pages themselves are asked for again each time, and cost 304 while they are the same. Everything was
//! compressed when the crate was built.
//!
//! # To change the page
//!
//! `assets/` is what browsers load, as it is: there is no build step for JavaScript. `vendor/` has other people's modules,
//! as they were released, with their versions, licences and hashes in `vendor/manifest.json`; `vendor/refresh` fetches them
//! again. See `docs/web.md`.

mod table;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use table::{ASSETS, Asset, PAGES, VERSION};

/// What a page may do: load what comes with it and talk to its own server. No script in it, no style from elsewhere, no
/// frame around it; and no text becomes HTML but by way of the sanitizer.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src \
                      'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types dompurify";
/// What a page has no use for.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Asked for again each time.
const REVALIDATED: &str = "no-cache";
/// Never another one under this address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The routes `/`, `/admin`, `/assets/…` and `/parlor-client/…`.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async |request: Request| page("index.html", request.headers())))
        .route("/admin", get(async |request: Request| page("admin.html", request.headers())))
        .route("/assets/{version}/{*name}", get(versioned))
        .route("/parlor-client/{name}", get(client))
}

fn page(name: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = Asset::find(PAGES, name) else { return nothing() };
    let mut response = asset.answer(headers, REVALIDATED);
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a page of this version loads. A page of another version finds nothing, and loads itself again.
async fn versioned(Path((version, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    match Asset::find(ASSETS, &name) {
        Some(asset) if version == VERSION => asset.answer(&headers, FOR_EVER),
        _ => nothing(),
    }
}

/// The JavaScript client, for pages of other people's making, under an address that stays.
async fn client(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let asset = Asset::find(ASSETS, &format!("parlor-client/{name}"));
    asset.map_or_else(nothing, |asset| asset.answer(&headers, REVALIDATED))
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")]).into_response()
}

impl Asset {
    fn find(table: &'static [Self], name: &str) -> Option<&'static Self> {
        let at = table.binary_search_by_key(&name, |asset| asset.name).ok()?;
        table.get(at)
    }

    fn answer(&self, headers: &HeaderMap, caching: &'static str) -> Response {
        let about = [(ETAG, self.etag), (CACHE_CONTROL, caching), (VARY, "accept-encoding")];
        if mentions(headers, &IF_NONE_MATCH, |tag| tag.trim_start_matches("W/") == self.etag || tag == "*") {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        let kind = [(CONTENT_TYPE, self.content_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
        for (coding, bytes) in [("br", self.brotli), ("gzip", self.gzip)] {
            if mentions(headers, &ACCEPT_ENCODING, |item| takes(item, coding)) {
                return (about, kind, [(CONTENT_ENCODING, coding)], bytes).into_response();
            }
        }
        (about, kind, self.plain).into_response()
    }
}

/// Whether an item of a header's list is one of these.
fn mentions(headers: &HeaderMap, name: &HeaderName, is: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| is(item.trim()))
}

/// Whether an item of `Accept-Encoding` takes a coding: it names it, and does not weigh it with 0 (RFC 9110 §12.5.3).
fn takes(item: &str, wanted: &str) -> bool {
    let (coding, weight) = item.split_once(';').unwrap_or((item, "q=1"));
    let refused =
        weight.trim().strip_prefix("q=").is_some_and(|it| it.parse().is_ok_and(|it: f32| it <= 0.0));
    coding.trim().eq_ignore_ascii_case(wanted) && !refused
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests;
