//! What is asked: the body of a generation.

use crate::provider::api::Question;
use crate::provider::turns::{self, Turn, Turns};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parlor_domain::ports::{BackendError, ContextImage};
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
#[serde(rename_all = "snake_case")]
enum Part {
    Text(String),
    InlineData(InlineData),
}

#[derive(Debug, Serialize)]
struct InlineData {
    mime_type: String,
    data: String,
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
            system_instruction: (!system.is_empty())
                .then(|| Content { role: None, parts: system.into_iter().map(Part::Text).collect() }),
            contents: turns.into_iter().map(Content::from).collect(),
            generation_config: wishes
                .then_some(GenerationConfig { max_output_tokens: max_tokens, temperature }),
        })
    }
}

impl From<Turn> for Content {
    fn from(turn: Turn) -> Self {
        Self {
            role: Some(if turn.by_model { "model" } else { "user" }),
            parts: turn.parts.into_iter().filter_map(part).collect(),
        }
    }
}

/// A piece as the API takes it; none for an image of a format that it does not look at, of which the text has the name.
fn part(part: turns::Part) -> Option<Part> {
    match part {
        turns::Part::Text(text) => Some(Part::Text(text)),
        turns::Part::Image(image) if image.media_type == "image/gif" => None,
        turns::Part::Image(ContextImage { media_type, content }) => {
            Some(Part::InlineData(InlineData { mime_type: media_type, data: STANDARD.encode(&content) }))
        }
    }
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
    fn images_stand_behind_their_text_but_for_those_that_it_does_not_know() {
        let mut piece = ContextMessage::new(Speaker::User, "Look");
        let image =
            |media_type: &str| ContextImage { media_type: media_type.into(), content: b"\x89PNG"[..].into() };
        piece.images = vec![image("image/png"), image("image/gif")];
        let expect =
            json!([{"text": "Look"}, {"inline_data": {"mime_type": "image/png", "data": "iVBORw=="}}]);
        let request = TurnRequest::new(UserId::new(), vec![piece]);
        assert_eq!(body(&request)["contents"][0]["parts"], expect);
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
