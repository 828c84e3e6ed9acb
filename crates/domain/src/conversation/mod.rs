//! The task that owns one live conversation: the only one that changes it.
//!
//! Everything comes in through a bounded inbox and is done in its order. Writes are collected while the batch before
//! them is on its way to disk; what is committed is then answered and broadcast in the order of its seqs. Pieces of
//! turns pass by without waiting for the disk. The task goes away when nobody needs it.

mod accept;
mod commit;
mod members;
mod own;
mod plans;
mod presence;
mod subscribers;
mod timers;
mod titles;
mod turns;
mod work;

pub(crate) use work::{
    Access, Asks, ChangeWork, FollowWork, Follower, MembershipRequest, MembershipWork, Origin, RetitleWork,
    SendWork, Start, StopAnswer, StopWork, StreamWork, Work,
};

use crate::event::{Event, EventBody};
use crate::hub::Shared;
use crate::message::{Seq, Summary};
use crate::outbox::Delivery;
use crate::ports::{ConversationRecord, StoreError, Write, Written};
use crate::room::{MemberRole, Participant, Room};
use crate::{ConversationId, ErrorCode, Refusal, RoomId, UserId};
use commit::Waiting;
use futures_util::future::BoxFuture;
use members::{Members, MembershipQueue};
use presence::PresenceBook;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use subscribers::Subscribers;
use timers::Timers;
use tokio::sync::mpsc;
use turns::Turns;

/// How much may wait in an inbox; then senders wait, and with them their sockets.
pub(crate) const INBOX: usize = 256;
/// How many writes go to the store at once.
const BATCH: usize = 256;

/// How a task comes to know its conversation.
pub(crate) enum Seed {
    /// It is in the store.
    Existing,
    /// Its first message will make it.
    New { owner: UserId, title: String },
}

type InFlight = (Vec<Waiting>, BoxFuture<'static, Result<Vec<Written>, StoreError>>);

pub(crate) struct Conversation {
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Work>,
    summary: Summary,
    /// What makes it a room, if it is one.
    room: Option<Room>,
    members: Members,
    memberships: MembershipQueue,
    /// Titles that are wanted.
    titles: Vec<RetitleWork>,
    presence: PresenceBook,
    /// The head for the connections' heartbeats: `summary.last_seq`, readable without asking.
    head: Arc<AtomicU64>,
    subscribers: Subscribers,
    turns: Turns,
    timers: Timers,
    pending: Vec<(Write, Waiting)>,
    in_flight: Option<InFlight>,
    standing: Standing,
    /// A write failed, and whether it was committed is not known.
    in_doubt: bool,
    stopping: bool,
}

/// Whether the conversation is in the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A message that is yet to be stored will make it.
    Nascent,
    Stored,
    /// That message was refused, it had made another conversation before, or its fate is not known: this task is for
    /// nothing, and whoever wants the conversation asks the store.
    Void,
}

/// What the loop woke up for.
enum Step {
    Committed(Result<Vec<Written>, StoreError>),
    Pieces,
    TurnEnded(Box<turns::Joined>),
    Work,
    Timer,
    HardStop,
    Stop,
}

impl Conversation {
    /// Loads the conversation and serves it until nobody needs it. Returns what came in too late, for its successor.
    pub(crate) async fn run(
        shared: Arc<Shared>,
        id: ConversationId,
        seed: Seed,
        mut inbox: mpsc::Receiver<Work>,
        head: Arc<AtomicU64>,
    ) -> Vec<Work> {
        let (ConversationRecord { summary, room, participants }, standing) =
            match load(&shared, id, seed).await {
                Ok(loaded) => loaded,
                Err(refusal) => {
                    refuse_all(&mut inbox, &refusal).await;
                    return Vec::new();
                }
            };
        head.store(summary.last_seq, Ordering::Release);
        let timers = Timers::new(shared.settings.idle);
        let conversation = Self {
            shared,
            inbox,
            summary,
            room,
            members: Members::of(participants),
            memberships: MembershipQueue::default(),
            titles: Vec::new(),
            presence: PresenceBook::default(),
            head,
            subscribers: Subscribers::default(),
            turns: Turns::default(),
            timers,
            pending: Vec::new(),
            in_flight: None,
            standing,
            in_doubt: false,
            stopping: false,
        };
        conversation.serve().await
    }

