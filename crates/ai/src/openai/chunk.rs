//! The objects that a stream is made of, in the dialects of several servers: nearly everything may be missing,
//! null or new.

use parlor_domain::message::Usage;
use parlor_domain::ports::{Finish, ToolCall};
use serde::Deserialize;
use serde_json::Value;

/// One object of a stream, or the one object of a server that does not stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    pub(super) model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Figures>,
    error: Option<Value>,
    object: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    index: Option<u32>,
    delta: Option<Said>,
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    content: Option<Content>,
    /// Why the model would not answer: said in place of the content.
    refusal: Option<String>,
    /// What it thinks aloud, by the name that `DeepSeek` and vLLM use.
    reasoning_content: Option<Content>,
    /// The same, by that of `OpenRouter` and Ollama. Some servers send both.
    reasoning: Option<Content>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part {
    text: Option<String>,
}

/// A piece of a call of a tool. The calls of a reply that is not streamed have no index.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Figures {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Chunk {
    /// Whether it reports a failure; the text that it came from says which.
    pub(super) fn is_error(&self) -> bool {
        self.error.as_ref().is_some_and(|error| !error.is_null()) || self.object.as_deref() == Some("error")
    }

    /// What it adds to the first choice, which is the only one that we ask for.
    pub(super) fn said(&mut self) -> Pieces {
        let choice = self.first_choice();
        let said = choice.and_then(|choice| choice.delta.take().or_else(|| choice.message.take()));
        let Some(said) = said else { return Pieces::default() };
        let calls = said.tool_calls.unwrap_or_default();
        Pieces {
            reasoning: text(said.reasoning_content).or_else(|| text(said.reasoning)),
            text: text(said.content).or(said.refusal),
            tool_calls: (0..).zip(calls).map(|(place, call)| call.piece(place)).collect(),
        }
    }

    /// Why the first choice is whole, where it says that it is. A reason that nobody knows is as good as any.
    pub(super) fn finish(&mut self) -> Option<Finish> {
        let reason = self.first_choice()?.finish_reason.as_deref().filter(|reason| !reason.is_empty())?;
        Some(match reason {
            "length" => Finish::Length,
            "tool_calls" | "function_call" => Finish::ToolCalls,
            "content_filter" => Finish::Filtered,
            _ => Finish::Stop,
        })
    }

    /// The figures, where it has any.
    pub(super) fn usage(&self) -> Option<Usage> {
        let Figures { prompt_tokens, completion_tokens } = self.usage?;
        prompt_tokens.or(completion_tokens)?;
        Some(Usage {
            prompt_tokens: prompt_tokens.unwrap_or_default(),
            completion_tokens: completion_tokens.unwrap_or_default(),
            estimated: false,
        })
    }

    fn first_choice(&mut self) -> Option<&mut Choice> {
        self.choices.as_mut()?.iter_mut().find(|choice| choice.index.unwrap_or_default() == 0)
    }
}

/// What a chunk adds to a reply.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) reasoning: Option<String>,
    pub(super) text: Option<String>,
    pub(super) tool_calls: Vec<ToolCall>,
}

