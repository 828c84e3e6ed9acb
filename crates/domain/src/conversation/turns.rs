//! The turns of a conversation that have not ended: those that stream, and those that wait for their place.

mod open;

use super::commit::Waiting;
use super::plans::Plan;
use super::{Conversation, Follower, Origin, Standing};
use crate::event::{Event, EventBody, ReplyBody};
use crate::generation::Piece;
use crate::message::{Author, KIND_ASSISTANT, Message, Reply, Seq, TurnStatus, Usage};
use crate::outbox::{Delivery, Outbox};
use crate::ports::{Checkpoint, PromptPlace, TurnEnd, Write};
use crate::room::RoomKind;
use crate::turn::{self, Ended, Job};
use crate::{ErrorCode, MessageId, Refusal, RoomId, Timestamp, UserId};
use open::{OpenTurn, State, merge};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How many pieces may wait for the conversation's task; then the backend's stream waits.
const PIECES: usize = 64;

/// The result of a turn's task, or its panic.
pub(super) type Joined = Result<(Id, Ended), JoinError>;

#[derive(Default)]
pub(crate) struct Turns {
    /// In the order in which they began.
    open: Vec<OpenTurn>,
    pub(super) tasks: JoinSet<Ended>,
    pub(super) pieces: Option<(mpsc::Sender<Piece>, mpsc::Receiver<Piece>)>,
    /// This node stops: no turn begins any more.
    pub(super) interrupted: bool,
    /// Of the turns whose end is about to be told: until then, a drain waits.
    pub(super) ended: Vec<TaskTrackerToken>,
}

pub(super) async fn receive(
    channel: &mut Option<(mpsc::Sender<Piece>, mpsc::Receiver<Piece>)>,
    pieces: &mut Vec<Piece>,
) -> usize {
    match channel {
        Some((_, receiver)) => receiver.recv_many(pieces, PIECES).await,
        None => std::future::pending().await,
    }
}

impl Turns {
    pub(super) fn any(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    fn find(&mut self, id: MessageId) -> Option<&mut OpenTurn> {
        self.open.iter_mut().find(|open| open.turn.id == id)
    }

    pub(super) fn is_open(&self, id: MessageId) -> bool {
        self.open.iter().any(|open| open.turn.id == id)
    }

    /// The turn that began last, of those that are not about to end anyway if there are any; of those that `of` has
    /// asked for, where that is said.
    fn newest(&mut self, of: Option<UserId>) -> Option<&mut OpenTurn> {
        let is_meant = |open: &OpenTurn| of.is_none_or(|user| open.user == user);
        let live = self.open.iter().rposition(|open| is_meant(open) && open.state != State::Ending);
        let index = live.or_else(|| self.open.iter().rposition(is_meant))?;
        self.open.get_mut(index)
    }

    /// Gives a connection the turns that its user has asked for and that it has not got.
    pub(super) fn follow_own(&mut self, outbox: &Arc<Outbox>, room: Option<&RoomId>, at: Timestamp) {
        let own = self.open.iter_mut().filter(|open| open.user == outbox.user());
        for open in own.filter(|open| !open.is_followed_by(outbox.connection())) {
            open.follow(Follower::of_own(Arc::clone(outbox)), room.cloned(), at);
        }
    }

    /// Tells of a piece of a turn to who wants that turn alone.
    fn tell_followers(&self, event: &Arc<Event>) {
        for open in self.open.iter().filter(|open| !open.followers.is_empty()) {
            if event.body().turn() == Some(open.turn.id) {
                open.followers.iter().for_each(|follower| follower.tell(event));
            }
        }
    }

    /// Who wants the answers of turns alone, turn by turn.
    pub(super) fn followers_mut(&mut self) -> impl Iterator<Item = &mut Vec<Follower>> {
        self.open.iter_mut().map(|open| &mut open.followers)
    }

    fn streaming(&self) -> usize {
        self.open.iter().filter(|open| matches!(open.state, State::Streaming(_))).count()
    }
}

impl Conversation {
    /// The turn is written down: it streams as soon as there is a place.
    pub(super) fn open_turn(&mut self, plan: Plan, answers: Seq) {
        let Plan { turn, user, visible_after, options, stoppers, mut followers, question } = plan;
        let own = self.shared.own_turns.enter(user, turn.conversation, turn.id);
        self.add_own_followers(user, &mut followers);
        if let Some(question) = &question {
            let event = self.event(EventBody::Message(Arc::clone(question)));
            followers.iter().for_each(|follower| follower.tell(&event));
        }
        let stopped = (!stoppers.is_empty()).then_some(turn.id);
        self.turns.open.push(OpenTurn {
            turn,
            user,
            answers,
            visible_after,
            options,
            text: String::new(),
            thought: 0,
            checkpointed: Some(0),
            checkpointing: false,
            stop: CancellationToken::new(),
            stoppers,
            followers,
            question,
            own,
            refusal: None,
            state: State::Waiting,
            guard: self.shared.live_turns.token(),
        });
        if let Some(id) = stopped {
            self.end_turn(ended_early(id, TurnStatus::Stopped, None));
        }
        self.timers.start_checkpoints(self.shared.settings.turns.checkpoint, self.shared.origin);
        self.start_waiting_turns();
    }

