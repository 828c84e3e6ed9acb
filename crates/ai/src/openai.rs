//! Any server with `OpenAI`'s chat completions API, over HTTP/2 where it offers that, else HTTP/1.1.
//!
//! What is proved against: `OpenAI`, Ollama, vLLM and llama.cpp, whose streams differ in what they leave out. Unknown
//! fields are skipped; so are, for now, reasoning and tool calls. There are no retries here and no limit on a reply's
//! time: both are the domain's.

mod answer;
mod chunk;
mod config;
mod request;
mod stream;

pub use config::{DEFAULT_BASE_URL, DEFAULT_MODEL, InvalidConfig, OpenAiConfig};

use async_trait::async_trait;
use parlor_domain::ports::{Backend, BackendError, TurnRequest, TurnStream};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Url, redirect};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A client of one server. It keeps its connections; one is enough for a process.
#[derive(Debug)]
pub struct OpenAi {
    client: Client,
    endpoint: Url,
    config: OpenAiConfig,
}

impl OpenAi {
    /// A client for `config`. Nothing is sent yet.
    ///
    /// Errors: [`InvalidConfig`] where the base URL is not one, where the key or the organisation cannot stand in
    /// a header, and where TLS cannot be set up (no root certificates).
    pub fn new(config: OpenAiConfig) -> Result<Self, InvalidConfig> {
        let endpoint = config.endpoint()?;
        let client = client(config.headers()?).map_err(|error| InvalidConfig::Client(error.without_url()))?;
        Ok(Self { client, endpoint, config })
    }
}

fn client(headers: HeaderMap) -> reqwest::Result<Client> {
    Client::builder()
        .default_headers(headers)
        .user_agent(concat!("parlor/", env!("CARGO_PKG_VERSION")))
        // A redirected POST would become a GET, and take the key elsewhere.
        .redirect(redirect::Policy::none())
        // Libraries do not read the environment.
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .tcp_keepalive(KEEP_ALIVE)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(CONNECT_TIMEOUT)
        .build()
}

#[async_trait]
impl Backend for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    /// It has no list of models: the server knows, and answers 404.
    fn serves(&self, _model: Option<&str>) -> bool {
        true
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let body = request::Body::new(&self.config, &request);
        let model = body.model.to_owned();
        let response = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .json(&body)
            .send()
            .await
            .map_err(answer::unreachable)?;
        let key = self.config.api_key.clone();
        if !response.status().is_success() {
            return Err(answer::refusal(response, key.as_deref()).await);
        }
        Ok(stream::read(response, model, key))
    }
}
