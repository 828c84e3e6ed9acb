//! Which server, as whom, for which models, and with what unless the turn says otherwise.

use super::Kind;
use parlor_domain::ModelNames;
use reqwest::Url;
use reqwest::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use std::fmt;

/// The longest name of a provider, in bytes.
const NAME_MAX: usize = 64;
/// The shortest header value that is taken for a secret, in bytes: shorter ones would spoil the text of errors.
pub(super) const SECRET_MIN: usize = 8;

/// How to reach a server. Its `Debug` form shows neither the key nor what else may hold a secret.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Which API it speaks.
    pub kind: Kind,
    /// What it is called in logs, figures and the books: 1 to 64 visible characters of ASCII.
    pub name: String,
    /// Where it is. For [`Kind::OpenAi`] up to and with the version, say `http://127.0.0.1:11434/v1`; for the others
    /// what stands before the version.
    pub base_url: String,
    /// The key; servers of one's own often want none.
    pub api_key: Option<String>,
    /// Sent as `OpenAI-Organization`, to [`Kind::OpenAi`] alone.
    pub organization: Option<String>,
    /// More headers, by name and value. One that the provider sends anyway is replaced.
    pub headers: Vec<(String, String)>,
    /// The model of turns that name none; none: the first whole name of `models`, or else the kind's own.
    pub model: Option<String>,
    /// The models that it serves, each a name or, with `*` at its end, the beginning of names; none serves every one.
    pub models: ModelNames,
    /// How long a reply may be at most, in tokens, whatever the turn says; none leaves it to the turn.
    pub max_tokens: Option<u32>,
    /// From 0 (the likeliest word, always) to 2, where the turn does not say; none leaves it to the server.
    pub temperature: Option<f64>,
    /// The models that look at images, written as in `models`; none: those that the kind is known for.
    pub images: Option<ModelNames>,
}

