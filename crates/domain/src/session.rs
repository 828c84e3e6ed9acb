//! One authenticated connection: what it may ask, and how each command finds its conversation.
//!
//! Answers and events all leave by the [`Outbox`]. Commands are done in their order; those that read the log do it
//! here, so that a slow read delays only who asked.

mod asking;
mod reading;
mod receipts;
mod rooms;
mod sending;
mod turns;
mod uploading;

use crate::caller::Caller;
use crate::command::{Action, Command, Place};
use crate::conversation::{Access, Origin, Start, Work};
use crate::event::{Correlation, Reply, ReplyBody};
use crate::hub::Shared;
use crate::joined::Joined;
use crate::limits::{ConnectionLimits, Verdict};
use crate::outbox::{Ear, Outbox};
use crate::ports::{GrantId, Identity, Role, Scope};
use crate::registry;
use crate::uploads::UploadAction;
use crate::{CloseCode, ConnectionId, ConversationId, ErrorCode, Refusal, RoomId, UserId};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What a session is for. It decides what the session hears, and by which limit its messages count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A client that takes part: it hears of everything of its user's.
    Client,
    /// The same, which catches up first.
    Reader,
    /// A client that hears answers alone.
    Asker,
    /// A client of the AI API: it hears answers, and its user's own turns.
    Own,
    /// One request of the AI API: it hears its answer, and is no connection.
    Request,
    /// A job of its user's: as a request, but its message was counted when the job was taken in.
    Job,
}

impl Manner {
    /// Whether its messages count with all others that its user sends by the AI API, over HTTP and over sockets.
    fn counts_by_user(self) -> bool {
        matches!(self, Self::Own | Self::Request)
    }

    fn ear(self) -> Ear {
        match self {
            Self::Client | Self::Reader => Ear::Everything,
            Self::Own => Ear::OwnTurns,
            Self::Asker | Self::Request | Self::Job => Ear::Answers,
        }
    }
}

/// One authenticated connection. Dropping it ends it.
pub struct Session {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    manner: Manner,
    /// Where it asked last ([`Action::Ask`]).
    asked: Option<ConversationId>,
    limits: ConnectionLimits,
    /// From where it came, for what is audited.
    address: Option<IpAddr>,
    /// How many more uploads may be finished at once.
    finishing: Arc<Semaphore>,
}

/// A conversation that a command named.
#[derive(Debug, Clone)]
struct Target {
    conversation: ConversationId,
    /// Its room, where that was how it was named.
    room: Option<RoomId>,
}

impl Session {
    /// A session that the server itself has for a user whose job it does.
    pub(crate) fn for_job(shared: Arc<Shared>, user: UserId, username: Arc<str>) -> Self {
        let (role, scope, grant) = (Role::User, Scope::Everything, GrantId(uuid::Uuid::nil()));
        let identity = Identity { user, role, expires_at: shared.clock.now(), scope, grant };
        let caller = Caller { identity, username, address: None };
        let outbox = Outbox::new(ConnectionId::new(), &caller, Manner::Job.ear(), shared.settings.outbox);
        let limits = ConnectionLimits::new(Arc::clone(&shared.user_limits), user, &shared.settings.limits);
        let finishing = Arc::new(Semaphore::new(uploading::FINISHING));
        Self { shared, outbox, manner: Manner::Job, asked: None, limits, address: None, finishing }
    }

    pub(crate) fn open(shared: Arc<Shared>, caller: &Caller, manner: Manner) -> Result<Self, Refusal> {
        let user = caller.identity.user;
        let outbox = Outbox::new(ConnectionId::new(), caller, manner.ear(), shared.settings.outbox);
        if manner == Manner::Reader {
            outbox.begin_replay();
        }
        if manner != Manner::Request {
            shared.registry.add(&outbox, &shared.settings.limits)?;
        }
        let limits = ConnectionLimits::new(Arc::clone(&shared.user_limits), user, &shared.settings.limits);
        let finishing = Arc::new(Semaphore::new(uploading::FINISHING));
        let session =
            Self { shared, outbox, manner, asked: None, limits, address: caller.address, finishing };
        session.still_granted()?;
        Ok(session)
    }

