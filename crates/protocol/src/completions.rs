//! `OpenAI`'s chat completions, as much of them as Parlor serves: `POST /v1/chat/completions` and `GET /v1/models`.
//!
//! What a request has beside the fields that are known here is kept, and passed on to backends that speak the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Request))]
pub struct Request {
    /// The model; none, or an empty name, leaves it to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The context, oldest first.
    pub messages: Vec<RequestMessage>,
    /// Whether the reply comes as a stream of chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// How it streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// How many tokens the reply may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// The same, by its older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many replies; one is what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Everything else (tools, stop words and the like).
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(additional_properties))]
    pub extra: Map<String, Value>,
}

/// How a reply streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::StreamOptions))]
pub struct StreamOptions {
    /// Whether a last chunk without choices tells the usage.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message of the context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::RequestMessage))]
pub struct RequestMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said; none where an assistant only calls tools.
    #[serde(default)]
    pub content: Option<Content>,
    /// Who said it, where several people speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Everything else (calls of tools, and what they are answers to).
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(additional_properties))]
    pub extra: Map<String, Value>,
}

/// The content of a message: a text, or parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Content))]
pub enum Content {
    /// A text.
    Text(String),
    /// Parts, which are joined.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Part))]
pub struct Part {
    /// `text`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Content {
    /// The text; none where a part is no text.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Parts(parts) => {
                let texts = parts.into_iter().map(|part| part.text.filter(|_| part.kind == "text"));
                texts.collect::<Option<Vec<_>>>().map(|texts| texts.concat())
            }
        }
    }
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Completion))]
pub struct Completion {
    /// Names it in the server's books.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// Seconds since 1970.
    pub created: i64,
    /// The model that answered.
    pub model: String,
    /// The one reply.
    pub choices: Vec<Choice>,
    /// What it used.
    pub usage: Usage,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Choice))]
pub struct Choice {
    /// 0.
    pub index: u32,
    /// What was said.
    pub message: ReplyMessage,
    /// `stop`, `length`, `tool_calls` or `content_filter`.
    pub finish_reason: String,
}

/// What the assistant says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::ReplyMessage))]
pub struct ReplyMessage {
    /// `assistant`.
    pub role: String,
    /// The text; null where there are only calls of tools.
    pub content: Option<String>,
    /// What the model thought aloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Calls of tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::ToolCall))]
pub struct ToolCall {
    /// Which call, in chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`, with the id.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What is called.
    pub function: Function,
}

/// What a call calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Function))]
pub struct Function {
    /// The tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its arguments, or a piece of them.
    #[serde(default)]
    pub arguments: String,
}

/// One chunk of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Chunk))]
pub struct Chunk<'a> {
    /// The same in all chunks.
    pub id: &'a str,
    /// `chat.completion.chunk`.
    pub object: &'a str,
    /// Seconds since 1970.
    pub created: i64,
    /// The model that was asked for, and in the last chunk the one that answered.
    pub model: &'a str,
    /// The piece; none in the chunk that tells the usage.
    #[serde(borrow)]
    pub choices: Vec<ChunkChoice<'a>>,
    /// What it used, in the last chunk where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::ChunkChoice))]
pub struct ChunkChoice<'a> {
    /// 0.
    pub index: u32,
    /// What comes.
    #[serde(borrow)]
    pub delta: ChunkDelta<'a>,
    /// Why it ended, in the last piece.
    pub finish_reason: Option<&'a str>,
}

/// What comes in a chunk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::ChunkDelta))]
pub struct ChunkDelta<'a> {
    /// `assistant`, in the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
    /// More text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<std::borrow::Cow<'a, str>>,
    /// More thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<std::borrow::Cow<'a, str>>,
    /// Pieces of calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// What a reply used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Usage))]
pub struct Usage {
    /// Tokens of the context.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Failure))]
pub struct Failure {
    /// What went wrong.
    pub error: FailureDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::FailureDetail))]
pub struct FailureDetail {
    /// For a person.
    pub message: String,
    /// What kind it is, in the words that clients of this API know.
    #[serde(rename = "type")]
    pub kind: String,
    /// Always null.
    pub param: Option<String>,
    /// Parlor's code.
    pub code: crate::ErrorCode,
}

/// The models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Models))]
pub struct Models {
    /// `list`.
    pub object: String,
    /// By name.
    pub data: Vec<Model>,
}

/// A model that is known to be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = completions::Model))]
pub struct Model {
    /// Its name.
    pub id: String,
    /// `model`.
    pub object: String,
    /// 0: nobody knows.
    pub created: i64,
    /// The backend that is asked first.
    pub owned_by: String,
}
