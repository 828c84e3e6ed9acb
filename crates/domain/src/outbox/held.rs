//! Events that must not outrun what a new connection is still to get.

use crate::ConversationId;
use crate::event::Event;
use crate::message::Seq;
use std::sync::Arc;

/// Events in the order of their coming, of conversations that the connection has not joined.
#[derive(Debug, Default)]
pub(super) struct Held {
    events: Vec<Arc<Event>>,
    bytes: usize,
}

impl Held {
    /// Keeps one more. False where that is more than `limit` bytes.
    pub(super) fn keep(&mut self, event: &Arc<Event>, limit: usize) -> bool {
        self.bytes += event.weight();
        self.events.push(Arc::clone(event));
        self.bytes <= limit
    }

    /// What the connection has not been told: `told` is its highest seq of a conversation.
    pub(super) fn into_events(
        self,
        told: impl Fn(ConversationId) -> Seq,
    ) -> impl Iterator<Item = Arc<Event>> {
        let is_new = move |event: &Arc<Event>| {
            event.position().is_none_or(|(conversation, seq)| seq > told(conversation))
        };
        self.events.into_iter().filter(is_new)
    }
}