    /// Goes on with another token of the same user. Errors: `FORBIDDEN` for another's, `INVALID_TOKEN` where its sign-in
    /// has just ended; then the one before goes on to count.
    pub fn extend(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.identity.user != self.user() {
            return Err(Refusal::new(ErrorCode::Forbidden, "the token is another user's"));
        }
        let before = self.outbox.grant();
        self.outbox.set_grant(caller.identity.grant);
        self.still_granted().inspect_err(|_| {
            self.outbox.set_grant(before);
            // While the other one stood there, nobody could find the connection by this one.
            if self.still_granted().is_err() {
                registry::sign_out(&self.outbox);
            }
        })
    }

    /// A sign-in that ended before this connection could be found has ended it all the same.
    fn still_granted(&self) -> Result<(), Refusal> {
        let revoked = self.shared.grants.is_revoked(self.outbox.grant());
        if revoked { Err(Refusal::of(ErrorCode::InvalidToken)) } else { Ok(()) }
    }

    /// The connection's id.
    pub fn connection(&self) -> ConnectionId {
        self.outbox.connection()
    }

    /// Whose connection it is.
    pub fn user(&self) -> UserId {
        self.outbox.user()
    }

    /// Where answers and events wait to be written.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// What the connection has joined.
    pub fn joined(&self) -> &Arc<Joined> {
        self.outbox.joined()
    }

    /// Does one command. Everything it has to say goes to the outbox; it waits where a conversation is busy, and
    /// nothing more should be read from the client meanwhile.
    pub async fn handle(&mut self, command: Command) {
        if !matches!(command.action, Action::Resume(_) | Action::Sync) {
            self.outbox.end_replay(None);
        }
        let admitted = match &command.action {
            Action::Upload(UploadAction::Chunk { data, .. }) => self.admit_chunk(data.len()),
            _ => self.admit(),
        };
        match admitted {
            Ok(()) => self.perform(command).await,
            Err(refusal) => self.refuse(command.correlation, refusal, None),
        }
    }

    /// Does one command that no frame asked for: it counts towards no limit of frames.
    pub async fn perform(&mut self, command: Command) {
        let Command { action, correlation } = command;
        match action {
            Action::Send(draft) => self.send(draft, correlation).await,
            Action::Heads => self.reply(correlation, None, ReplyBody::Heads(self.joined().heads())),
            Action::Typing { place, is_typing } => self.typing(place, is_typing, correlation).await,
            Action::Leave(place) => self.leave(place, correlation).await,
            // Boxed: they are rare and large, and every connection's task has room for what is not.
            other => Box::pin(self.perform_rare(other, correlation)).await,
        }
    }

    async fn perform_rare(&mut self, action: Action, correlation: Correlation) {
        match action {
            Action::Join(place) => self.join(place, correlation).await,
            Action::Ask { draft, pieces } => self.ask(draft, pieces, correlation).await,
            Action::Room(action) => self.room(action, correlation).await,
            Action::Upload(action) => self.upload(action, correlation).await,
            Action::Change { message, edit } => self.change(message, edit, correlation).await,
            Action::Stream { place, message, options } => {
                self.stream(place, message, options, correlation).await;
            }
            Action::Regenerate { place, message, options } => {
                self.regenerate(place, message, options, correlation).await;
            }
            Action::Stop { place, turn } => self.stop(place, turn, correlation).await,
            Action::StopOwn => self.stop_own(correlation).await,
            Action::FollowOwn => self.follow_own().await,
            Action::Read { place, seq } => self.read(place, seq, correlation).await,
            Action::Resume(positions) => self.resume(positions, correlation).await,
            Action::Hold => self.outbox.begin_replay(),
            Action::Sync => self.sync(correlation).await,
            Action::History { place, before, limit } => {
                self.history(place, before, limit, correlation).await;
            }
            Action::Send(_) | Action::Heads | Action::Typing { .. } | Action::Leave(_) => {}
        }
    }

    /// Answers a frame that could not be understood. It counts like any other.
    pub fn reject(&mut self, correlation: Correlation, refusal: Refusal) {
        let refusal = self.admit().err().unwrap_or(refusal);
        self.refuse(correlation, refusal, None);
    }

    /// Counts a frame that asks nothing of the domain (a ping). False where it is one too many, and was refused.
    pub fn count(&mut self) -> bool {
        let admitted = self.admit();
        admitted.map_err(|refusal| self.refuse(Correlation::default(), refusal, None)).is_ok()
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.limits.check().map_err(|verdict| self.judged(verdict))
    }

