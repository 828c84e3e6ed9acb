//! What comes out of the inbox, one piece of work after the other. Nothing here waits.

use super::commit::Waiting;
use super::{
    Access, ChangeWork, Conversation, FollowWork, Follower, SendWork, Start, StopAnswer, StopWork,
    StreamWork, Work,
};
use crate::check::mentions_ai;
use crate::command::TurnOptions;
use crate::event::{EventBody, RoomJoined};
use crate::message::{Author, KIND_ASSISTANT, KIND_USER, Message, Reply, TurnStatus};
use crate::outbox::Outbox;
use crate::ports::{FileRecord, MessageChange, OrphanTurn, TurnEnd, Write};
use crate::room::{AiMode, Participant, Room};
use crate::{ConnectionId, ErrorCode, MessageId, Refusal, UserId};
use std::sync::Arc;

impl Conversation {
    pub(super) fn accept(&mut self, work: Work) {
        self.timers.used();
        match work {
            // Who asked may be gone: then nobody wants the answer.
            Work::Join { outbox, start, respond } => drop(respond.send(self.join(&outbox, start))),
            Work::Enter { user, respond } => drop(respond.send(self.enter(user))),
            Work::Look { user, respond } => drop(respond.send(self.look(user))),
            Work::GoLive(connection) => self.go_live(connection),
            Work::Leave(connection) => self.subscribers.remove(connection),
            Work::Sweep => self.subscribers.sweep(),
            Work::Send(work) => self.send(*work),
            Work::Change(work) => self.change(*work),
            Work::Membership(work) => self.membership(*work),
            Work::Stream(work) => self.stream(*work),
            Work::Follow(work) => self.follow(*work),
            Work::FollowOwn(outbox) => self.follow_own(&outbox),
            Work::Retitle(work) => self.titles.push(*work),
            Work::Stop { stop, respond } => drop(respond.send(self.stop(stop))),
            Work::Typing { origin, is_typing, .. } => match self.enter(origin.user()) {
                Ok(_) => self.set_typing(origin.user(), origin.outbox.name(), is_typing),
                Err(refusal) => origin.refuse(refusal, self.summary.id),
            },
            Work::EndOrphan(orphan) => self.end_orphan(orphan),
            Work::Admit(participant) => self.admit(participant),
            Work::File { file, but } => self.tell_file(file, but),
        }
    }

    /// Lets a member in; a stranger cannot tell the conversation from one that does not exist.
    fn enter(&self, user: UserId) -> Result<Access, Refusal> {
        let Some((participant, _)) = self.members.get(user) else {
            return Err(Refusal::of(ErrorCode::ConversationNotFound));
        };
        Ok(Access {
            head: self.summary.last_seq,
            title: self.summary.title.clone(),
            recovered: true,
            room: self.room_id(),
            visible_after: participant.visible_after,
        })
    }

    /// All connections of the members hear of a file, as they do of messages.
    fn tell_file(&self, file: Arc<FileRecord>, but: Option<ConnectionId>) {
        let event = self.event(EventBody::File(file));
        self.members.iter().for_each(|member| self.shared.tell_file(member.user, &event, but));
    }

    fn admit(&mut self, participant: Participant) {
        if self.members.get(participant.user).is_none() {
            self.members.insert(participant);
        }
    }

    /// From here on the connection's events are kept for it; they flow at [`Work::GoLive`], after its answer.
    fn join(&mut self, outbox: &Arc<Outbox>, start: Start) -> Result<Access, Refusal> {
        let mut access = self.enter(outbox.user())?;
        if let Start::After { seq, same_log } = start {
            let missed = access.head.checked_sub(seq.max(access.visible_after));
            access.recovered =
                same_log && missed.is_some_and(|missed| missed <= self.shared.settings.resume_max);
        }
        self.subscribers.add_catching_up(outbox);
        Ok(access)
    }

    fn look(&self, user: UserId) -> Result<Box<RoomJoined>, Refusal> {
        let (Some(room), Some((participant, role))) = (&self.room, self.members.get(user)) else {
            return Err(Refusal::of(ErrorCode::RoomNotFound));
        };
        Ok(Box::new(RoomJoined {
            conversation: self.summary.id,
            room: room.clone(),
            title: self.summary.title.clone(),
            role,
            joined_at: participant.joined_at,
            last_seq: self.summary.last_seq,
            participants: self.members.iter().map(|it| it.user).take(RoomJoined::LISTED).collect(),
            participant_count: self.members.count(),
            online: self.subscribers.users().take(RoomJoined::LISTED).collect(),
        }))
    }

    fn go_live(&mut self, connection: ConnectionId) {
        if let Some(outbox) = self.subscribers.go_live(connection) {
            self.show_turns(&outbox);
        }
    }

