//! What the events of a stream say.

use super::chunk::Chunk;
use crate::provider::Reply;
use crate::provider::api::{Parser, nonsense};
use crate::sse::Event;
use parlor_domain::ports::BackendError;

/// Reads the chunks of one completion. Each says all by itself.
pub(super) struct Chunks;

impl Parser for Chunks {
    fn take(&mut self, event: &Event, reply: &mut Reply) -> Result<(), BackendError> {
        match (event.name.as_str(), event.data.as_str()) {
            (_, "[DONE]") => {
                reply.done();
                Ok(())
            }
            ("error", data) => {
                let error = serde_json::from_str(data).unwrap_or_else(|_| data.into());
                Err(reply.failure(&error))
            }
            (_, data) => chunk(data, reply),
        }
    }
}

fn chunk(text: &str, reply: &mut Reply) -> Result<(), BackendError> {
    let mut chunk: Chunk = serde_json::from_str(text).map_err(|error| nonsense(&error))?;
    if chunk.is_error() {
        let error = serde_json::from_str(text).map_err(|error| nonsense(&error))?;
        return Err(reply.failure(&error));
    }
    reply.model(chunk.model.take());
    let said = chunk.said();
    reply.reasoning(said.reasoning);
    reply.content(said.text);
    said.tool_calls.into_iter().for_each(|call| reply.tool_call(call));
    reply.usage(chunk.usage());
    if let Some(finish) = chunk.finish() {
        reply.finish(finish);
    }
    Ok(())
}
