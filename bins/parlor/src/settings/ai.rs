//! Who answers, and how long that may take.

use super::read::FromText;
use super::{Key, ModelPrices, Problem, Provider, Values, budgets, embeddings, providers};
use parlor_ai::embeddings::EmbedderConfig;
use parlor_domain::{BreakerSettings, Budgets, Price};
use std::num::NonZeroU32;
use std::time::Duration;

/// The settings of turns. None is no limit.
#[derive(Debug)]
pub(crate) struct Ai {
    /// In the order in which they are asked.
    pub(crate) providers: Vec<Provider>,
    /// The server that makes vectors of texts; none: what is built in.
    pub(crate) embedder: Option<EmbedderConfig>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) first_token: Option<Duration>,
    pub(crate) between_tokens: Option<Duration>,
    pub(crate) total: Option<Duration>,
    pub(crate) context_tokens: Option<usize>,
    pub(crate) system_prompt: Option<String>,
    pub(crate) prices: Vec<Price>,
    pub(crate) budgets: Budgets,
    /// Zero: no wait.
    pub(crate) queue_wait: Duration,
    /// Of a worker that names no capacity. Not zero.
    pub(crate) worker_turns: NonZeroU32,
    /// How often all backends are asked. Not zero.
    pub(crate) retry_rounds: u32,
    pub(crate) breaker: BreakerSettings,
    /// Whether users may make assistants of their own.
    pub(crate) own_assistants: bool,
}

impl Ai {
    pub(super) fn read(values: &Values) -> Result<Self, Problem> {
        let providers = providers::read(values)?;
        Ok(Self {
            embedder: embeddings::read(values, &providers)?,
            providers,
            max_tokens: values.limit(Key::OpenaiMaxTokens)?,
            first_token: values.limit(Key::AiFirstTokenTimeout)?,
            between_tokens: values.limit(Key::AiTurnTimeout)?,
            total: values.limit(Key::AiTotalTimeout)?,
            context_tokens: values.limit(Key::AiContextTokens)?,
            system_prompt: values.find(Key::AiSystemPrompt)?,
            prices: values.find(Key::ModelPrices)?.map(|ModelPrices(prices)| prices).unwrap_or_default(),
            budgets: budgets::read(values)?,
            queue_wait: values.get(Key::AiQueueWait)?,
            worker_turns: values.get(Key::AiWorkerTurns)?,
            retry_rounds: values.above_zero(Key::AiRetryRounds)?,
            breaker: breaker(values)?,
            own_assistants: values.get(Key::UserAssistants)?,
        })
    }
}

fn breaker(values: &Values) -> Result<BreakerSettings, Problem> {
    Ok(BreakerSettings {
        window: values.above_zero(Key::AiBreakerWindow)?,
        minimum: values.above_zero(Key::AiBreakerMinimum)?,
        failures: values.get(Key::AiBreakerFailures).map(|Percent(number)| number)?,
        cooldown: values.above_zero(Key::AiBreakerCooldown)?,
    })
}

/// From 1 to 100.
struct Percent(u32);

impl FromText for Percent {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number| (1..=100).contains(number)).map(Self)
    }
}
