//! What follows a commit: the answers, and the broadcast in the order of the log.

use super::plans::Plan;
use super::work::MembershipWork;
use super::{Conversation, Follower, Origin, Standing};
use crate::event::{Event, EventBody, ReplyBody};
use crate::message::{Message, SEQ_MAX, Seq};
use crate::outbox::Delivery;
use crate::ports::{MembershipChange, MembershipStep, StoreError, TurnEnd, Write, Written};
use crate::room::Participant;
use crate::{CloseCode, ConversationId, ErrorCode, MessageId, Refusal};
use std::sync::Arc;
use tokio::sync::oneshot;

/// How many missing entries are read at once.
const GAP_PAGE: usize = 256;

/// What a pending write is followed by.
#[derive(Debug)]
pub(super) enum Waiting {
    Sent {
        origin: Origin,
        plan: Option<Plan>,
        respond: Option<oneshot::Sender<ConversationId>>,
    },
    Changed {
        origin: Origin,
    },
    Membership {
        work: MembershipWork,
        change: MembershipChange,
    },
    Opened {
        origins: Vec<Origin>,
        plan: Plan,
    },
    Checkpoint(MessageId),
    /// Kept to try again: a turn's end must not be lost.
    TurnEnd(Arc<TurnEnd>),
}

impl Waiting {
    /// The turn that it will open.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Sent { plan, .. } => plan.as_ref(),
            Self::Opened { plan, .. } => Some(plan),
            _ => None,
        }
    }

    /// The same, to change it.
    pub(super) fn plan_mut(&mut self) -> Option<&mut Plan> {
        match self {
            Self::Sent { plan, .. } => plan.as_mut(),
            Self::Opened { plan, .. } => Some(plan),
            _ => None,
        }
    }

    /// Who waits for it, and the turn that it was to open.
    fn given_up(self) -> (Vec<Origin>, Option<Plan>) {
        match self {
            Self::Sent { origin, plan, .. } => (vec![origin], plan),
            Self::Opened { origins, plan } => (origins, Some(plan)),
            Self::Changed { origin } => (vec![origin], None),
            Self::Membership { .. } | Self::Checkpoint(_) | Self::TurnEnd(_) => (Vec::new(), None),
        }
    }
}

/// What one commit brings to the subscribers, in the order of the log.
#[derive(Default)]
struct Outcome {
    deliveries: Vec<Delivery>,
    /// Turns that begin, after the messages that they answer.
    opened: Vec<(Plan, Seq)>,
}

impl Conversation {
    pub(super) async fn committed(&mut self, result: Result<Vec<Written>, StoreError>) {
        let Some((waiting, _)) = self.in_flight.take() else { return };
        // The next group is on its way before this one is told.
        self.submit().await;
        let mut outcome = Outcome::default();
        match result {
            Ok(written) => {
                for (waiting, written) in waiting.into_iter().zip(written) {
                    self.settle(waiting, written, &mut outcome).await;
                }
            }
            Err(error) => self.write_failed(waiting, &error),
        }
        self.broadcast(&outcome.deliveries);
        for (plan, answers) in outcome.opened {
            self.open_turn(plan, answers);
        }
        self.start_waiting_turns();
    }

