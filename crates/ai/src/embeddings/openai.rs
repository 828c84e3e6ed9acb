//! An embedder behind a server with `OpenAI`'s `/embeddings`.

use super::wire;
use crate::Kind;
use crate::provider::{InvalidConfig, ProviderConfig, answer, api, client};
use async_trait::async_trait;
use parlor_domain::ModelNames;
use parlor_domain::ports::{BackendError, Embedded, Embedder};
use reqwest::{Client, Url};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How many texts, and how many bytes of them, go in one request: servers take at least as much.
const BATCH: usize = 96;
const BATCH_BYTES: usize = 256 * 1024;
/// How long one request may take, and all that one call needs, pauses included.
const REQUEST: Duration = Duration::from_secs(30);
const CALL: Duration = Duration::from_secs(120);
/// How often a request is tried that fails in passing, and the longest pause before the second try and before any.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// From which cosine on texts have to do with each other, for most models: texts about different things have one of about
/// 0.1 with those of `OpenAI`.
const RELEVANCE: f32 = 0.25;
/// How large an answer may be, in bytes.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// Which server, as whom, and with which models.
#[derive(Debug, Clone)]
pub struct EmbedderConfig {
    /// Where it is, and as whom it is asked: of [`Kind::OpenAi`].
    pub server: ProviderConfig,
    /// The model of who names none.
    pub model: String,
    /// The models that it has beside that one; none is no other.
    pub models: Option<ModelNames>,
}

/// A client of one server. It keeps its connections.
pub struct OpenAiEmbedder {
    client: Client,
    endpoint: Url,
    secrets: Vec<String>,
    config: EmbedderConfig,
}

impl OpenAiEmbedder {
    /// A client for `config`. Nothing is sent yet. Errors: as of [`Provider::new`](crate::Provider::new).
    pub fn new(config: EmbedderConfig) -> Result<Self, InvalidConfig> {
        config.server.check()?;
        let headers = client::headers(&config.server, Kind::OpenAi.api().headers())?;
        let client = client::new(headers).map_err(|error| InvalidConfig::Client(error.without_url()))?;
        let endpoint = api::under(&config.server.url()?, &["v1", "embeddings"]);
        Ok(Self { client, endpoint, secrets: config.server.secrets(), config })
    }

    /// One request, tried again where it fails in passing.
    async fn patiently(
        &self,
        texts: &[String],
        model: &str,
        deadline: Instant,
    ) -> Result<Embedded, BackendError> {
        let mut tries = 1;
        loop {
            let failure = match self.once(texts, model).await {
                Err(error) if error.is_passing() && tries < TRIES => error,
                result => return result,
            };
            let until = Instant::now() + pause(&failure, tries);
            if until >= deadline {
                return Err(failure);
            }
            sleep_until(until).await;
            tries += 1;
        }
    }

    async fn once(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError> {
        let asked = timeout(REQUEST, self.ask(texts, model)).await;
        asked.unwrap_or_else(|_| Err(BackendError::Unreachable("no answer in time".to_owned())))
    }

    async fn ask(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError> {
        let body = api::json(&wire::Request { model, input: texts, encoding_format: "float" })?;
        let sent = self.client.post(self.endpoint.clone()).body(body).send().await;
        let mut response = sent.map_err(answer::unreachable)?;
        if !response.status().is_success() {
            return Err(answer::refusal(response, &self.secrets).await);
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(answer::unreachable)? {
            if body.len() + bytes.len() > BODY_MAX {
                return Err(BackendError::Malformed("an answer without an end".to_owned()));
            }
            body.extend_from_slice(&bytes);
        }
        wire::read(&body, texts.len(), model)
    }
}

/// How long to wait before the next try: as long as was asked for, or else any time up to twice the last one.
fn pause(failure: &BackendError, tries: u32) -> Duration {
    let most = (PAUSE * 2_u32.saturating_pow(tries - 1)).min(PAUSE_MAX);
    let chance = RandomState::new().hash_one(tries) % 1_000;
    let pause = most * u32::try_from(chance).unwrap_or_default() / 1_000;
    match failure {
        BackendError::Status { retry_after: Some(wait), .. } => *wait + pause,
        _ => pause,
    }
}

/// The texts in runs that one request can carry.
fn batches(texts: &[String]) -> Vec<&[String]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, text) in texts.iter().enumerate() {
        if at > start && (at - start >= BATCH || bytes + text.len() > BATCH_BYTES) {
            batches.push(&texts[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += text.len();
    }
    if start < texts.len() {
        batches.push(&texts[start..]);
    }
    batches
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenAiEmbedder").field(&self.config).finish()
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn name(&self) -> &str {
        &self.config.server.name
    }

    fn model(&self) -> &str {
        &self.config.model
    }

    fn serves(&self, model: &str) -> bool {
        model == self.config.model || self.config.models.as_ref().is_some_and(|it| it.contains(Some(model)))
    }

    fn is_metered(&self) -> bool {
        true
    }

    fn relevance(&self) -> f32 {
        RELEVANCE
    }

    async fn embed(&self, texts: &[String], model: &str) -> Result<Embedded, BackendError> {
        let deadline = Instant::now() + CALL;
        let mut all =
            Embedded { vectors: Vec::with_capacity(texts.len()), model: model.to_owned(), tokens: 0 };
        for batch in batches(texts) {
            let Embedded { vectors, model, tokens } = self.patiently(batch, model, deadline).await?;
            if all.vectors.first().zip(vectors.first()).is_some_and(|(one, other)| one.len() != other.len()) {
                return Err(BackendError::Malformed("vectors of several lengths".to_owned()));
            }
            all.vectors.extend(vectors);
            (all.model, all.tokens) = (model, all.tokens + tokens);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects long documents: every text is in one request, in its order, and no request is too large for a server.
    #[test]
    fn texts_go_in_batches() {
        let sizes = |texts: &[String]| batches(texts).iter().map(|it| it.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&vec!["x".to_owned(); 200]), [96, 96, 8]);
        assert_eq!(sizes(&vec!["x".repeat(100 * 1024); 5]), [2, 2, 1]);
        assert_eq!(sizes(&vec!["x".repeat(1024 * 1024); 2]), [1, 1]);
    }
}
