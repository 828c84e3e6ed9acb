//! Who takes part in a conversation, and the rules of coming and going.

use super::commit::Waiting;
use super::work::{MembershipRequest, MembershipWork};
use super::{Conversation, Follower};
use crate::event::EventBody;
use crate::message::Seq;
use crate::outbox::{Delivery, Outgoing};
use crate::ports::{MembershipChange, MembershipStep, Write};
use crate::room::{MemberRole, Participant, Room, RoomKind};
use crate::{ErrorCode, Refusal, UserId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The participants by user, those that were removed among them.
#[derive(Debug, Default)]
pub(super) struct Members {
    of: HashMap<UserId, Participant>,
}

impl Members {
    pub(super) fn of(participants: Vec<Participant>) -> Self {
        Self { of: participants.into_iter().map(|it| (it.user, it)).collect() }
    }

    pub(super) fn insert(&mut self, participant: Participant) {
        self.of.insert(participant.user, participant);
    }

    fn remove(&mut self, user: UserId) {
        self.of.remove(&user);
    }

    /// A member; not one who was removed.
    pub(super) fn get(&self, user: UserId) -> Option<(&Participant, MemberRole)> {
        let participant = self.of.get(&user)?;
        Some((participant, participant.role?))
    }

    fn was_removed(&self, user: UserId) -> bool {
        self.of.get(&user).is_some_and(|it| it.role.is_none())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Participant> {
        self.of.values().filter(|it| it.role.is_some())
    }

    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }

    fn has_owner(&self) -> bool {
        self.iter().any(|it| it.role == Some(MemberRole::Owner))
    }

    /// Who follows an owner: of those with the highest role, who has been there longest.
    fn heir_of(&self, owner: UserId) -> Option<UserId> {
        let others = self.iter().filter(|it| it.user != owner);
        others.max_by_key(|it| (it.role, std::cmp::Reverse((it.joined_at, it.user)))).map(|it| it.user)
    }

    /// The member, if there is one, who cannot see the entry with this seq. Only in a private room, and there all but
    /// one can.
    pub(super) fn blind_to(&self, seq: Seq) -> Option<UserId> {
        self.iter().find(|it| it.visible_after >= seq).map(|it| it.user)
    }
}

/// The changes that are on their way. Entering goes on side by side; whatever else depends on who is there goes alone.
#[derive(Debug, Default)]
pub(super) struct MembershipQueue {
    entering: usize,
    alone: bool,
    waiting: VecDeque<MembershipWork>,
}

impl MembershipRequest {
    fn is_entry(self) -> bool {
        matches!(self, Self::Enter { .. })
    }
}

impl MembershipQueue {
    /// What has not begun, for the conversation's next task.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = MembershipWork> {
        self.waiting.into_iter()
    }
}

impl Conversation {
    pub(super) fn membership(&mut self, work: MembershipWork) {
        self.memberships.waiting.push_back(work);
        self.next_memberships();
    }

    /// Begins the changes that may begin.
    fn next_memberships(&mut self) {
        while let Some(work) = self.memberships.waiting.front() {
            let side_by_side = work.request.is_entry() && self.members.has_owner();
            let free = self.memberships.entering == 0 || side_by_side;
            if self.memberships.alone || !free {
                return;
            }
            let Some(work) = self.memberships.waiting.pop_front() else { return };
            let change = match self.membership_change(&work) {
                Ok(Some(change)) => change,
                // Who asked may be gone: then nobody wants the answer.
                Ok(None) => {
                    drop(work.respond.send(Ok(())));
                    continue;
                }
                Err(refusal) => {
                    drop(work.respond.send(Err(refusal)));
                    continue;
                }
            };
            if side_by_side {
                self.memberships.entering += 1;
            } else {
                self.memberships.alone = true;
            }
            self.pending.push((Write::Membership(change.clone()), Waiting::Membership { work, change }));
        }
    }

    /// A change has its answer: those behind it may begin.
    pub(super) fn membership_settled(&mut self) {
        if self.memberships.alone {
            self.memberships.alone = false;
        } else {
            self.memberships.entering -= 1;
        }
        self.next_memberships();
    }