    pub(super) fn start_waiting_turns(&mut self) {
        if self.shared.hard_stop.is_cancelled() {
            return self.interrupt_turns();
        }
        while self.turns.streaming() < self.shared.settings.turns.live {
            let Some(index) = self.turns.open.iter().position(|open| open.state == State::Waiting) else {
                break;
            };
            self.start_turn(index);
        }
    }

    /// What instructions may say of this conversation.
    fn prompt_place(&self) -> PromptPlace {
        let title = self.summary.title.clone();
        match &self.room {
            Some(room) => PromptPlace::Room { id: room.id.clone(), name: title, kind: room.kind },
            None => PromptPlace::Conversation { id: self.summary.id, title },
        }
    }

    fn start_turn(&mut self, index: usize) {
        let place = self.prompt_place();
        let (pieces, _) = self.turns.pieces.get_or_insert_with(|| mpsc::channel(PIECES));
        let open = &mut self.turns.open[index];
        let job = Job {
            turn: open.turn.clone(),
            user: open.user,
            answers: open.answers,
            visible_after: open.visible_after,
            names_people: self.room.as_ref().is_some_and(|room| room.kind != RoomKind::Private),
            tells_profile: self.room.is_none(),
            is_private: self.room.is_none() && self.members.iter().all(|it| it.user == open.user),
            place,
            options: std::mem::take(&mut open.options),
            pieces: pieces.clone(),
            stop: open.stop.clone(),
        };
        let task = self.turns.tasks.spawn(turn::run(Arc::clone(&self.shared), job));
        open.state = State::Streaming(task.id());
        let started = Event::new(
            self.room.as_ref().map(|room| room.id.clone()),
            EventBody::TurnStarted(open.reference()),
        );
        open.followers.iter().for_each(|follower| follower.tell(&started));
        self.subscribers.deliver(&[Delivery::All(started)]);
    }

    /// Hands pieces on. Neighbours of one part of one turn go out as one.
    pub(super) fn relay(&mut self, pieces: &mut Vec<Piece>) {
        let (room, at) = (self.room_id(), self.shared.clock.now());
        let mut bodies: Vec<EventBody> = Vec::with_capacity(pieces.len());
        for Piece { turn, body } in pieces.drain(..) {
            let Some(open) = self.turns.find(turn) else { continue };
            let body = open.take(body, at);
            if let Some(body) = merge(bodies.last_mut(), body) {
                bodies.push(body);
            }
        }
        let events = bodies.into_iter().map(|body| Event::new(room.clone(), body));
        let deliveries: Vec<_> =
            events.inspect(|event| self.turns.tell_followers(event)).map(Delivery::All).collect();
        self.subscribers.deliver(&deliveries);
    }

    /// Takes the pieces that a turn sent before it ended.
    pub(super) fn drain_pieces(&mut self, pieces: &mut Vec<Piece>) {
        if let Some((_, receiver)) = &mut self.turns.pieces {
            while let Ok(piece) = receiver.try_recv() {
                pieces.push(piece);
            }
        }
        self.relay(pieces);
    }

    /// A turn's task is over: its end goes to the store.
    pub(super) fn turn_finished(&mut self, joined: Joined) {
        match joined {
            Ok((_, ended)) => self.end_turn(ended),
            Err(error) => {
                let refusal = Refusal::internal(&error);
                let panicked = self.turns.open.iter().find(|open| open.state == State::Streaming(error.id()));
                if let Some(id) = panicked.map(|open| open.turn.id) {
                    self.end_turn(ended_early(id, TurnStatus::Failed, Some(refusal)));
                }
            }
        }
        self.start_waiting_turns();
    }

