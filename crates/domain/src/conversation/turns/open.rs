//! One turn that has not ended: what it has said, and what is told of that.

use crate::command::TurnOptions;
use crate::conversation::{Follower, Origin};
use crate::event::{Event, EventBody, TurnPart, TurnRef};
use crate::generation::PieceBody;
use crate::message::{Message, Seq};
use crate::outbox::{Outbox, Outgoing};
use crate::own_turns::OwnTurn;
use crate::ports::NewTurn;
use crate::{ConnectionId, Refusal, RoomId, Timestamp, UserId};
use std::sync::Arc;
use tokio::task::Id;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A turn that has been written down as live.
pub(crate) struct OpenTurn {
    pub(super) turn: NewTurn,
    pub(super) user: UserId,
    pub(super) answers: Seq,
    pub(super) visible_after: Seq,
    pub(super) options: TurnOptions,
    pub(super) text: String,
    /// Bytes of what it thought aloud.
    pub(super) thought: u64,
    /// How much of the text the last checkpoint had; none where it had another text.
    pub(super) checkpointed: Option<usize>,
    /// A checkpoint is on its way.
    pub(super) checkpointing: bool,
    pub(super) stop: CancellationToken,
    pub(super) stoppers: Vec<Origin>,
    /// Who wants its answer alone.
    pub(super) followers: Vec<Follower>,
    /// The message that it answers, where it began with that.
    pub(super) question: Option<Arc<Message>>,
    /// For connections that follow their user's own turns.
    #[expect(dead_code, reason = "held until the turn has ended")]
    pub(super) own: OwnTurn,
    /// Why it failed, once it has.
    pub(super) refusal: Option<Refusal>,
    pub(super) state: State,
    /// Keeps the server from ending before the turn has.
    pub(super) guard: TaskTrackerToken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Streaming(Id),
    /// Its end is on its way to the store.
    Ending,
}

impl OpenTurn {
    pub(super) fn reference(&self) -> TurnRef {
        TurnRef { id: self.turn.id, conversation: self.turn.conversation, in_reply_to: self.turn.in_reply_to }
    }

    /// Takes in a piece. What is told of it.
    pub(super) fn take(&mut self, body: PieceBody, at: Timestamp) -> EventBody {
        let turn = self.reference();
        match body {
            PieceBody::Text(text) => {
                let offset = self.text.len() as u64;
                self.text.push_str(&text);
                EventBody::TurnDelta { turn, part: TurnPart::Text, offset, text, at }
            }
            PieceBody::Reasoning(text) => {
                let offset = self.thought;
                self.thought += text.len() as u64;
                EventBody::TurnDelta { turn, part: TurnPart::Reasoning, offset, text, at }
            }
            PieceBody::ToolCall(call) => EventBody::TurnToolCall { turn, call },
            PieceBody::Restarted(attempt) => {
                self.text.clear();
                (self.thought, self.checkpointed) = (0, None);
                EventBody::TurnRestarted { turn, attempt }
            }
        }
    }

    /// Shows the turn to one connection from its beginning.
    pub(super) fn show(&self, outbox: &Outbox, room: Option<RoomId>, at: Timestamp) {
        for event in self.story(room, at) {
            outbox.push(Outgoing::Event(event));
        }
    }

    pub(super) fn is_followed_by(&self, connection: ConnectionId) -> bool {
        self.followers.iter().any(|it| it.origin.outbox.connection() == connection)
    }

    /// From here on the follower gets the turn, from its beginning. Who follows their own turns has one copy of each.
    pub(super) fn follow(&mut self, follower: Follower, room: Option<RoomId>, at: Timestamp) {
        if follower.asks.question {
            let connection = follower.origin.outbox.connection();
            self.followers.retain(|it| it.origin.outbox.connection() != connection);
        }
        if let Some(question) = &self.question {
            follower.tell(&Event::new(room.clone(), EventBody::Message(Arc::clone(question))));
        }
        self.story(room, at).iter().for_each(|event| follower.tell(event));
        self.followers.push(follower);
    }

    /// What there is to tell of it so far.
    fn story(&self, room: Option<RoomId>, at: Timestamp) -> Vec<Arc<Event>> {
        if self.state == State::Waiting {
            return Vec::new(); // its beginning is yet to come
        }
        let turn = self.reference();
        let mut story = vec![Event::new(room.clone(), EventBody::TurnStarted(turn))];
        if !self.text.is_empty() {
            let body =
                EventBody::TurnDelta { turn, part: TurnPart::Text, offset: 0, text: self.text.clone(), at };
            story.push(Event::new(room, body));
        }
        story
    }
}

/// Joins a piece of a turn to the one before it, where both are of one text. Gives it back where they are not.
pub(super) fn merge(last: Option<&mut EventBody>, body: EventBody) -> Option<EventBody> {
    if let (
        Some(EventBody::TurnDelta { turn, part, text, .. }),
        EventBody::TurnDelta { turn: next_turn, part: next_part, text: next, .. },
    ) = (last, &body)
        && (*turn, *part) == (*next_turn, *next_part)
    {
        text.push_str(next);
        return None;
    }
    Some(body)
}
