//! What is asked: the body of a generation.

use crate::provider::api::Question;
use crate::provider::turns::{Turn, Turns};
use parlor_domain::ports::BackendError;
use serde::Serialize;

/// A request for a reply. That it is streamed, and of which model, says the URL.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content>,
    contents: Vec<Content>,
    #[serde(rename = "generationConfig", skip_serializing_if = "Option::is_none")]
    generation_config: Option<GenerationConfig>,
}

#[derive(Debug, Serialize)]
struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

impl Body {
    /// The body for `question`. Error: it has to do with tools.
    pub(super) fn new(question: &Question<'_>) -> Result<Self, BackendError> {
        let Turns { system, turns } = Turns::new(question)?;
        let Question { max_tokens, temperature, .. } = *question;
        let wishes = max_tokens.is_some() || temperature.is_some();
        Ok(Self {
            system_instruction: (!system.is_empty()).then(|| Content { role: None, parts: parts(system) }),
            contents: turns.into_iter().map(Content::from).collect(),
            generation_config: wishes
                .then_some(GenerationConfig { max_output_tokens: max_tokens, temperature }),
        })
    }
}

impl From<Turn> for Content {
    fn from(turn: Turn) -> Self {
        Self { role: Some(if turn.by_model { "model" } else { "user" }), parts: parts(turn.texts) }
    }
}

fn parts(texts: Vec<String>) -> Vec<Part> {
    texts.into_iter().map(|text| Part { text }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;
    use parlor_domain::ports::{ContextMessage, Speaker, TurnRequest};
    use reqwest::Url;
    use serde_json::{Value, json};

    fn body(request: &TurnRequest) -> Value {
        let base = Url::parse("http://x").unwrap();
        serde_json::to_value(Body::new(&Question::new(request, "gemini", &base)).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_is_instructions_and_turns() {
        let piece = ContextMessage::new;
        let mut request = TurnRequest::new(
            UserId::new(),
            vec![
                piece(Speaker::System, "Be brief."),
                piece(Speaker::User, "Hi"),
                piece(Speaker::User, "all"),
                piece(Speaker::Assistant, "Yes?"),
                piece(Speaker::User, "Why?"),
            ],
        );
        request.context[1].name = Some("ann".into());
        request.extra = Some(r#"{"seed":7}"#.into());
        let expect = json!({
            "system_instruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "ann: Hi"}, {"text": "all"}]},
                {"role": "model", "parts": [{"text": "Yes?"}]},
                {"role": "user", "parts": [{"text": "Why?"}]},
            ],
        });
        assert_eq!(body(&request), expect);
    }

    #[test]
    fn wishes_are_the_generations_configuration() {
        let plain = TurnRequest::new(UserId::new(), vec![ContextMessage::new(Speaker::User, "Hi")]);
        let both = TurnRequest { max_tokens: Some(7), temperature: Some(1.5), ..plain.clone() };
        assert_eq!(body(&both)["generationConfig"], json!({"maxOutputTokens": 7, "temperature": 1.5}));
        let one = TurnRequest { max_tokens: Some(7), ..plain };
        assert_eq!(body(&one)["generationConfig"], json!({"maxOutputTokens": 7}));
    }
}
