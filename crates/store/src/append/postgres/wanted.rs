//! What a group of writes depends on.

use crate::types::Id;
use parlor_domain::message::Fingerprint;
use parlor_domain::ports::{NewMessage, NewTurn, TurnEnd, Write};
use std::collections::BTreeSet;

/// The keys to lock and to look up. The sets are in the order in which locks are taken.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The advisory locks of the messages that make their conversation.
    pub(super) creations: BTreeSet<i64>,
    pub(super) conversations: BTreeSet<Id>,
    pub(super) turns: BTreeSet<Id>,
    /// The turns whose last checkpoint is needed.
    pub(super) checkpoints: Vec<Id>,
    /// Messages that may be there.
    pub(super) messages: Vec<Id>,
    /// Fingerprints that may be there, and each one's conversation.
    pub(super) fingerprints: Vec<Id>,
    pub(super) fingerprints_in: Vec<Id>,
    /// Fingerprints that may be there at the beginning of any conversation.
    pub(super) firsts: Vec<Id>,
}

impl Wanted {
    pub(super) fn by<'a>(writes: impl Iterator<Item = &'a Write>) -> Self {
        let mut wanted = Self::default();
        for write in writes {
            match write {
                Write::Message(new) => wanted.message(new),
                Write::TurnOpen(turn) => {
                    wanted.turn_insert(turn);
                    wanted.messages.push(turn.in_reply_to.into());
                }
                Write::TurnCheckpoint(checkpoint) => {
                    wanted.turns.insert(checkpoint.turn.into());
                }
                Write::TurnEnd(end) => wanted.turn_end(end),
            }
        }
        wanted
    }

    fn message(&mut self, new: &NewMessage) {
        let conversation = new.message.conversation.into();
        self.conversations.insert(conversation);
        self.messages.push(new.message.id.into());
        match new.fingerprint {
            Some(fingerprint) if new.creates.is_some() => {
                self.creations.insert(lock_of(fingerprint));
                self.firsts.push(fingerprint.into());
            }
            Some(fingerprint) => {
                self.fingerprints.push(fingerprint.into());
                self.fingerprints_in.push(conversation);
            }
            None => {}
        }
        if let Some(turn) = &new.turn {
            self.turn_insert(turn);
        }
    }

    fn turn_insert(&mut self, turn: &NewTurn) {
        self.conversations.insert(turn.conversation.into());
        self.turns.insert(turn.id.into());
    }

    fn turn_end(&mut self, end: &TurnEnd) {
        let turn = end.message.id.into();
        self.conversations.insert(end.message.conversation.into());
        self.turns.insert(turn);
        self.messages.push(turn);
        if end.from_checkpoint {
            self.checkpoints.push(turn);
        }
    }
}

/// The advisory lock of a fingerprint. Two that share one only wait for each other.
fn lock_of(fingerprint: Fingerprint) -> i64 {
    Id::from(fingerprint).0.as_u64_pair().0.cast_signed()
}
