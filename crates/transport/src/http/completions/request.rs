//! From a request to the domain's words.

use parlor_domain::ports::{ContextMessage, Extra, Speaker};
use parlor_domain::{CompletionDraft, ErrorCode, Refusal};
use parlor_protocol::completions as wire;
use serde_json::{Map, Value};

/// The longest name of who said a message, in bytes.
const NAME_MAX: usize = 64;

/// How the answer is wanted.
pub(super) struct Asked {
    pub(super) streams: bool,
    pub(super) wants_usage: bool,
    /// What stands for the model until it is known which one answers.
    pub(super) model: String,
}

impl Asked {
    pub(super) fn of(request: &wire::Request) -> Self {
        Self {
            streams: request.stream.unwrap_or(false),
            wants_usage: request.stream_options.is_some_and(|options| options.include_usage),
            model: request.model.clone().unwrap_or_default(),
        }
    }
}

/// Error: `INVALID_REQUEST`.
pub(super) fn draft(request: wire::Request) -> Result<CompletionDraft, Refusal> {
    if request.n.is_some_and(|n| n != 1) {
        return Err(invalid("`n` is 1: one reply is made"));
    }
    let context = request.messages.into_iter().map(piece).collect::<Result<_, _>>()?;
    Ok(CompletionDraft {
        model: request.model.filter(|model| !model.is_empty()),
        context,
        max_tokens: request.max_completion_tokens.or(request.max_tokens),
        temperature: request.temperature,
        extra: extra(&request.extra),
    })
}

fn piece(message: wire::RequestMessage) -> Result<ContextMessage, Refusal> {
    let speaker = match message.role.as_str() {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "tool" => Speaker::Tool,
        _ => return Err(invalid("a role is system, developer, user, assistant or tool")),
    };
    if message.name.as_ref().is_some_and(|name| name.len() > NAME_MAX) {
        return Err(invalid("a `name` has at most 64 bytes"));
    }
    let text = message.content.map_or(Some(String::new()), wire::Content::into_text);
    let content = text.ok_or_else(|| invalid("a message's parts are of the type `text`"))?;
    Ok(ContextMessage {
        name: message.name.map(Into::into),
        extra: extra(&message.extra),
        ..ContextMessage::new(speaker, content)
    })
}

fn extra(fields: &Map<String, Value>) -> Option<Extra> {
    (!fields.is_empty()).then(|| Value::Object(fields.clone()).to_string().into())
}

fn invalid(words: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, words)
}
