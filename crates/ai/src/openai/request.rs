//! What is asked: the body of a chat completion.

use crate::provider::api::Question;
use crate::provider::extra::{self, Fields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parlor_domain::ports::{BackendError, ContextImage, ContextMessage, Speaker};
use serde::Serialize;

/// Fields of a request that a client cannot set: what is asked and how the answer is read. `n` and `OpenRouter`'s list of
/// `models` would be paid for unseen; the maximum of tokens comes from the turn, under either name.
const OWN_FIELDS: [&str; 8] =
    ["model", "models", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n"];

/// A request for a streamed reply whose last chunk tells the figures.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(flatten)]
    extra: Fields<'a>,
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
    /// None, which is null, where the model only calls tools.
    content: Option<Content<'a>>,
    #[serde(flatten)]
    extra: Fields<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Debug, Serialize)]
struct ImageUrl {
    url: String,
}

impl<'a> Content<'a> {
    /// The text alone, where there is nothing beside it: not every server takes parts.
    fn of(piece: &'a ContextMessage) -> Self {
        if piece.images.is_empty() {
            return Self::Text(&piece.content);
        }
        let image = |ContextImage { media_type, content }: &ContextImage| Part::ImageUrl {
            image_url: ImageUrl { url: format!("data:{media_type};base64,{}", STANDARD.encode(content)) },
        };
        let text = std::iter::once(Part::Text { text: &piece.content });
        Self::Parts(text.chain(piece.images.iter().map(image)).collect())
    }
}

/// The longest name of a speaker, in characters.
const NAME_MAX: usize = 64;

/// A name as the API takes it: letters and digits of ASCII, `_` and `-`. None where nothing is left of it.
fn plain(name: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(NAME_MAX).map(allowed).collect();
    (!name.trim_matches('_').is_empty()).then_some(name)
}

/// The client's fields without those that are ours.
fn others<'a>(extra: Option<&'a str>, ours: &[&str]) -> Result<Fields<'a>, BackendError> {
    let mut fields = extra.map(extra::fields).transpose()?.unwrap_or_default();
    fields.retain(|name, _| !ours.contains(&name.as_str()));
    Ok(fields)
}

impl<'a> Body<'a> {
    /// The body for `question`. Error: a client's fields are no JSON object.
    pub(super) fn new(question: &Question<'a>) -> Result<Self, BackendError> {
        // OpenAI's own newer models know only the newer name of `max_tokens`, and most other servers only the older.
        let newer = question.base.host_str() == Some("api.openai.com");
        let (max_tokens, max_completion_tokens) =
            if newer { (None, question.max_tokens) } else { (question.max_tokens, None) };
        let mut extra = others(question.extra, &OWN_FIELDS)?;
        if question.temperature.is_some() {
            extra.remove("temperature");
        }
        Ok(Self {
            model: question.model,
            messages: question.context.iter().map(Message::new).collect::<Result<_, _>>()?,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            max_tokens,
            max_completion_tokens,
            temperature: question.temperature,
            extra,
        })
    }
}

impl<'a> Message<'a> {
    fn new(piece: &'a ContextMessage) -> Result<Self, BackendError> {
        let role = match piece.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::Tool => "tool",
        };
        let name = piece.name.as_deref().and_then(plain);
        let mut extra = others(piece.extra.as_deref(), &["role", "content"])?;
        if name.is_some() {
            extra.remove("name");
        }
        let silent = piece.content.is_empty() && extra.contains_key("tool_calls");
        Ok(Self { role, name, content: (!silent).then(|| Content::of(piece)), extra })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;
    use parlor_domain::ports::TurnRequest;
    use reqwest::Url;
    use serde_json::{Value, json};

    fn request() -> TurnRequest {
        let piece = ContextMessage::new;
        let context = vec![
            piece(Speaker::System, "Be brief."),
            piece(Speaker::Assistant, "Yes?"),
            piece(Speaker::User, "Hi"),
        ];
        TurnRequest::new(UserId::new(), context)
    }

    fn at<'a>(base: &'a Url, request: &'a TurnRequest) -> Question<'a> {
        Question::new(request, "a-model", base)
    }

    fn body_at(base: &str, request: &TurnRequest) -> Value {
        let base = Url::parse(base).unwrap();
        serde_json::to_value(Body::new(&at(&base, request)).unwrap()).unwrap()
    }

    fn body(request: &TurnRequest) -> Value {
        body_at("http://127.0.0.1:11434/v1", request)
    }