    async fn settle(&mut self, waiting: Waiting, written: Written, outcome: &mut Outcome) {
        match (waiting, written) {
            (Waiting::Sent { origin, plan, respond }, Written::Stored { message, message_count }) => {
                self.standing = Standing::Stored;
                self.catch_up_to(message.seq, outcome).await;
                let seq = message.seq;
                let message = self.enter_log(*message, message_count);
                // Who asks gets the answer, and nothing before it.
                let asked = plan.as_ref().is_some_and(|plan| !plan.followers.is_empty());
                let plan = plan.map(|plan| Plan { question: Some(Arc::clone(&message)), ..plan });
                outcome.deliveries.push(if asked {
                    self.to_all(EventBody::Message(message))
                } else {
                    self.announce(message, origin)
                });
                outcome.opened.extend(plan.map(|plan| (plan, seq)));
                tell(respond, self.summary.id);
            }
            (Waiting::Sent { origin, plan, respond }, Written::Duplicate(first)) => {
                tell(respond, first.conversation);
                match plan {
                    Some(plan) if !plan.followers.is_empty() => self.ask_again(plan, *first).await,
                    plan => {
                        self.answer_resend(origin, *first, outcome).await;
                        self.drop_plan(plan);
                    }
                }
            }
            (Waiting::Changed { origin }, Written::Changed(message)) => {
                self.catch_up_to(message.changed_seq, outcome).await;
                let message = self.change_log(*message);
                outcome.deliveries.push(self.announce_change(message, origin));
            }
            (Waiting::Changed { origin }, Written::Unchanged(message)) => {
                self.answer_unchanged(origin, *message, outcome);
            }
            (Waiting::Membership { work, change }, written) => {
                // Others see who comes and goes in the order of the log.
                self.broadcast(&std::mem::take(&mut outcome.deliveries));
                self.settle_membership(work, &change, written);
            }
            (Waiting::Opened { plan, .. }, Written::TurnOpened(answers)) => {
                outcome.opened.push((plan, answers));
            }
            (Waiting::TurnEnd(end), Written::Stored { message, message_count }) => {
                self.catch_up_to(message.seq, outcome).await;
                let message = self.enter_log(*message, message_count);
                self.tell_entry(&message, &mut outcome.deliveries);
                if end.from_checkpoint {
                    self.tell_asker(&message).await;
                }
            }
            (Waiting::TurnEnd(end), Written::Refused(_)) => self.ended_before(end, outcome).await,
            (Waiting::Checkpoint(turn), Written::Refused(_)) => self.abandon_turn(turn),
            (Waiting::Checkpoint(turn), _) => self.checkpoint_settled(turn, true),
            (waiting, Written::Refused(code)) => {
                self.give_up_founding();
                self.refuse_waiting(waiting, &Refusal::of(code));
            }
            (waiting, written) => tracing::error!(?waiting, ?written, "the store answered another question"),
        }
    }

    /// A resend gets the first answer, after what its sender is still to get before it.
    async fn answer_resend(&mut self, origin: Origin, first: Message, outcome: &mut Outcome) {
        self.give_up_founding(); // the message made another conversation before
        if first.conversation == self.summary.id {
            self.catch_up_to(first.seq + 1, outcome).await;
        }
        let event = self.event(EventBody::Message(Arc::new(first)));
        let answer =
            self.subscribers.answer(origin, self.room_id(), ReplyBody::Sent { event, duplicate: true });
        outcome.deliveries.extend(answer.map(|(to, answer)| Delivery::Answer(to, answer)));
    }

    /// The same for who wants the answer alone: they get the first one. In another conversation their session finds it.
    async fn ask_again(&mut self, mut plan: Plan, first: Message) {
        self.give_up_founding();
        let followers = std::mem::take(&mut plan.followers);
        if first.conversation == self.summary.id {
            for follower in followers {
                let left = self.follow_answer(first.id, follower);
                if let Some(follower) = left.and_then(|follower| self.follow_plan(first.id, follower)) {
                    self.answer_from_log(follower, &plan, &first).await;
                }
            }
        }
        self.drop_plan(Some(plan));
    }

    /// No turn answers `first` any more: its reply is in the log, or else there will be one.
    async fn answer_from_log(&mut self, follower: Follower, plan: &Plan, first: &Message) {
        let conversation = self.summary.id;
        match self.shared.store.reply_to(conversation, first.id).await {
            Ok(Some(reply)) => {
                let reply = Arc::new(reply);
                follower.retell(self.room_id().as_ref(), &Arc::new(first.clone()), &reply);
                follower.answer(self.room_id(), &reply, None);
            }
            Ok(None) => {
                let user = follower.origin.user();
                match self.plan_turn(first.id, user, plan.visible_after, plan.options.clone()) {
                    Ok(mut another) => {
                        let origins = vec![follower.origin.clone()];
                        another.followers.push(follower);
                        let write = Write::TurnOpen(another.turn.clone());
                        self.pending.push((write, Waiting::Opened { origins, plan: another }));
                    }
                    Err(refusal) => follower.origin.refuse(refusal, conversation),
                }
            }
            Err(error) => follower.origin.refuse(Refusal::internal(&error), conversation),
        }
    }

    /// A change that changes nothing is answered with the message as it is.
    fn answer_unchanged(&self, origin: Origin, message: Message, outcome: &mut Outcome) {
        let event = self.event(EventBody::Changed(Arc::new(message)));
        let body = ReplyBody::Changed { event, changed: false };
        let answer = self.subscribers.answer(origin, self.room_id(), body);
        outcome.deliveries.extend(answer.map(|(to, answer)| Delivery::Answer(to, answer)));
    }

