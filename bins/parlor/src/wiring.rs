//! From settings to the parts that a server is made of: the one place that knows them all.

mod files;
mod moderation;
pub(crate) mod people;

pub(crate) use files::files;
pub(crate) use moderation::moderator;
pub(crate) use people::{People, tokens};

use crate::failure::{Failure, chain};
use crate::settings::{self, Settings};
use parlor_ai::Demo;
use parlor_ai::embeddings::{HashedNgrams, OpenAiEmbedder};
use parlor_documents::Extracting;
use parlor_domain::message::NanoDollars;
use parlor_domain::ports::{Backend, Embedder, Extractor};
use parlor_domain::{Hub, KnowledgeSettings, Price, Prices, Provider, Quota, Retries};
use parlor_store::{Database, OpenError};
use parlor_transport::Server;
use std::fs::DirBuilder;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Stands for "no limit" where a time is needed: longer than anything runs, and short enough to reckon with.
pub(crate) const NO_LIMIT: Duration = Duration::from_hours(100 * 365 * 24);

/// In which time so many bytes may be uploaded.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Who answers. The demo does where nobody else is configured: neither a provider nor keys for workers.
pub(crate) fn providers(settings: &Settings) -> Result<Vec<Provider>, Failure> {
    let configured = &settings.ai.providers;
    if configured.is_empty() && settings.accounts.service_keys.0.is_empty() {
        return Ok(vec![demo().into()]);
    }
    configured.iter().map(provider).collect()
}

/// The built-in assistant.
pub(crate) fn demo() -> Arc<dyn Backend> {
    Arc::new(Demo::default())
}

pub(crate) fn provider(settings: &settings::Provider) -> Result<Provider, Failure> {
    Ok(Provider {
        backend: backend(settings)?,
        priority: settings.priority,
        weight: settings.weight,
        capacity: settings.capacity,
        prices: Prices::new(settings.prices.clone()),
    })
}

/// The client of one LLM API.
pub(crate) fn backend(settings: &settings::Provider) -> Result<Arc<dyn Backend>, Failure> {
    let doing = format!("the provider {}", settings.config.name);
    let backend = parlor_ai::Provider::new(settings.config.clone());
    backend.map(|it| Arc::new(it) as _).map_err(|error| Failure::while_doing(&doing, &error))
}

/// What makes vectors of texts: a server, or what is built in.
pub(crate) fn embedder(settings: &Settings) -> Result<Arc<dyn Embedder>, Failure> {
    let Some(config) = settings.ai.embedder.clone() else { return Ok(Arc::new(HashedNgrams)) };
    let embedder = OpenAiEmbedder::new(config);
    embedder.map(|it| Arc::new(it) as _).map_err(|error| Failure::while_doing("the embeddings", &error))
}

/// What reads the text of documents: this program again, beside us.
pub(crate) fn extractor() -> Result<Arc<dyn Extractor>, Failure> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Failure::while_doing("where this program is", &error))?;
    Ok(Arc::new(Extracting::by(program, ["extract-text"])))
}

/// The log. A server wants it for itself (`exclusive`); a command may run beside one.
pub(crate) async fn store(settings: &Settings, exclusive: bool) -> Result<Database, Failure> {
    prepare_data_dir(settings)?;
    let keyring = settings.store.keyring.clone();
    let options = parlor_store::Options { exclusive, keyring, ..parlor_store::Options::default() };
    Database::open(&settings.store.url.0, &options).await.map_err(|error| not_opened(&error))
}

/// That the log cannot be opened: in an address that makes no sense the operator is wrong.
pub(crate) fn not_opened(error: &OpenError) -> Failure {
    match error {
        OpenError::Address(_) => Failure::Configuration(format!("database_url: {}", chain(error))),
        _ => Failure::Runtime(chain(error)),
    }
}

