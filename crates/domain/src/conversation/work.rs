//! What comes into a conversation's inbox.

use crate::event::{Correlation, Reply, ReplyBody};
use crate::message::{KIND_USER, Seq};
use crate::outbox::Outbox;
use crate::ports::{NewMessage, OrphanTurn};
use crate::{ConnectionId, ConversationId, MessageId, Refusal, UserId};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where a command came from, and where its answer goes.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) correlation: Correlation,
}

impl Origin {
    pub(crate) fn reply(&self, body: ReplyBody) {
        self.outbox.reply(Reply { correlation: self.correlation.clone(), body });
    }

    pub(crate) fn refuse(&self, refusal: Refusal, conversation: ConversationId) {
        self.reply(ReplyBody::Refused { refusal, conversation: Some(conversation) });
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
    pub(crate) model: Option<String>,
    /// Where the message is to make its conversation: learns in which one it is. Nothing where it is in none.
    pub(crate) respond: Option<oneshot::Sender<ConversationId>>,
}

impl SendWork {
    pub(crate) fn wants_turn(&self) -> bool {
        self.new.message.kind == KIND_USER
    }
}

#[derive(Debug)]
pub(crate) struct StreamWork {
    pub(crate) origin: Origin,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    pub(crate) model: Option<String>,
}

type Respond<T> = oneshot::Sender<Result<T, Refusal>>;

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
    Leave(ConnectionId),
    /// Some connection has closed.
    Sweep,
    Send(Box<SendWork>),
    Stream(Box<StreamWork>),
    Stop {
        origin: Box<Origin>,
        turn: Option<MessageId>,
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
    Admit(UserId),
}

impl Work {
    /// Answers that it will not be done.
    pub(crate) fn refuse(self, refusal: Refusal) {
        match self {
            // Who asked may be gone: then nobody wants the answer.
            Self::Join { respond, .. } | Self::Enter { respond, .. } => drop(respond.send(Err(refusal))),
            Self::Stop { respond, .. } => drop(respond.send(Err(refusal))),
            Self::Send(work) => work.origin.refuse(refusal, work.new.message.conversation),
            Self::Stream(work) => work.origin.refuse(refusal, work.conversation),
            Self::Typing { origin, conversation, .. } => origin.refuse(refusal, conversation),
            Self::GoLive(_) | Self::Leave(_) | Self::Sweep | Self::EndOrphan(_) | Self::Admit(_) => {}
        }
    }
}