    /// The rules: what is to be written, nothing where all is as wanted.
    fn membership_change(&self, work: &MembershipWork) -> Result<Option<MembershipChange>, Refusal> {
        let room = match (&self.room, work.request) {
            (Some(room), _) => room,
            (None, MembershipRequest::Delete) => {
                return self.may_delete(work.by).map(|step| Some(self.step(work, step)));
            }
            (None, _) => return Err(Refusal::of(ErrorCode::RoomNotFound)),
        };
        let step = match work.request {
            MembershipRequest::Enter { kind } => self.may_enter(room, work.by, kind)?,
            MembershipRequest::Exit => Some(self.may_exit(room, work.by)?),
            MembershipRequest::Add { user, role } => self.may_add(room, work.by, user, role)?,
            MembershipRequest::Remove { user } => Some(self.may_remove(work.by, user)?),
            MembershipRequest::Delete => Some(self.may_delete(work.by)?),
        };
        Ok(step.map(|step| self.step(work, step)))
    }

    fn step(&self, work: &MembershipWork, step: MembershipStep) -> MembershipChange {
        let (conversation, at) = (self.summary.id, self.shared.clock.now());
        let entry = work.entry.clone().filter(|_| step == MembershipStep::Delete);
        MembershipChange { conversation, user: work.whose(), at, step, entry }
    }

    /// Who may not enter a room learns nothing of its kind.
    fn may_enter(
        &self,
        room: &Room,
        user: UserId,
        kind: Option<RoomKind>,
    ) -> Result<Option<MembershipStep>, Refusal> {
        let is_member = self.members.get(user).is_some();
        if !is_member && (self.members.was_removed(user) || room.kind == RoomKind::Group) {
            return Err(Refusal::of(ErrorCode::RoomAccessDenied));
        }
        if !is_member && room.most_members().is_some_and(|most| self.members.count() >= most) {
            return Err(Refusal::of(ErrorCode::RoomFull));
        }
        if kind.is_some_and(|kind| kind != room.kind) {
            let words = format!("the room's id is taken by a {} room", room.kind);
            return Err(Refusal::new(ErrorCode::Conflict, words));
        }
        if is_member {
            return Ok(None);
        }
        let role = if self.members.has_owner() { MemberRole::Member } else { MemberRole::Owner };
        Ok(Some(enter(room, role, false)))
    }

    fn may_exit(&self, room: &Room, user: UserId) -> Result<MembershipStep, Refusal> {
        let role = self.role_of(user)?;
        let last = self.members.count() == 1;
        if last && room.kind != RoomKind::Shared {
            return Ok(MembershipStep::Delete); // nobody could ever enter it again
        }
        let heir = (role == MemberRole::Owner).then(|| self.members.heir_of(user)).flatten();
        Ok(MembershipStep::Leave { heir })
    }

    fn may_add(
        &self,
        room: &Room,
        by: UserId,
        user: UserId,
        role: Option<MemberRole>,
    ) -> Result<Option<MembershipStep>, Refusal> {
        let own = self.role_of(by)?;
        let forbidden = |words: &'static str| Err(Refusal::new(ErrorCode::Forbidden, words));
        if !own.moderates() {
            return forbidden("only the owner and moderators add members");
        }
        if role > Some(MemberRole::Member) && own != MemberRole::Owner {
            return forbidden("only the owner makes moderators");
        }
        let Some((_, present)) = self.members.get(user) else {
            return Ok(Some(enter(room, role.unwrap_or(MemberRole::Member), true)));
        };
        match role {
            None => Ok(None),
            Some(role) if role == present => Ok(None),
            Some(_) if own != MemberRole::Owner || present == MemberRole::Owner => {
                forbidden("only the owner gives other members another role")
            }
            Some(role) => Ok(Some(MembershipStep::SetRole(role))),
        }
    }