    fn send(&mut self, work: SendWork) {
        let access = match self.enter(work.origin.user()) {
            Ok(access) => access,
            Err(refusal) => return work.origin.refuse(refusal, self.summary.id),
        };
        if let (Some(_), Err(refusal)) = (&work.follower, self.ai_may_answer()) {
            return work.origin.refuse(refusal, self.summary.id);
        }
        let wants_turn = self.wants_turn(&work);
        let SendWork { origin, mut new, options, respond, follower } = work;
        let plan = wants_turn
            .then(|| self.plan_turn(new.message.id, origin.user(), access.visible_after, options))
            .transpose();
        let mut plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => return origin.refuse(refusal, self.summary.id),
        };
        if let Some(plan) = &mut plan {
            plan.followers.extend(follower);
        }
        self.set_typing(origin.user(), origin.outbox.name(), false);
        new.turn = plan.as_ref().map(|plan| plan.turn.clone());
        self.pending.push((Write::Message(Box::new(new)), Waiting::Sent { origin, plan, respond }));
    }

    fn ai_mode(&self) -> AiMode {
        self.room.as_ref().map_or(AiMode::Always, Room::ai_mode)
    }

    /// Whoever asks for an answer by name does not get one against the room's owner.
    fn ai_may_answer(&self) -> Result<(), Refusal> {
        match self.ai_mode() {
            AiMode::Off => Err(Refusal::new(ErrorCode::Forbidden, "the AI is off in this room")),
            AiMode::Always | AiMode::Mention => Ok(()),
        }
    }

    fn wants_turn(&self, work: &SendWork) -> bool {
        let message = &work.new.message;
        work.follower.is_some()
            || message.kind == KIND_USER
                && match self.ai_mode() {
                    AiMode::Always => true,
                    AiMode::Mention => work.options.model.is_some() || mentions_ai(&message.content),
                    AiMode::Off => false,
                }
    }

    fn change(&mut self, work: ChangeWork) {
        let ChangeWork { origin, message, edit, .. } = work;
        let Some((participant, role)) = self.members.get(origin.user()) else {
            return origin.refuse(Refusal::of(ErrorCode::MessageNotFound), self.summary.id);
        };
        let change = MessageChange {
            conversation: self.summary.id,
            message,
            by: origin.user(),
            moderates: role.moderates(),
            visible_after: participant.visible_after,
            at: self.shared.clock.now(),
            edit,
        };
        self.pending.push((Write::Change(Box::new(change)), Waiting::Changed { origin }));
    }

    /// The same stream while a turn answers the message; another answer once none does.
    fn stream(&mut self, work: StreamWork) {
        let StreamWork { origin, message, options, .. } = work;
        let access = match self.enter(origin.user()) {
            Ok(access) => access,
            Err(refusal) => return origin.refuse(refusal, self.summary.id),
        };
        if self.show_answer(message, &origin.outbox) {
            return;
        }
        if let Err(refusal) = self.ai_may_answer() {
            return origin.refuse(refusal, self.summary.id);
        }
        let Some(origin) = self.follow_planned(message, origin) else { return };
        match self.plan_turn(message, origin.user(), access.visible_after, options) {
            Ok(plan) => {
                let write = Write::TurnOpen(plan.turn.clone());
                self.pending.push((write, Waiting::Opened { origins: vec![origin], plan }));
            }
            Err(refusal) => origin.refuse(refusal, self.summary.id),
        }
    }

    /// Who asks for the answer to an earlier message gets it from the turn that makes it; where there is none, of a new one
    /// if that is wanted.
    fn follow(&mut self, work: FollowWork) {
        let FollowWork { follower, message, open, respond, .. } = work;
        let answer = match self.enter(follower.origin.user()) {
            Ok(access) => {
                let left = self.follow_answer(message, follower);
                match (left.and_then(|follower| self.follow_plan(message, follower)), open) {
                    (None, _) => Ok(true),
                    (Some(_), None) => Ok(false),
                    (Some(follower), Some(options)) => self.open_for(message, follower, &access, options),
                }
            }
            Err(refusal) => Err(refusal),
        };
        // Who asked may be gone: then nobody wants the answer.
        drop(respond.send(answer));
    }

    fn open_for(
        &mut self,
        message: MessageId,
        follower: Follower,
        access: &Access,
        options: TurnOptions,
    ) -> Result<bool, Refusal> {
        self.ai_may_answer()?;
        let mut plan = self.plan_turn(message, follower.origin.user(), access.visible_after, options)?;
        let origins = vec![follower.origin.clone()];
        plan.followers.push(follower);
        self.pending.push((Write::TurnOpen(plan.turn.clone()), Waiting::Opened { origins, plan }));
        Ok(true)
    }

    /// Without a name, a turn that is about to begin is meant too.
    fn stop(&mut self, stop: StopWork) -> Result<StopAnswer, Refusal> {
        let StopWork { origin, turn, own } = stop;
        self.enter(origin.user())?;
        let of = own.then_some(origin.user());
        let origin = if turn.is_none() { self.stop_planned(of, *origin) } else { Some(*origin) };
        let not_live = origin.and_then(|origin| self.stop_turn(turn, of, origin));
        Ok(if not_live.is_some() { StopAnswer::NotLive } else { StopAnswer::Follows })
    }

    fn end_orphan(&mut self, orphan: OrphanTurn) {
        if self.turns.is_open(orphan.turn) {
            return; // it lives here; only its lease was late
        }
        let reply = Reply::unanswered(orphan.in_reply_to, TurnStatus::Interrupted);
        let mut message =
            Message::new(orphan.conversation, Author::Assistant, KIND_ASSISTANT, self.shared.clock.now());
        (message.id, message.reply) = (orphan.turn, Some(reply));
        self.write_end(Arc::new(TurnEnd { message, from_checkpoint: true }));
    }
}
