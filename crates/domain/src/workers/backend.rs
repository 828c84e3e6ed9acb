//! A connected worker as the router sees it.

use super::feed::Feed;
use super::{IssuedIds, WorkerOrder, WorkerTask};
use crate::MessageId;
use crate::models::ModelNames;
use crate::ports::{Backend, BackendError, Clock, Delta, TurnRequest, TurnStream};
use async_trait::async_trait;
use futures_util::StreamExt;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What a worker was once asked is remembered, so that it is not taken for something new.
const REMEMBERED: usize = 4_096;

pub(super) struct Worker {
    name: String,
    models: ModelNames,
    clock: Arc<dyn Clock>,
    /// The longest reply, in bytes.
    most: usize,
    orders: mpsc::Sender<WorkerOrder>,
    /// What any worker was asked: one that comes back may have an answer that it owed on its last connection.
    asked: Asked,
    state: Mutex<State>,
}

/// The names of replies that workers of this server were asked for, whoever they were.
pub(crate) type Asked = Arc<Mutex<IssuedIds>>;

struct State {
    /// The replies that it owes, by the names that it knows them by.
    live: HashMap<MessageId, Live>,
    issued: IssuedIds,
    gone: bool,
}

#[derive(Clone)]
struct Live {
    turn: MessageId,
    feed: Arc<Feed>,
}

impl Worker {
    pub(super) fn new(
        name: String,
        models: ModelNames,
        clock: Arc<dyn Clock>,
        most: usize,
        orders: mpsc::Sender<WorkerOrder>,
        asked: Asked,
    ) -> Self {
        let state = State { live: HashMap::new(), issued: IssuedIds::new(REMEMBERED), gone: false };
        Self { name, models, clock, most, orders, asked, state: Mutex::new(state) }
    }

    /// The reply that the worker calls so; none where it owes none of that name.
    pub(super) fn feed(&self, id: MessageId) -> Option<Arc<Feed>> {
        self.state.lock().live.get(&id).map(|live| Arc::clone(&live.feed))
    }

    /// The worker owes it no more. The turn that it was for.
    pub(super) fn settle(&self, id: MessageId) -> Option<(MessageId, Arc<Feed>)> {
        self.state.lock().live.remove(&id).map(|live| (live.turn, live.feed))
    }

    /// Whether any worker was ever asked for a reply of this name.
    pub(super) fn was_asked(&self, id: MessageId) -> bool {
        self.asked.lock().contains(id)
    }

    /// Its connection is over.
    pub(super) fn leave(&self) {
        let live = {
            let mut state = self.state.lock();
            state.gone = true;
            std::mem::take(&mut state.live)
        };
        for live in live.into_values() {
            live.feed.fail(gone());
        }
    }

    /// Notes a new reply, under a name that this worker has never had.
    fn begin(&self, request: &TurnRequest, feed: &Arc<Feed>) -> Result<MessageId, BackendError> {
        let mut state = self.state.lock();
        if state.gone {
            return Err(gone());
        }
        let mut id = request.in_reply_to;
        while !state.issued.insert(id) {
            id = MessageId::new();
        }
        self.asked.lock().insert(id);
        state.live.insert(id, Live { turn: request.turn, feed: Arc::clone(feed) });
        Ok(id)
    }

    /// Nobody wants the reply any more: says so, unless it is settled.
    fn abandon(&self, id: MessageId) {
        if self.settle(id).is_some() && self.orders.try_send(WorkerOrder::Cancel(id)).is_err() {
            tracing::debug!(worker = self.name, "a cancellation was not told");
        }
    }
}

fn gone() -> BackendError {
    BackendError::Unreachable("the worker's connection is over".to_owned())
}

/// A reply that somebody waits for. Dropping it tells the worker to stop.
struct Wanted {
    worker: Arc<Worker>,
    id: MessageId,
    feed: Arc<Feed>,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.worker.abandon(self.id);
    }
}

/// What the router holds: the worker itself, since a reply outlives the call that began it.
pub(super) struct WorkerBackend(pub(super) Arc<Worker>);

#[async_trait]
impl Backend for WorkerBackend {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn serves(&self, model: Option<&str>) -> bool {
        self.0.models.contains(model)
    }

    fn models(&self) -> Vec<String> {
        self.0.models.whole().map(str::to_owned).collect()
    }

    async fn open(&self, request: TurnRequest) -> Result<TurnStream, BackendError> {
        let worker = Arc::clone(&self.0);
        let feed = Arc::new(Feed::new(worker.most));
        let id = worker.begin(&request, &feed)?;
        let wanted = Wanted { worker: Arc::clone(&worker), id, feed };
        // Books and figures want a model, also from a worker that never names one.
        let model = request.model.clone();
        let task = WorkerTask { id, at: worker.clock.now(), request };
        if worker.orders.try_send(WorkerOrder::Process(Box::new(task))).is_err() {
            worker.settle(id);
            return Err(BackendError::Unreachable("the worker does not take its orders".to_owned()));
        }
        let named = futures_util::stream::iter(model.map(|model| Ok(Delta::Model(model))));
        let said = futures_util::stream::unfold(wanted, |wanted| async move {
            wanted.feed.next().await.map(|piece| (piece, wanted))
        });
        Ok(named.chain(said).boxed())
    }
}