fn text(content: Option<Content>) -> Option<String> {
    let text = match content? {
        Content::Text(text) => text,
        Content::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        Content::Other(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

impl Call {
    /// The piece of a call that stands at `place` in its chunk.
    fn piece(self, place: u32) -> ToolCall {
        let said = |text: &String| !text.is_empty();
        let function = self.function.unwrap_or_default();
        ToolCall {
            index: self.index.unwrap_or(place),
            id: self.id.filter(said),
            name: function.name.filter(said),
            arguments: match function.arguments {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(piece)) => piece,
                // Some servers forget to write the arguments as a text.
                Some(whole) => whole.to_string(),
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn check(json: &str, text: Option<&str>, last: bool, usage: Option<(u64, u64)>) {
        let mut chunk: Chunk = serde_json::from_str(json).unwrap();
        assert_eq!(chunk.said().text.as_deref(), text, "{json}");
        assert_eq!(chunk.finish().is_some(), last, "{json}");
        assert_eq!(chunk.usage().map(|it| (it.prompt_tokens, it.completion_tokens)), usage, "{json}");
        assert!(!chunk.is_error(), "{json}");
    }

    #[test]
    fn what_is_missing_null_or_unknown_does_no_harm() {
        check("{}", None, false, None);
        check(r#"{"choices":null,"usage":null,"error":null,"model":null}"#, None, false, None);
        check(
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"x":{}}}"#,
            None,
            false,
            Some((3, 4)),
        );
        check(r#"{"choices":[],"usage":{}}"#, None, false, None);
        check(r#"{"choices":[{"delta":null,"finish_reason":null}]}"#, None, false, None);
        check(r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0}]}}]}"#, None, false, None);
        check(r#"{"choices":[{"delta":{"reasoning_content":"hm","content":""}}]}"#, None, false, None);
        check(
            r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"x":1}}],"new":[1]}"#,
            Some("a"),
            false,
            None,
        );
        check(r#"{"choices":[{"delta":{},"finish_reason":""}]}"#, None, false, None);
        check(r#"{"choices":[{"delta":{"content":7}}]}"#, None, false, None);
    }

    #[test]
    fn text_comes_in_several_shapes() {
        check(r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#, Some("a"), true, None);
        check(
            r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"x"}]}}]}"#,
            Some("a"),
            false,
            None,
        );
        check(r#"{"choices":[{"message":{"content":"a"},"finish_reason":"length"}]}"#, Some("a"), true, None);
        check(r#"{"choices":[{"delta":{"refusal":"no"}}]}"#, Some("no"), false, None);
    }

    #[test]
    fn only_the_first_choice_counts() {
        check(
            r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
            None,
            false,
            None,
        );
        check(
            r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
            Some("a"),
            false,
            None,
        );
    }

    fn said(json: &str) -> Pieces {
        serde_json::from_str::<Chunk>(json).unwrap().said()
    }

    #[test]
    fn reasoning_has_two_names_and_counts_once() {
        let check = |delta: &str, expect: Option<&str>| {
            let pieces = said(&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#));
            assert_eq!(pieces.reasoning.as_deref(), expect, "{delta}");
        };
        check(r#"{"reasoning_content":"hm"}"#, Some("hm"));
        check(r#"{"reasoning":"hm"}"#, Some("hm"));
        check(r#"{"reasoning":"hm","reasoning_content":"hm"}"#, Some("hm"));
        check(r#"{"reasoning":"hm","reasoning_content":null}"#, Some("hm"));
        check(r#"{"reasoning":{"effort":"low"}}"#, None);
        check(r#"{"reasoning":""}"#, None);
    }

    #[test]
    fn calls_of_tools_come_in_pieces_or_whole() {
        let check = |calls: &str, expect: ToolCall| {
            let pieces = said(&format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{calls}]}}}}]}}"#));
            assert_eq!(pieces.tool_calls, [expect], "{calls}");
        };
        let piece = |index, id: Option<&str>, name: Option<&str>, arguments: &str| ToolCall {
            index,
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            arguments: arguments.to_owned(),
        };
        check(
            r#"{"index":1,"id":"c1","type":"function","function":{"name":"f","arguments":""}}"#,
            piece(1, Some("c1"), Some("f"), ""),
        );
        check(r#"{"index":1,"function":{"arguments":"{\"a"}}"#, piece(1, None, None, "{\"a"));
        check(
            r#"{"index":1,"id":"","function":{"name":"","arguments":"\":1}"}}"#,
            piece(1, None, None, "\":1}"),
        );
        check(
            r#"{"id":"c1","function":{"name":"f","arguments":{"a":1}}}"#,
            piece(0, Some("c1"), Some("f"), r#"{"a":1}"#),
        );
    }

    #[test]
    fn every_reason_ends_a_reply() {
        for (reason, expect) in [
            ("stop", Finish::Stop),
            ("length", Finish::Length),
            ("tool_calls", Finish::ToolCalls),
            ("content_filter", Finish::Filtered),
            ("insufficient_system_resource", Finish::Stop),
        ] {
            let json = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
            assert_eq!(serde_json::from_str::<Chunk>(&json).unwrap().finish(), Some(expect), "{reason}");
        }
    }
}