    fn settle_membership(&mut self, work: MembershipWork, change: &MembershipChange, written: Written) {
        let result = match written {
            Written::Member(participant) => {
                self.member_changed(participant, &work);
                Ok(())
            }
            Written::Done if change.step == MembershipStep::Delete => {
                self.deleted();
                Ok(())
            }
            Written::Done => {
                self.member_gone(change, work.by);
                Ok(())
            }
            Written::Refused(code) => Err(Refusal::of(code)),
            written => {
                tracing::error!(?written, "the store answered another question");
                Err(Refusal::of(ErrorCode::Internal))
            }
        };
        self.membership_settled();
        // Who asked may be gone: then nobody wants the answer.
        drop(work.respond.send(result));
    }

    /// A turn's end was refused: another node has ended it, or an earlier try of ours. Its message is in the log, but
    /// no more than up to there may be read: what follows may be on its way to us.
    async fn ended_before(&mut self, end: Arc<TurnEnd>, outcome: &mut Outcome) {
        let turn = end.message.id;
        match self.shared.store.message_get(self.summary.id, turn).await {
            Ok(Some(message)) => self.catch_up_to(message.seq + 1, outcome).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%turn, %error, "a turn's message could not be read");
                self.timers.pause_writes();
                return self.write_end(end);
            }
        }
        self.forget_turn(turn);
    }

    fn refuse_waiting(&mut self, waiting: Waiting, refusal: &Refusal) {
        let (origins, plan) = waiting.given_up();
        for origin in origins {
            origin.refuse(refusal.clone(), self.summary.id);
        }
        self.drop_plan(plan);
    }

    /// The message that was to make the conversation has not: whoever wants it from here on asks the store.
    fn give_up_founding(&mut self) {
        if self.standing == Standing::Nascent {
            self.become_void();
        }
    }

    /// A message of this batch is the log's newest entry.
    fn enter_log(&mut self, message: Message, message_count: u64) -> Arc<Message> {
        self.set_head(message.seq);
        self.summary.message_count = message_count;
        self.summary.updated_at = message.created_at;
        self.shared.live.message();
        Arc::new(message)
    }

    /// What the subscribers get of a message; its sender gets the answer in its place in the order.
    fn announce(&self, message: Arc<Message>, origin: Origin) -> Delivery {
        let event = self.event(EventBody::Message(message));
        let body = ReplyBody::Sent { event: Arc::clone(&event), duplicate: false };
        match self.subscribers.answer(origin, self.room_id(), body) {
            Some((connection, answer)) => Delivery::Caused { event, connection, answer },
            None => Delivery::All(event), // it has left meanwhile
        }
    }

    /// The same of a change, which who cannot see the message must not see either.
    fn announce_change(&self, message: Arc<Message>, origin: Origin) -> Delivery {
        let blind = self.members.blind_to(message.seq);
        let event = self.event(EventBody::Changed(message));
        let body = ReplyBody::Changed { event: Arc::clone(&event), changed: true };
        match (self.subscribers.answer(origin, self.room_id(), body), blind) {
            (Some((connection, answer)), None) => Delivery::Caused { event, connection, answer },
            (Some((connection, answer)), Some(blind)) => {
                Delivery::CausedBut { blind, event, connection, answer }
            }
            (None, None) => Delivery::All(event),
            (None, Some(blind)) => Delivery::AllBut(blind, event),
        }
    }

    /// A change of this batch is the log's newest entry.
    fn change_log(&mut self, message: Message) -> Arc<Message> {
        self.set_head(message.changed_seq);
        Arc::new(message)
    }

    /// Fills the gap before an entry that is about to be told. Where that is not possible, no subscriber may see the
    /// entry: they end, and resume from what they have.
    async fn catch_up_to(&mut self, next: Seq, outcome: &mut Outcome) {
        if let Err(error) = self.fill_gap(next, outcome).await {
            tracing::error!(conversation = %self.summary.id, %error, "a gap in the log could not be read");
            self.subscribers.end_all(CloseCode::Internal);
        }
    }

    /// Reads the entries between our head and `next` from the log, if there are any: another node made them, or a
    /// write of ours whose outcome we never learned.
    async fn fill_gap(&mut self, next: Seq, outcome: &mut Outcome) -> Result<(), StoreError> {
        while self.summary.last_seq + 1 < next {
            let (head, through) = (self.summary.last_seq, next - 1);
            let page = self.shared.store.log_after(self.summary.id, head, through, GAP_PAGE).await?;
            let complete = page.len() < GAP_PAGE;
            for message in page {
                self.tell_missing(message, head, outcome);
            }
            if complete {
                break;
            }
        }
        // A change that another has overtaken is no entry of its own any more.
        if next != SEQ_MAX && self.summary.last_seq + 1 < next {
            self.set_head(next - 1);
        }
        Ok(())
    }

    /// An entry after `head` that was read from the log.
    fn tell_missing(&mut self, message: Message, head: Seq, outcome: &mut Outcome) {
        if message.seq > head {
            let count = self.summary.message_count + 1;
            let message = self.enter_log(message, count);
            self.tell_entry(&message, &mut outcome.deliveries);
        } else {
            let message = self.change_log(message);
            let blind = self.members.blind_to(message.seq);
            let event = self.event(EventBody::Changed(message));
            outcome.deliveries.push(match blind {
                Some(blind) => Delivery::AllBut(blind, event),
                None => Delivery::All(event),
            });
        }
    }

    /// After a failed write, with no other on its way: what of it was committed all the same is told now.
    pub(super) async fn reconcile(&mut self) {
        let mut outcome = Outcome::default();
        let read = self.fill_gap(SEQ_MAX, &mut outcome).await;
        self.broadcast(&outcome.deliveries);
        self.in_doubt = read.is_err();
        if let Err(error) = read {
            tracing::error!(conversation = %self.summary.id, %error, "the log could not be read after a failed write");
            // What waits to be written goes first: if that succeeds, the gap shows by itself.
            if self.pending.is_empty() {
                self.timers.pause_writes();
            }
        }
    }

    /// The outcome is unknown: senders are told to send again, which finds out. Ends of turns try again themselves.
    fn write_failed(&mut self, waiting: Vec<Waiting>, error: &StoreError) {
        let refusal = Refusal::internal(error);
        self.timers.pause_writes();
        self.in_doubt = true;
        self.give_up_founding();
        for waiting in waiting {
            match waiting {
                Waiting::Checkpoint(turn) => self.checkpoint_settled(turn, false),
                // The next start of this node, or another one, ends it.
                Waiting::TurnEnd(end) if self.stopping => self.forget_turn(end.message.id),
                Waiting::TurnEnd(end) => self.write_end(end),
                Waiting::Membership { work, .. } => {
                    // Who takes part is not known any more: the next task asks the store.
                    drop(work.respond.send(Err(refusal.clone())));
                    self.membership_settled();
                    self.subscribers.end_all(CloseCode::Internal);
                    self.stop_all_turns();
                    self.become_void();
                }
                waiting => self.refuse_waiting(waiting, &refusal),
            }
        }
    }

    /// To the subscribers, and to the other connections of the participants.
    fn broadcast(&mut self, deliveries: &[Delivery]) {
        let _ended = std::mem::take(&mut self.turns.ended);
        if deliveries.is_empty() {
            return;
        }
        self.subscribers.deliver(deliveries);
        if deliveries.iter().all(|delivery| delivery.event().is_none()) {
            return; // nothing has changed
        }
        let mut elsewhere = None;
        for member in self.members.iter() {
            if self.shared.registry.count(member.user) > self.subscribers.count_of(member.user) {
                let events = elsewhere.get_or_insert_with(|| entries_elsewhere(deliveries));
                self.send_elsewhere(member, events);
            }
        }
        self.summary_changed();
    }

    fn send_elsewhere(&self, member: &Participant, events: &[Arc<Event>]) {
        let visible = |event: &&Arc<Event>| event.entry().is_some_and(|it| it.seq > member.visible_after);
        self.shared.registry.each(member.user, |outbox| {
            if !self.subscribers.contains(outbox.connection()) {
                events.iter().filter(visible).for_each(|event| outbox.push_elsewhere(event));
            }
        });
    }
}

/// Tells a session where its message is, if it waits for that.
fn tell(respond: Option<oneshot::Sender<ConversationId>>, conversation: ConversationId) {
    if let Some(respond) = respond {
        let _ = respond.send(conversation); // its connection may be gone
    }
}

/// The events for connections that have not joined: a message is one whoever wrote it.
fn entries_elsewhere(deliveries: &[Delivery]) -> Vec<Arc<Event>> {
    let elsewhere = |event: &Arc<Event>| {
        if matches!(event.body(), EventBody::Changed(_)) {
            return Some(Arc::clone(event));
        }
        let message = Arc::clone(event.entry()?);
        Some(Event::new(event.room().cloned(), EventBody::MessageElsewhere(message)))
    };
    deliveries.iter().filter_map(|delivery| elsewhere(delivery.event()?)).collect()
}