    async fn serve(mut self) -> Vec<Work> {
        let (mut works, mut pieces) = (Vec::new(), Vec::new());
        loop {
            match self.next_step(&mut works, &mut pieces).await {
                Step::Committed(result) => self.committed(result).await,
                Step::Pieces => self.relay(&mut pieces),
                Step::TurnEnded(joined) => {
                    self.drain_pieces(&mut pieces);
                    self.turn_finished(*joined);
                }
                Step::Work => works.drain(..).for_each(|work| self.accept(work)),
                Step::Timer => self.tick(),
                Step::HardStop => self.interrupt_turns(),
                Step::Stop => self.stopping = true,
            }
            self.tell_presence();
            self.retitle().await;
            if self.in_doubt && self.in_flight.is_none() && !self.timers.holds_writes() {
                self.reconcile().await;
            }
            self.submit().await;
            if self.is_done() {
                break;
            }
        }
        self.inbox.close();
        let mut late = Vec::new();
        while self.inbox.recv_many(&mut late, INBOX).await > 0 {}
        if self.stopping {
            let refusal = Refusal::of(ErrorCode::Internal);
            late.drain(..).for_each(|work: Work| work.refuse(refusal.clone()));
        }
        late.extend(self.memberships.into_waiting().map(|work| Work::Membership(Box::new(work))));
        late
    }

    async fn next_step(&mut self, works: &mut Vec<Work>, pieces: &mut Vec<crate::generation::Piece>) -> Step {
        let room = BATCH.saturating_sub(self.pending.len());
        tokio::select! {
            biased;
            result = in_flight(&mut self.in_flight) => Step::Committed(result),
            _ = turns::receive(&mut self.turns.pieces, pieces) => Step::Pieces,
            Some(joined) = self.turns.tasks.join_next_with_id() => Step::TurnEnded(Box::new(joined)),
            _ = self.inbox.recv_many(works, room), if room > 0 && self.standing != Standing::Void => Step::Work,
            () = self.timers.wait(self.presence.due()) => Step::Timer,
            () = self.shared.hard_stop.cancelled(), if self.turns.any() && !self.turns.interrupted => Step::HardStop,
            () = self.shared.stop.cancelled(), if !self.stopping => Step::Stop,
        }
    }

    /// Sends what is pending on its way, if nothing else is: the next group forms meanwhile.
    async fn submit(&mut self) {
        if self.in_flight.is_some() || self.pending.is_empty() || self.timers.holds_writes() {
            return;
        }
        let (writes, waiting) = std::mem::take(&mut self.pending).into_iter().unzip();
        let shared = Arc::clone(&self.shared);
        let mut future: BoxFuture<'static, _> = Box::pin(async move { shared.store.write(writes).await });
        // Polled once, so that it is with the store's writer before this task does anything else.
        match futures_util::poll!(&mut future) {
            std::task::Poll::Ready(result) => {
                self.in_flight = Some((waiting, Box::pin(std::future::ready(result))));
            }
            std::task::Poll::Pending => self.in_flight = Some((waiting, future)),
        }
    }

    fn is_done(&mut self) -> bool {
        let at_rest = self.in_flight.is_none()
            && self.pending.is_empty()
            && !self.turns.any()
            && self.presence.due().is_none();
        let unneeded = self.standing == Standing::Void
            || self.stopping
            || self.timers.is_idle() && self.subscribers.is_empty() && self.inbox.is_empty();
        at_rest && unneeded
    }

    /// The room's id, for what leaves from here.
    fn room_id(&self) -> Option<RoomId> {
        self.room.as_ref().map(|room| room.id.clone())
    }

    fn event(&self, body: EventBody) -> Arc<Event> {
        Event::new(self.room_id(), body)
    }

    fn to_all(&self, body: EventBody) -> Delivery {
        Delivery::All(self.event(body))
    }

    /// Whoever wants the conversation from here on asks the store.
    fn become_void(&mut self) {
        self.standing = Standing::Void;
        self.inbox.close();
    }

    fn set_head(&mut self, seq: Seq) {
        self.summary.last_seq = seq;
        self.head.store(seq, Ordering::Release);
    }
}

async fn load(
    shared: &Shared,
    id: ConversationId,
    seed: Seed,
) -> Result<(ConversationRecord, Standing), Refusal> {
    match seed {
        Seed::New { owner, title } => {
            let now = shared.clock.now();
            let summary = Summary { id, title, updated_at: now, message_count: 0, last_seq: 0 };
            let role = Some(MemberRole::Owner);
            let owner = Participant { user: owner, role, joined_at: now, visible_after: 0 };
            let record = ConversationRecord { summary, room: None, participants: vec![owner] };
            Ok((record, Standing::Nascent))
        }
        Seed::Existing => match shared.store.conversation_get(id).await {
            Ok(Some(record)) => Ok((record, Standing::Stored)),
            Ok(None) => Err(Refusal::of(ErrorCode::ConversationNotFound)),
            Err(error) => Err(Refusal::internal(&error)),
        },
    }
}

/// Closes the inbox and answers everything in it.
async fn refuse_all(inbox: &mut mpsc::Receiver<Work>, refusal: &Refusal) {
    inbox.close();
    while let Some(work) = inbox.recv().await {
        work.refuse(refusal.clone());
    }
}

async fn in_flight(slot: &mut Option<InFlight>) -> Result<Vec<Written>, StoreError> {
    match slot {
        Some((_, future)) => future.await,
        None => std::future::pending().await,
    }
}
