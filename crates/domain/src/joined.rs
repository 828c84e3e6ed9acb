//! Which conversations a connection has joined, for its session, its heartbeats, and the tasks that end its part.

use crate::ConversationId;
use crate::directory::Handle;
use crate::message::Seq;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The conversations that a connection has joined.
#[derive(Debug, Default)]
pub struct Joined(Mutex<HashMap<ConversationId, Handle>>);

impl Joined {
    /// The newest seq of each: a client that has less has missed something.
    pub fn heads(&self) -> Vec<(ConversationId, Seq)> {
        let joined = self.0.lock();
        let live = joined.iter().filter(|(_, handle)| !handle.is_over());
        live.map(|(id, handle)| (*id, handle.head())).collect()
    }

    pub(crate) fn add(&self, conversation: ConversationId, handle: Handle) {
        self.0.lock().insert(conversation, handle);
    }

    /// Whether events come from there.
    pub(crate) fn is_live(&self, conversation: ConversationId) -> bool {
        self.0.lock().get(&conversation).is_some_and(|handle| !handle.is_over())
    }

    /// False where it had not joined.
    pub(crate) fn forget(&self, conversation: ConversationId) -> bool {
        self.0.lock().remove(&conversation).is_some()
    }

    pub(crate) fn take(&self) -> Vec<Handle> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}
