//! What a new connection gets of the time before it, beside what comes meanwhile: in order, and once.

use crate::ConversationId;
use crate::event::{Event, EventBody};
use crate::message::Seq;
use std::collections::HashMap;
use std::sync::Arc;

/// The state of a replay: under way, or over but for its traces.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// While it is under way: events of conversations that the connection has not joined, in the order of their coming.
    held: Option<Vec<Arc<Event>>>,
    held_bytes: usize,
    /// Up to where the replay went in each conversation. An entry may be read from the log before it is told: then it
    /// was replayed, and its event comes after that.
    told: HashMap<ConversationId, Seq>,
}

impl Replay {
    pub(super) fn begin(&mut self) {
        self.held.get_or_insert_default();
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.held.is_some()
    }

    /// Keeps an event until the replay is over. False where that would be more than `limit` bytes.
    pub(super) fn hold(&mut self, event: &Arc<Event>, limit: usize) -> bool {
        self.held_bytes += event.weight();
        self.held.get_or_insert_default().push(Arc::clone(event));
        self.held_bytes <= limit
    }

    /// The replay is over, and went up to `told`. Gives what was held.
    pub(super) fn end(&mut self, told: HashMap<ConversationId, Seq>) -> Vec<Arc<Event>> {
        self.told.extend(told);
        self.held_bytes = 0;
        self.held.take().unwrap_or_default()
    }

    /// Whether the connection has what this event tells. The end of a reply ends what the client shows of it, and is
    /// never old.
    pub(super) fn has_told(&mut self, event: &Event) -> bool {
        if self.told.is_empty() || matches!(event.body(), EventBody::TurnEnded { .. }) {
            return false;
        }
        let Some((conversation, seq)) = event.position() else { return false };
        let Some(told) = self.told.get(&conversation) else { return false };
        let is_old = seq <= *told;
        if !is_old {
            self.told.remove(&conversation); // what follows is newer still
        }
        is_old
    }
}
