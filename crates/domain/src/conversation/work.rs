//! What comes into a conversation's inbox.

use crate::command::TurnOptions;
use crate::event::{Correlation, Event, EventBody, Reply, ReplyBody, RoomJoined, TurnPart, TurnRef};
use crate::message::{Edit, KIND_USER, Message, Seq};
use crate::outbox::{Outbox, Outgoing};
use crate::ports::{AuditEntry, FileRecord, NewMessage, OrphanTurn};
use crate::room::{MemberRole, Participant, RoomKind};
use crate::{CloseCode, ConnectionId, ConversationId, ErrorCode, MessageId, Refusal, RoomId, UserId};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where a command came from, and where its answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) correlation: Correlation,
    /// The room that the command named, if it named one.
    pub(crate) room: Option<RoomId>,
}

impl Origin {
    pub(crate) fn reply(&self, room: Option<RoomId>, body: ReplyBody) {
        self.outbox.reply(Reply { correlation: self.correlation.clone(), room, body });
    }

    /// Tells that the command was not done, in the words of how the conversation was named.
    pub(crate) fn refuse(&self, refusal: Refusal, conversation: ConversationId) {
        let refusal = refusal.about(self.room.is_some());
        self.reply(self.room.clone(), ReplyBody::Refused { refusal, conversation: Some(conversation) });
    }

    pub(crate) fn user(&self) -> UserId {
        self.outbox.user()
    }
}

/// From where on a connection gets a conversation's events.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// From now on.
    Now,
    /// From this seq of a log on, which may be another log than ours.
    After { seq: Seq, same_log: bool },
}

/// What a member learns on entering.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) head: Seq,
    pub(crate) title: String,
    /// False: what was missed is too much, or of another log.
    pub(crate) recovered: bool,
    /// The room that it is, if it is one.
    pub(crate) room: Option<RoomId>,
    /// The member sees only entries with a higher seq.
    pub(crate) visible_after: Seq,
}

/// What became of a stop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StopAnswer {
    /// The turn is live: the answer follows its end.
    Follows,
    /// No such turn is live here.
    NotLive,
}

#[derive(Debug)]
pub(crate) struct SendWork {
    pub(crate) origin: Origin,
    pub(crate) new: NewMessage,
    pub(crate) options: TurnOptions,
    /// Where the message is to make its conversation: learns in which one it is. Nothing where it is in none.
    pub(crate) respond: Option<oneshot::Sender<ConversationId>>,
    /// Its sender wants the answer, and nothing else.
    pub(crate) follower: Option<Follower>,
}

/// How an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asks {
    /// Its text as it comes, too.
    pub(crate) pieces: bool,
    /// The message that it answers, too.
    pub(crate) question: bool,
}

/// Somebody who wants the answer to one message, and nothing else of the conversation.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) origin: Origin,
    pub(crate) asks: Asks,
    /// The kind of that message.
    pub(crate) kind: Box<str>,
}

impl Follower {
    /// Tells what happens with the turn.
    pub(crate) fn tell(&self, event: &Arc<Event>) {
        let wanted = match event.body() {
            EventBody::TurnDelta { .. } => self.asks.pieces,
            EventBody::Message(_) => self.asks.question,
            _ => true,
        };
        if wanted {
            self.origin.outbox.push(Outgoing::Event(Arc::clone(event)));
        }
    }

    /// A connection that follows the turns of its user's own.
    pub(crate) fn of_own(outbox: Arc<Outbox>) -> Self {
        let origin = Origin { outbox, correlation: Correlation::default(), room: None };
        Self { origin, asks: Asks { pieces: true, question: true }, kind: KIND_USER.into() }
    }

    /// Tells of a turn that has ended what it would have told before: to who wants the question, too. Others get the
    /// answer alone.
    pub(crate) fn retell(&self, room: Option<&RoomId>, question: &Arc<Message>, reply: &Arc<Message>) {
        if !self.asks.question {
            return;
        }
        let (id, in_reply_to) = (reply.id, question.id);
        let turn = TurnRef { id, conversation: reply.conversation, in_reply_to };
        let (text, at) = (reply.content.clone(), reply.created_at);
        let text = EventBody::TurnDelta { turn, part: TurnPart::Text, offset: 0, text, at };
        let story = [EventBody::Message(Arc::clone(question)), EventBody::TurnStarted(turn), text];
        story.into_iter().for_each(|body| self.tell(&Event::new(room.cloned(), body)));
    }

    /// The turn has ended.
    pub(crate) fn answer(self, room: Option<RoomId>, message: &Arc<Message>, refusal: Option<Refusal>) {
        let (message, kind) = (Arc::clone(message), self.kind.clone());
        let user = self.origin.outbox.user();
        self.origin.reply(room, ReplyBody::Answered { message, user, kind, refusal });
    }

    /// The turn is gone without a reply that could be told.
    pub(crate) fn lose(self, conversation: ConversationId, why: ErrorCode) {
        self.origin.refuse(Refusal::of(why), conversation);
    }
}

impl Drop for Follower {
    /// Where the conversation's task panics, nobody may wait for an answer that never comes.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.origin.outbox.close(CloseCode::Internal);
        }
    }
}