    fn end_turn(&mut self, ended: Ended) {
        let now = self.shared.clock.now();
        let room = self.room_id();
        let Some(open) = self.turns.find(ended.turn).filter(|open| open.state != State::Ending) else {
            return;
        };
        if open.state == State::Waiting {
            // It never ran, but who follows a turn sees its beginning before its end.
            let started = Event::new(room, EventBody::TurnStarted(open.reference()));
            self.subscribers.deliver(&[Delivery::All(started)]);
        }
        open.state = State::Ending;
        open.refusal = ended.refusal;
        let reply = Reply {
            in_reply_to: open.turn.in_reply_to,
            status: ended.status,
            model: ended.model,
            usage: ended.usage,
            cost: ended.cost,
            elapsed: ended.elapsed,
            backend: ended.backend,
            confidence: ended.confidence,
        };
        let message = Message {
            id: open.turn.id,
            content: open.text.clone(),
            content_type: ended.content_type,
            author_name: ended.assistant,
            reply: Some(reply),
            attached: ended.attached,
            metadata: ended.metadata,
            ..Message::new(open.turn.conversation, Author::Assistant, KIND_ASSISTANT, now)
        };
        self.write_end(Arc::new(TurnEnd { message, from_checkpoint: false }));
    }

    /// Sends a turn's end to the store; again, where the store failed.
    pub(super) fn write_end(&mut self, end: Arc<TurnEnd>) {
        let write = Write::TurnEnd(Box::new(TurnEnd::clone(&end)));
        self.pending.push((write, Waiting::TurnEnd(end)));
    }

    /// An entry of the log that is told now: the end of a turn that was live here, or simply a message. Who stopped
    /// the turn gets the answer after it.
    pub(super) fn tell_entry(&mut self, message: &Arc<Message>, deliveries: &mut Vec<Delivery>) {
        let Some(index) = self.turns.open.iter().position(|open| open.turn.id == message.id) else {
            return deliveries.push(self.to_all(EventBody::Message(Arc::clone(message))));
        };
        let open = self.turns.open.remove(index);
        open.stop.cancel(); // only where another node ended it does its task still run
        if open.state == State::Waiting {
            deliveries.push(self.to_all(EventBody::TurnStarted(open.reference())));
        }
        self.turns.ended.push(open.guard);
        for follower in open.followers {
            follower.answer(self.room_id(), message, open.refusal.clone());
        }
        let ended = EventBody::TurnEnded { message: Arc::clone(message), refusal: open.refusal };
        deliveries.push(self.to_all(ended));
        let status = message.reply.as_ref().map(|reply| reply.status);
        let answer =
            ReplyBody::Stopped { conversation: message.conversation, turn: Some(message.id), status };
        for stopper in open.stoppers {
            let answer = self.subscribers.answer(stopper, self.room_id(), answer.clone());
            deliveries.extend(answer.map(|(to, answer)| Delivery::Answer(to, answer)));
        }
    }

    /// Forgets a turn that ended without leaving a message that we can find.
    pub(super) fn forget_turn(&mut self, id: MessageId) {
        let Some(index) = self.turns.open.iter().position(|open| open.turn.id == id) else { return };
        let conversation = self.summary.id;
        let open = self.turns.open.remove(index);
        let why = match self.standing {
            // It was deleted, and what was said of it goes with it.
            Standing::Void => ErrorCode::ConversationNotFound,
            Standing::Nascent | Standing::Stored => ErrorCode::AiUnavailable,
        };
        open.followers.into_iter().for_each(|follower| follower.lose(conversation, why));
        for stopper in open.stoppers {
            stopper.reply(self.room_id(), ReplyBody::Stopped { conversation, turn: Some(id), status: None });
        }
    }

