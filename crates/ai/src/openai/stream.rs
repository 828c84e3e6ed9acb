//! A reply as it comes: from the response's bytes to the port's pieces.

use super::answer;
use super::chunk::Chunk;
use crate::sse::{Decoder, Event, MAX_BYTES};
use futures_util::StreamExt;
use futures_util::stream;
use parlor_domain::message::Usage;
use parlor_domain::ports::{BackendError, Delta, TurnStream};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Duration;

/// How long the figures may take once the reply itself is whole.
const TAIL: Duration = Duration::from_secs(2);

/// The pieces of `response`, a success. `model` is the one that was asked for, `key` what no error may tell.
///
/// The response is held by the stream alone: dropping it closes the request.
pub(super) fn read(response: Response, model: String, key: Option<String>) -> TurnStream {
    let streamed = !is_json(&response);
    let reading = Reading {
        response: Some(response),
        decoder: Decoder::default(),
        events: VecDeque::new(),
        reply: Reply {
            ready: VecDeque::new(),
            asked_model: Some(model),
            usage: None,
            whole: false,
            done: false,
            key,
        },
    };
    stream::unfold((reading, streamed), |(mut reading, streamed)| async move {
        let delta = if streamed { reading.next().await } else { reading.next_unstreamed().await };
        delta.map(|delta| (delta, (reading, streamed)))
    })
    .fuse()
    .boxed()
}

/// Servers that cannot stream answer with the whole reply; gateways report errors under a status of success so.
fn is_json(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|it| it.trim_start().to_ascii_lowercase().starts_with("application/json"))
}

/// A response that is being read.
struct Reading {
    /// None once it has ended or failed.
    response: Option<Response>,
    decoder: Decoder,
    events: VecDeque<Event>,
    reply: Reply,
}

/// What is known of the reply so far.
struct Reply {
    ready: VecDeque<Delta>,
    /// Until a chunk has told the real one.
    asked_model: Option<String>,
    usage: Option<Usage>,
    /// The server has said that nothing of the text is missing.
    whole: bool,
    /// The server has said that nothing at all follows.
    done: bool,
    key: Option<String>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Delta, BackendError>> {
        loop {
            if let Some(delta) = self.reply.ready.pop_front() {
                return Some(Ok(delta));
            }
            self.response.as_ref()?;
            match self.advance().await {
                Ok(()) if self.reply.done => self.end(),
                Ok(()) => {}
                // All that could still come is figures: without them it is still whole.
                Err(_) if self.reply.whole => self.end(),
                Err(error) => {
                    self.response = None;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn next_unstreamed(&mut self) -> Option<Result<Delta, BackendError>> {
        if let Some(response) = self.response.take() {
            let mut body = Vec::new();
            answer::read_body(response, MAX_BYTES, &mut body).await;
            if let Err(error) = self.reply.take(&String::from_utf8_lossy(&body)) {
                return Some(Err(error));
            }
            self.reply.end();
        }
        self.reply.ready.pop_front().map(Ok)
    }

    /// Takes the next event, or reads on.
    async fn advance(&mut self) -> Result<(), BackendError> {
        if let Some(event) = self.events.pop_front() {
            return self.reply.take_event(&event);
        }
        if let Some(bytes) = self.read().await? {
            let fed = self.decoder.feed(&bytes, &mut self.events);
            return fed.map_err(|too_long| BackendError::Malformed(too_long.to_string()));
        }
        self.reply.done = true;
        match std::mem::take(&mut self.decoder).finish().map(|event| self.reply.take_event(&event)) {
            // An event that was cut has no sense, and needs none.
            None | Some(Ok(()) | Err(BackendError::Malformed(_))) => Ok(()),
            Some(Err(error)) => Err(error),
        }
    }

    /// The next bytes; none at the end.
    async fn read(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, BackendError> {
        let Some(response) = &mut self.response else { return Ok(None) };
        let limit = if self.reply.whole { TAIL } else { Duration::MAX };
        let Ok(read) = tokio::time::timeout(limit, response.chunk()).await else { return Ok(None) };
        read.map_err(answer::unreachable)
    }

    fn end(&mut self) {
        self.response = None;
        self.reply.end();
    }
}

impl Reply {
    fn take_event(&mut self, event: &Event) -> Result<(), BackendError> {
        match (event.name.as_str(), event.data.as_str()) {
            (_, "") => Ok(()),
            (_, "[DONE]") => {
                (self.whole, self.done) = (true, true);
                Ok(())
            }
            ("error", data) => {
                let error = serde_json::from_str(data).unwrap_or_else(|_| data.into());
                Err(answer::reported(&error, self.key.as_deref()))
            }
            (_, data) => self.take(data),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), BackendError> {
        let mut chunk: Chunk = serde_json::from_str(text).map_err(|error| not_a_chunk(&error))?;
        if chunk.is_error() {
            let error = serde_json::from_str(text).map_err(|error| not_a_chunk(&error))?;
            return Err(answer::reported(&error, self.key.as_deref()));
        }
        if let Some(model) = chunk.model.take().filter(|model| !model.is_empty())
            && self.asked_model.take().is_some()
        {
            self.ready.push_back(Delta::Model(model));
        }
        self.ready.extend(chunk.text().map(Delta::Content));
        // Some servers repeat their figures in every chunk.
        if let Some(usage) = chunk.usage().filter(|usage| self.usage != Some(*usage)) {
            self.usage = Some(usage);
            self.ready.push_back(Delta::Usage(usage));
        }
        self.whole |= chunk.is_last();
        Ok(())
    }

    /// The response is over: says so if the reply is whole.
    fn end(&mut self) {
        if self.whole {
            // A server that names no model has used the one that it was asked for.
            self.ready.extend(self.asked_model.take().map(Delta::Model));
            self.ready.push_back(Delta::End);
        }
    }
}

/// Serde's own words may quote the text.
fn not_a_chunk(error: &serde_json::Error) -> BackendError {
    BackendError::Malformed(format!("an event that is not a chunk, from its column {}", error.column()))
}
