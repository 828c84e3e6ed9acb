//! Connections that follow their user's own turns: each gets one copy of every such turn, from its beginning.

use super::{Conversation, Follower};
use crate::UserId;
use crate::message::{Author, Message};
use crate::outbox::Outbox;
use crate::own_turns::LostTurn;
use std::sync::Arc;

impl Conversation {
    /// Gives a turn that is about to begin those who follow the turns of `user`, but for those who have it already.
    pub(super) fn add_own_followers(&self, user: UserId, followers: &mut Vec<Follower>) {
        if self.members.get(user).is_none() {
            return; // who asked was removed meanwhile
        }
        for outbox in self.shared.registry.own_followers(user) {
            let follows = followers.iter().any(|it| it.origin.outbox.connection() == outbox.connection());
            if !follows {
                followers.push(Follower::of_own(outbox));
            }
        }
    }

    /// From here on a connection follows the turns of its user's that are live.
    pub(super) fn follow_own(&mut self, outbox: &Arc<Outbox>) {
        if self.members.get(outbox.user()).is_none() {
            return;
        }
        let (room, at) = (self.room_id(), self.shared.clock.now());
        self.turns.follow_own(outbox, room.as_ref(), at);
    }

    /// The turn of a dead node has ended, of which its asker may have seen the beginning there: they are told all of it,
    /// now or when they come back.
    pub(super) async fn tell_asker(&mut self, reply: &Message) {
        let Some(made) = &reply.reply else { return };
        let question = match self.shared.store.message_get(self.summary.id, made.in_reply_to).await {
            Ok(Some(question)) => question,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(turn = %reply.id, %error, "who asked for a turn of a dead node is not told of its end");
                return;
            }
        };
        let Author::User(user) = question.author else { return };
        if self.members.get(user).is_none() {
            return;
        }
        let lost = LostTurn { user, conversation: self.summary.id, question: question.id, reply: reply.id };
        self.shared.own_turns.lose(lost);
        let (question, reply) = (Arc::new(question), Arc::new(reply.clone()));
        for outbox in self.shared.registry.own_followers(user) {
            let follower = Follower::of_own(outbox);
            follower.retell(self.room_id().as_ref(), &question, &reply);
            follower.answer(self.room_id(), &reply, None);
        }
    }
}