    /// Ends a turn early; with no id, the live one that began last is meant (of those that `of` has asked for). Its end
    /// is the answer. Gives the stopper back where no such turn is live.
    pub(super) fn stop_turn(
        &mut self,
        id: Option<MessageId>,
        of: Option<UserId>,
        origin: Origin,
    ) -> Option<Origin> {
        let open = match id {
            Some(id) => self.turns.find(id),
            None => self.turns.newest(of),
        };
        let Some(open) = open else { return Some(origin) };
        open.stoppers.push(origin);
        open.stop.cancel();
        if open.state == State::Waiting {
            let id = open.turn.id;
            self.end_turn(ended_early(id, TurnStatus::Stopped, None));
        }
        None
    }

    /// The conversation is gone for this task: no turn goes on.
    pub(super) fn stop_all_turns(&mut self) {
        let open: Vec<_> = self.turns.open.iter().map(|open| (open.turn.id, open.state)).collect();
        for (id, state) in open {
            self.abandon_turn(id);
            if state == State::Waiting {
                self.end_turn(ended_early(id, TurnStatus::Interrupted, None));
            }
        }
    }

    /// Another node has ended this turn: ours must not go on.
    pub(super) fn abandon_turn(&mut self, id: MessageId) {
        if let Some(open) = self.turns.find(id) {
            open.stop.cancel();
        }
    }

    /// This node stops: the turns that wait end here; those that stream end themselves.
    pub(super) fn interrupt_turns(&mut self) {
        self.turns.interrupted = true;
        let waiting: Vec<_> = self
            .turns
            .open
            .iter()
            .filter(|open| open.state == State::Waiting)
            .map(|open| open.turn.id)
            .collect();
        for id in waiting {
            self.end_turn(ended_early(id, TurnStatus::Interrupted, None));
        }
    }

    /// Shows every turn that streams to one connection, from its beginning.
    pub(super) fn show_turns(&self, outbox: &Outbox) {
        let (room, at) = (self.room_id(), self.shared.clock.now());
        self.turns.open.iter().for_each(|open| open.show(outbox, room.clone(), at));
    }

    /// Shows the turn that answers `message`, if one does and has not ended.
    pub(super) fn show_answer(&self, message: MessageId, outbox: &Outbox) -> bool {
        let answer = self.turns.open.iter().rev().find(|open| open.turn.in_reply_to == message);
        answer.inspect(|open| open.show(outbox, self.room_id(), self.shared.clock.now())).is_some()
    }

    /// Gives a follower to the turn that answers `message`. Gives it back where none does.
    pub(super) fn follow_answer(&mut self, message: MessageId, follower: Follower) -> Option<Follower> {
        let (room, at) = (self.room_id(), self.shared.clock.now());
        let mut open = self.turns.open.iter_mut().rev();
        let Some(open) = open.find(|open| open.turn.in_reply_to == message) else { return Some(follower) };
        open.follow(follower, room, at);
        None
    }

    /// Writes down what the live turns have produced, and that this node lives. One checkpoint of a turn is on its way
    /// at the most: where the store is slow, the next one says all that was left out.
    pub(super) fn checkpoint_turns(&mut self) {
        let settings = &self.shared.settings.turns;
        let lease_until = self.shared.clock.now().plus(settings.lease);
        let due = |open: &&mut OpenTurn| open.state != State::Ending && !open.checkpointing;
        for open in self.turns.open.iter_mut().filter(due) {
            open.checkpointing = true;
            let changed = open.checkpointed != Some(open.text.len());
            open.checkpointed = Some(open.text.len());
            let content = changed.then(|| open.text.clone());
            let checkpoint = Checkpoint { turn: open.turn.id, content, lease_until };
            self.pending.push((Write::TurnCheckpoint(checkpoint), Waiting::Checkpoint(open.turn.id)));
        }
        if self.turns.any() {
            self.timers.start_checkpoints(settings.checkpoint, self.shared.origin);
        }
    }

    /// A checkpoint has its answer. Where it was not written, the next one has the whole text again.
    pub(super) fn checkpoint_settled(&mut self, id: MessageId, written: bool) {
        if let Some(open) = self.turns.find(id) {
            open.checkpointing = false;
            if !written {
                open.checkpointed = None;
            }
        }
    }
}

fn ended_early(turn: MessageId, status: TurnStatus, refusal: Option<Refusal>) -> Ended {
    Ended {
        turn,
        status,
        usage: Usage::default(),
        cost: None,
        elapsed: Duration::ZERO,
        model: None,
        assistant: None,
        backend: None,
        confidence: None,
        content_type: None,
        attached: None,
        metadata: None,
        refusal,
    }
}
