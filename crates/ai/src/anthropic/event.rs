//! The objects that a stream is made of. What is new in them is skipped, and so are events of an unknown type.

use parlor_domain::message::Usage;
use parlor_domain::ports::Finish;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// An event. Which of its fields there are depends on its type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wire {
    pub(super) r#type: String,
    /// Of `message_start`.
    pub(super) message: Option<Message>,
    /// Of a block's events: which block.
    pub(super) index: u64,
    /// Of `content_block_start`.
    pub(super) content_block: Option<Block>,
    /// Of `content_block_delta` and `message_delta`.
    pub(super) delta: Option<Delta>,
    /// Of `message_delta`.
    pub(super) usage: Option<Figures>,
    /// Of `error`.
    pub(super) error: Option<Value>,
}

/// A reply: empty in `message_start`, whole from a server that does not stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) model: Option<String>,
    pub(super) content: Vec<Block>,
    pub(super) stop_reason: Option<String>,
    pub(super) usage: Option<Figures>,
}

/// A block of a reply, as far as it is there when it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block {
    pub(super) r#type: String,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<Box<RawValue>>,
}

/// The next piece of a block, or what is new about the reply.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub(super) r#type: String,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) partial_json: Option<String>,
    pub(super) stop_reason: Option<String>,
}

/// Figures so far. They are no sums of one another: what came from the cache, or went there, is not in `input_tokens`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens")]
    cached: Option<u64>,
    #[serde(rename = "cache_read_input_tokens")]
    recalled: Option<u64>,
    #[serde(rename = "output_tokens")]
    output: Option<u64>,
}

impl Figures {
    /// These figures, and those of `newer` where it has them.
    pub(super) fn updated(self, newer: Self) -> Self {
        Self {
            input: newer.input.or(self.input),
            cached: newer.cached.or(self.cached),
            recalled: newer.recalled.or(self.recalled),
            output: newer.output.or(self.output),
        }
    }

    /// What is paid for; none where nothing is known.
    pub(super) fn usage(self) -> Option<Usage> {
        self.input.or(self.output)?;
        let prompt = [self.input, self.cached, self.recalled];
        Some(Usage {
            prompt_tokens: prompt.into_iter().flatten().fold(0, u64::saturating_add),
            completion_tokens: self.output.unwrap_or_default(),
            estimated: false,
        })
    }
}

/// Why a reply stopped. A reason that nobody knows is as good as any.
pub(super) fn finish(reason: &str) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Filtered,
        _ => Finish::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_ends_a_reply() {
        for (reason, expect) in [
            ("end_turn", Finish::Stop),
            ("stop_sequence", Finish::Stop),
            ("pause_turn", Finish::Stop),
            ("max_tokens", Finish::Length),
            ("model_context_window_exceeded", Finish::Length),
            ("tool_use", Finish::ToolCalls),
            ("refusal", Finish::Filtered),
            ("one that is new", Finish::Stop),
        ] {
            assert_eq!(finish(reason), expect, "{reason}");
        }
    }

    /// Protects the bill: prompts that were cached are paid for too.
    #[test]
    fn the_prompt_is_what_was_read_and_what_was_cached() {
        let figures = Figures { input: Some(1), cached: Some(20), recalled: Some(300), output: None };
        let usage = figures.updated(Figures { output: Some(7), ..Figures::default() }).usage();
        assert_eq!(usage, Some(Usage { prompt_tokens: 321, completion_tokens: 7, estimated: false }));
        assert_eq!(Figures::default().usage(), None);
    }
}
