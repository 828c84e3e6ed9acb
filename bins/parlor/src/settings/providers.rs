//! The LLM APIs that answer: those of the file, and behind them those that the environment turns on.

use super::prices::{ModelPrices, name};
use super::provider_tables::ProviderTable;
use super::read::{FromText, Visible};
use super::{Key, Problem, Values};
use parlor_ai::{InvalidConfig, Kind, ProviderConfig};
use parlor_domain::{ModelNames, Price};
use std::num::NonZeroU32;

/// One LLM API, and what the operator says of it.
#[derive(Debug)]
pub(crate) struct Provider {
    /// Checked. Its name is no other one's, and its model is there.
    pub(crate) config: ProviderConfig,
    pub(crate) prices: Vec<Price>,
    /// Lower ones are asked first.
    pub(crate) priority: u32,
    pub(crate) weight: NonZeroU32,
    /// None: no limit.
    pub(crate) capacity: Option<NonZeroU32>,
}

/// All of them, in the order in which they are asked. Error: the first value that makes no sense, or a name that is
/// there twice.
pub(super) fn read(values: &Values) -> Result<Vec<Provider>, Problem> {
    let mut providers: Vec<Provider> = Vec::new();
    for (table, place) in values.providers().iter().zip(1..) {
        let provider = of_table(table, place)?;
        if is_there(&providers, &provider.config.name) {
            return Err(
                table.complaint("name", &format!("is {:?}, and so is another one's", provider.config.name))
            );
        }
        providers.push(provider);
    }
    let last = providers.iter().map(|provider| provider.priority).max().unwrap_or(0);
    for (config, place) in of_environment(values)?.into_iter().zip(1..) {
        // One of the file stands in place of the environment's that is called the same.
        if !is_there(&providers, &config.name) {
            let (priority, weight) = (last.saturating_add(place), NonZeroU32::MIN);
            providers.push(Provider { config, prices: Vec::new(), priority, weight, capacity: None });
        }
    }
    providers.sort_by_key(|provider| provider.priority);
    Ok(providers)
}

fn is_there(providers: &[Provider], name: &str) -> bool {
    providers.iter().any(|provider| provider.config.name == name)
}

fn of_table(table: &ProviderTable, place: u32) -> Result<Provider, Problem> {
    let config = config_of(table)?;
    config.check().map_err(|error| invalid(table, &error))?;
    Ok(Provider {
        config,
        prices: table.find("prices")?.map(|ModelPrices(prices)| prices).unwrap_or_default(),
        priority: table.find("priority")?.unwrap_or(place),
        weight: table.find("weight")?.unwrap_or(NonZeroU32::MIN),
        capacity: table.find("capacity")?,
    })
}

fn config_of(table: &ProviderTable) -> Result<ProviderConfig, Problem> {
    let kind = table.get("kind")?;
    if kind != Kind::OpenAi && table.text("organization").is_some() {
        return Err(table.complaint("organization", "is for kind = \"openai\" alone"));
    }
    let base_url = table.find("base_url")?.map(|HttpUrl(url)| url);
    let models = table.find("models")?.map(|Models(models)| models).unwrap_or_default();
    Ok(ProviderConfig {
        kind,
        name: table.get("name")?,
        base_url: base_url.unwrap_or_else(|| kind.default_base_url().to_owned()),
        api_key: table.api_key()?.map(|Visible(key)| key),
        organization: table.find("organization")?.map(|Visible(id)| id),
        headers: table.headers.clone().into_iter().collect(),
        model: Some(model_of(table, kind, &models)?),
        models,
        max_tokens: table.find("max_tokens")?.map(NonZeroU32::get),
        temperature: table.find("temperature")?.map(|Temperature(number)| number),
        images: table.find("images")?.map(|Models(models)| models),
    })
}

/// The model of turns that name none: the one that is named, else the first whole name of those that are served.
fn model_of(table: &ProviderTable, kind: Kind, models: &ModelNames) -> Result<String, Problem> {
    let named = table.find("model")?.map(|ModelName(model)| model);
    let model = named.or_else(|| models.whole().next().map(str::to_owned));
    match model {
        None if models.is_every() => Ok(kind.default_model().to_owned()),
        model => model.ok_or_else(|| table.problem("model")),
    }
}

