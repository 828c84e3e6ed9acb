//! A backend that says what a test tells it.

use crate::message::Usage;
use crate::ports::{Backend, BackendError, Delta, Finish, TurnRequest, TurnStream};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What the next turn gets, step by step.
#[derive(Debug, Clone)]
pub enum Script {
    /// A piece of the stream.
    Say(Delta),
    /// Nothing, for so long.
    Wait(Duration),
    /// Nothing more, for ever.
    Hang,
    /// A failure.
    Fail(BackendError),
    /// A panic inside the backend.
    Panic,
}

impl Script {
    /// A whole reply in pieces.
    pub fn reply(pieces: &[&str]) -> Vec<Self> {
        let usage = Usage { prompt_tokens: 7, completion_tokens: pieces.len() as u64, estimated: false };
        let content = pieces.iter().map(|piece| Self::Say(Delta::Content((*piece).to_owned())));
        content.chain([Self::Say(Delta::Usage(usage)), Self::Say(Delta::End(Finish::Stop))]).collect()
    }
}

/// A [`Backend`] that plays one script a turn, and echoes the last message where there is none.
#[derive(Debug)]
pub struct ScriptedBackend {
    name: &'static str,
    model: Option<&'static str>,
    scripts: Mutex<VecDeque<Vec<Script>>>,
    requests: Mutex<Vec<TurnRequest>>,
    takes_images: AtomicBool,
}

impl ScriptedBackend {
    /// A backend that serves every model.
    pub fn new() -> Arc<Self> {
        Self::serving(None)
    }

    /// A backend that serves only `model`; none: every one.
    pub fn serving(model: Option<&'static str>) -> Arc<Self> {
        let (scripts, requests) = (Mutex::default(), Mutex::default());
        Arc::new(Self { name: "scripted", model, scripts, requests, takes_images: AtomicBool::new(false) })
    }

    /// What one more turn will get.
    pub fn play(&self, script: Vec<Script>) {
        self.scripts.lock().push_back(script);
    }

    /// From here on it looks at images, or does not.
    pub fn set_takes_images(&self, takes: bool) {
        self.takes_images.store(takes, Ordering::Relaxed);
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<TurnRequest> {
        self.requests.lock().clone()
    }
}

#[async_trait]
impl Backend for ScriptedBackend {
    fn name(&self) -> &str {
        self.name
    }

    fn serves(&self, model: Option<&str>) -> bool {
        self.model.is_none() || model.is_none() || self.model == model
    }

    fn takes_images(&self, _model: Option<&str>) -> bool {
        self.takes_images.load(Ordering::Relaxed)
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let last = request.context.last().map_or_else(String::new, |piece| piece.content.clone());
        self.requests.lock().push(request);
        let script = self.scripts.lock().pop_front().unwrap_or_else(|| Script::reply(&[&last]));
        let steps = stream::iter(script).filter_map(|step| async move {
            match step {
                Script::Say(delta) => Some(Ok(delta)),
                Script::Fail(error) => Some(Err(error)),
                Script::Wait(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
                Script::Hang => std::future::pending().await,
                #[expect(clippy::panic, reason = "a test wants to see what a panic does")]
                Script::Panic => panic!("scripted"),
            }
        });
        Ok(steps.boxed())
    }
}
