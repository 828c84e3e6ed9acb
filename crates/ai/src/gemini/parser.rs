//! What the events of a stream say.

use super::chunk::{Call, Chunk, Figures, Part};
use crate::provider::Reply;
use crate::provider::api::{Parser, nonsense};
use crate::sse::Event;
use parlor_domain::ports::{BackendError, ToolCall};
use serde_json::json;

/// Reads the chunks of one reply.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    calls: u32,
}

impl Parser for Chunks {
    fn take(&mut self, event: &Event, reply: &mut Reply) -> Result<(), BackendError> {
        // Gateways that do not know `alt=sse` answer with a list of all chunks.
        if event.data.trim_start().starts_with('[') {
            let chunks: Vec<Chunk> = serde_json::from_str(&event.data).map_err(|error| nonsense(&error))?;
            return chunks.into_iter().try_for_each(|chunk| self.chunk(chunk, reply));
        }
        let chunk = serde_json::from_str(&event.data).map_err(|error| nonsense(&error))?;
        self.chunk(chunk, reply)
    }
}

impl Chunks {
    fn chunk(&mut self, mut chunk: Chunk, reply: &mut Reply) -> Result<(), BackendError> {
        if let Some(error) = chunk.error.take().filter(|error| !error.is_null()) {
            return Err(reply.failure(&error));
        }
        reply.model(chunk.model_version.take());
        reply.usage(chunk.usage_metadata.and_then(Figures::usage));
        if let Some(reason) = chunk.block_reason() {
            let message = format!("the prompt was blocked: {reason}");
            return Err(reply.failure(&json!({"code": 400, "message": message})));
        }
        if let Some(mut candidate) = chunk.candidate() {
            candidate.parts().into_iter().for_each(|part| self.part(part, reply));
            if let Some(finish) = candidate.finish() {
                reply.finish(finish);
            }
        }
        Ok(())
    }

    fn part(&mut self, part: Part, reply: &mut Reply) {
        if part.thought {
            reply.reasoning(part.text);
        } else {
            reply.content(part.text);
        }
        if let Some(call) = part.function_call {
            self.call(call, reply);
        }
    }

    fn call(&mut self, call: Call, reply: &mut Reply) {
        let arguments = call.args.map_or_else(|| "{}".to_owned(), |args| args.get().to_owned());
        reply.tool_call(ToolCall { index: self.calls, id: call.id, name: call.name, arguments });
        self.calls = self.calls.saturating_add(1);
    }
}
