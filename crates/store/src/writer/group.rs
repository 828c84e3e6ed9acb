//! What one transaction carries: calls on the way in, outcomes on the way back.

use crate::error::Error;
use parlor_domain::ErrorCode;
use parlor_domain::message::{Message, Seq};
use parlor_domain::ports::{StoreError, Write, Written};
use parlor_domain::room::Participant;
use tokio::sync::oneshot;

/// What one caller wants written, in this order and in one transaction.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Result<Vec<Written>, StoreError>>,
}

/// What became of one write, as long as its transaction is under way. The message stays in the write until then, so
/// that the transaction can be tried again, and so that nothing is copied.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored {
        seq: Seq,
        message_count: u64,
        /// The text that it got, where that is not the write's own.
        content: Option<String>,
    },
    Duplicate(Box<Message>),
    Changed(Box<Message>),
    Unchanged(Box<Message>),
    Member(Participant),
    Marked {
        read_from: Seq,
        read_to: Seq,
    },
    TurnOpened(Seq),
    Done,
    Refused(ErrorCode),
}

impl Outcome {
    fn of(self, write: Write) -> Written {
        match self {
            Self::Stored { seq, message_count, content } => {
                let mut message = match write {
                    Write::Message(new) => Box::new(new.message),
                    Write::TurnEnd(end) => Box::new(end.message),
                    Write::Change(_)
                    | Write::Membership(_)
                    | Write::Receipt(_)
                    | Write::TurnOpen(_)
                    | Write::TurnCheckpoint(_) => return Written::Done,
                };
                (message.seq, message.changed_seq) = (seq, seq);
                if let Some(content) = content {
                    message.content = content;
                }
                Written::Stored { message, message_count }
            }
            Self::Duplicate(first) => Written::Duplicate(first),
            Self::Changed(message) => Written::Changed(message),
            Self::Unchanged(message) => Written::Unchanged(message),
            Self::Member(participant) => Written::Member(participant),
            Self::Marked { read_from, read_to } => Written::Marked { read_from, read_to },
            Self::TurnOpened(seq) => Written::TurnOpened(seq),
            Self::Done => Written::Done,
            Self::Refused(code) => Written::Refused(code),
        }
    }
}

/// The calls of one transaction.
#[derive(Debug)]
pub(super) struct Group {
    calls: Vec<Call>,
    size: usize,
}

impl Group {
    pub(super) fn of(first: Call) -> Self {
        let size = first.writes.len();
        Self { calls: vec![first], size }
    }

    pub(super) fn push(&mut self, call: Call) {
        self.size += call.writes.len();
        self.calls.push(call);
    }

    /// How many writes it holds.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Each call as a group of its own; none where it is only one.
    pub(super) fn split(self) -> Result<impl Iterator<Item = Self>, Self> {
        if self.calls.len() < 2 { Err(self) } else { Ok(self.calls.into_iter().map(Self::of)) }
    }

    /// Tells every caller what became of their writes: `outcomes` has one for each write, in order.
    pub(super) fn answer(self, outcomes: Vec<Outcome>) {
        let mut outcomes = outcomes.into_iter();
        for Call { writes, answer } in self.calls {
            let written = writes.into_iter().zip(outcomes.by_ref()).map(|(write, outcome)| outcome.of(write));
            // A caller that has gone does not want the answer.
            let _ = answer.send(Ok(written.collect()));
        }
    }

    /// Tells every caller that it failed.
    pub(super) fn fail(self, error: Error) {
        tracing::error!(writes = self.size, %error, "a transaction of the log failed");
        let error = error.while_doing("write to the log");
        for call in self.calls {
            let _ = call.answer.send(Err(error.clone()));
        }
    }
}