    /// Counts a message, in a frame that was counted.
    fn admit_chat(&self) -> Result<(), Refusal> {
        let checked = match self.manner {
            Manner::Job => Ok(()),
            manner if manner.counts_by_user() => self.limits.check_user_chat(),
            _ => self.limits.check_chat(),
        };
        checked.map_err(|verdict| self.judged(verdict))
    }

    fn judged(&self, verdict: Verdict) -> Refusal {
        match verdict {
            Verdict::Refused(refusal) => refusal,
            Verdict::Flooding => {
                self.outbox.close(CloseCode::Flooding);
                Refusal::of(ErrorCode::RateLimit)
            }
        }
    }

    /// Tells that a command was not done, in the words of how it named its conversation.
    fn refuse(&self, correlation: Correlation, refusal: Refusal, place: Option<&Place>) {
        let (room, conversation) = match place {
            Some(Place::Room(room)) => (Some(room.clone()), None),
            Some(Place::Conversation(id)) => (None, Some(*id)),
            None => (None, None),
        };
        let refusal = if place.is_some() { refusal.about(room.is_some()) } else { refusal };
        if let Some(room) = &room
            && refusal.code == ErrorCode::RoomNotFound
        {
            self.shared.forget_room(room);
        }
        self.reply(correlation, room, ReplyBody::Refused { refusal, conversation });
    }

    fn reply(&self, correlation: Correlation, room: Option<RoomId>, body: ReplyBody) {
        self.outbox.reply(Reply { correlation, room, body });
    }

    fn origin(&self, correlation: Correlation, room: Option<RoomId>) -> Origin {
        Origin { outbox: Arc::clone(&self.outbox), correlation, room }
    }

    /// The conversation that a command names. Error: `ROOM_NOT_FOUND`.
    async fn locate(&self, place: &Place) -> Result<Target, Refusal> {
        match place {
            Place::Conversation(id) => Ok(Target { conversation: *id, room: None }),
            Place::Room(room) => {
                let conversation = self.shared.room_find(room).await?;
                Ok(Target { conversation, room: Some(room.clone()) })
            }
        }
    }

    /// Subscribes; the caller answers and then says [`Self::go_live`].
    async fn subscribe(&self, conversation: ConversationId, start: Start) -> Result<Access, Refusal> {
        let outbox = Arc::clone(&self.outbox);
        let work = |respond| Work::Join { outbox, start, respond };
        let access = self.shared.ask(conversation, work).await?;
        // The task that answered: a subscriber keeps it alive.
        if let Some(handle) = self.shared.live(conversation) {
            self.joined().add(conversation, handle);
        }
        Ok(access)
    }

    async fn go_live(&self, conversation: ConversationId) {
        self.shared.route(conversation, Work::GoLive(self.connection())).await;
    }

    async fn join(&mut self, place: Place, correlation: Correlation) {
        let joined = match self.locate(&place).await {
            Ok(target) => self.subscribe(target.conversation, Start::Now).await.map(|it| (target, it)),
            Err(refusal) => Err(refusal),
        };
        match joined {
            Ok((Target { conversation, .. }, Access { head, title, room, .. })) => {
                self.reply(correlation, room, ReplyBody::Joined { conversation, last_seq: head, title });
                self.go_live(conversation).await;
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(&place)),
        }
    }

    /// Joins without an answer of its own, where this connection has not.
    async fn ensure_joined(&self, conversation: ConversationId) -> Result<(), Refusal> {
        if !self.joined().is_live(conversation) {
            self.subscribe(conversation, Start::Now).await?;
            self.go_live(conversation).await;
        }
        Ok(())
    }

    async fn leave(&mut self, place: Place, correlation: Correlation) {
        match self.locate(&place).await {
            Ok(Target { conversation, room }) => {
                if self.joined().forget(conversation) {
                    self.shared.route(conversation, Work::Leave(self.connection())).await;
                }
                self.reply(correlation, room, ReplyBody::Left { conversation });
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(&place)),
        }
    }

    async fn typing(&mut self, place: Place, is_typing: bool, correlation: Correlation) {
        match self.locate(&place).await {
            Ok(Target { conversation, room }) => {
                let origin = Box::new(self.origin(correlation, room));
                self.shared.route(conversation, Work::Typing { origin, conversation, is_typing }).await;
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(&place)),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.close(CloseCode::Normal);
        self.shared.registry.remove(&self.outbox);
        // A hint is enough: a closed outbox is also found by the next event, and by the idle check.
        self.joined().take().iter().for_each(|handle| handle.hint(Work::Sweep));
    }
}
