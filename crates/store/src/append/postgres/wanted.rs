//! What a group of writes depends on.

use crate::cipher::{Cipher, Kept};
use crate::types::Id;
use parlor_domain::ports::{MembershipChange, MembershipStep, NewMessage, NewTurn, TurnEnd, Write};
use std::collections::BTreeSet;

/// The keys to lock and to look up. The sets are in the order in which locks are taken.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The advisory locks of the messages that make their conversation.
    pub(super) creations: BTreeSet<i64>,
    pub(super) conversations: BTreeSet<Id>,
    /// The conversations that are deleted, and all their live turns with them.
    pub(super) deletions: Vec<Id>,
    pub(super) turns: BTreeSet<Id>,
    /// Conversations, each with a user whose part in it may change.
    pub(super) parts: BTreeSet<(Id, Id)>,
    /// The conversations whose members are to be counted.
    pub(super) limited: Vec<Id>,
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
    pub(super) fn by<'a>(cipher: &Cipher, writes: impl Iterator<Item = &'a Write>) -> Self {
        let mut wanted = Self::default();
        for write in writes {
            match write {
                Write::Message(new) => wanted.message(cipher, new),
                Write::Change(change) => {
                    wanted.conversations.insert(change.conversation.into());
                    wanted.messages.push(change.message.into());
                }
                Write::Membership(change) => wanted.membership(change),
                // Not the conversation: what people have read must not wait for what they write.
                Write::Receipt(receipt) => {
                    wanted.parts.insert((receipt.conversation.into(), receipt.user.into()));
                }
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

    fn message(&mut self, cipher: &Cipher, new: &NewMessage) {
        let conversation = new.message.conversation.into();
        self.conversations.insert(conversation);
        self.messages.push(new.message.id.into());
        if let Some(fingerprint) = new.fingerprint {
            self.fingerprint(cipher.fingerprint(fingerprint), conversation, new.creates.is_some());
        }
        if let Some(turn) = &new.turn {
            self.turn_insert(turn);
        }
    }

    fn fingerprint(&mut self, kept: Kept, conversation: Id, creates: bool) {
        if creates {
            self.creations.insert(lock_of(kept.id));
            self.firsts.extend(kept.forms());
        } else {
            self.fingerprints.extend(kept.forms());
            self.fingerprints_in.resize(self.fingerprints.len(), conversation);
        }
    }

    fn membership(&mut self, change: &MembershipChange) {
        let conversation = change.conversation.into();
        self.conversations.insert(conversation);
        self.parts.insert((conversation, change.user.into()));
        match change.step {
            MembershipStep::Enter { most: Some(_), .. } => self.limited.push(conversation),
            MembershipStep::Leave { heir: Some(heir) } => {
                self.parts.insert((conversation, heir.into()));
            }
            MembershipStep::Delete => self.deletions.push(conversation),
            _ => {}
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

/// The advisory lock of a fingerprint, in each of its forms: they begin alike. Two that share one only wait for each
/// other.
fn lock_of(fingerprint: Id) -> i64 {
    fingerprint.0.as_u64_pair().0.cast_signed()
}
