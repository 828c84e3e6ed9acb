//! `parlor worker`: an AI worker on top of the configured providers.

mod chain;

use crate::cli::Worker;
use crate::failure::{Failure, chain as causes};
use crate::settings::{self, Settings};
use crate::signals::Signals;
use crate::wiring;
use chain::Chain;
use parlor_domain::ports::Backend;
use parlor_worker::WorkerConfig;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Serves until the first signal, and drains until it is done or a second signal comes.
pub(crate) async fn run(settings: &Settings, wanted: Worker) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let backend = backend(&settings.ai.providers)?;
    let config = config(settings, wanted)?;
    tracing::info!(url = config.url, name = config.name, models = ?config.models, "working");
    let worker = parlor_worker::Worker::new(config, backend)
        .map_err(|error| Failure::Configuration(format!("this worker: {}", causes(&error))))?;
    let stop = CancellationToken::new();
    let ended = signals.watch(worker.run(stop.clone().cancelled_owned()), &stop).await?;
    ended.map_err(|error| Failure::while_doing("the worker ended", &error))?;
    tracing::info!("stopped");
    Ok(())
}

/// The providers, one behind the other, or else the demo.
fn backend(providers: &[settings::Provider]) -> Result<Arc<dyn Backend>, Failure> {
    if providers.is_empty() {
        return Ok(wiring::demo());
    }
    let backends = providers.iter().map(wiring::backend).collect::<Result<_, _>>()?;
    Ok(Arc::new(Chain(backends)))
}

fn config(settings: &Settings, wanted: Worker) -> Result<WorkerConfig, Failure> {
    let no_key =
        || Failure::Configuration("ai_service_key is not set: a worker needs a key of its server".to_owned());
    let key = settings.accounts.service_keys.0.first().ok_or_else(no_key)?;
    let capacity = wanted.capacity.unwrap_or(settings.ai.worker_turns);
    let models = if wanted.models.is_empty() { served(&settings.ai.providers) } else { wanted.models };
    Ok(WorkerConfig {
        name: wanted.name,
        models,
        capacity,
        drain: settings.server.drain.unwrap_or(wiring::NO_LIMIT),
        ..WorkerConfig::new(wanted.url, key)
    })
}

/// All that the providers serve; nothing, which is every model, where one of them serves every model or the demo
/// answers.
fn served(providers: &[settings::Provider]) -> Vec<String> {
    let mut models: Vec<String> = Vec::new();
    for settings::Provider { config, .. } in providers {
        if config.models.is_every() {
            return Vec::new();
        }
        for model in config.models.iter().chain(config.model.as_deref()) {
            if !models.iter().any(|known| known == model) {
                models.push(model.to_owned());
            }
        }
    }
    models
}
