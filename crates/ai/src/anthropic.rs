//! Anthropic's Messages API, version 2023-06-01, and the servers that speak it too.
//!
//! What it has of its own: instructions stand apart, a person and the model take turns, names stand before the text, and
//! every request has a maximum of tokens. A reply is whole as soon as it has a reason to stop. Tools are refused
//! ([`crate`] says why); other extra fields are left out.
//!
//! ```
//! use parlor_ai::{Kind, Provider, ProviderConfig};
//! use parlor_domain::ModelNames;
//! use parlor_domain::ports::Backend;
//!
//! let claude = ProviderConfig {
//!     api_key: Some("sk-ant-example".to_owned()),
//!     models: ModelNames::new(["claude-sonnet-4-5", "claude-*"]),
//!     ..ProviderConfig::new(Kind::Anthropic)
//! };
//! assert!(Provider::new(claude).unwrap().serves(Some("claude-opus-4-1")));
//! ```

mod event;
mod parser;
mod request;

use crate::provider::api::{Api, ApiHeaders, Parser, Question, json, under};
use parlor_domain::ports::BackendError;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// The API.
pub(crate) struct Messages;

impl Api for Messages {
    fn endpoint(&self, base: &Url, _model: &str) -> Url {
        under(base, &["v1", "messages"])
    }

    fn headers(&self) -> ApiHeaders {
        ApiHeaders { key_name: "x-api-key", key_scheme: "", fixed: HeaderMap::from_iter([VERSION]) }
    }

    fn body(&self, question: &Question<'_>) -> Result<Vec<u8>, BackendError> {
        json(&request::Body::new(question)?)
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(parser::Events::default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_stands_under_the_base_url_with_its_version_or_without() {
        for base in ["https://x", "https://x/", "https://x/v1", "https://x/v1/"] {
            let url = Messages.endpoint(&Url::parse(base).unwrap(), "m");
            assert_eq!(url.as_str(), "https://x/v1/messages", "{base}");
        }
    }
}
