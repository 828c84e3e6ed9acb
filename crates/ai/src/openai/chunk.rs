//! The objects that a stream is made of, in the dialects of several servers: nearly everything may be missing,
//! null or new.

use parlor_domain::message::Usage;
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

/// Reasoning and tool calls stand beside these fields, and are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    content: Option<Content>,
    /// Why the model would not answer: said in place of the content.
    refusal: Option<String>,
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

    /// The text that it adds to the first choice, which is the only one that we ask for.
    pub(super) fn text(&mut self) -> Option<String> {
        let choice = self.first_choice()?;
        let said = choice.delta.take().or_else(|| choice.message.take())?;
        let text = match said.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts.into_iter().filter_map(|part| part.text).collect(),
            Some(Content::Other(_)) | None => String::new(),
        };
        Some(if text.is_empty() { said.refusal.unwrap_or_default() } else { text })
            .filter(|it| !it.is_empty())
    }

    /// Whether it says that the first choice is whole.
    pub(super) fn is_last(&mut self) -> bool {
        self.first_choice()
            .is_some_and(|choice| choice.finish_reason.as_deref().is_some_and(|reason| !reason.is_empty()))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn check(json: &str, text: Option<&str>, last: bool, usage: Option<(u64, u64)>) {
        let mut chunk: Chunk = serde_json::from_str(json).unwrap();
        assert_eq!(chunk.text().as_deref(), text, "{json}");
        assert_eq!(chunk.is_last(), last, "{json}");
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
}
