//! Which server, as whom, and with what unless the turn says otherwise.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// `OpenAI`'s own server.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// The model where neither the turn nor the operator names one.
pub const DEFAULT_MODEL: &str = "gpt-4o-mini";

/// How to reach a server. Its `Debug` form does not show the key.
#[derive(Clone)]
pub struct OpenAiConfig {
    /// Up to and with the version, say `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The bearer token; servers of one's own often want none.
    pub api_key: Option<String>,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// The model of turns that name none.
    pub model: String,
    /// How long a reply may be at most, in tokens; none leaves it to the turn and the server.
    pub max_tokens: Option<u32>,
    /// From 0 (the likeliest word, always) to 2, where the turn does not say; none leaves it to the server.
    pub temperature: Option<f64>,
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: DEFAULT_BASE_URL.to_owned(),
            api_key: None,
            organization: None,
            model: DEFAULT_MODEL.to_owned(),
            max_tokens: None,
            temperature: None,
        }
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("model", &self.model)
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made. It never quotes a key.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// The base URL is not an absolute `http` or `https` URL.
    #[error("the base URL is not an http or https URL")]
    BaseUrl,
    /// The key holds a character that no header can carry.
    #[error("the API key holds a character that cannot be sent")]
    ApiKey,
    /// So does the organisation.
    #[error("the organisation holds a character that cannot be sent")]
    Organization,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl OpenAiConfig {
    /// The URL that turns are posted to. Error: [`InvalidConfig::BaseUrl`].
    pub fn endpoint(&self) -> Result<Url, InvalidConfig> {
        let mut url = Url::parse(&self.base_url).map_err(|_| InvalidConfig::BaseUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidConfig::BaseUrl);
        }
        url.path_segments_mut()
            .map_err(|()| InvalidConfig::BaseUrl)?
            .pop_if_empty()
            .extend(["chat", "completions"]);
        Ok(url)
    }

    pub(super) fn headers(&self) -> Result<HeaderMap, InvalidConfig> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.api_key {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| InvalidConfig::ApiKey)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(organization) = &self.organization {
            let value = HeaderValue::from_str(organization).map_err(|_| InvalidConfig::Organization)?;
            headers.insert(HeaderName::from_static("openai-organization"), value);
        }
        Ok(headers)
    }

    /// Whether the server is `OpenAI`'s own, whose newer models know only the newer name of `max_tokens`.
    pub(super) fn is_openai(&self) -> bool {
        Url::parse(&self.base_url).is_ok_and(|url| url.host_str() == Some("api.openai.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Option<String> {
        let config = OpenAiConfig { base_url: base_url.to_owned(), ..OpenAiConfig::default() };
        config.endpoint().ok().map(|url| url.to_string())
    }

    #[test]
    fn the_endpoint_stands_under_the_base_url() {
        let check = |base, expect: &str| assert_eq!(endpoint(base).as_deref(), Some(expect));
        check(DEFAULT_BASE_URL, "https://api.openai.com/v1/chat/completions");
        check("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1/chat/completions");
        check("http://localhost", "http://localhost/chat/completions");
        check("https://x/openai?api-version=2", "https://x/openai/chat/completions?api-version=2");
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for base in ["", "localhost:11434/v1", "ftp://x/v1", "/v1", "data:text/plain,x"] {
            assert_eq!(endpoint(base), None, "{base}");
        }
    }

    #[test]
    fn a_key_is_checked_and_never_shown() {
        let config = OpenAiConfig { api_key: Some("sk-secret".to_owned()), ..OpenAiConfig::default() };
        assert!(!format!("{config:?} {:?}", config.headers()).contains("sk-secret"));
        let config = OpenAiConfig { api_key: Some("sk\nx".to_owned()), ..OpenAiConfig::default() };
        assert!(matches!(config.headers(), Err(InvalidConfig::ApiKey)));
    }
}
