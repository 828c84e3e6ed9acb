//! What the events of a stream say, one after the other.

use super::event::{Block, Delta, Figures, Message, Wire, finish};
use crate::provider::Reply;
use crate::provider::api::{Parser, nonsense};
use crate::sse::Event;
use parlor_domain::ports::{BackendError, ToolCall};

/// Reads the events of one reply. The type in the data counts; the event's name only repeats it.
#[derive(Debug, Default)]
pub(super) struct Events {
    figures: Figures,
    /// The last call of a tool. Blocks come one after the other.
    call: Option<Call>,
    calls: u32,
}

/// A call of a tool whose pieces may follow.
#[derive(Debug, Clone, Copy)]
struct Call {
    block: u64,
    index: u32,
    /// Whether nothing of its arguments has come.
    silent: bool,
}

impl Parser for Events {
    fn take(&mut self, event: &Event, reply: &mut Reply) -> Result<(), BackendError> {
        let wire: Wire = serde_json::from_str(&event.data).map_err(|error| nonsense(&error))?;
        match wire.r#type.as_str() {
            "message_start" => self.start(wire.message.unwrap_or_default(), reply),
            "content_block_start" => self.block(wire.index, wire.content_block.unwrap_or_default(), reply),
            "content_block_delta" => self.delta(wire.index, wire.delta.unwrap_or_default(), reply),
            "content_block_stop" => self.end_call(wire.index, reply),
            "message_delta" => {
                self.figures(wire.usage, reply);
                stop(wire.delta.unwrap_or_default().stop_reason.as_deref(), reply);
            }
            "message_stop" => reply.done(),
            "message" => self.whole(&event.data, reply)?,
            _ => {}
        }
        match wire.error.filter(|error| !error.is_null()) {
            Some(error) => Err(reply.failure(&error)),
            None => Ok(()),
        }
    }
}

impl Events {
    fn start(&mut self, message: Message, reply: &mut Reply) {
        reply.model(message.model);
        self.figures(message.usage, reply);
    }

    /// A reply that is not streamed.
    fn whole(&mut self, text: &str, reply: &mut Reply) -> Result<(), BackendError> {
        let mut message: Message = serde_json::from_str(text).map_err(|error| nonsense(&error))?;
        let blocks = std::mem::take(&mut message.content);
        let stop_reason = message.stop_reason.take();
        self.start(message, reply);
        for (index, block) in (0..).zip(blocks) {
            self.block(index, block, reply);
            self.end_call(index, reply);
        }
        stop(stop_reason.as_deref(), reply);
        Ok(())
    }

    fn block(&mut self, index: u64, block: Block, reply: &mut Reply) {
        match block.r#type.as_str() {
            "text" => reply.content(block.text),
            "thinking" => reply.reasoning(block.thinking),
            "tool_use" => self.begin_call(index, block, reply),
            _ => {}
        }
    }

    fn delta(&mut self, index: u64, delta: Delta, reply: &mut Reply) {
        match delta.r#type.as_str() {
            "text_delta" => reply.content(delta.text),
            "thinking_delta" => reply.reasoning(delta.thinking),
            "input_json_delta" => self.arguments(index, delta.partial_json.unwrap_or_default(), reply),
            // Signatures, citations and what is yet to be invented.
            _ => {}
        }
    }

    fn begin_call(&mut self, block: u64, tool: Block, reply: &mut Reply) {
        let index = self.calls;
        self.calls = self.calls.saturating_add(1);
        self.call = Some(Call { block, index, silent: true });
        reply.tool_call(ToolCall { index, id: tool.id, name: tool.name, arguments: String::new() });
        // It is empty where pieces follow.
        let input = tool.input.filter(|input| !matches!(input.get(), "{}" | "null"));
        self.arguments(block, input.map(|input| input.get().to_owned()).unwrap_or_default(), reply);
    }

    fn arguments(&mut self, block: u64, arguments: String, reply: &mut Reply) {
        if let Some(call) = self.call.as_mut().filter(|call| call.block == block && !arguments.is_empty()) {
            call.silent = false;
            reply.tool_call(ToolCall { index: call.index, arguments, ..ToolCall::default() });
        }
    }

    /// A call without arguments has an empty object of them.
    fn end_call(&mut self, block: u64, reply: &mut Reply) {
        if self.call.is_some_and(|call| call.block == block && call.silent) {
            self.arguments(block, "{}".to_owned(), reply);
        }
    }

    fn figures(&mut self, newer: Option<Figures>, reply: &mut Reply) {
        if let Some(newer) = newer {
            self.figures = self.figures.updated(newer);
            reply.usage(self.figures.usage());
        }
    }
}

fn stop(reason: Option<&str>, reply: &mut Reply) {
    if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
        reply.finish(finish(reason));
    }
}
