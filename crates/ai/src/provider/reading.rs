//! A reply as it comes: from the response's bytes to the port's pieces. The one reading loop of all providers.

use super::answer;
use super::api::Parser;
use super::reply::Reply;
use crate::sse::{Decoder, Event, MAX_BYTES};
use futures_util::StreamExt;
use futures_util::stream;
use parlor_domain::ports::{BackendError, Delta, TurnStream};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Duration;

/// How long the figures may take once the reply itself is whole.
const TAIL: Duration = Duration::from_secs(2);

/// The pieces of `response`, a success, as `parser` understands its events.
///
/// The response is held by the stream alone: dropping it closes the request.
pub(super) fn read(response: Response, parser: Box<dyn Parser>, reply: Reply) -> TurnStream {
    let streamed = !is_json(&response);
    let reading = Reading {
        response: Some(response),
        decoder: Decoder::default(),
        events: VecDeque::new(),
        parser,
        reply,
        failure: None,
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
    parser: Box<dyn Parser>,
    reply: Reply,
    /// What ends the reply once all of its pieces are told: figures may stand beside an error.
    failure: Option<BackendError>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Delta, BackendError>> {
        loop {
            if let Some(piece) = self.ready() {
                return Some(piece);
            }
            self.response.as_ref()?;
            match self.advance().await {
                Ok(Next::More) if !self.reply.is_done() => {}
                Ok(_) => self.end(),
                // All that could still come is figures: without them it is still whole.
                Err(_) if self.reply.is_whole() => self.end(),
                Err(error) => {
                    self.response = None;
                    self.failure = Some(error);
                }
            }
        }
    }

    fn ready(&mut self) -> Option<Result<Delta, BackendError>> {
        self.reply.pop().map(Ok).or_else(|| self.failure.take().map(Err))
    }

    /// A body of JSON is one event.
    async fn next_unstreamed(&mut self) -> Option<Result<Delta, BackendError>> {
        if let Some(response) = self.response.take() {
            let mut body = Vec::new();
            answer::read_body(response, MAX_BYTES, &mut body).await;
            let event = Event { name: String::new(), data: String::from_utf8_lossy(&body).into_owned() };
            match self.take(&event) {
                Ok(()) => self.reply.end(),
                Err(error) => self.failure = Some(error),
            }
        }
        self.ready()
    }

    /// Takes the next event, or reads on.
    async fn advance(&mut self) -> Result<Next, BackendError> {
        if let Some(event) = self.events.pop_front() {
            return self.take(&event).map(|()| Next::More);
        }
        if let Some(bytes) = self.read().await? {
            let fed = self.decoder.feed(&bytes, &mut self.events);
            return fed
                .map(|()| Next::More)
                .map_err(|too_long| BackendError::Malformed(too_long.to_string()));
        }
        match std::mem::take(&mut self.decoder).finish().map(|event| self.take(&event)) {
            // An event that was cut has no sense, and needs none.
            None | Some(Ok(()) | Err(BackendError::Malformed(_))) => Ok(Next::End),
            Some(Err(error)) => Err(error),
        }
    }

    fn take(&mut self, event: &Event) -> Result<(), BackendError> {
        if event.data.is_empty() {
            return Ok(());
        }
        self.reply.raw(&event.data);
        self.parser.take(event, &mut self.reply)
    }

    /// The next bytes; none at the end.
    async fn read(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, BackendError> {
        let Some(response) = &mut self.response else { return Ok(None) };
        let limit = if self.reply.is_whole() { TAIL } else { Duration::MAX };
        let Ok(read) = tokio::time::timeout(limit, response.chunk()).await else { return Ok(None) };
        read.map_err(answer::unreachable)
    }

    fn end(&mut self) {
        self.response = None;
        self.reply.end();
    }
}

/// Whether something may follow.
enum Next {
    More,
    End,
}
