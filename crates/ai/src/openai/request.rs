//! What is asked: the body of a chat completion.

use super::config::OpenAiConfig;
use parlor_domain::ports::{ContextMessage, Speaker, TurnRequest};
use serde::Serialize;

/// A request for a streamed reply whose last chunk tells the figures.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Debug, Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    content: &'a str,
}

/// The longest name of a speaker, in characters.
const NAME_MAX: usize = 64;

/// A name as the API takes it: letters and digits of ASCII, `_` and `-`. None where nothing is left of it.
fn plain(name: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(NAME_MAX).map(allowed).collect();
    (!name.trim_matches('_').is_empty()).then_some(name)
}

impl<'a> Body<'a> {
    /// The turn's own wishes before those of the configuration, whose maximum of tokens still holds.
    pub(super) fn new(config: &'a OpenAiConfig, request: &'a TurnRequest) -> Self {
        let max_tokens = request.max_tokens.into_iter().chain(config.max_tokens).min();
        let (max_tokens, max_completion_tokens) =
            if config.is_openai() { (None, max_tokens) } else { (max_tokens, None) };
        Self {
            model: request.model.as_deref().unwrap_or(&config.model),
            messages: request.context.iter().map(Message::from).collect(),
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            max_tokens,
            max_completion_tokens,
            temperature: request.temperature.or(config.temperature),
        }
    }
}

impl<'a> From<&'a ContextMessage> for Message<'a> {
    fn from(piece: &'a ContextMessage) -> Self {
        let role = match piece.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        Self { role, name: piece.name.as_deref().and_then(plain), content: &piece.content }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::{ConversationId, MessageId};
    use serde_json::{Value, json};

    fn request(model: Option<&str>, max_tokens: Option<u32>) -> TurnRequest {
        let piece = ContextMessage::new;
        TurnRequest {
            turn: MessageId::new(),
            conversation: ConversationId::new(),
            model: model.map(str::to_owned),
            context: vec![
                piece(Speaker::System, "Be brief."),
                piece(Speaker::Assistant, "Yes?"),
                piece(Speaker::User, "Hi"),
            ],
            max_tokens,
            temperature: None,
        }
    }

    fn body(config: &OpenAiConfig, model: Option<&str>, max_tokens: Option<u32>) -> Value {
        serde_json::to_value(Body::new(config, &request(model, max_tokens))).unwrap()
    }

    #[test]
    fn a_plain_request_asks_for_a_stream_with_figures_and_nothing_else() {
        let expect = json!({
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Hi"},
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        assert_eq!(body(&OpenAiConfig::default(), None, None), expect);
    }

    /// Protects a room of several people from an assistant that takes them for one.
    #[test]
    fn speakers_are_named_as_the_api_takes_names() {
        for (name, expect) in [
            ("ann", json!("ann")),
            ("ann.o'neil", json!("ann_o_neil")),
            ("ü", Value::Null),
            ("x\0", json!("x_")),
        ] {
            let mut request = request(None, None);
            request.context[2].name = Some(name.into());
            let body = serde_json::to_value(Body::new(&OpenAiConfig::default(), &request)).unwrap();
            assert_eq!(body["messages"][2]["name"], expect, "{name}");
        }
    }

    #[test]
    fn the_turn_overrides_the_configuration() {
        let config = OpenAiConfig {
            base_url: "http://127.0.0.1:11434/v1".to_owned(),
            model: "llama3.2".to_owned(),
            max_tokens: Some(100),
            temperature: Some(0.5),
            ..OpenAiConfig::default()
        };
        let plain = body(&config, None, None);
        assert_eq!((&plain["model"], &plain["max_tokens"]), (&json!("llama3.2"), &json!(100)));
        assert_eq!(plain["temperature"], json!(0.5));
        let own = body(&config, Some("qwen3"), Some(7));
        assert_eq!((&own["model"], &own["max_tokens"]), (&json!("qwen3"), &json!(7)));
        let warm = TurnRequest { temperature: Some(1.5), ..request(None, None) };
        let warm = serde_json::to_value(Body::new(&config, &warm)).unwrap();
        assert_eq!(warm["temperature"], json!(1.5));
    }

    /// Protects the operator's bill: no turn gets more tokens than the configuration allows.
    #[test]
    fn the_configured_maximum_holds_for_every_turn() {
        let check = |configured, asked, expect: Value| {
            let config = OpenAiConfig {
                base_url: "http://127.0.0.1:11434/v1".to_owned(),
                max_tokens: configured,
                ..OpenAiConfig::default()
            };
            assert_eq!(body(&config, None, asked)["max_tokens"], expect, "{configured:?} {asked:?}");
        };
        check(Some(100), Some(101), json!(100));
        check(Some(100), Some(99), json!(99));
        check(None, Some(101), json!(101));
        check(None, None, Value::Null);
    }

    #[test]
    fn openai_itself_gets_the_limit_by_its_newer_name() {
        let body = body(&OpenAiConfig::default(), None, Some(7));
        assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(7), &Value::Null));
    }
}
