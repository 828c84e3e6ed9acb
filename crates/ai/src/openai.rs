//! Any server with `OpenAI`'s chat completions API.
//!
//! What is proved against: `OpenAI`, Ollama, vLLM and llama.cpp, whose streams differ in what they leave out. Unknown
//! fields are skipped. Reasoning is no part of the API: it is read as `DeepSeek` and vLLM, and as `OpenRouter` and Ollama
//! send it. What a client wants beside what the domain knows, tools above all, is passed on.
//!
//! ```
//! use parlor_ai::{Kind, Provider, ProviderConfig};
//! use parlor_domain::ports::Backend;
//!
//! let ollama = ProviderConfig {
//!     base_url: "http://127.0.0.1:11434/v1".to_owned(),
//!     model: Some("llama3.2".to_owned()),
//!     ..ProviderConfig::new(Kind::OpenAi)
//! };
//! assert_eq!(Provider::new(ollama).unwrap().models(), ["llama3.2"]);
//! ```

mod chunk;
mod parser;
mod request;

use crate::provider::api::{Api, ApiHeaders, Parser, Question, json, under};
use parlor_domain::ports::BackendError;
use reqwest::Url;
use reqwest::header::HeaderMap;

/// The API.
pub(crate) struct ChatCompletions;

/// What `OpenAI`'s APIs want.
pub(crate) fn headers() -> ApiHeaders {
    ApiHeaders { key_name: "authorization", key_scheme: "Bearer ", fixed: HeaderMap::new() }
}

impl Api for ChatCompletions {
    fn endpoint(&self, base: &Url, _model: &str) -> Url {
        under(base, &["chat", "completions"])
    }

    fn headers(&self) -> ApiHeaders {
        headers()
    }

    fn body(&self, question: &Question<'_>) -> Result<Vec<u8>, BackendError> {
        json(&request::Body::new(question)?)
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(parser::Chunks)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_stands_under_the_base_url() {
        let check = |base: &str, expect: &str| {
            let base = Url::parse(base).unwrap();
            assert_eq!(ChatCompletions.endpoint(&base, "m").as_str(), expect);
        };
        check("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions");
        check("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions");
        check("http://localhost", "http://localhost/chat/completions");
        check("https://x/openai?api-version=2", "https://x/openai/chat/completions?api-version=2");
    }
}
