//! The replies of one connection: those being made, at most so many, and those that wait for their place, at most so
//! many more.

use crate::reply::{self, failure};
use crate::socket::Outgoing;
use parlor_domain::MessageId;
use parlor_domain::ports::{Backend, BackendError};
use parlor_protocol::broker::{ProcessMessage, WorkerFrame};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinSet};

/// When a server that asked too much may ask again.
const BUSY: Duration = Duration::from_secs(1);

/// Dropping it drops every reply.
pub(crate) struct Desk {
    backend: Arc<dyn Backend>,
    frames: mpsc::Sender<Outgoing>,
    capacity: usize,
    queue: usize,
    tasks: JoinSet<()>,
    running: HashMap<Id, (MessageId, AbortHandle)>,
    waiting: VecDeque<ProcessMessage<'static>>,
}

impl Desk {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        frames: mpsc::Sender<Outgoing>,
        capacity: usize,
        queue: usize,
    ) -> Self {
        let (tasks, running, waiting) = (JoinSet::new(), HashMap::new(), VecDeque::new());
        Self { backend, frames, capacity, queue, tasks, running, waiting }
    }

    /// Begins a reply, or lets it wait. What is to be answered where it can do neither.
    pub(crate) fn take(&mut self, order: ProcessMessage<'static>) -> Option<WorkerFrame> {
        if self.running.len() < self.capacity {
            self.begin(order);
        } else if self.waiting.len() < self.queue {
            self.waiting.push_back(order);
        } else {
            return Some(failure(order.message_id, &refusal(429, "the worker is busy", Some(BUSY))));
        }
        None
    }

    fn begin(&mut self, order: ProcessMessage<'static>) {
        let (id, backend, frames) = (order.message_id, Arc::clone(&self.backend), self.frames.clone());
        let task = self.tasks.spawn(async move { reply::make(backend.as_ref(), order, &frames).await });
        self.running.insert(task.id(), (id, task));
    }

    /// Drops a reply, if it is here.
    pub(crate) fn cancel(&mut self, id: MessageId) {
        self.waiting.retain(|order| order.message_id != id);
        self.running.values().filter(|(other, _)| *other == id).for_each(|(_, task)| task.abort());
    }

    /// Waits for the end of a reply, and begins the next one that waits. What is to be answered where the reply could
    /// not tell its end itself. For ever where there is none; giving it up and calling it again loses nothing.
    pub(crate) async fn next_done(&mut self) -> Option<WorkerFrame> {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (task, panicked) = match &ended {
            Ok((task, ())) => (*task, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let id = self.running.remove(&task).map(|(id, _)| id);
        if let Some(order) = self.waiting.pop_front() {
            self.begin(order);
        }
        id.filter(|_| panicked).map(|id| {
            tracing::error!(message = %id, "the backend panicked");
            failure(id, &refusal(500, "the worker failed", None))
        })
    }

    /// How many replies are here.
    pub(crate) fn len(&self) -> usize {
        self.running.len() + self.waiting.len()
    }

    /// Drops every reply and waits until they are gone. What is to be answered for them.
    pub(crate) async fn clear(&mut self) -> Vec<WorkerFrame> {
        let running = self.running.drain().map(|(_, (id, _))| id);
        let waiting = self.waiting.drain(..).map(|order| order.message_id);
        let ids: Vec<_> = running.chain(waiting).collect();
        self.tasks.shutdown().await;
        ids.into_iter().map(|id| failure(id, &refusal(503, "the worker ends", None))).collect()
    }
}

fn refusal(status: u16, message: &str, retry_after: Option<Duration>) -> BackendError {
    BackendError::Status { status, message: message.to_owned(), retry_after }
}