    fn may_remove(&self, by: UserId, user: UserId) -> Result<MembershipStep, Refusal> {
        let own = self.role_of(by)?;
        if !own.moderates() {
            return Err(Refusal::new(ErrorCode::Forbidden, "only the owner and moderators remove members"));
        }
        let Some((_, role)) = self.members.get(user) else {
            return Err(Refusal::new(ErrorCode::NotFound, "there is no such member"));
        };
        if role >= own {
            let words = "members of the same or a higher role cannot be removed";
            return Err(Refusal::new(ErrorCode::Forbidden, words));
        }
        Ok(MembershipStep::Remove)
    }

    fn may_delete(&self, by: UserId) -> Result<MembershipStep, Refusal> {
        match self.role_of(by)? {
            MemberRole::Owner => Ok(MembershipStep::Delete),
            _ => Err(Refusal::new(ErrorCode::Forbidden, "only its owner deletes it")),
        }
    }

    /// To a stranger the room is not there.
    fn role_of(&self, user: UserId) -> Result<MemberRole, Refusal> {
        self.members.get(user).map(|(_, role)| role).ok_or(Refusal::of(ErrorCode::RoomNotFound))
    }

    /// Somebody is a member now, or has another role.
    pub(super) fn member_changed(&mut self, participant: Participant, work: &MembershipWork) {
        self.members.insert(participant);
        if !work.request.is_entry() {
            self.tell_members(participant.user, participant.role, work.by);
        }
    }

    /// Somebody is no member any more: their connections get nothing from here on.
    pub(super) fn member_gone(&mut self, change: &MembershipChange, by: UserId) {
        let user = change.user;
        self.tell_members(user, None, by);
        self.timers.typing.remove(&user);
        self.lose_followers(user);
        for outbox in self.subscribers.remove_user(user) {
            outbox.joined().forget(self.summary.id);
        }
        match change.step {
            MembershipStep::Remove => {
                let gone = Participant { user, role: None, joined_at: change.at, visible_after: 0 };
                self.members.insert(gone);
            }
            _ => self.members.remove(user),
        }
        if let MembershipStep::Leave { heir: Some(heir) } = change.step
            && let Some(participant) = self.members.of.get_mut(&heir)
        {
            participant.role = Some(MemberRole::Owner);
            self.tell_members(heir, Some(MemberRole::Owner), by);
        }
    }

    /// Who waits for an answer of their own here gets none of it any more.
    fn lose_followers(&mut self, user: UserId) {
        let is_theirs = |follower: &mut Follower| follower.origin.outbox.user() == user;
        let mut lost: Vec<Follower> =
            self.turns.followers_mut().flat_map(|it| it.extract_if(.., is_theirs)).collect();
        let plans = self.planned().filter_map(Waiting::plan_mut);
        lost.extend(plans.flat_map(|plan| plan.followers.extract_if(.., is_theirs)));
        let conversation = self.summary.id;
        lost.into_iter().for_each(|follower| follower.lose(conversation, ErrorCode::RoomNotFound));
    }

    /// The subscribers hear of a member, and the member on every connection.
    fn tell_members(&mut self, user: UserId, role: Option<MemberRole>, by: UserId) {
        let conversation = self.summary.id;
        let event = self.event(EventBody::Members { conversation, user, role, by });
        self.subscribers.deliver(&[Delivery::All(Arc::clone(&event))]);
        self.shared.registry.each(user, |outbox| {
            if !self.subscribers.contains(outbox.connection()) {
                outbox.push(Outgoing::Event(Arc::clone(&event)));
            }
        });
    }

    /// The conversation is gone: its members hear of it, and its turns end.
    pub(super) fn deleted(&mut self) {
        let event = self.event(EventBody::Deleted(self.summary.clone()));
        for member in self.members.iter() {
            self.shared.registry.each(member.user, |outbox| {
                outbox.joined().forget(self.summary.id);
                outbox.push(Outgoing::Event(Arc::clone(&event)));
            });
        }
        self.subscribers.clear();
        if let Some(room) = &self.room {
            self.shared.forget_room(&room.id);
        }
        self.stop_all_turns();
        self.become_void();
    }
}

fn enter(room: &Room, role: MemberRole, readmit: bool) -> MembershipStep {
    let from_now = room.kind == RoomKind::Private;
    MembershipStep::Enter { role, most: room.most_members(), from_now, readmit }
}
