//! AI processes that connect to us, instead of us to them. One that was let in is a [`Backend`](crate::ports::Backend)
//! like any other, for as long as its connection lives; it has no user's rights, and no user has its.
//!
//! A transport gives what a worker says to [`WorkerLink::handle`], and writes what [`WorkerOrders::next`] brings.

mod backend;
mod feed;
mod ids;
mod link;

pub(crate) use backend::Asked;
pub(crate) use ids::IssuedIds;
pub use link::{WorkerLink, WorkerOrders};

use crate::ports::{BackendError, Delta, TurnRequest};
use crate::{MessageId, Refusal, Timestamp};
use parking_lot::Mutex;
use std::fmt;
use std::num::NonZeroU32;

/// How many names of replies are remembered of all workers together.
const ASKED: usize = 65_536;

/// The book of what workers were asked, empty.
pub(crate) fn asked() -> Asked {
    Asked::new(Mutex::new(IssuedIds::new(ASKED)))
}

/// What a worker says first. Its `Debug` form does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkerHello {
    /// What lets it in.
    pub service_key: String,
    /// What it is called, in logs and in the books; several may have one name.
    pub name: String,
    /// The models that it serves, each a name or, with `*` at its end, the beginning of names; none serves every one.
    pub models: Vec<String>,
    /// How many turns it wants at once; none leaves it to the server.
    pub capacity: Option<NonZeroU32>,
}

impl fmt::Debug for WorkerHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, models, capacity, .. } = self;
        write!(f, "WorkerHello({name}, {models:?}, {capacity:?}, …)")
    }
}

/// What a worker is told.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerOrder {
    /// Make a reply.
    Process(Box<WorkerTask>),
    /// Nobody wants the reply any more. The worker owes nothing for it.
    Cancel(MessageId),
}

/// A reply that a worker is to make.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerTask {
    /// Names it in all that the worker says of it: the user's message where this worker has not been given that before,
    /// else an id of its own, so that what it says late of an earlier try is told apart.
    pub id: MessageId,
    /// What is asked.
    pub request: TurnRequest,
    /// When.
    pub at: Timestamp,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerReport {
    /// Pieces of a reply; no [`Delta::End`] among them.
    Pieces {
        /// Which reply.
        id: MessageId,
        /// The pieces.
        pieces: Vec<Delta>,
    },
    /// A reply is whole.
    Done {
        /// Which reply.
        id: MessageId,
        /// All its text; what was streamed of it before is not said again. Nothing where all was streamed.
        content: String,
        /// What else it says: usage, model and the like, and [`Delta::End`] last.
        pieces: Vec<Delta>,
    },
    /// It cannot make a reply.
    Failed {
        /// Which reply.
        id: MessageId,
        /// Why.
        error: BackendError,
    },
    /// How it is.
    Status(WorkerStatus),
}

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerStatus {
    /// False: it gets nothing new.
    pub operational: bool,
    /// How many turns wait or run at it, ours and those of others.
    pub queue_size: Option<u32>,
    /// How many turns it wants at once.
    pub capacity: Option<NonZeroU32>,
}

/// What a worker is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerAnswer {
    /// The end of a reply has arrived. Also where it came twice, or too late to count.
    Received {
        /// Which reply.
        id: MessageId,
        /// The assistant message that it becomes; none where it came too late.
        turn: Option<MessageId>,
    },
    /// What it said makes no sense.
    Refused {
        /// Which reply it named, if it did.
        id: Option<MessageId>,
        /// Why.
        refusal: Refusal,
    },
}
