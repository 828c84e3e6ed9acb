//! A reply as it comes: server-sent events, each a chunk.

use super::request::Asked;
use super::whole::{finish_reason, id_of, tool_call, usage};
use super::{failed, failure};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use parlor_domain::{CompletionEnd, CompletionPiece, CompletionStream};
use parlor_protocol::completions as wire;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

/// How long the stream is silent at most: proxies cut what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A comment, which every reader of events passes over.
const COMMENT: &[u8] = b": waiting\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// A stream that is being told.
struct Telling {
    asked: Asked,
    id: String,
    created: i64,
    next: Option<CompletionPiece>,
    stream: CompletionStream,
    begun: bool,
    ended: bool,
}

/// The response; dropping its body ends the reply.
pub(super) fn response(
    asked: Asked,
    created: i64,
    first: CompletionPiece,
    stream: CompletionStream,
) -> Response {
    let id = id_of(&stream);
    let telling = Telling { asked, id, created, next: Some(first), stream, begun: false, ended: false };
    let events = stream::unfold(telling, |mut telling| async move {
        let events = telling.events().await?;
        Some((Ok::<_, Infallible>(events), telling))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // nginx would keep chunks back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl Telling {
    /// The next events; none after the end.
    async fn events(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let piece = match self.next.take() {
            Some(piece) => piece,
            None => match timeout(KEEP_ALIVE, self.stream.next()).await {
                Ok(piece) => piece?,
                Err(_) => return Some(Bytes::from_static(COMMENT)),
            },
        };
        let mut events = Vec::with_capacity(256);
        let mut delta = wire::ChunkDelta::default();
        if !self.begun {
            (self.begun, delta.role) = (true, Some("assistant"));
        }
        match piece {
            CompletionPiece::Content(text) => delta.content = Some(text.into()),
            CompletionPiece::Reasoning(text) => delta.reasoning_content = Some(text.into()),
            CompletionPiece::ToolCall(call) => delta.tool_calls.push(tool_call(call)),
            CompletionPiece::End(end) => {
                self.end(&mut events, delta, &end);
                return Some(events.into());
            }
        }
        self.chunk(&mut events, delta, None);
        Some(events.into())
    }

    fn end(&mut self, events: &mut Vec<u8>, delta: wire::ChunkDelta<'_>, end: &CompletionEnd) {
        self.ended = true;
        if let Some(refusal) = failed(end.status, end.refusal.as_ref()) {
            let status = refusal.code.http_status();
            return write(events, &failure::body(refusal, status));
        }
        if let Some(model) = &end.model {
            self.asked.model.clone_from(model);
        }
        self.chunk(events, delta, Some(finish_reason(end.finish)));
        if self.asked.wants_usage {
            write(
                events,
                &wire::Chunk { choices: Vec::new(), usage: Some(usage(end.usage)), ..self.frame() },
            );
        }
        events.extend_from_slice(DONE.as_bytes());
    }

    fn chunk(&self, events: &mut Vec<u8>, delta: wire::ChunkDelta<'_>, finish_reason: Option<&str>) {
        let choices = vec![wire::ChunkChoice { index: 0, delta, finish_reason }];
        write(events, &wire::Chunk { choices, ..self.frame() });
    }

    fn frame(&self) -> wire::Chunk<'_> {
        wire::Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.asked.model,
            choices: Vec::new(),
            usage: None,
        }
    }
}

fn write(events: &mut Vec<u8>, data: &impl Serialize) {
    events.extend_from_slice(b"data: ");
    // Nothing in a chunk can fail to serialise.
    if let Err(error) = serde_json::to_writer(&mut *events, data) {
        tracing::error!(%error, "a chunk could not be written");
    }
    events.extend_from_slice(b"\n\n");
}
