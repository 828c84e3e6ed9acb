//! What waits to be written to one connection: bounded in bytes, filled by many, emptied by its socket alone.
//!
//! A slow reader harms only itself. Pushing never waits. When the outbox is full, typing is dropped, pieces of one
//! turn's text merge, and anything else closes the connection with [`CloseCode::TooSlow`]: a stored message is never
//! skipped, the client resumes instead.

mod items;
mod progress;
mod replay;

pub(crate) use self::items::Delivery;
pub use self::items::{Close, Outgoing};

use self::progress::Progress;
use self::replay::Replay;
use crate::caller::Caller;
use crate::event::{Event, EventBody, Reply, TurnPart};
use crate::joined::Joined;
use crate::message::Seq;
use crate::ports::GrantId;
use crate::{CloseCode, ConnectionId, ConversationId, MessageId, UserId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

/// What a connection hears of that it has not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ear {
    /// Everything that its user may hear of.
    Everything,
    /// The turns that its user has asked for, on whatever connection.
    OwnTurns,
    /// Nothing.
    Answers,
}

/// How much room for things is kept while there are none.
const KEPT: usize = 16;

/// The outbox of one connection.
#[derive(Debug)]
pub struct Outbox {
    connection: ConnectionId,
    user: UserId,
    name: Arc<str>,
    /// The sign-in that it comes of.
    grant: Mutex<GrantId>,
    /// What it hears of beside answers.
    ear: Ear,
    joined: Arc<Joined>,
    limit: usize,
    closed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Outgoing>,
    /// Bytes in `queue`.
    bytes: usize,
    /// Bytes that were taken last and may not be written yet.
    in_flight: usize,
    /// How many things were taken so far: the position of the queue's front.
    taken: u64,
    /// Where in the queue the last piece of each turn stands, as a position since the beginning.
    pieces: Vec<(MessageId, TurnPart, u64)>,
    close: Option<Close>,
    reader: Option<Waker>,
    producer: Option<Waker>,
    progress: Progress,
    replay: Replay,
}

impl Outbox {
    /// An empty outbox of a caller's connection that holds at most `limit` bytes, about; `ear` is what it also gets
    /// that nobody asked for on it.
    pub(crate) fn new(connection: ConnectionId, caller: &Caller, ear: Ear, limit: usize) -> Arc<Self> {
        let (user, name) = (caller.identity.user, Arc::clone(&caller.username));
        let grant = Mutex::new(caller.identity.grant);
        let (joined, closed, state) = (Arc::default(), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { connection, user, name, grant, ear, joined, limit, closed, state })
    }

    /// The sign-in that the connection comes of.
    pub(crate) fn grant(&self) -> GrantId {
        *self.grant.lock()
    }

    /// The connection goes on with a token of this sign-in.
    pub(crate) fn set_grant(&self, grant: GrantId) {
        *self.grant.lock() = grant;
    }

    /// What it hears of beside answers.
    pub(crate) fn ear(&self) -> Ear {
        self.ear
    }

    /// The connection that it belongs to.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The user whose connection it is.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// What that user is called.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the connection has joined.
    pub(crate) fn joined(&self) -> &Arc<Joined> {
        &self.joined
    }

    /// Whether nothing more goes in.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Puts one thing in. False where the outbox is closed, or closes now because it is full.
    pub fn push(&self, item: Outgoing) -> bool {
        self.change(|state, limit| state.offer_alone(item, limit))
    }

    /// Puts an answer in.
    pub(crate) fn reply(&self, reply: Reply) -> bool {
        self.push(Outgoing::Reply(Box::new(reply)))
    }

    /// Puts a batch of one conversation in, under one lock and with one waking. `position` is that of its last entry.
    pub(crate) fn deliver(&self, deliveries: &[Delivery], position: Option<(ConversationId, Seq)>) -> bool {
        self.change(|state, limit| {
            let mut items = deliveries.iter().filter_map(|delivery| delivery.item_for(self));
            let accepted = items.all(|item| state.offer(item, limit));
            state.progress.hand_out(position);
            accepted
        })
    }

