//! What a request says, read strictly: every refusal is a problem in our own form.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use parlor_domain::{ErrorCode, Refusal};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(10);

/// A JSON object, whatever content type it is sent as.
///
/// Refusals: 400 `INVALID_JSON` where it is none, 400 `INVALID_REQUEST` where a field has the wrong form, 413 over
/// [`MAX_BODY`], 408 where it comes too slowly.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read(&arrived(request, state).await?).map(Self).map_err(Problem::from)
    }
}

/// The same, or nothing at all.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = arrived(request, state).await?;
        let body = if bytes.is_empty() { Ok(T::default()) } else { read(&bytes) };
        body.map(Self).map_err(Problem::from)
    }
}

/// The bytes of a body.
async fn arrived<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    timeout(BODY, Bytes::from_request(request, state))
        .await
        .map_err(|_| refused(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            _ => refused(StatusCode::BAD_REQUEST, "the body could not be read"),
        })
}

/// A text that no complaint quotes, and that has no `Debug` form.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer);
        text.map(Self).map_err(|_| de::Error::custom("a credential is a text"))
    }
}

/// A JSON object. Errors: `INVALID_JSON`, `INVALID_REQUEST`.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::new(ErrorCode::InvalidJson, error.to_string()))?;
    // Serde would take an array's elements for the fields in their order.
    if !value.is_object() {
        return Err(Refusal::new(ErrorCode::InvalidJson, "a body is a JSON object"));
    }
    T::deserialize(value).map_err(|error| Refusal::new(ErrorCode::InvalidRequest, error.to_string()))
}

/// The parameters behind the `?`. Refusal: 400 `INVALID_REQUEST`.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Refusal::new(ErrorCode::InvalidRequest, rejection.body_text()).into()),
        }
    }
}

/// The part of the path that names something. Refusal: 400 `INVALID_REQUEST`.
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Refusal::new(ErrorCode::InvalidRequest, rejection.body_text()).into()),
        }
    }
}

fn refused(status: StatusCode, detail: &'static str) -> Problem {
    Problem::with_status(status, ErrorCode::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Form {
        #[expect(dead_code, reason = "only read")]
        name: String,
    }

    /// Protects clients from guessing: what is no JSON object and what has a wrong field are told apart.
    #[test]
    fn bad_bodies_are_told_apart() {
        let check = |text: &str, expect| {
            assert_eq!(read::<Form>(text.as_bytes()).map_err(|it| it.code).err(), expect, "{text}");
        };
        check(r#" {"name":"x","more":1}"#, None);
        for none in ["", "[\"x\"]", "null", "\"x\"", "{", "{\"name\":\"x\"}}", "{'name':1}", "\u{feff}{}"] {
            check(none, Some(ErrorCode::InvalidJson));
        }
        for wrong in ["{}", "{\"name\":1}", "{\"name\":null}"] {
            check(wrong, Some(ErrorCode::InvalidRequest));
        }
    }
}
