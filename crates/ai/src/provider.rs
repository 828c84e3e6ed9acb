//! A server that answers turns over HTTP, whichever API it speaks: over HTTP/2 where it offers that, else HTTP/1.1.
//!
//! What all APIs share is here: the [configuration](ProviderConfig), the HTTP client and its headers, reading a stream of
//! events, and what an answer that is no stream means. What one API has of its own stands in its folder ([`openai`],
//! [`anthropic`], [`gemini`]), behind one small trait. There are no retries here and no limit on a reply's time: both are
//! the domain's.

pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod client;
mod config;
pub(crate) mod extra;
mod kind;
mod reading;
mod reply;
pub(crate) mod turns;

pub use config::{InvalidConfig, ProviderConfig};
pub use kind::{Kind, UnknownKind};
pub(crate) use reply::Reply;

use crate::{anthropic, gemini, openai};
use api::{Api, Question};
use async_trait::async_trait;
use parlor_domain::ModelNames;
use parlor_domain::ports::{Backend, BackendError, TurnRequest, TurnStream};
use reqwest::{Client, Url};
use std::sync::Arc;

/// A client of one server. It keeps its connections; one is enough for a process.
///
/// ```
/// use parlor_ai::{Kind, Provider, ProviderConfig};
/// use parlor_domain::ModelNames;
/// use parlor_domain::ports::Backend;
///
/// let provider = Provider::new(ProviderConfig {
///     name: "at-home".to_owned(),
///     base_url: "http://127.0.0.1:11434/v1".to_owned(),
///     models: ModelNames::new(["qwen3:8b", "llama*"]),
///     ..ProviderConfig::new(Kind::OpenAi)
/// })
/// .unwrap();
/// assert!(provider.serves(Some("llama3.2")) && !provider.serves(Some("gpt-4o")));
/// assert_eq!(provider.models(), ["qwen3:8b"], "which is the model of turns that name none, too");
/// ```
pub struct Provider {
    client: Client,
    config: ProviderConfig,
    base: Url,
    model: String,
    secrets: Arc<[String]>,
}

impl Kind {
    pub(crate) fn api(self) -> &'static dyn Api {
        match self {
            Self::OpenAi => &openai::ChatCompletions,
            Self::Anthropic => &anthropic::Messages,
            Self::Gemini => &gemini::GenerateContent,
        }
    }
}

impl Provider {
    /// A client for `config`. Nothing is sent yet.
    ///
    /// Errors: [`InvalidConfig`] where the configuration is not one, and where TLS cannot be set up (no root
    /// certificates).
    pub fn new(config: ProviderConfig) -> Result<Self, InvalidConfig> {
        config.check()?;
        let headers = client::headers(&config, config.kind.api().headers())?;
        let client = client::new(headers).map_err(|error| InvalidConfig::Client(error.without_url()))?;
        let model = config.default_model()?.to_owned();
        Ok(Self { client, base: config.url()?, model, secrets: config.secrets().into(), config })
    }

    /// The turn's own wishes before those of the configuration, whose maximum of tokens still holds.
    fn question<'a>(&'a self, request: &'a TurnRequest) -> Question<'a> {
        let plain = Question::new(request, request.model.as_deref().unwrap_or(&self.model), &self.base);
        Question {
            max_tokens: plain.max_tokens.into_iter().chain(self.config.max_tokens).min(),
            temperature: plain.temperature.or(self.config.temperature),
            ..plain
        }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Provider").field(&self.config).finish()
    }
}

#[async_trait]
impl Backend for Provider {
    fn name(&self) -> &str {
        &self.config.name
    }

    /// Without a list of models it serves every name: the server knows, and answers 404.
    fn serves(&self, model: Option<&str>) -> bool {
        model == Some(&*self.model) || self.config.models.contains(model)
    }

    /// The default model, and the others that are whole names.
    fn models(&self) -> Vec<String> {
        let mut models = vec![self.model.clone()];
        models.extend(self.config.models.whole().filter(|it| *it != self.model).map(str::to_owned));
        models
    }

