//! Turns that are on their way to the store: not yet live, but counted, joined and stopped as if they were.

use super::commit::Waiting;
use super::{Conversation, Follower, Origin};
use crate::command::TurnOptions;
use crate::event::ReplyBody;
use crate::message::{Message, Seq};
use crate::ports::NewTurn;
use crate::{ErrorCode, MessageId, Refusal, UserId};
use std::sync::Arc;

/// What a turn will be, before it is written down.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) turn: NewTurn,
    /// Who asked.
    pub(super) user: UserId,
    /// The one who asked sees only entries with a higher seq, and so must the AI.
    pub(super) visible_after: Seq,
    pub(super) options: TurnOptions,
    /// Who wants it to end as soon as it begins.
    pub(super) stoppers: Vec<Origin>,
    /// Who wants its answer alone.
    pub(super) followers: Vec<Follower>,
    /// The message that it answers, where that has only just been stored.
    pub(super) question: Option<Arc<Message>>,
}

impl Conversation {
    /// A new turn's identity; a refusal where too many run or wait already.
    pub(super) fn plan_turn(
        &mut self,
        in_reply_to: MessageId,
        user: UserId,
        visible_after: Seq,
        options: TurnOptions,
    ) -> Result<Plan, Refusal> {
        if self.shared.draining.is_cancelled() {
            let wait = std::time::Duration::from_secs(1);
            return Err(Refusal::retry_after(ErrorCode::AiUnavailable, wait));
        }
        let settings = &self.shared.settings.turns;
        let (lease, most) = (settings.lease, settings.live + settings.waiting);
        if self.turns.count() + self.planned().count() >= most {
            let wait = std::time::Duration::from_secs(1);
            return Err(Refusal::retry_after(ErrorCode::ChatRateLimitExceeded, wait));
        }
        let turn = NewTurn {
            id: MessageId::new(),
            conversation: self.summary.id,
            in_reply_to,
            node: self.shared.node,
            lease_until: self.shared.clock.now().plus(lease),
        };
        Ok(Plan {
            turn,
            user,
            visible_after,
            options,
            stoppers: Vec::new(),
            followers: Vec::new(),
            question: None,
        })
    }

    /// The writes on their way that will open a turn, newest last.
    pub(super) fn planned(&mut self) -> impl DoubleEndedIterator<Item = &mut Waiting> {
        let in_flight = self.in_flight.iter_mut().flat_map(|(waiting, _)| waiting);
        let pending = self.pending.iter_mut().map(|(_, waiting)| waiting);
        in_flight.chain(pending).filter(|waiting| waiting.plan().is_some())
    }

    /// Joins who asks for another answer to those that have just asked for the same. Gives them back if there are none.
    pub(super) fn follow_planned(&mut self, message: MessageId, origin: Origin) -> Option<Origin> {
        for waiting in self.planned() {
            if let Waiting::Opened { origins, plan } = waiting
                && plan.turn.in_reply_to == message
            {
                origins.push(origin);
                return None;
            }
        }
        Some(origin)
    }

    /// Gives a follower to the turn that is about to answer `message`. Gives it back if there is none.
    pub(super) fn follow_plan(&mut self, message: MessageId, follower: Follower) -> Option<Follower> {
        let mut plans = self.planned().filter_map(Waiting::plan_mut);
        let Some(plan) = plans.find(|plan| plan.turn.in_reply_to == message) else { return Some(follower) };
        plan.followers.push(follower);
        None
    }

    /// Stops the newest turn that is about to begin, of those that `of` has asked for where that is said. Gives the
    /// stopper back if there is none.
    pub(super) fn stop_planned(&mut self, of: Option<UserId>, origin: Origin) -> Option<Origin> {
        let mut plans = self.planned().filter_map(Waiting::plan_mut);
        let Some(plan) = plans.rfind(|plan| of.is_none_or(|user| plan.user == user)) else {
            return Some(origin);
        };
        plan.stoppers.push(origin);
        None
    }

    /// The turn will not begin: a stop that was meant for it goes to the one that is live instead.
    pub(super) fn drop_plan(&mut self, plan: Option<Plan>) {
        for stopper in plan.into_iter().flat_map(|plan| plan.stoppers) {
            if let Some(stopper) = self.stop_turn(None, None, stopper) {
                let conversation = self.summary.id;
                stopper.reply(self.room_id(), ReplyBody::Stopped { conversation, turn: None, status: None });
            }
        }
    }
}
