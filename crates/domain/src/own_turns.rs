//! Which turns are live on this node, by who asked for them: for connections that follow their user's own.
//!
//! A turn is entered before its conversation looks for connections that follow, and a connection is registered before
//! it looks here: whatever comes first, one of the two finds the other.

use crate::{ConversationId, MessageId, UserId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// For how long the end of a dead node's turn is told to who comes back.
const LOST_KEPT: Duration = Duration::from_secs(60);
/// How many such ends are remembered.
const LOST_MAX: usize = 10_000;

/// The live turns of all users, of each in the order in which they began, and those that were lost lately.
#[derive(Debug, Default)]
pub(crate) struct OwnTurns {
    live: Mutex<HashMap<UserId, Vec<(ConversationId, MessageId)>>>,
    /// The oldest first.
    lost: Mutex<VecDeque<(Instant, LostTurn)>>,
}

/// A turn of a node that died before it had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostTurn {
    /// Who asked for it.
    pub(crate) user: UserId,
    pub(crate) conversation: ConversationId,
    /// The message that it answers.
    pub(crate) question: MessageId,
    /// The message that it became.
    pub(crate) reply: MessageId,
}

/// A turn's entry, for as long as it is held.
#[derive(Debug)]
pub(crate) struct OwnTurn {
    turns: Arc<OwnTurns>,
    user: UserId,
    turn: MessageId,
}

impl OwnTurns {
    /// Enters a turn.
    pub(crate) fn enter(
        self: &Arc<Self>,
        user: UserId,
        conversation: ConversationId,
        turn: MessageId,
    ) -> OwnTurn {
        self.live.lock().entry(user).or_default().push((conversation, turn));
        OwnTurn { turns: Arc::clone(self), user, turn }
    }

    /// The conversations in which a user's turns are live, each once, the one whose turn began last at the end.
    pub(crate) fn conversations(&self, user: UserId) -> Vec<ConversationId> {
        let turns = self.live.lock();
        let mut conversations: Vec<ConversationId> = Vec::new();
        for (conversation, _) in turns.get(&user).into_iter().flatten() {
            conversations.retain(|known| known != conversation);
            conversations.push(*conversation);
        }
        conversations
    }

    /// Remembers a turn that was lost: its asker may be on their way back.
    pub(crate) fn lose(&self, turn: LostTurn) {
        let mut lost = self.lost.lock();
        lost.push_back((Instant::now(), turn));
        while lost.len() > LOST_MAX || lost.front().is_some_and(|(at, _)| at.elapsed() > LOST_KEPT) {
            lost.pop_front();
        }
    }

    /// The turns of a user's that were lost lately.
    pub(crate) fn lost(&self, user: UserId) -> Vec<LostTurn> {
        let lost = self.lost.lock();
        let lately = lost.iter().filter(|(at, turn)| turn.user == user && at.elapsed() <= LOST_KEPT);
        lately.map(|(_, turn)| *turn).collect()
    }
}

impl Drop for OwnTurn {
    fn drop(&mut self) {
        let mut turns = self.turns.live.lock();
        let Some(of_user) = turns.get_mut(&self.user) else { return };
        of_user.retain(|(_, turn)| *turn != self.turn);
        if of_user.is_empty() {
            turns.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the memory, and who stops "the last one": ended turns are gone, and the newest stands at the end.
    #[test]
    fn live_turns_are_listed_until_they_end() {
        let turns = Arc::new(OwnTurns::default());
        let (user, one, two) = (UserId::new(), ConversationId::new(), ConversationId::new());
        let first = turns.enter(user, one, MessageId::new());
        let second = turns.enter(user, two, MessageId::new());
        let third = turns.enter(user, one, MessageId::new());
        assert_eq!(turns.conversations(user), [two, one]);
        drop(third);
        assert_eq!(turns.conversations(user), [one, two]);
        drop((first, second));
        assert!(turns.conversations(user).is_empty() && turns.live.lock().is_empty());
    }
}
