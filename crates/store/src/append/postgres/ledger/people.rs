//! Who takes part, and how far they have got.

use super::{Ledger, PartSlot};
use crate::append::people::{self, Part};
use crate::audit::AuditRow;
use crate::types::Id;
use crate::writer::Outcome;
use parlor_domain::ErrorCode;
use parlor_domain::ports::{MembershipChange, MembershipStep, Receipt};

impl Ledger<'_> {
    pub(super) fn receipt(&mut self, receipt: &Receipt) -> Result<Outcome, ErrorCode> {
        let key = (receipt.conversation.into(), receipt.user.into());
        let locked = self.heads.get(&key.0).map(|head| (!head.deleted).then_some(head.last_seq));
        let nowhere = ErrorCode::ConversationNotFound;
        let slot = self.parts.get_mut(&key).ok_or(nowhere)?;
        let head = locked.unwrap_or(Some(slot.head)).ok_or(nowhere)?;
        let part = slot.now.as_mut().filter(|part| part.is_member()).ok_or(nowhere)?;
        Ok(part.receive(receipt, head))
    }

    pub(super) fn membership(&mut self, change: &MembershipChange) -> Result<Outcome, ErrorCode> {
        let key = (change.conversation.into(), change.user.into());
        let last_seq = self.head(key.0)?.last_seq;
        if change.step == MembershipStep::Delete {
            self.delete(key.0, change);
            return Ok(Outcome::Done);
        }
        let before = self.part(key);
        let members = self.members.get(&key.0).copied().unwrap_or_default();
        let part = people::step(change, before, last_seq, members)?;
        self.part_set(key, part);
        if let MembershipStep::Leave { heir: Some(heir) } = change.step
            && before.is_some_and(|before| before.is_member())
        {
            let key = (key.0, heir.into());
            let heir = self.part(key);
            self.part_set(key, heir.map(Part::inherit));
        }
        Ok(people::answer(change, part))
    }

    fn part(&self, key: (Id, Id)) -> Option<Part> {
        self.parts.get(&key).and_then(|slot| slot.now)
    }

    pub(super) fn part_set(&mut self, key: (Id, Id), part: Option<Part>) {
        let slot: &mut PartSlot = self.parts.entry(key).or_default();
        let is_member = |part: Option<Part>| part.is_some_and(|part| part.is_member());
        if let Some(members) = self.members.get_mut(&key.0) {
            match (is_member(slot.now), is_member(part)) {
                (false, true) => *members += 1,
                (true, false) => *members -= 1,
                _ => {}
            }
        }
        slot.now = part;
    }

    /// The conversation ends, and its turns with it.
    fn delete(&mut self, conversation: Id, change: &MembershipChange) {
        if let Some(head) = self.heads.get_mut(&conversation) {
            head.deleted = true;
        }
        let own = self.turns.values_mut().filter(|turn| turn.conversation == conversation);
        own.for_each(|turn| turn.live = false);
        self.changes.deletions.push((conversation, change.at.into()));
        self.changes.audited.extend(change.entry.as_deref().cloned().map(AuditRow::from));
    }
}