/// What is wrong with a table as a whole, by the field that it is about.
fn invalid(table: &ProviderTable, error: &InvalidConfig) -> Problem {
    table.problem(match error {
        InvalidConfig::Name => "name",
        InvalidConfig::BaseUrl => "base_url",
        InvalidConfig::ApiKey => "api_key",
        InvalidConfig::Organization => "organization",
        InvalidConfig::Header(name) => {
            return table.complaint(&format!("headers.{name}"), "cannot be sent as an HTTP header");
        }
        InvalidConfig::Model(_) => "models",
        InvalidConfig::NoModel => "model",
        InvalidConfig::MaxTokens => "max_tokens",
        InvalidConfig::Temperature => "temperature",
        InvalidConfig::Client(_) => "kind",
    })
}

/// The settings that turn one provider on.
struct Switch {
    kind: Kind,
    api_key: Key,
    base_url: Key,
    model: Key,
    /// What it serves; nothing: every model.
    models: &'static [&'static str],
}

/// In the order in which they are asked: the one that serves everything comes last.
const SWITCHES: [Switch; 3] = [
    Switch {
        kind: Kind::Anthropic,
        api_key: Key::AnthropicApiKey,
        base_url: Key::AnthropicBaseUrl,
        model: Key::AnthropicModel,
        models: &["claude-*"],
    },
    Switch {
        kind: Kind::Gemini,
        api_key: Key::GeminiApiKey,
        base_url: Key::GeminiBaseUrl,
        model: Key::GeminiModel,
        models: &["gemini-*"],
    },
    Switch {
        kind: Kind::OpenAi,
        api_key: Key::OpenaiApiKey,
        base_url: Key::OpenaiBaseUrl,
        model: Key::OpenaiModel,
        models: &[],
    },
];

fn of_environment(values: &Values) -> Result<Vec<ProviderConfig>, Problem> {
    let mut configs = Vec::new();
    for switch in SWITCHES {
        let config = of_switch(values, &switch)?;
        if config.api_key.is_some() || values.text(switch.base_url).is_some() {
            configs.push(config);
        }
    }
    Ok(configs)
}

/// Read although it may be of no use: a value that makes no sense is a mistake.
fn of_switch(values: &Values, switch: &Switch) -> Result<ProviderConfig, Problem> {
    let base_url = values.find(switch.base_url)?.map(|HttpUrl(url)| url);
    let mut config = ProviderConfig {
        base_url: base_url.unwrap_or_else(|| switch.kind.default_base_url().to_owned()),
        api_key: values.find(switch.api_key)?.map(|Visible(key)| key),
        model: Some(values.get(switch.model).map(|ModelName(model)| model)?),
        models: ModelNames::new(switch.models.iter().copied()),
        max_tokens: values.limit(Key::OpenaiMaxTokens)?,
        ..ProviderConfig::new(switch.kind)
    };
    if switch.kind == Kind::OpenAi {
        config.organization = values.find(Key::OpenaiOrgId)?.map(|Visible(id)| id);
        config.temperature = values.find(Key::OpenaiTemperature)?.map(|Temperature(number)| number);
    }
    Ok(config)
}

impl FromText for Kind {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// One model. Some servers have paths for names, in which there may be spaces.
pub(super) struct ModelName(pub(super) String);

impl FromText for ModelName {
    fn from_text(text: &str) -> Option<Self> {
        let good = !text.is_empty() && text.chars().all(|it| !it.is_control() && it != '*');
        good.then(|| Self(text.to_owned()))
    }
}

/// Models, and beginnings of their names.
pub(super) struct Models(pub(super) ModelNames);

impl FromText for Models {
    fn from_text(text: &str) -> Option<Self> {
        let names: Option<Vec<_>> = text.split(',').map(|model| name(model.trim())).collect();
        names.map(|names| Self(ModelNames::new(names)))
    }
}

/// From 0 to 2.
struct Temperature(f64);

impl FromText for Temperature {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (0.0..=2.0).contains(number)).map(Self)
    }
}

/// An address that turns can be posted to.
pub(super) struct HttpUrl(pub(super) String);

impl FromText for HttpUrl {
    fn from_text(text: &str) -> Option<Self> {
        let config = ProviderConfig { base_url: text.to_owned(), ..ProviderConfig::new(Kind::OpenAi) };
        config.check().is_ok().then_some(Self(config.base_url))
    }
}