    /// Puts `item` in once at least half of the outbox is free: for a producer that has more than fits, and may wait.
    /// False where the outbox is closed.
    pub(crate) async fn push_with_room(&self, item: Outgoing) -> bool {
        poll_fn(|context| self.poll_room(context)).await;
        self.push(item)
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.close.is_some() || state.bytes + state.in_flight <= self.limit / 2 {
            return Poll::Ready(());
        }
        state.producer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Puts an event of a conversation in that the connection has not joined.
    pub(crate) fn push_elsewhere(&self, event: &Arc<Event>) {
        self.change(|state, limit| {
            if state.replay.is_under_way() {
                return state.hold(event, limit);
            }
            state.offer_alone(Outgoing::Event(Arc::clone(event)), limit)
        });
    }

    /// From here on events of conversations that the connection has not joined wait for [`Self::end_replay`].
    pub(crate) fn begin_replay(&self) {
        self.state.lock().replay.begin();
    }

    /// Puts in what waited, but for what the connection has: `told` is where the replay of each conversation ended;
    /// none where there was none.
    pub(crate) fn end_replay(&self, told: Option<HashMap<ConversationId, Seq>>) {
        let has_news = told.as_ref().is_some_and(|told| !told.is_empty());
        if !has_news && !self.state.lock().replay.is_under_way() {
            return;
        }
        self.change(|state, limit| {
            let held = state.replay.end(told.unwrap_or_default());
            held.into_iter().all(|event| state.offer_alone(Outgoing::Event(event), limit))
        });
    }

    /// The client answered the question with this number: what it has got by that, where it is more than before.
    pub(crate) fn answered(&self, number: u64) -> Vec<(ConversationId, Seq)> {
        self.state.lock().progress.answered(number)
    }

    /// The client closed in good order: what it has got by that, where it is more than before.
    pub(crate) fn closed_by_client(&self) -> Vec<(ConversationId, Seq)> {
        let mut state = self.state.lock();
        if state.in_flight == 0 && state.queue.is_empty() { state.progress.all() } else { Vec::new() }
    }

    /// Ends the connection. What is in the outbox is still written first, unless the reader is too slow for it;
    /// that can also be found while the connection ends already.
    pub fn close(&self, close: impl Into<Close>) {
        let close = close.into();
        let mut state = self.state.lock();
        if state.close.is_none() || close.code == CloseCode::TooSlow {
            state.close_with(close);
            self.closed.store(true, Ordering::Release);
            let wakers = [state.reader.take(), state.producer.take()];
            drop(state);
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }

    /// Waits for things to write and takes them all into `batch`, which must be empty: its allocation is reused.
    /// Calling again says that the batch before is written. Error: the connection ends, and nothing is left.
    pub async fn take(&self, batch: &mut VecDeque<Outgoing>) -> Result<(), Close> {
        poll_fn(|context| self.poll_take(context, batch)).await
    }

    fn poll_take(
        &self,
        context: &mut Context<'_>,
        batch: &mut VecDeque<Outgoing>,
    ) -> Poll<Result<(), Close>> {
        let mut state = self.state.lock();
        state.in_flight = 0;
        let outcome = if !state.queue.is_empty() {
            std::mem::swap(&mut state.queue, batch);
            state.taken += batch.len() as u64;
            state.in_flight = std::mem::take(&mut state.bytes);
            state.pieces.clear();
            Poll::Ready(Ok(()))
        } else if let Some(close) = &state.close {
            Poll::Ready(Err(close.clone()))
        } else {
            state.reader = Some(context.waker().clone());
            shrink(&mut state.queue);
            shrink(batch);
            Poll::Pending
        };
        if state.bytes + state.in_flight <= self.limit / 2
            && let Some(producer) = state.producer.take()
        {
            drop(state);
            producer.wake();
        }
        outcome
    }

    /// Waits until the connection is closed as too slow: what is being written now should be given up.
    pub async fn overflowed(&self) -> Close {
        poll_fn(|context| {
            let mut state = self.state.lock();
            match &state.close {
                Some(close) if close.code == CloseCode::TooSlow => Poll::Ready(close.clone()),
                _ => {
                    state.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Changes the state under the lock, and wakes the reader after it.
    fn change(&self, change: impl FnOnce(&mut State, usize) -> bool) -> bool {
        let mut state = self.state.lock();
        if state.close.is_some() {
            return false;
        }
        let accepted = change(&mut state, self.limit);
        if state.close.is_some() {
            self.closed.store(true, Ordering::Release);
        }
        let (reader, producer) =
            (state.reader.take(), if state.close.is_some() { state.producer.take() } else { None });
        drop(state);
        reader.into_iter().chain(producer).for_each(Waker::wake);
        accepted
    }
}

/// Gives the memory of a burst back once it is over.
fn shrink(queue: &mut VecDeque<Outgoing>) {
    if queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
}

impl State {
    /// The same as [`Self::offer`] for what comes by itself, which is noted as handed out.
    fn offer_alone(&mut self, item: Outgoing, limit: usize) -> bool {
        let position = item.position();
        if let Outgoing::Probe { number, .. } = &item {
            self.progress.ask(*number);
        }
        let accepted = self.offer(item, limit);
        self.progress.hand_out(position);
        accepted
    }

    /// The shedding rules, in one place.
    fn offer(&mut self, item: Outgoing, limit: usize) -> bool {
        if let Outgoing::Event(event) = &item
            && self.replay.has_told(event)
        {
            return true;
        }
        let weight = item.weight();
        let used = self.bytes + self.in_flight;
        if used + weight > limit / 2 && self.merge(&item) {
            return self.fits(limit);
        }
        if used + weight > limit {
            if item.is_droppable() {
                return true;
            }
            self.close_with(CloseCode::TooSlow.into());
            return false;
        }
        if let Outgoing::Event(event) = &item
            && let EventBody::TurnDelta { turn, part, .. } = event.body()
        {
            let position = self.taken + self.queue.len() as u64;
            self.pieces.retain(|(id, of, _)| (*id, *of) != (turn.id, *part));
            self.pieces.push((turn.id, *part, position));
        }
        self.bytes += weight;
        self.queue.push_back(item);
        true
    }

    /// Keeps an event for later; closes where too much is kept.
    fn hold(&mut self, event: &Arc<Event>, limit: usize) -> bool {
        let fits = self.replay.hold(event, limit);
        if !fits {
            self.close_with(CloseCode::TooSlow.into());
        }
        fits
    }

    /// Joins a piece of a turn's text to the one before it, if that still waits here.
    fn merge(&mut self, item: &Outgoing) -> bool {
        let Outgoing::Event(event) = item else { return false };
        let EventBody::TurnDelta { turn, part, offset, text, at } = event.body() else { return false };
        let last = self.pieces.iter().find(|(id, of, _)| (*id, *of) == (turn.id, *part));
        let Some((_, _, position)) = last else { return false };
        let Ok(index) = usize::try_from(position - self.taken) else { return false };
        let Some(Outgoing::Event(waiting)) = self.queue.get_mut(index) else { return false };
        let EventBody::TurnDelta { offset: first, text: before, .. } = waiting.body() else { return false };
        if first + before.len() as u64 != *offset {
            return false; // the stream was restarted in between: the two are not one text
        }
        let body = EventBody::TurnDelta {
            turn: *turn,
            part: *part,
            offset: *first,
            text: [before.as_str(), text.as_str()].concat(),
            at: *at,
        };
        self.bytes += text.len();
        *waiting = Event::new(event.room().cloned(), body);
        true
    }

    fn fits(&mut self, limit: usize) -> bool {
        let fits = self.bytes + self.in_flight <= limit;
        if !fits {
            self.close_with(CloseCode::TooSlow.into());
        }
        fits
    }

    fn close_with(&mut self, close: Close) {
        if close.code == CloseCode::TooSlow {
            self.queue = VecDeque::new();
            self.bytes = 0;
        }
        self.close = Some(close);
    }
}

#[cfg(test)]
mod tests;