/// Makes the data folder, for its owner alone, where the log is kept in it.
pub(crate) fn prepare_data_dir(settings: &Settings) -> Result<(), Failure> {
    let folder = &settings.server.data_dir;
    let log = settings.store.url.0.strip_prefix("sqlite://").map(Path::new);
    if !log.is_some_and(|log| log.starts_with(folder)) {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let doing = format!("cannot make the data folder {}", folder.display());
    builder.create(folder).map_err(|error| Failure::while_doing(&doing, &error))
}

/// The domain's figures; those that nobody can choose yet are its own.
pub(crate) fn domain_settings(settings: &Settings) -> parlor_domain::Settings {
    let (limits, ai) = (&settings.limits, &settings.ai);
    let quota = |frames: Option<u32>| frames.and_then(|frames| Quota::new(frames, limits.window));
    let default = parlor_domain::Settings::default();
    parlor_domain::Settings {
        limits: parlor_domain::Limits {
            connections: limits.connections,
            connections_per_user: limits.connections_per_user,
            frames: quota(limits.frames),
            user_frames: quota(limits.user_frames),
            flooding: limits.flooding,
            uploads: settings.files.rate.and_then(|it| Quota::new(it.get(), RATE_WINDOW)),
            completions: limits.completions.and_then(|it| Quota::new(it, limits.completion_window)),
            ai_chats: limits.ai_chats.and_then(|it| Quota::new(it, limits.ai_chat_window)),
            embeddings: limits.embeddings.and_then(|it| Quota::new(it, limits.embedding_window)),
            chats: limits.chats.and_then(|chats| Quota::new(chats, limits.chat_window)),
        },
        turns: parlor_domain::TurnSettings {
            first_token: ai.first_token.unwrap_or(NO_LIMIT),
            between_tokens: ai.between_tokens.unwrap_or(NO_LIMIT),
            total: ai.total.unwrap_or(NO_LIMIT),
            context_tokens: ai.context_tokens.unwrap_or(usize::MAX),
            system_prompt: ai.system_prompt.clone(),
            max_tokens: ai.max_tokens,
            prices: prices(ai),
            default_model: ai.providers.first().and_then(|it| it.config.model.clone()),
            budgets: ai.budgets.clone(),
            queue_wait: ai.queue_wait,
            retries: Retries { rounds: ai.retry_rounds, ..default.turns.retries },
            breaker: ai.breaker,
            worker_turns: usize::try_from(ai.worker_turns.get()).unwrap_or(usize::MAX),
            ..default.turns
        },
        own_assistants: ai.own_assistants,
        moderation: settings.moderation.domain,
        jobs: parlor_domain::JobSettings {
            workers: settings.jobs.workers,
            queued: settings.jobs.queued,
            retries: Retries { rounds: settings.jobs.attempts, ..default.jobs.retries },
            kept: settings.jobs.kept,
            ..default.jobs
        },
        knowledge: KnowledgeSettings {
            max_file: settings.knowledge.max_file,
            documents: settings.knowledge.documents.unwrap_or(u64::MAX),
            passages: settings.knowledge.passages,
            share: settings.knowledge.share,
            relevance: settings.knowledge.relevance,
            ..default.knowledge
        },
        deleted_kept: settings.store.deleted_kept,
        uploads: parlor_domain::UploadSettings {
            max_file: settings.files.max_file,
            max_chunk: settings.files.max_chunk,
            quota: settings.files.quota,
            expiry: settings.files.expiry,
            link: settings.files.link,
        },
        ..default
    }
}

/// The operator's prices, and that the demo costs nothing.
fn prices(ai: &settings::Ai) -> Prices {
    let demo = Price {
        model: parlor_ai::demo::MODEL.to_owned(),
        prompt: NanoDollars::default(),
        completion: NanoDollars::default(),
    };
    Prices::new(ai.prices.iter().cloned().chain([demo]).collect())
}

/// The transport, with the page beside it where it is wanted.
pub(crate) fn server(settings: &Settings, hub: Hub) -> Server {
    let server = Server::new(hub, transport_options(settings));
    if settings.server.web_page { server.with_routes(parlor_web::router()) } else { server }
}

/// The transport's figures.
pub(crate) fn transport_options(settings: &Settings) -> parlor_transport::Options {
    parlor_transport::Options {
        heartbeat: settings.server.heartbeat.unwrap_or(Duration::ZERO),
        unauthenticated: settings.limits.unauthenticated.unwrap_or(usize::MAX),
        origins: settings.server.origins.clone(),
        drain: settings.server.drain.unwrap_or(NO_LIMIT),
        trusted_proxies: settings.server.trusted_proxies.clone(),
        ..parlor_transport::Options::default()
    }
}
