//! Ids that were given out, the newest of them.

use crate::MessageId;
use std::collections::{HashSet, VecDeque};

/// A set of ids that forgets the oldest.
#[derive(Debug)]
pub(crate) struct IssuedIds {
    most: usize,
    order: VecDeque<MessageId>,
    ids: HashSet<MessageId>,
}

impl IssuedIds {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, order: VecDeque::new(), ids: HashSet::new() }
    }

    /// Notes an id. False where it was known.
    pub(crate) fn insert(&mut self, id: MessageId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    pub(crate) fn contains(&self, id: MessageId) -> bool {
        self.ids.contains(&id)
    }
}
