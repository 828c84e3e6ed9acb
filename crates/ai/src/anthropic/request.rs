//! What is asked: the body of a message.

use crate::provider::api::Question;
use crate::provider::turns::{Part, Turn, Turns};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parlor_domain::ports::{BackendError, ContextImage};
use serde::Serialize;

/// The API wants a maximum of tokens; this is it where nobody named one.
const MAX_TOKENS: u32 = 4096;
/// The highest temperature that the API takes; the port's goes to 2.
const TEMPERATURE_MAX: f64 = 1.0;

/// A request for a streamed reply.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block>,
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    stream: bool,
}

#[derive(Debug, Serialize)]
struct Message {
    role: &'static str,
    content: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text { text: String },
    Image { source: Source },
}

#[derive(Debug, Serialize)]
struct Source {
    r#type: &'static str,
    media_type: String,
    data: String,
}

impl<'a> Body<'a> {
    /// The body for `question`. Error: it has to do with tools.
    pub(super) fn new(question: &Question<'a>) -> Result<Self, BackendError> {
        let Turns { system, mut turns } = Turns::new(question)?;
        // What the model is to go on with must not end in a space.
        if let Some(Part::Text(text)) =
            turns.last_mut().filter(|turn| turn.by_model).and_then(|turn| turn.parts.last_mut())
        {
            text.truncate(text.trim_end().len());
        }
        Ok(Self {
            model: question.model,
            max_tokens: question.max_tokens.unwrap_or(MAX_TOKENS),
            system: system.into_iter().map(|text| Block::Text { text }).collect(),
            messages: turns.into_iter().map(Message::from).collect(),
            temperature: question.temperature.map(|it| it.min(TEMPERATURE_MAX)),
            stream: true,
        })
    }
}

impl From<Turn> for Message {
    fn from(turn: Turn) -> Self {
        let role = if turn.by_model { "assistant" } else { "user" };
        Self { role, content: turn.parts.into_iter().map(Block::from).collect() }
    }
}

impl From<Part> for Block {
    fn from(part: Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text },
            Part::Image(ContextImage { media_type, content }) => {
                let data = STANDARD.encode(&content);
                Self::Image { source: Source { r#type: "base64", media_type, data } }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;
    use parlor_domain::ports::{ContextMessage, Speaker, TurnRequest};
    use reqwest::Url;
    use serde_json::{Value, json};

    fn request(context: &[(Speaker, &str)]) -> TurnRequest {
        let context = context.iter().map(|(speaker, text)| ContextMessage::new(*speaker, *text)).collect();
        TurnRequest::new(UserId::new(), context)
    }

    fn body(request: &TurnRequest) -> Value {
        let base = Url::parse("http://x").unwrap();
        serde_json::to_value(Body::new(&Question::new(request, "claude", &base)).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_is_instructions_turns_and_a_maximum() {
        let mut request = request(&[
            (Speaker::System, "Be brief."),
            (Speaker::User, "Hi"),
            (Speaker::User, "all"),
            (Speaker::Assistant, "Yes?"),
            (Speaker::User, "Why?"),
        ]);
        request.context[1].name = Some("ann".into());
        request.extra = Some(r#"{"seed":7}"#.into());
        let text = |text: &str| json!({"type": "text", "text": text});
        let expect = json!({
            "model": "claude",
            "max_tokens": 4096,
            "system": [text("Be brief.")],
            "messages": [
                {"role": "user", "content": [text("ann: Hi"), text("all")]},
                {"role": "assistant", "content": [text("Yes?")]},
                {"role": "user", "content": [text("Why?")]},
            ],
            "stream": true,
        });
        assert_eq!(body(&request), expect);
    }

    #[test]
    fn images_stand_behind_their_text() {
        let mut request = request(&[(Speaker::User, "Look"), (Speaker::User, "Well?")]);
        request.context[0].images =
            vec![ContextImage { media_type: "image/png".into(), content: b"\x89PNG"[..].into() }];
        let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw=="});
        let expect = json!([
            {"type": "text", "text": "Look"},
            {"type": "image", "source": source},
            {"type": "text", "text": "Well?"},
        ]);
        assert_eq!(body(&request)["messages"][0]["content"], expect);
    }

    #[test]
    fn wishes_are_kept_within_what_the_api_takes() {
        let plain = request(&[(Speaker::User, "Hi")]);
        let warm = body(&TurnRequest { max_tokens: Some(7), temperature: Some(1.5), ..plain.clone() });
        assert_eq!((&warm["max_tokens"], &warm["temperature"]), (&json!(7), &json!(1.0)));
        assert_eq!(body(&TurnRequest { temperature: Some(0.5), ..plain })["temperature"], json!(0.5));
    }

    /// Protects a reply that is to be gone on with from a refusal: the API takes no space at its end.
    #[test]
    fn a_begun_reply_ends_without_a_space() {
        let begun = body(&request(&[(Speaker::User, "Hi"), (Speaker::Assistant, "Well, \n")]));
        assert_eq!(begun["messages"][1]["content"][0]["text"], "Well,");
    }
}
