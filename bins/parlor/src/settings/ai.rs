//! Who answers, and how long that may take.

use super::read::{FromText, Visible};
use super::{Key, ModelPrices, Problem, Values};
use parlor_ai::OpenAiConfig;
use parlor_ai::openai::DEFAULT_BASE_URL;
use parlor_domain::Price;
use std::time::Duration;

/// The settings of turns. None is no limit.
#[derive(Debug)]
pub(crate) struct Ai {
    /// None: the demo answers.
    pub(crate) openai: Option<OpenAiConfig>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) between_tokens: Option<Duration>,
    pub(crate) total: Option<Duration>,
    pub(crate) context_tokens: Option<usize>,
    pub(crate) system_prompt: Option<String>,
    pub(crate) prices: Vec<Price>,
}

impl Ai {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        Ok(Self {
            openai: openai(values)?,
            max_tokens: values.limit(Key::OpenaiMaxTokens)?,
            first_token: values.limit(Key::AiFirstTokenTimeout)?,
            between_tokens: values.limit(Key::AiTurnTimeout)?,
            total: values.limit(Key::AiTotalTimeout)?,
            context_tokens: values.limit(Key::AiContextTokens)?,
            system_prompt: values.find(Key::AiSystemPrompt)?,
            prices: values.find(Key::ModelPrices)?.map(|ModelPrices(prices)| prices).unwrap_or_default(),
        })
    }
}

fn openai(values: &Values) -> Result<Option<OpenAiConfig>, Problem> {
    let api_key = values.find(Key::OpenaiApiKey)?.map(|Visible(key)| key);
    let base_url = values.find(Key::OpenaiBaseUrl)?.map(|HttpUrl(url)| url);
    let wanted = api_key.is_some() || base_url.is_some();
    let config = OpenAiConfig {
        base_url: base_url.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
        api_key,
        organization: values.find(Key::OpenaiOrgId)?.map(|Visible(id)| id),
        model: values.get(Key::OpenaiModel)?,
        max_tokens: values.limit(Key::OpenaiMaxTokens)?,
        temperature: values.find(Key::OpenaiTemperature)?.map(|Temperature(number)| number),
    };
    Ok(wanted.then_some(config))
}

/// From 0 to 2.
struct Temperature(f64);

impl FromText for Temperature {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (0.0..=2.0).contains(number)).map(Self)
    }
}

/// An address that turns can be posted to.
struct HttpUrl(String);

impl FromText for HttpUrl {
    fn from_text(text: &str) -> Option<Self> {
        let config = OpenAiConfig { base_url: text.to_owned(), ..OpenAiConfig::default() };
        config.endpoint().is_ok().then_some(Self(config.base_url))
    }
}
