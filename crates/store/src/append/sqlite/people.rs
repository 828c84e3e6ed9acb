//! Who takes part, on SQLite: a part is read, decided on and written by itself.

use super::{Log, head};
use crate::append::people::{self, Columns, Part};
use crate::audit::{AuditRow, audit_insert};
use crate::error::Result;
use crate::members::REMOVED;
use crate::schema::{conversations, participants, turns};
use crate::types::{At, Id};
use crate::writer::Outcome;
use diesel::prelude::*;
use parlor_domain::ErrorCode;
use parlor_domain::message::TurnStatus;
use parlor_domain::ports::{MembershipChange, MembershipStep, Receipt};

impl Log<'_> {
    pub(super) fn receipt(&mut self, receipt: &Receipt) -> Result<Outcome> {
        let key = (receipt.conversation.into(), receipt.user.into());
        let refused = Outcome::Refused(ErrorCode::ConversationNotFound);
        let Some(head) = head(self.connection, &mut self.heads, key.0)? else { return Ok(refused) };
        let last_seq = head.last_seq;
        let Some(before) = self.part(key)?.filter(Part::is_member) else { return Ok(refused) };
        let mut part = before;
        let outcome = part.receive(receipt, last_seq);
        if part != before {
            let moved =
                (participants::delivered_seq.eq(part.delivered), participants::read_seq.eq(part.read));
            diesel::update(participants::table.find(key)).set(moved).execute(self.connection)?;
        }
        Ok(outcome)
    }

    pub(super) fn membership(&mut self, change: &MembershipChange) -> Result<Outcome> {
        let key = (change.conversation.into(), change.user.into());
        let Some(head) = head(self.connection, &mut self.heads, key.0)? else {
            return Ok(Outcome::Refused(ErrorCode::ConversationNotFound));
        };
        let last_seq = head.last_seq;
        if change.step == MembershipStep::Delete {
            head.deleted = true;
            self.conversation_delete(key.0, change.at.into())?;
            if let Some(entry) = change.entry.as_deref() {
                audit_insert!(&AuditRow::from(entry.clone())).execute(self.connection)?;
            }
            return Ok(Outcome::Done);
        }
        let members = match change.step {
            MembershipStep::Enter { most: Some(_), .. } => self.members(key.0)?,
            _ => 0,
        };
        let before = self.part(key)?;
        let part = match people::step(change, before, last_seq, members) {
            Ok(part) => part,
            Err(code) => return Ok(Outcome::Refused(code)),
        };
        if part != before {
            self.part_set(key, part)?;
        }
        if let MembershipStep::Leave { heir: Some(heir) } = change.step
            && before.is_some_and(|before| before.is_member())
        {
            let key = (key.0, heir.into());
            let heir = self.part(key)?;
            self.part_set(key, heir.map(Part::inherit))?;
        }
        Ok(people::answer(change, part))
    }

    fn members(&mut self, conversation: Id) -> Result<usize> {
        let members = participants::table
            .filter(participants::conversation_id.eq(conversation))
            .filter(participants::role.ne(REMOVED));
        let count: i64 = members.count().get_result(self.connection)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn part(&mut self, key: (Id, Id)) -> Result<Option<Part>> {
        let query = participants::table.find(key).select((
            participants::role,
            participants::joined_at,
            participants::visible_after,
            participants::delivered_seq,
            participants::read_seq,
        ));
        let found: Option<Columns> = query.get_result(self.connection).optional()?;
        found.map(Part::of).transpose()
    }

    fn part_set(&mut self, key: (Id, Id), part: Option<Part>) -> Result<()> {
        let Some(part) = part else {
            diesel::delete(participants::table.find(key)).execute(self.connection)?;
            return Ok(());
        };
        let values = (
            participants::role.eq(part.word()),
            participants::joined_at.eq(part.joined_at),
            participants::visible_after.eq(part.visible_after),
            participants::delivered_seq.eq(part.delivered),
            participants::read_seq.eq(part.read),
        );
        diesel::insert_into(participants::table)
            .values((participants::conversation_id.eq(key.0), participants::user_id.eq(key.1), values))
            .on_conflict((participants::conversation_id, participants::user_id))
            .do_update()
            .set(values)
            .execute(self.connection)?;
        Ok(())
    }

    fn conversation_delete(&mut self, id: Id, at: At) -> Result<()> {
        diesel::update(conversations::table.find(id))
            .set(conversations::deleted_at.eq(at))
            .execute(self.connection)?;
        let live = turns::table.filter(turns::conversation_id.eq(id)).filter(turns::status.is_null());
        let ended = (
            turns::content.eq(""),
            turns::key_id.eq(None::<&str>),
            turns::status.eq(TurnStatus::Interrupted.as_str()),
            turns::ended_at.eq(at),
        );
        diesel::update(live).set(ended).execute(self.connection)?;
        Ok(())
    }
}