    fn messages() -> Value {
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "Hi"},
        ])
    }

    #[test]
    fn a_plain_request_asks_for_a_stream_with_figures_and_nothing_else() {
        let expect = json!({
            "model": "a-model",
            "messages": messages(),
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        assert_eq!(body(&request()), expect);
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
            let mut request = request();
            request.context[2].name = Some(name.into());
            assert_eq!(body(&request)["messages"][2]["name"], expect, "{name}");
        }
    }

    #[test]
    fn openai_itself_gets_the_limit_by_its_newer_name() {
        let limited = TurnRequest { max_tokens: Some(7), ..request() };
        let newer = body_at("https://api.openai.com/v1", &limited);
        assert_eq!((&newer["max_completion_tokens"], &newer["max_tokens"]), (&json!(7), &Value::Null));
        let older = body(&limited);
        assert_eq!((&older["max_completion_tokens"], &older["max_tokens"]), (&Value::Null, &json!(7)));
    }

    #[test]
    fn what_the_client_wants_besides_is_passed_on() {
        let request = TurnRequest {
            extra: Some(r#"{"tools":[{"type":"function"}],"stop":["."],"seed":7,"temperature":0.5}"#.into()),
            ..request()
        };
        let expect = json!({
            "model": "a-model",
            "messages": messages(),
            "stream": true,
            "stream_options": {"include_usage": true},
            "tools": [{"type": "function"}],
            "stop": ["."],
            "seed": 7,
            "temperature": 0.5,
        });
        assert_eq!(body(&request), expect);
    }

    /// Protects the operator's bill and the stream that we read: a client cannot ask round the limits by other fields.
    #[test]
    fn what_is_ours_cannot_be_replaced() {
        let extra = r#"{"model":"dear","models":["dear"],"messages":[],"stream":false,"stream_options":{},
            "max_tokens":9,"max_completion_tokens":9,"n":9,"temperature":2}"#;
        let plain = TurnRequest { temperature: Some(1.0), max_tokens: Some(7), ..request() };
        let tried = TurnRequest { extra: Some(extra.into()), ..plain.clone() };
        assert_eq!(body(&tried), body(&plain));
        assert_eq!(body(&TurnRequest { max_tokens: None, ..tried })["max_tokens"], Value::Null);
    }

    /// Protects answers that depend on the order of a schema's fields, and each field from being written twice.
    #[test]
    fn what_is_passed_on_is_passed_on_as_it_was_written() {
        let request =
            TurnRequest { extra: Some(r#"{"n":1,"response_format":{"z":1,"a":2.50}}"#.into()), ..request() };
        let base = Url::parse("http://x/v1").unwrap();
        let text = serde_json::to_string(&Body::new(&at(&base, &request)).unwrap()).unwrap();
        assert!(text.ends_with(r#","response_format":{"z":1,"a":2.50}}"#), "{text}");
        assert_eq!(text.matches("\"model\"").count(), 1);
    }

    #[test]
    fn calls_of_tools_and_their_results_are_messages() {
        let with = |speaker, content: &str, extra: &str| ContextMessage {
            extra: Some(extra.into()),
            ..ContextMessage::new(speaker, content)
        };
        let calls = r#"{"role":"user","content":"x","tool_calls":[{"id":"c1"}]}"#;
        let context = vec![
            with(Speaker::Assistant, "", calls),
            with(Speaker::Tool, "21 °C", r#"{"tool_call_id":"c1"}"#),
            with(Speaker::User, "", "{}"),
        ];
        let expect = json!([
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1"}]},
            {"role": "tool", "content": "21 °C", "tool_call_id": "c1"},
            {"role": "user", "content": ""},
        ]);
        assert_eq!(body(&TurnRequest { context, ..request() })["messages"], expect);
    }

    #[test]
    fn images_are_parts_behind_the_text() {
        let mut request = request();
        request.context[2].images =
            vec![ContextImage { media_type: "image/png".into(), content: b"\x89PNG"[..].into() }];
        let expect = json!([
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        ]);
        assert_eq!(body(&request)["messages"][2]["content"], expect);
    }

    #[test]
    fn extra_fields_that_are_no_object_are_refused() {
        let base = Url::parse("http://x/v1").unwrap();
        let request = TurnRequest { extra: Some("[1]".into()), ..request() };
        let Err(BackendError::Status { status: 400, .. }) = Body::new(&at(&base, &request)) else { panic!() };
    }
}