    fn takes_images(&self, model: Option<&str>) -> bool {
        let model = model.unwrap_or(&self.model);
        let known = || ModelNames::new(self.config.kind.seeing().iter().copied());
        let seeing = self.config.images.clone().unwrap_or_else(known);
        seeing.contains(Some(model))
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let api = self.config.kind.api();
        let question = self.question(&request);
        let response = self
            .client
            .post(api.endpoint(&self.base, question.model))
            .body(api.body(&question)?)
            .send()
            .await
            .map_err(answer::unreachable)?;
        if !response.status().is_success() {
            return Err(answer::refusal(response, &self.secrets).await);
        }
        let reply = Reply::new(question.model.to_owned(), request.raw_events, Arc::clone(&self.secrets));
        Ok(reading::read(response, api.parser(), reply))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use parlor_domain::UserId;

    fn asked() -> TurnRequest {
        TurnRequest::new(UserId::new(), Vec::new())
    }

    fn provider(models: &[&str], model: Option<&str>) -> Provider {
        Provider::new(ProviderConfig {
            models: ModelNames::new(models.iter().copied()),
            model: model.map(str::to_owned),
            ..ProviderConfig::new(Kind::OpenAi)
        })
        .unwrap()
    }

    #[test]
    fn it_serves_the_names_of_its_list_their_beginnings_and_its_default() {
        let named = provider(&["a", "b-*", "c"], Some("d"));
        for (model, expect) in [
            (None, true),
            (Some("a"), true),
            (Some("a1"), false),
            (Some("b-"), true),
            (Some("b-1"), true),
            (Some("b"), false),
            (Some("d"), true),
            (Some("A"), false),
            (Some(""), false),
        ] {
            assert_eq!(named.serves(model), expect, "{model:?}");
        }
        assert_eq!(named.models(), ["d", "a", "c"]);
        assert!(provider(&["*"], Some("d")).serves(Some("anything")));
    }

    #[test]
    fn without_a_list_it_serves_every_name_and_knows_its_default() {
        let any = provider(&[], None);
        assert!(any.serves(Some("anything")));
        assert_eq!(any.models(), [Kind::OpenAi.default_model()]);
    }

    #[test]
    fn the_default_is_named_or_else_the_first_of_the_list() {
        let check = |models: &[&str], model, expect| {
            assert_eq!(provider(models, model).question(&asked()).model, expect);
        };
        check(&["a*", "b", "c"], None, "b");
        check(&["a*"], Some("a1"), "a1");
        check(&[], Some("a"), "a");
        let turn = TurnRequest { model: Some("mine".to_owned()), ..asked() };
        assert_eq!(provider(&[], Some("a")).question(&turn).model, "mine");
    }

    /// Protects models that cannot look at images from being given any: those that the kind is known for, or that the
    /// operator names.
    #[test]
    fn images_go_to_models_that_look_at_them() {
        let check = |images: Option<&[&str]>, model, expect: bool| {
            let images = images.map(|names| ModelNames::new(names.iter().copied()));
            let config = ProviderConfig { images, ..ProviderConfig::new(Kind::OpenAi) };
            assert_eq!(Provider::new(config).unwrap().takes_images(model), expect, "{model:?}");
        };
        check(None, None, true);
        check(None, Some("gpt-4o-2024-11-20"), true);
        check(None, Some("o3-mini"), false);
        check(None, Some("llava"), false);
        check(Some(&["llava*"]), Some("llava:13b"), true);
        check(Some(&["llava*"]), Some("gpt-4o"), false);
        check(Some(&["*"]), Some("anything"), true);
    }

    #[test]
    fn the_turn_overrides_the_temperature() {
        let config = ProviderConfig { temperature: Some(0.5), ..ProviderConfig::new(Kind::OpenAi) };
        let provider = Provider::new(config).unwrap();
        assert_eq!(provider.question(&asked()).temperature, Some(0.5));
        let warm = TurnRequest { temperature: Some(1.5), ..asked() };
        assert_eq!(provider.question(&warm).temperature, Some(1.5));
    }

    /// Protects the operator's bill: no turn gets more tokens than the configuration allows.
    #[test]
    fn the_configured_maximum_holds_for_every_turn() {
        for (configured, wanted, expect) in [
            (Some(100), Some(101), Some(100)),
            (Some(100), Some(99), Some(99)),
            (Some(100), None, Some(100)),
            (None, Some(101), Some(101)),
            (None, None, None),
        ] {
            let config = ProviderConfig { max_tokens: configured, ..ProviderConfig::new(Kind::OpenAi) };
            let turn = TurnRequest { max_tokens: wanted, ..asked() };
            let maximum = Provider::new(config).unwrap().question(&turn).max_tokens;
            assert_eq!(maximum, expect, "{configured:?} {wanted:?}");
        }
    }
}
