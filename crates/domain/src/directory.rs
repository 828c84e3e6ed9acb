//! Where the tasks of the live conversations are. A conversation has one at the most.

use crate::ConversationId;
use crate::conversation::{Conversation, INBOX, Seed, Work};
use crate::hub::Shared;
use crate::message::Seq;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The way to a conversation's task.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    inbox: mpsc::Sender<Work>,
    /// Cancelled once the task is gone: then there is room for its successor.
    gone: CancellationToken,
    head: Arc<AtomicU64>,
}

impl Handle {
    /// The newest seq of the conversation.
    pub(crate) fn head(&self) -> Seq {
        self.head.load(Ordering::Acquire)
    }

    /// Whether the task takes no more work: it has gone, or goes.
    pub(crate) fn is_over(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Puts work in without waiting; where there is no room, it is dropped.
    pub(crate) fn hint(&self, work: Work) {
        let _ = self.inbox.try_send(work);
    }
}

/// The live conversations.
#[derive(Default)]
pub(crate) struct Directory(Mutex<HashMap<ConversationId, Handle>>);

impl Directory {
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// How much work waits in the inboxes, of all conversations together.
    pub(crate) fn waiting(&self) -> usize {
        let handles = self.0.lock();
        handles.values().map(|handle| handle.inbox.max_capacity() - handle.inbox.capacity()).sum()
    }
}

impl Shared {
    /// The task of a conversation, if it has one.
    pub(crate) fn live(&self, id: ConversationId) -> Option<Handle> {
        self.directory.0.lock().get(&id).cloned()
    }

    /// Gives work to a conversation's task, and starts that if need be. Waits where its inbox is full.
    pub(crate) async fn route(self: &Arc<Self>, id: ConversationId, mut work: Work) {
        loop {
            let handle = self.conversation(id, Seed::Existing);
            match handle.inbox.send(work).await {
                Ok(()) => return,
                Err(refused) => work = refused.0,
            }
            handle.gone.cancelled().await; // it is retiring: its successor takes the work
        }
    }

    /// The task of a conversation, started from `seed` where there is none.
    pub(crate) fn conversation(self: &Arc<Self>, id: ConversationId, seed: Seed) -> Handle {
        let mut live = self.directory.0.lock();
        if let Some(handle) = live.get(&id) {
            return handle.clone();
        }
        let (inbox, receiver) = mpsc::channel(INBOX);
        let handle = Handle { inbox, gone: CancellationToken::new(), head: Arc::default() };
        live.insert(id, handle.clone());
        drop(live);
        let (shared, own) = (Arc::clone(self), handle.clone());
        self.tasks.spawn(async move {
            // Removed also where the task panics: the next to ask gets a new one, from the log.
            let removal = Removal { shared: Arc::clone(&shared), id, gone: own.gone };
            let late = Conversation::run(Arc::clone(&shared), id, seed, receiver, own.head).await;
            drop(removal);
            for work in late {
                Box::pin(shared.route(id, work)).await;
            }
        });
        handle
    }
}

struct Removal {
    shared: Arc<Shared>,
    id: ConversationId,
    gone: CancellationToken,
}

impl Drop for Removal {
    fn drop(&mut self) {
        self.shared.directory.0.lock().remove(&self.id);
        self.gone.cancel();
    }
}
