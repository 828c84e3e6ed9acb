//! The objects that a stream is made of. Nearly everything may be missing, and what is new is skipped.

use parlor_domain::message::Usage;
use parlor_domain::ports::Finish;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One object of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk {
    candidates: Vec<Candidate>,
    pub(super) usage_metadata: Option<Figures>,
    pub(super) model_version: Option<String>,
    prompt_feedback: Option<Feedback>,
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate {
    index: u32,
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Part>,
}

/// A part of a reply: a text, which may be a thought, or a call of a tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) text: Option<String>,
    pub(super) thought: bool,
    pub(super) function_call: Option<Call>,
}

/// A call of a tool, which is whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) args: Option<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

/// Figures so far. Thoughts are paid for like the reply, but counted apart.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<u64>,
}

impl Chunk {
    /// The first candidate, which is the only one that we ask for.
    pub(super) fn candidate(&mut self) -> Option<Candidate> {
        let place = self.candidates.iter().position(|candidate| candidate.index == 0)?;
        Some(self.candidates.swap_remove(place))
    }

    /// Why the prompt was blocked, where it was.
    pub(super) fn block_reason(&self) -> Option<&str> {
        told(self.prompt_feedback.as_ref()?.block_reason.as_deref(), "BLOCK_REASON_UNSPECIFIED")
    }
}

impl Candidate {
    /// Its parts, once.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        self.content.take().unwrap_or_default().parts
    }

    /// Why it is whole, where it is. A reason that nobody knows is as good as any.
    pub(super) fn finish(&self) -> Option<Finish> {
        let reason = told(self.finish_reason.as_deref(), "FINISH_REASON_UNSPECIFIED")?;
        Some(match reason {
            "MAX_TOKENS" => Finish::Length,
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                Finish::Filtered
            }
            _ => Finish::Stop,
        })
    }
}

/// A reason that is one.
fn told<'a>(reason: Option<&'a str>, unspecified: &str) -> Option<&'a str> {
    reason.filter(|reason| !reason.is_empty() && *reason != unspecified)
}

impl Figures {
    /// What is paid for; none where nothing is known.
    pub(super) fn usage(self) -> Option<Usage> {
        let prompt = sum([self.prompt, self.tool_use]);
        let completion = sum([self.candidates, self.thoughts]);
        prompt.or(completion)?;
        Some(Usage {
            prompt_tokens: prompt.unwrap_or_default(),
            completion_tokens: completion.unwrap_or_default(),
            estimated: false,
        })
    }
}

fn sum(figures: [Option<u64>; 2]) -> Option<u64> {
    figures.into_iter().flatten().reduce(u64::saturating_add)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_reason_ends_a_reply() {
        for (reason, expect) in [
            ("STOP", Some(Finish::Stop)),
            ("MAX_TOKENS", Some(Finish::Length)),
            ("SAFETY", Some(Finish::Filtered)),
            ("RECITATION", Some(Finish::Filtered)),
            ("LANGUAGE", Some(Finish::Filtered)),
            ("BLOCKLIST", Some(Finish::Filtered)),
            ("PROHIBITED_CONTENT", Some(Finish::Filtered)),
            ("SPII", Some(Finish::Filtered)),
            ("OTHER", Some(Finish::Stop)),
            ("ONE_THAT_IS_NEW", Some(Finish::Stop)),
            ("FINISH_REASON_UNSPECIFIED", None),
            ("", None),
        ] {
            let candidate = Candidate { finish_reason: Some(reason.to_owned()), ..Candidate::default() };
            assert_eq!(candidate.finish(), expect, "{reason}");
        }
    }

    #[test]
    fn only_the_first_candidate_counts() {
        let json = r#"{"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]}},{"content":{"parts":[{"text":"a"}]}}]}"#;
        let mut chunk: Chunk = serde_json::from_str(json).unwrap();
        let parts = chunk.candidate().unwrap().parts();
        assert_eq!(parts[0].text.as_deref(), Some("a"));
    }

    /// Protects the bill: thoughts are paid for.
    #[test]
    fn thoughts_are_a_part_of_the_reply_in_the_figures() {
        let figures = |json: &str| serde_json::from_str::<Figures>(json).unwrap().usage();
        let usage = |prompt_tokens, completion_tokens| {
            Some(Usage { prompt_tokens, completion_tokens, estimated: false })
        };
        let all = r#"{"promptTokenCount":5,"toolUsePromptTokenCount":1,"candidatesTokenCount":7,"thoughtsTokenCount":20}"#;
        assert_eq!(figures(all), usage(6, 27));
        assert_eq!(figures(r#"{"promptTokenCount":5,"totalTokenCount":5}"#), usage(5, 0));
        assert_eq!(figures("{}"), None);
    }
}
