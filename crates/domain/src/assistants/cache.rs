//! Assistants that are known without asking the database: those that were read in the last 2 seconds.
//!
//! What this node changes is known here at once, and on other nodes when what they know is too old.

use crate::ports::Assistant;
use crate::{ConversationId, UserId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// How long what was read is good.
pub(crate) const FRESH: Duration = Duration::from_secs(2);
/// How many owners, and how many rooms, are remembered. Then all are forgotten.
const REMEMBERED: usize = 10_000;

/// The assistants of one owner.
pub(super) type List = Arc<[Arc<Assistant>]>;

/// What is known.
#[derive(Default)]
pub(crate) struct Assistants {
    pub(super) lists: Known<Option<UserId>, List>,
    pub(super) rooms: Known<ConversationId, Option<Arc<Assistant>>>,
}

impl Assistants {
    /// Assistants of this owner have changed: also what rooms have of them.
    pub(super) fn forget(&self, owner: Option<UserId>) {
        self.lists.forget(&owner);
        self.rooms.forget_all();
    }

    pub(super) fn forget_room(&self, room: ConversationId) {
        self.rooms.forget(&room);
    }
}

/// Values by key, each with when it was read.
pub(super) struct Known<K, V>(Mutex<State<K, V>>);

struct State<K, V> {
    values: HashMap<K, (Duration, V)>,
    /// Counts what was forgotten: what was read before that is not remembered after it.
    forgotten: u64,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(Mutex::new(State { values: HashMap::new(), forgotten: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    /// What is known and fresh `now`; else a ticket for what will be read.
    pub(super) fn get(&self, key: &K, now: Duration) -> Result<V, u64> {
        let state = self.0.lock();
        let known = state.values.get(key).filter(|(read_at, _)| now.saturating_sub(*read_at) < FRESH);
        known.map(|(_, value)| value.clone()).ok_or(state.forgotten)
    }

    /// Remembers what was read with a ticket, which was got at `now`.
    pub(super) fn put(&self, key: K, value: V, ticket: u64, now: Duration) {
        let mut state = self.0.lock();
        if state.forgotten != ticket {
            return;
        }
        if state.values.len() >= REMEMBERED {
            state.values.clear();
        }
        state.values.insert(key, (now, value));
    }

    fn forget(&self, key: &K) {
        let mut state = self.0.lock();
        state.forgotten += 1;
        state.values.remove(key);
    }

    fn forget_all(&self) {
        let mut state = self.0.lock();
        state.forgotten += 1;
        state.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects a change from being undone in memory: what was read before it is not remembered after it, and nothing is
    /// known for longer than it is fresh.
    #[test]
    fn what_was_read_before_a_change_is_not_remembered_after_it() {
        let known = Known::<u8, &str>::default();
        let at = Duration::from_millis;
        let ticket = known.get(&1, at(0)).unwrap_err();
        known.put(1, "old", ticket, at(0));
        assert_eq!(known.get(&1, at(1_999)), Ok("old"));
        assert!(known.get(&1, at(2_000)).is_err(), "it is too old");

        let ticket = known.get(&2, at(0)).unwrap_err();
        known.forget(&2);
        known.put(2, "before the change", ticket, at(0));
        assert!(known.get(&2, at(0)).is_err());
        let ticket = known.get(&2, at(0)).unwrap_err();
        known.put(2, "new", ticket, at(0));
        assert_eq!(known.get(&2, at(1)), Ok("new"));
        known.forget_all();
        assert!(known.get(&1, at(1)).is_err() && known.get(&2, at(1)).is_err());
    }
}