/// Somebody wants the answer to a message that is in the log.
#[derive(Debug)]
pub(crate) struct FollowWork {
    pub(crate) follower: Follower,
    pub(crate) message: MessageId,
    /// How the answer is to be made where no turn makes one; none: then it is not.
    pub(crate) open: Option<TurnOptions>,
    /// Whether the answer follows.
    pub(crate) respond: Respond<bool>,
}

/// Somebody wants a turn to end.
#[derive(Debug)]
pub(crate) struct StopWork {
    pub(crate) origin: Box<Origin>,
    /// Which; none: the newest.
    pub(crate) turn: Option<MessageId>,
    /// The newest of those that the stopper has asked for.
    pub(crate) own: bool,
}

/// Somebody wants the conversation to have another title.
#[derive(Debug)]
pub(crate) struct RetitleWork {
    pub(crate) by: UserId,
    pub(crate) title: String,
    pub(crate) respond: Respond<()>,
}

#[derive(Debug)]
pub(crate) struct StreamWork {
    pub(crate) origin: Origin,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    pub(crate) options: TurnOptions,
}

/// A change to a message.
#[derive(Debug)]
pub(crate) struct ChangeWork {
    pub(crate) origin: Origin,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    pub(crate) edit: Edit,
}

/// A change of who takes part.
#[derive(Debug)]
pub(crate) struct MembershipWork {
    /// Who wants it.
    pub(crate) by: UserId,
    pub(crate) request: MembershipRequest,
    /// What is written down if the conversation ends by it.
    pub(crate) entry: Option<Box<AuditEntry>>,
    pub(crate) respond: Respond<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MembershipRequest {
    /// A room that is there must be of the kind that was asked for, if one was.
    Enter {
        kind: Option<RoomKind>,
    },
    Exit,
    Add {
        user: UserId,
        role: Option<MemberRole>,
    },
    Remove {
        user: UserId,
    },
    Delete,
}

impl MembershipWork {
    /// Whose part it changes.
    pub(crate) fn whose(&self) -> UserId {
        match self.request {
            MembershipRequest::Add { user, .. } | MembershipRequest::Remove { user } => user,
            MembershipRequest::Enter { .. } | MembershipRequest::Exit | MembershipRequest::Delete => self.by,
        }
    }
}

pub(crate) type Respond<T> = oneshot::Sender<Result<T, Refusal>>;

#[derive(Debug)]
pub(crate) enum Work {
    /// Make the connection a subscriber: events are kept for it until [`Work::GoLive`].
    Join {
        outbox: Arc<Outbox>,
        start: Start,
        respond: Respond<Access>,
    },
    /// The connection has its answer, and what it missed up to the head that it was told: give it what has come
    /// since, the turns that are live, and everything from now on.
    GoLive(ConnectionId),
    /// Only tell whether the user is a member.
    Enter {
        user: UserId,
        respond: Respond<Access>,
    },
    /// Tell a subscriber how the room is that it has joined.
    Look {
        user: UserId,
        respond: Respond<Box<RoomJoined>>,
    },
    Leave(ConnectionId),
    /// Some connection has closed.
    Sweep,
    Send(Box<SendWork>),
    Change(Box<ChangeWork>),
    Membership(Box<MembershipWork>),
    Stream(Box<StreamWork>),
    Follow(Box<FollowWork>),
    /// The connection follows its user's own turns from here on.
    FollowOwn(Arc<Outbox>),
    /// Another title.
    Retitle(Box<RetitleWork>),
    Stop {
        stop: StopWork,
        respond: Respond<StopAnswer>,
    },
    Typing {
        origin: Box<Origin>,
        conversation: ConversationId,
        is_typing: bool,
    },
    /// End the turn of a dead node.
    EndOrphan(OrphanTurn),
    /// The user was made a participant.
    Admit(Participant),
    /// A file that was uploaded into it can be read: its members hear of it, but for one connection.
    File {
        file: Arc<FileRecord>,
        but: Option<ConnectionId>,
    },
}

impl Work {
    /// Answers that it will not be done.
    pub(crate) fn refuse(self, refusal: Refusal) {
        match self {
            // Who asked may be gone: then nobody wants the answer.
            Self::Join { respond, .. } | Self::Enter { respond, .. } => drop(respond.send(Err(refusal))),
            Self::Stop { respond, .. } => drop(respond.send(Err(refusal))),
            Self::Look { respond, .. } => drop(respond.send(Err(refusal))),
            Self::Membership(work) => drop(work.respond.send(Err(refusal))),
            Self::Change(work) => work.origin.refuse(refusal, work.conversation),
            Self::Send(work) => work.origin.refuse(refusal, work.new.message.conversation),
            Self::Stream(work) => work.origin.refuse(refusal, work.conversation),
            Self::Follow(work) => drop(work.respond.send(Err(refusal))),
            Self::Retitle(work) => drop(work.respond.send(Err(refusal))),
            Self::Typing { origin, conversation, .. } => origin.refuse(refusal, conversation),
            Self::GoLive(_)
            | Self::Leave(_)
            | Self::Sweep
            | Self::FollowOwn(_)
            | Self::EndOrphan(_)
            | Self::Admit(_)
            | Self::File { .. } => {}
        }
    }
}
