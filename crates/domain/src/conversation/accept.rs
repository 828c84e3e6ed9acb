//! What comes out of the inbox, one piece of work after the other. Nothing here waits.

use super::commit::Waiting;
use super::{Access, Conversation, Origin, SendWork, Start, StopAnswer, StreamWork, Work};
use crate::message::{Author, KIND_ASSISTANT, Message, Reply, TurnStatus, Usage};
use crate::outbox::Outbox;
use crate::ports::{OrphanTurn, TurnEnd, Write};
use crate::{ConnectionId, ErrorCode, MessageId, Refusal, UserId};
use std::sync::Arc;

impl Conversation {
    pub(super) fn accept(&mut self, work: Work) {
        self.timers.used();
        match work {
            // Who asked may be gone: then nobody wants the answer.
            Work::Join { outbox, start, respond } => drop(respond.send(self.join(&outbox, start))),
            Work::Enter { user, respond } => drop(respond.send(self.enter(user))),
            Work::GoLive(connection) => self.go_live(connection),
            Work::Leave(connection) => self.subscribers.remove(connection),
            Work::Sweep => self.subscribers.sweep(),
            Work::Send(work) => self.send(*work),
            Work::Stream(work) => self.stream(*work),
            Work::Stop { origin, turn, respond } => drop(respond.send(self.stop(turn, *origin))),
            Work::Typing { origin, is_typing, .. } => match self.enter(origin.user()) {
                Ok(_) => self.set_typing(origin.user(), is_typing),
                Err(refusal) => origin.refuse(refusal, self.summary.id),
            },
            Work::EndOrphan(orphan) => self.end_orphan(orphan),
            Work::Admit(user) => {
                if !self.participants.contains(&user) {
                    self.participants.push(user);
                }
            }
        }
    }

    /// Lets a participant in; a stranger cannot tell the conversation from one that does not exist.
    fn enter(&self, user: UserId) -> Result<Access, Refusal> {
        if !self.participants.contains(&user) {
            return Err(Refusal::of(ErrorCode::ConversationNotFound));
        }
        let (head, title) = (self.summary.last_seq, self.summary.title.clone());
        Ok(Access { head, title, recovered: true })
    }

    /// From here on the connection's events are kept for it; they flow at [`Work::GoLive`], after its answer.
    fn join(&mut self, outbox: &Arc<Outbox>, start: Start) -> Result<Access, Refusal> {
        let mut access = self.enter(outbox.user())?;
        if let Start::After { seq, same_log } = start {
            let missed = access.head.checked_sub(seq);
            access.recovered =
                same_log && missed.is_some_and(|missed| missed <= self.shared.settings.resume_max);
        }
        self.subscribers.add_catching_up(outbox);
        Ok(access)
    }

    fn go_live(&mut self, connection: ConnectionId) {
        if let Some(outbox) = self.subscribers.go_live(connection) {
            self.show_turns(&outbox);
        }
    }

    fn send(&mut self, work: SendWork) {
        if let Err(refusal) = self.enter(work.origin.user()) {
            return work.origin.refuse(refusal, self.summary.id);
        }
        let wants_turn = work.wants_turn();
        let SendWork { origin, mut new, model, respond } = work;
        let plan = wants_turn.then(|| self.plan_turn(new.message.id, model)).transpose();
        let plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => return origin.refuse(refusal, self.summary.id),
        };
        self.set_typing(origin.user(), false);
        new.turn = plan.as_ref().map(|plan| plan.turn.clone());
        self.pending.push((Write::Message(Box::new(new)), Waiting::Sent { origin, plan, respond }));
    }

    /// The same stream while a turn answers the message; another answer once none does.
    fn stream(&mut self, work: StreamWork) {
        let StreamWork { origin, message, model, .. } = work;
        if let Err(refusal) = self.enter(origin.user()) {
            return origin.refuse(refusal, self.summary.id);
        }
        if self.show_answer(message, &origin.outbox) {
            return;
        }
        let Some(origin) = self.follow_planned(message, origin) else { return };
        match self.plan_turn(message, model) {
            Ok(plan) => {
                let write = Write::TurnOpen(plan.turn.clone());
                self.pending.push((write, Waiting::Opened { origins: vec![origin], plan }));
            }
            Err(refusal) => origin.refuse(refusal, self.summary.id),
        }
    }

    /// Without a name, a turn that is about to begin is meant too.
    fn stop(&mut self, turn: Option<MessageId>, origin: Origin) -> Result<StopAnswer, Refusal> {
        self.enter(origin.user())?;
        let origin = if turn.is_none() { self.stop_planned(origin) } else { Some(origin) };
        let not_live = origin.and_then(|origin| self.stop_turn(turn, origin));
        Ok(if not_live.is_some() { StopAnswer::NotLive } else { StopAnswer::Follows })
    }

    fn end_orphan(&mut self, orphan: OrphanTurn) {
        if self.turns.is_open(orphan.turn) {
            return; // it lives here; only its lease was late
        }
        let reply = Reply {
            in_reply_to: orphan.in_reply_to,
            status: TurnStatus::Interrupted,
            model: None,
            usage: Usage::default(),
        };
        let message = Message {
            id: orphan.turn,
            conversation: orphan.conversation,
            seq: 0,
            author: Author::Assistant,
            kind: KIND_ASSISTANT.to_owned(),
            content: String::new(),
            client_id: None,
            created_at: self.shared.clock.now(),
            reply: Some(reply),
        };
        self.write_end(Arc::new(TurnEnd { message, from_checkpoint: true }));
    }
}
