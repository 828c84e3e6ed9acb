//! Who makes a reply: workers and providers, their failures, what waits for them, and what they may use.

mod budgets;
mod completions;
mod fairness;
mod health;
mod retries;
mod storm;
mod streams;
mod workers;

use crate::client::{Client, draft, settle};
use crate::world::{conversation, unlimited};
use futures_util::FutureExt;
use parlor_domain::ports::{AttemptRecord, Backend, BackendError, Delta, Finish, Store};
use parlor_domain::testing::{MemoryStore, Script, ScriptedBackend, TestHub};
use parlor_domain::{
    Action, ConversationId, Draft, MessageId, Provider, Refusal, Settings, WorkerAnswer, WorkerHello,
    WorkerLink, WorkerOrder, WorkerOrders, WorkerReport, WorkerStatus, WorkerTask,
};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A worker without a socket.
struct TestWorker {
    link: WorkerLink,
    orders: WorkerOrders,
}

impl TestWorker {
    fn connect(server: &TestHub, name: &str) -> Self {
        Self::with(server, hello(name)).unwrap()
    }

    fn with(server: &TestHub, hello: WorkerHello) -> Result<Self, Refusal> {
        let (link, orders) = server.hub.worker_connect(hello)?;
        Ok(Self { link, orders })
    }

    /// What it has been told and not looked at.
    fn orders(&mut self) -> Vec<WorkerOrder> {
        std::iter::from_fn(|| self.orders.next().now_or_never().flatten()).collect()
    }

    /// The replies that it was asked for since it looked last.
    async fn tasks(&mut self) -> Vec<WorkerTask> {
        settle().await;
        let process = |order| match order {
            WorkerOrder::Process(task) => Some(*task),
            WorkerOrder::Cancel(_) => None,
        };
        self.orders().into_iter().filter_map(process).collect()
    }

    /// The one reply that it was asked for.
    async fn task(&mut self) -> WorkerTask {
        let mut tasks = self.tasks().await;
        assert_eq!(tasks.len(), 1, "one reply was asked for: {tasks:?}");
        tasks.remove(0)
    }

    fn stream(&self, id: MessageId, text: &str) -> Option<WorkerAnswer> {
        self.pieces(id, vec![Delta::Content(text.into())])
    }

    fn pieces(&self, id: MessageId, pieces: Vec<Delta>) -> Option<WorkerAnswer> {
        self.link.handle(WorkerReport::Pieces { id, pieces })
    }

    fn answer(&self, id: MessageId, content: &str) -> Option<WorkerAnswer> {
        let pieces = vec![Delta::End(Finish::Stop)];
        self.link.handle(WorkerReport::Done { id, content: content.into(), pieces })
    }

    fn fail(&self, id: MessageId, error: BackendError) -> Option<WorkerAnswer> {
        self.link.handle(WorkerReport::Failed { id, error })
    }

    fn status(&self, operational: bool, queue_size: Option<u32>, capacity: Option<u32>) {
        let capacity = capacity.and_then(NonZeroU32::new);
        self.link.handle(WorkerReport::Status(WorkerStatus { operational, queue_size, capacity }));
    }
}

fn hello(name: &str) -> WorkerHello {
    let service_key = TestHub::SERVICE_KEY.to_owned();
    WorkerHello { service_key, name: name.into(), models: Vec::new(), capacity: None }
}

/// A server that only workers answer for, and somebody in a conversation of their own.
async fn worker_server() -> (TestHub, Client, ConversationId) {
    worker_server_with(unlimited()).await
}

async fn worker_server_with(settings: Settings) -> (TestHub, Client, ConversationId) {
    let server = TestHub::with_workers(settings).await;
    let id = conversation(&server, &["ann"]).await;
    let ann = Client::join(&server, "ann", id).await;
    (server, ann, id)
}

/// A server with one provider, and somebody in a conversation of their own.
async fn provider_server(settings: Settings) -> (TestHub, Client, ConversationId) {
    let server = TestHub::with(settings).await;
    let id = conversation(&server, &["ann"]).await;
    let ann = Client::join(&server, "ann", id).await;
    (server, ann, id)
}

/// A server with these providers and workers that may come.
async fn mixed_server(providers: Vec<Provider>, expects_workers: bool) -> TestHub {
    let store = Arc::new(MemoryStore::new());
    TestHub::build(store, ScriptedBackend::new(), providers, expects_workers, unlimited()).await
}

fn provider(backend: &Arc<ScriptedBackend>, priority: u32) -> Provider {
    Provider { priority, ..Provider::from(Arc::clone(backend) as Arc<dyn Backend>) }
}

/// The lines of a turn's attempts that are over.
async fn books(server: &TestHub, turn: MessageId) -> Vec<AttemptRecord> {
    settle().await;
    server.store.usage_attempts(turn).await.unwrap()
}

fn ask_for(id: ConversationId, model: &str) -> Action {
    let mut ask = draft(id, "hello", "user", None);
    ask.options.model = Some(model.into());
    Action::Send(ask)
}

fn ask_with_restarts(id: ConversationId) -> Action {
    let draft = draft(id, "hello", "user", None);
    let options = parlor_domain::TurnOptions { restarts: true, ..draft.options };
    Action::Send(Draft { options, ..draft })
}

fn status(status: u16) -> BackendError {
    BackendError::Status { status, message: "no".into(), retry_after: None }
}

fn fail(code: u16) -> Script {
    Script::Fail(status(code))
}

fn ask_again_after(seconds: u64) -> Script {
    let retry_after = Some(Duration::from_secs(seconds));
    Script::Fail(BackendError::Status { status: 429, message: "slow down".into(), retry_after })
}
