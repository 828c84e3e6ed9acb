//! Google's Gemini API, version v1beta.
//!
//! What it has of its own: the model stands in the URL (the key never does), instructions stand apart, a person and the
//! model take turns, and names stand before the text. The stream has no last event: a reply is whole as soon as it has a
//! reason to finish. A prompt that is blocked is refused with status 400. Tools are refused ([`crate`] says why); other
//! extra fields are left out.
//!
//! ```
//! use parlor_ai::{Kind, Provider, ProviderConfig};
//! use parlor_domain::ModelNames;
//! use parlor_domain::ports::Backend;
//!
//! let gemini = ProviderConfig { models: ModelNames::new(["gemini-2.5-pro"]), ..ProviderConfig::new(Kind::Gemini) };
//! assert!(!Provider::new(gemini).unwrap().serves(Some("gemini-2.0-flash")));
//! ```

mod chunk;
mod parser;
mod request;

use crate::provider::api::{Api, ApiHeaders, Parser, Question, json, under};
use parlor_domain::ports::BackendError;
use reqwest::Url;
use reqwest::header::HeaderMap;

/// The API.
pub(crate) struct GenerateContent;

impl Api for GenerateContent {
    fn endpoint(&self, base: &Url, model: &str) -> Url {
        // Google's own lists write models so.
        let model = model.strip_prefix("models/").unwrap_or(model);
        let mut url = under(base, &["v1beta", "models", &format!("{model}:streamGenerateContent")]);
        url.query_pairs_mut().append_pair("alt", "sse");
        url
    }

    fn headers(&self) -> ApiHeaders {
        ApiHeaders { key_name: "x-goog-api-key", key_scheme: "", fixed: HeaderMap::new() }
    }

    fn body(&self, question: &Question<'_>) -> Result<Vec<u8>, BackendError> {
        json(&request::Body::new(question)?)
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(parser::Chunks::default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn endpoint(base: &str, model: &str) -> String {
        GenerateContent.endpoint(&Url::parse(base).unwrap(), model).to_string()
    }

    #[test]
    fn the_endpoint_names_the_model() {
        let expect = "https://x/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
        assert_eq!(endpoint("https://x", "gemini-2.5-pro"), expect);
        assert_eq!(endpoint("https://x/v1beta/", "models/gemini-2.5-pro"), expect);
    }

    /// Protects other paths of the server from a model's name that a client chose.
    #[test]
    fn no_name_of_a_model_leads_elsewhere() {
        for model in ["../../x", "..", "a/../b", "a?key=1", "a#b", "a%2Fb", "\\..\\x"] {
            let url = Url::parse(&endpoint("https://x", model)).unwrap();
            let path: Vec<&str> = url.path_segments().unwrap().collect();
            assert_eq!((path.len(), &path[..2]), (3, &["v1beta", "models"][..]), "{model} leads to {url}");
            assert_eq!((url.query(), url.fragment()), (Some("alt=sse"), None), "{url}");
            assert!(path[2].ends_with(":streamGenerateContent"), "{url}");
        }
    }
}