/// Why a provider cannot be made. It never quotes a key or a header's value.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// The name is empty, longer than 64 bytes, or holds more than visible ASCII.
    #[error("the name is not 1 to 64 visible characters of ASCII")]
    Name,
    /// The base URL is not an absolute `http` or `https` URL.
    #[error("the base URL is not an http or https URL")]
    BaseUrl,
    /// The key is empty or holds a character that no header can carry.
    #[error("the API key is empty or holds a character that cannot be sent")]
    ApiKey,
    /// So does the organisation.
    #[error("the organisation holds a character that cannot be sent")]
    Organization,
    /// A header cannot be sent, or would change where the request ends.
    #[error("the header {0:?} cannot be sent")]
    Header(String),
    /// A model is empty, or has a `*` that is not its end.
    #[error("{0:?} is neither a model's name nor, with * at its end, the beginning of names")]
    Model(String),
    /// There are only beginnings of names, and no default model.
    #[error("a default model is needed, because the models are only beginnings of names")]
    NoModel,
    /// No reply can have no token.
    #[error("the maximum of tokens is 0")]
    MaxTokens,
    /// The temperature is not from 0 to 2.
    #[error("the temperature is not from 0 to 2")]
    Temperature,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl ProviderConfig {
    /// The company's own server without a key, for every model.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: kind.as_str().to_owned(),
            base_url: kind.default_base_url().to_owned(),
            api_key: None,
            organization: None,
            headers: Vec::new(),
            model: None,
            models: ModelNames::default(),
            max_tokens: None,
            temperature: None,
            images: None,
        }
    }

    /// Whether a provider can be made of it. Errors: [`InvalidConfig`], the first that is found.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let named =
            (1..=NAME_MAX).contains(&self.name.len()) && self.name.chars().all(|c| c.is_ascii_graphic());
        named.then_some(()).ok_or(InvalidConfig::Name)?;
        self.url()?;
        self.check_key()?;
        self.own_headers()?;
        self.check_models()?;
        self.default_model()?;
        if self.max_tokens == Some(0) {
            return Err(InvalidConfig::MaxTokens);
        }
        let warm = self.temperature.is_none_or(|it| (0.0..=2.0).contains(&it));
        warm.then_some(()).ok_or(InvalidConfig::Temperature)
    }

    /// The model of turns that name none. Error: [`InvalidConfig::NoModel`].
    pub(crate) fn default_model(&self) -> Result<&str, InvalidConfig> {
        if let Some(model) = &self.model {
            return Ok(model);
        }
        match self.models.whole().next() {
            Some(model) => Ok(model),
            None if self.models.is_every() => Ok(self.kind.default_model()),
            None => Err(InvalidConfig::NoModel),
        }
    }

    /// The base URL. Error: [`InvalidConfig::BaseUrl`].
    pub(crate) fn url(&self) -> Result<Url, InvalidConfig> {
        let url = Url::parse(&self.base_url).map_err(|_| InvalidConfig::BaseUrl)?;
        matches!(url.scheme(), "http" | "https").then_some(url).ok_or(InvalidConfig::BaseUrl)
    }

    /// The headers that the operator wants, the organisation's among them.
    pub(crate) fn own_headers(&self) -> Result<HeaderMap, InvalidConfig> {
        let mut headers = HeaderMap::new();
        if let Some(organization) = self.organization.as_deref().filter(|_| self.kind == Kind::OpenAi) {
            let value = HeaderValue::from_str(organization).map_err(|_| InvalidConfig::Organization)?;
            headers.insert(HeaderName::from_static("openai-organization"), value);
        }
        for (name, value) in &self.headers {
            let (name, value) = header(name, value).ok_or_else(|| InvalidConfig::Header(name.clone()))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// What no error may tell: the key, long values of headers (without the scheme before them), the URL's password.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let values = self.headers.iter().filter_map(|(_, value)| value.split_whitespace().next_back());
        let values = values.filter(|value| value.len() >= SECRET_MIN).map(str::to_owned);
        let password = self.url().ok().and_then(|url| url.password().map(str::to_owned));
        self.api_key.iter().cloned().chain(password).chain(values).collect()
    }

    fn check_key(&self) -> Result<(), InvalidConfig> {
        let sendable = |key: &String| !key.is_empty() && HeaderValue::from_str(key).is_ok();
        self.api_key.as_ref().is_none_or(sendable).then_some(()).ok_or(InvalidConfig::ApiKey)
    }

    fn check_models(&self) -> Result<(), InvalidConfig> {
        let entries = self.models.iter().map(|entry| (entry, entry.strip_suffix('*').unwrap_or(entry)));
        let default = self.model.iter().map(|model| (model.as_str(), model.as_str()));
        for (entry, name) in entries.chain(default) {
            if entry.is_empty() || name.contains('*') {
                return Err(InvalidConfig::Model(entry.to_owned()));
            }
        }
        Ok(())
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    (![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name)).then_some((name, value))
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .field("model", &self.model)
            .field("models", &self.models)
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn plain() -> ProviderConfig {
        ProviderConfig::new(Kind::OpenAi)
    }

    fn with_header(name: &str, value: &str) -> ProviderConfig {
        ProviderConfig { headers: vec![(name.to_owned(), value.to_owned())], ..plain() }
    }

    fn with_models(models: &[&str]) -> ProviderConfig {
        ProviderConfig { models: ModelNames::new(models.iter().copied()), ..plain() }
    }

    #[test]
    fn what_new_gives_is_valid() {
        for kind in Kind::ALL {
            ProviderConfig::new(kind).check().unwrap();
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("OpenAI".parse::<Kind>(), Err(super::super::UnknownKind));
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_reason() {
        let check = |config: ProviderConfig, expect: &str| {
            assert_eq!(config.check().unwrap_err().to_string(), expect, "{config:?}");
        };
        let url = "the base URL is not an http or https URL";
        for base_url in ["", "localhost:11434/v1", "ftp://x/v1", "/v1", "data:text/plain,x"] {
            check(ProviderConfig { base_url: base_url.to_owned(), ..plain() }, url);
        }
        let long = "x".repeat(65);
        for name in ["", "a b", "ü", "a\n", &long] {
            let expect = "the name is not 1 to 64 visible characters of ASCII";
            check(ProviderConfig { name: name.to_owned(), ..plain() }, expect);
        }
        for key in ["", "sk\nx"] {
            let expect = "the API key is empty or holds a character that cannot be sent";
            check(ProviderConfig { api_key: Some(key.to_owned()), ..plain() }, expect);
        }
        let organization = Some("a\nb".to_owned());
        let expect = "the organisation holds a character that cannot be sent";
        check(ProviderConfig { organization, ..plain() }, expect);
        for (name, value) in [("a b", "x"), ("", "x"), ("x-y", "a\nb"), ("Content-Length", "7")] {
            check(with_header(name, value), &format!("the header {name:?} cannot be sent"));
        }
        for model in ["", "a*b", "a**"] {
            let expect =
                format!("{model:?} is neither a model's name nor, with * at its end, the beginning of names");
            check(with_models(&["x", model]), &expect);
        }
        let expect = "a default model is needed, because the models are only beginnings of names";
        check(with_models(&["a*"]), expect);
        check(ProviderConfig { max_tokens: Some(0), ..plain() }, "the maximum of tokens is 0");
        for temperature in [-0.1, 2.1, f64::NAN] {
            let expect = "the temperature is not from 0 to 2";
            check(ProviderConfig { temperature: Some(temperature), ..plain() }, expect);
        }
        let wild = ProviderConfig { model: Some("a*".to_owned()), ..plain() };
        assert!(matches!(wild.check(), Err(InvalidConfig::Model(_))), "a default that is no name");
    }

    /// Protects what operators put into URLs and headers from logs and errors.
    #[test]
    fn secrets_are_known_and_not_shown() {
        let config = ProviderConfig {
            api_key: Some("sk-secret".to_owned()),
            base_url: "http://user:password@x/v1".to_owned(),
            headers: vec![
                ("authorization".to_owned(), "Bearer hidden-token".to_owned()),
                ("x-version".to_owned(), "2".to_owned()),
            ],
            ..plain()
        };
        assert_eq!(config.secrets(), ["sk-secret", "password", "hidden-token"]);
        let shown = format!("{config:?}");
        assert!(config.secrets().iter().all(|secret| !shown.contains(secret.as_str())), "{shown}");
    }
}
