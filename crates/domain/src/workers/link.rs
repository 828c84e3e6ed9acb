//! A worker's connection: what it says comes in by a [`WorkerLink`], what it is told goes out by its [`WorkerOrders`].

use super::backend::{Worker, WorkerBackend};
use super::{WorkerAnswer, WorkerHello, WorkerOrder, WorkerReport, WorkerStatus};
use crate::hub::{Hub, Shared};
use crate::models::ModelNames;
use crate::ports::Backend;
use crate::router::{Load, MemberId};
use crate::{ConnectionId, ErrorCode, MessageId, Refusal};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many orders may wait for a worker that does not read; beyond that its turns go elsewhere.
const ORDERS: usize = 256;
/// How long a worker's name may be, in bytes.
const NAME_MAX: usize = 128;
/// How many models it may name.
const MODELS_MAX: usize = 1_000;

/// One worker's side of its connection. Dropping it ends its turns: other backends go on with them where they can.
pub struct WorkerLink {
    shared: Arc<Shared>,
    connection: ConnectionId,
    member: MemberId,
    worker: Arc<Worker>,
}

/// What a worker is told, as it comes.
pub struct WorkerOrders(mpsc::Receiver<WorkerOrder>);

impl Hub {
    /// Lets a worker in: from now on it is asked like any other backend. Errors: `INVALID_SERVICE_KEY`, and
    /// `INVALID_REQUEST` where its name or its models are too long.
    pub fn worker_connect(&self, hello: WorkerHello) -> Result<(WorkerLink, WorkerOrders), Refusal> {
        let shared = Arc::clone(&self.0);
        if !shared.authenticator.is_service_key(&hello.service_key) {
            return Err(Refusal::of(ErrorCode::InvalidServiceKey));
        }
        check(&hello)?;
        let (sender, orders) = mpsc::channel(ORDERS);
        let models = ModelNames::new(hello.models);
        let (clock, most) = (Arc::clone(&shared.clock), shared.settings.max_reply());
        let asked = Arc::clone(&shared.workers_asked);
        let worker = Arc::new(Worker::new(hello.name, models.clone(), clock, most, sender, asked));
        let backend: Arc<dyn Backend> = Arc::new(WorkerBackend(Arc::clone(&worker)));
        let member = shared.router.worker_add(backend, models, hello.capacity);
        let connection = ConnectionId::new();
        Ok((WorkerLink { shared, connection, member, worker }, WorkerOrders(orders)))
    }
}

fn check(hello: &WorkerHello) -> Result<(), Refusal> {
    let long = |text: &String| text.is_empty() || text.len() > NAME_MAX || text.contains('\0');
    if long(&hello.name) || hello.models.len() > MODELS_MAX || hello.models.iter().any(long) {
        let words = "a worker's name and its models have 1 to 128 bytes and no NUL, and there are at most 1,000 models";
        return Err(Refusal::new(ErrorCode::InvalidRequest, words));
    }
    Ok(())
}

impl WorkerLink {
    /// The connection's id.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Takes in what the worker says, at once. The answer, where there is one to give.
    pub fn handle(&self, report: WorkerReport) -> Option<WorkerAnswer> {
        match report {
            WorkerReport::Pieces { id, pieces } => match self.worker.feed(id) {
                Some(feed) => {
                    feed.push(pieces);
                    None
                }
                None => self.late(id).map(|refusal| WorkerAnswer::Refused { id: Some(id), refusal }),
            },
            WorkerReport::Done { id, content, pieces } => {
                let settled = self.worker.settle(id);
                let turn = settled.map(|(turn, feed)| {
                    feed.finish(&content, pieces);
                    turn
                });
                Some(self.receipt(id, turn))
            }
            WorkerReport::Failed { id, error } => {
                let settled = self.worker.settle(id);
                let turn = settled.map(|(turn, feed)| {
                    feed.fail(error);
                    turn
                });
                Some(self.receipt(id, turn))
            }
            WorkerReport::Status(WorkerStatus { operational, queue_size, capacity }) => {
                let load = Load { draining: !operational, queue_size, capacity };
                self.shared.router.worker_report(self.member, load);
                None
            }
        }
    }

    /// That the end of a reply has arrived, whenever it did.
    fn receipt(&self, id: MessageId, turn: Option<MessageId>) -> WorkerAnswer {
        match self.late(id) {
            Some(refusal) if turn.is_none() => WorkerAnswer::Refused { id: Some(id), refusal },
            _ => WorkerAnswer::Received { id, turn },
        }
    }

    /// A refusal of what nobody ever asked for; none for what comes twice or too late.
    fn late(&self, id: MessageId) -> Option<Refusal> {
        let asked = self.worker.was_asked(id);
        (!asked).then(|| Refusal::of(ErrorCode::MessageNotFound))
    }
}

impl Drop for WorkerLink {
    fn drop(&mut self) {
        // First out of the pool: what its turns ask for next must not come here.
        self.shared.router.worker_remove(self.member);
        self.worker.leave();
    }
}

impl WorkerOrders {
    /// The next order; none where the worker gets no more. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<WorkerOrder> {
        self.0.recv().await
    }
}
