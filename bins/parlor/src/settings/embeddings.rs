//! What makes vectors of texts.

use super::providers::{HttpUrl, ModelName, Models};
use super::read::Visible;
use super::{Key, Problem, Provider, Values};
use parlor_ai::embeddings::{EmbedderConfig, HashedNgrams};
use parlor_ai::{Kind, ProviderConfig};

/// The server that does; none: what is built in. Error: a value that makes no sense, or a model of no server.
pub(super) fn read(values: &Values, providers: &[Provider]) -> Result<Option<EmbedderConfig>, Problem> {
    // All of them are read, although they may be of no use: a value that makes no sense is a mistake.
    let model = values.find(Key::EmbeddingsModel)?.map(|ModelName(model)| model);
    let base_url = values.find(Key::EmbeddingsBaseUrl)?.map(|HttpUrl(url)| url);
    let api_key = values.find(Key::EmbeddingsApiKey)?.map(|Visible(key)| key);
    let models = values.find(Key::EmbeddingsModels)?.map(|Models(models)| models);
    let Some(model) = model.filter(|model| model != HashedNgrams::MODEL) else {
        return match base_url {
            Some(_) => Err(values.complaint(Key::EmbeddingsBaseUrl, "needs embeddings_model beside it")),
            None => Ok(None),
        };
    };
    let mut server = match base_url {
        Some(base_url) => {
            let name = "embeddings".to_owned();
            ProviderConfig { name, base_url, ..ProviderConfig::new(Kind::OpenAi) }
        }
        None => openai(providers).ok_or_else(|| {
            let what = "needs embeddings_base_url or a provider with OpenAI's API beside it";
            values.complaint(Key::EmbeddingsModel, what)
        })?,
    };
    server.api_key = api_key.or(server.api_key);
    Ok(Some(EmbedderConfig { server, model, models }))
}

/// The first provider that may have `/embeddings`.
fn openai(providers: &[Provider]) -> Option<ProviderConfig> {
    providers.iter().map(|it| &it.config).find(|config| config.kind == Kind::OpenAi).cloned()
}
