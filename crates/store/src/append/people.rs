//! The rules of who takes part in a conversation, and of how far they have got. Both databases find and keep the parts;
//! what becomes of one is decided here.

use crate::members::{role_of, word_of};
use crate::messages::signed;
use crate::types::At;
use crate::writer::Outcome;
use parlor_domain::ports::{MembershipChange, MembershipStep, Receipt};
use parlor_domain::room::{MemberRole, Participant};
use parlor_domain::{ErrorCode, UserId};

/// Somebody's part in a conversation: a row of `participants`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// None: removed.
    role: Option<MemberRole>,
    pub(super) joined_at: At,
    pub(super) visible_after: i64,
    pub(super) delivered: i64,
    pub(super) read: i64,
}

/// The columns of a [`Part`], in the order of its fields.
pub(super) type Columns = (String, At, i64, i64, i64);

impl Part {
    pub(super) fn of(
        (role, joined_at, visible_after, delivered, read): Columns,
    ) -> crate::error::Result<Self> {
        Ok(Self { role: role_of(&role)?, joined_at, visible_after, delivered, read })
    }

    /// That of whoever makes a conversation.
    pub(super) const fn owner(joined_at: At) -> Self {
        Self { role: Some(MemberRole::Owner), joined_at, visible_after: 0, delivered: 0, read: 0 }
    }

    pub(super) const fn is_member(&self) -> bool {
        self.role.is_some()
    }

    /// The role's word in the database.
    pub(super) fn word(&self) -> &'static str {
        word_of(self.role)
    }

    fn participant(self, user: UserId) -> Participant {
        Participant {
            user,
            role: self.role,
            joined_at: self.joined_at.into(),
            visible_after: self.visible_after.unsigned_abs(),
        }
    }

    /// Moves the watermarks up, not beyond `head`.
    pub(super) fn receive(&mut self, receipt: &Receipt, head: i64) -> Outcome {
        let before = self.read;
        self.read = before.max(signed(receipt.read).min(head));
        self.delivered = self.delivered.max(signed(receipt.delivered).min(head)).max(self.read);
        Outcome::Marked { read_from: before.unsigned_abs(), read_to: self.read.unsigned_abs() }
    }

    /// The same with the owner's role, where an owner goes and leaves it to them.
    pub(super) fn inherit(self) -> Self {
        Self { role: self.role.map(|_| MemberRole::Owner), ..self }
    }
}

/// The part of `change.user` after the change; none where they have none then. `part` is the one before, `head` the
/// conversation's newest entry. `members` counts those who take part, where the change sets a limit to them.
pub(super) fn step(
    change: &MembershipChange,
    part: Option<Part>,
    head: i64,
    members: usize,
) -> Result<Option<Part>, ErrorCode> {
    let member = part.filter(Part::is_member);
    let joined_at = At::from(change.at);
    let newcomer = |role, visible_after| Part { role, joined_at, visible_after, delivered: head, read: head };
    match change.step {
        MembershipStep::Enter { .. } if member.is_some() => Ok(member),
        MembershipStep::Enter { readmit: false, .. } if part.is_some() => Err(ErrorCode::RoomAccessDenied),
        MembershipStep::Enter { most: Some(most), .. } if members >= most => Err(ErrorCode::RoomFull),
        MembershipStep::Enter { role, from_now, .. } => {
            Ok(Some(newcomer(Some(role), if from_now { head } else { 0 })))
        }
        MembershipStep::SetRole(role) => {
            let member = member.ok_or(ErrorCode::NotFound)?;
            Ok(Some(Part { role: Some(role), ..member }))
        }
        // Who was removed stays so.
        MembershipStep::Leave { .. } => Ok(part.filter(|part| !part.is_member())),
        MembershipStep::Remove => Ok(Some(Part { role: None, ..part.unwrap_or_else(|| newcomer(None, 0)) })),
        MembershipStep::Delete => Ok(part),
    }
}

/// What to answer to a change after which the user has `part`.
pub(super) fn answer(change: &MembershipChange, part: Option<Part>) -> Outcome {
    match (change.step, part) {
        (MembershipStep::Enter { .. } | MembershipStep::SetRole(_), Some(part)) => {
            Outcome::Member(part.participant(change.user))
        }
        _ => Outcome::Done,
    }
}
