//! A server with `OpenAI`'s moderation API.

use crate::provider::api::under;
use crate::provider::{InvalidConfig, ProviderConfig, answer, client};
use crate::{Kind, openai};
use async_trait::async_trait;
use parlor_domain::ports::{BackendError, Judgement, ModerationError, Moderator, Window};
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, Response, Url};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The model of configurations that name none.
pub(super) const MODEL: &str = "omni-moderation-latest";
/// How much of an answer is read, in bytes: one for 32 texts has about 60 KB.
const ANSWER_MAX: usize = 1024 * 1024;
/// What a text is called that is flagged without a category.
const UNNAMED: &str = "flagged";

/// A client of `POST …/moderations`. What it is asked about leaves the server.
pub struct OpenAiModerator {
    client: Client,
    endpoint: Url,
    model: String,
    secrets: Vec<String>,
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [String],
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Verdict>,
}

#[derive(Deserialize)]
struct Verdict {
    flagged: bool,
    /// Newer ones may stand there as nothing, where the model does not know them.
    #[serde(default)]
    categories: BTreeMap<String, Option<bool>>,
}

impl OpenAiModerator {
    /// A client for the server of `config`, whose model it asks (`omni-moderation-latest` where it names none). Nothing is sent yet.
    ///
    /// Errors: [`InvalidConfig`], as of [`Provider::new`](crate::Provider::new).
    pub fn new(config: &ProviderConfig) -> Result<Self, InvalidConfig> {
        config.check()?;
        let mut headers = client::headers(config, openai::headers())?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let client = client::new(headers).map_err(|error| InvalidConfig::Client(error.without_url()))?;
        let endpoint = under(&config.url()?, &["moderations"]);
        let model = config.model.clone().unwrap_or_else(|| MODEL.to_owned());
        Ok(Self { client, endpoint, model, secrets: config.secrets() })
    }

    /// The configuration of `OpenAI`'s own server.
    pub fn config() -> ProviderConfig {
        ProviderConfig { name: "moderation".to_owned(), ..ProviderConfig::new(Kind::OpenAi) }
    }

    async fn ask(&self, texts: &[String]) -> Result<Response, ModerationError> {
        let question = Question { model: &self.model, input: texts };
        let sent = self.client.post(self.endpoint.clone()).json(&question).send().await;
        let response = sent.map_err(|error| failed(answer::unreachable(error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(failed(answer::refusal(response, &self.secrets).await))
    }
}

/// An error by the moderation's own names. What a server says of a request that it refuses may quote a text.
fn failed(error: BackendError) -> ModerationError {
    match error {
        BackendError::Unreachable(words) => ModerationError::Unreachable(words),
        BackendError::Status { status, .. } if error.is_passing() => {
            ModerationError::Unreachable(format!("it answered {status}"))
        }
        BackendError::Status { status, .. } => ModerationError::Malformed(format!("it answered {status}")),
        BackendError::Malformed(words) => ModerationError::Malformed(words),
    }
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        let named = verdict.categories.into_iter().filter(|(_, applies)| *applies == Some(true));
        let mut categories: Vec<_> = named.map(|(category, _)| category).collect();
        if !verdict.flagged {
            categories.clear(); // the server's own threshold counts
        } else if categories.is_empty() {
            categories.push(UNNAMED.to_owned());
        }
        Self { categories }
    }
}

impl std::fmt::Debug for OpenAiModerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiModerator").field("model", &self.model).finish_non_exhaustive()
    }
}

#[async_trait]
impl Moderator for OpenAiModerator {
    /// A question takes a few hundred milliseconds, and there is a limit on how many.
    fn window(&self) -> Window {
        Window { bytes: 512, wait: Duration::from_millis(400) }
    }

    async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError> {
        let response = self.ask(texts).await?;
        let mut body = Vec::new();
        answer::read_body(response, ANSWER_MAX, &mut body).await;
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            ModerationError::Malformed(format!("no answer up to its column {}", error.column()))
        })?;
        Ok(answer.results.into_iter().map(Judgement::from).collect())
    }
}
