//! What an API fills in to be spoken by a [`Provider`](super::Provider).

use super::reply::Reply;
use crate::sse::Event;
use parlor_domain::ports::{BackendError, ContextMessage, TurnRequest};
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Serialize;

/// An API: where its requests go, as whom, what they say, and how its answers are read.
pub(crate) trait Api: Sync {
    /// The URL that a turn for `model` is posted to. It never holds the key.
    fn endpoint(&self, base: &Url, model: &str) -> Url;

    /// What the API wants beside the operator's own headers: the name of the header for the key with what stands
    /// before it, and headers without a secret.
    fn headers(&self) -> ApiHeaders;

    /// The body of the request. Error: a refusal of what the API cannot be asked, with status 400.
    fn body(&self, question: &Question<'_>) -> Result<Vec<u8>, BackendError>;

    /// Reads one answer.
    fn parser(&self) -> Box<dyn Parser>;
}

/// The headers of an API.
pub(crate) struct ApiHeaders {
    /// The header of the key, in small letters.
    pub(crate) key_name: &'static str,
    /// What stands before the key.
    pub(crate) key_scheme: &'static str,
    /// The others.
    pub(crate) fixed: HeaderMap,
}

/// Understands the events of one answer.
pub(crate) trait Parser: Send {
    /// Takes the next event, which has data, and tells `reply` what it says. A body of JSON, from a server that does not
    /// stream, is one event without a name.
    ///
    /// Errors: what the server reports ([`Reply::failure`]), and data that makes no sense ([`nonsense`]).
    fn take(&mut self, event: &Event, reply: &mut Reply) -> Result<(), BackendError>;
}

/// What is asked: a turn with what the configuration adds to it.
pub(crate) struct Question<'a> {
    /// The model.
    pub(crate) model: &'a str,
    /// How many tokens the reply may have: the least of what the turn and the configuration say.
    pub(crate) max_tokens: Option<u32>,
    /// What the turn says, or else the configuration.
    pub(crate) temperature: Option<f64>,
    /// The context.
    pub(crate) context: &'a [ContextMessage],
    /// What else the client wants: the text of a JSON object.
    pub(crate) extra: Option<&'a str>,
    /// Where the server is.
    pub(crate) base: &'a Url,
}

impl<'a> Question<'a> {
    /// A question without a configuration's wishes.
    pub(crate) fn new(request: &'a TurnRequest, model: &'a str, base: &'a Url) -> Self {
        Self {
            model,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            context: &request.context,
            extra: request.extra.as_deref(),
            base,
        }
    }
}

/// `segments` under `base`, of which the first is left out where `base` ends with it: people copy base URLs with the
/// version and without it.
pub(crate) fn under(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    let last = base.path_segments().and_then(|it| it.rev().find(|segment| !segment.is_empty()));
    let known = usize::from(segments.first().copied() == last);
    // An http URL has a path.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(&segments[known..]);
    }
    url
}

/// A refusal of what the API cannot be asked.
pub(crate) fn refusal(message: &str) -> BackendError {
    BackendError::Status { status: 400, message: message.to_owned(), retry_after: None }
}

/// `body` as it is sent.
pub(crate) fn json(body: &impl Serialize) -> Result<Vec<u8>, BackendError> {
    serde_json::to_vec(body).map_err(|_| refusal("the request cannot be written as JSON"))
}

/// Data that is none of the API's. Serde's own words may quote the text, so they are left out.
pub(crate) fn nonsense(error: &serde_json::Error) -> BackendError {
    BackendError::Malformed(format!("an event that makes no sense, from its column {}", error.column()))
}
