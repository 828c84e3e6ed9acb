//! Replies: following them, asking for others, and ending them.

use super::{Session, Target};
use crate::check;
use crate::command::{Place, TurnOptions};
use crate::conversation::{Follower, StopAnswer, StopWork, StreamWork, Work};
use crate::event::{Correlation, ReplyBody};
use crate::message::{Author, Message};
use crate::own_turns::LostTurn;
use crate::ports::StoreError;
use crate::{ConversationId, ErrorCode, MessageId, Refusal};
use std::sync::Arc;

/// How many messages are looked through at once for the newest reply.
const PAGE: usize = 64;

impl Session {
    pub(super) async fn stream(
        &mut self,
        place: Place,
        message: MessageId,
        options: TurnOptions,
        correlation: Correlation,
    ) {
        if let Err(refusal) = self.try_stream(&place, message, options, &correlation).await {
            self.refuse(correlation, refusal, Some(&place));
        }
    }

    async fn try_stream(
        &mut self,
        place: &Place,
        message: MessageId,
        options: TurnOptions,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        check::options(&options)?;
        let Target { conversation, room } = self.join_target(place).await?;
        let access = self.shared.access(conversation, self.user()).await?;
        if access.visible_after > 0 {
            self.visible(conversation, message, access.visible_after).await?;
        }
        let origin = self.origin(correlation.clone(), room);
        let work = StreamWork { origin, conversation, message, options };
        self.shared.route(conversation, Work::Stream(Box::new(work))).await;
        Ok(())
    }

    /// A message of the conversation that is there and was not deleted.
    async fn visible(
        &self,
        conversation: ConversationId,
        message: MessageId,
        after: u64,
    ) -> Result<Message, Refusal> {
        let found = self.shared.store.message_get(conversation, message).await;
        let found = found.map_err(|error| Refusal::internal(&error))?;
        let found = found.filter(|message| message.seq > after && message.deleted_at.is_none());
        found.ok_or(Refusal::of(ErrorCode::MessageNotFound))
    }

    pub(super) async fn regenerate(
        &mut self,
        place: Place,
        message: Option<MessageId>,
        options: TurnOptions,
        correlation: Correlation,
    ) {
        match self.question_of(&place, message).await {
            Ok(question) => self.stream(place, question, options, correlation).await,
            Err(refusal) => self.refuse(correlation, refusal, Some(&place)),
        }
    }

    /// The message that is to be answered once more.
    async fn question_of(&self, place: &Place, message: Option<MessageId>) -> Result<MessageId, Refusal> {
        let conversation = self.locate(place).await?.conversation;
        let access = self.shared.access(conversation, self.user()).await?;
        let Some(message) = message else {
            return self.newest_question(conversation, access.visible_after).await;
        };
        let message = self.visible(conversation, message, access.visible_after).await?;
        Ok(message.reply.map_or(message.id, |reply| reply.in_reply_to))
    }

    /// What the newest reply answers.
    async fn newest_question(&self, conversation: ConversationId, after: u64) -> Result<MessageId, Refusal> {
        let mut before = None;
        loop {
            let page = self.shared.store.log_before(conversation, before, PAGE).await;
            let page = page.map_err(|error| Refusal::internal(&error))?;
            let mut visible = page.iter().rev().take_while(|message| message.seq > after);
            let reply =
                visible.find(|message| message.author == Author::Assistant && message.deleted_at.is_none());
            if let Some(reply) = reply.and_then(|message| message.reply.as_ref()) {
                return Ok(reply.in_reply_to);
            }
            match page.first() {
                Some(oldest) if oldest.seq > after + 1 => before = Some(oldest.seq),
                _ => return Err(Refusal::of(ErrorCode::MessageNotFound)),
            }
        }
    }

    pub(super) async fn stop(&mut self, place: Place, turn: Option<MessageId>, correlation: Correlation) {
        if let Err(refusal) = self.try_stop(&place, turn, &correlation).await {
            self.refuse(correlation, refusal, Some(&place));
        }
    }

    /// Ends the newest of this user's own turns: where this connection asked last, or else anywhere.
    pub(super) async fn stop_own(&mut self, correlation: Correlation) {
        let conversation = self.asked.or_else(|| self.shared.own_turns.conversations(self.user()).pop());
        let Some(conversation) = conversation else {
            return self.reply(correlation, None, ReplyBody::NothingToStop);
        };
        let origin = Box::new(self.origin(correlation.clone(), None));
        let stop = StopWork { origin, turn: None, own: true };
        let work = |respond| Work::Stop { stop, respond };
        match self.shared.ask(conversation, work).await {
            Ok(StopAnswer::Follows) => {}
            Ok(StopAnswer::NotLive) => self.reply(correlation, None, ReplyBody::NothingToStop),
            Err(refusal) => self.refuse(correlation, refusal, Some(&Place::Conversation(conversation))),
        }
    }

    /// Gets the turns of this user's own that are live. Those to come look for who follows them.
    pub(super) async fn follow_own(&mut self) {
        for conversation in self.shared.own_turns.conversations(self.user()) {
            self.shared.route(conversation, Work::FollowOwn(Arc::clone(&self.outbox))).await;
        }
        for lost in self.shared.own_turns.lost(self.user()) {
            if let Err(error) = self.tell_lost(lost).await {
                tracing::warn!(turn = %lost.reply, %error, "who comes back is not told of a lost turn");
            }
        }
    }

    /// Tells how a turn ended whose node died.
    async fn tell_lost(&self, lost: LostTurn) -> Result<(), StoreError> {
        let LostTurn { conversation, question, reply, .. } = lost;
        let question = self.shared.store.message_get(conversation, question).await?;
        let reply = self.shared.store.message_get(conversation, reply).await?;
        if let Some((question, reply)) = question.zip(reply) {
            let (follower, reply) = (Follower::of_own(Arc::clone(&self.outbox)), Arc::new(reply));
            follower.retell(None, &Arc::new(question), &reply);
            follower.answer(None, &reply, None);
        }
        Ok(())
    }

    async fn try_stop(
        &mut self,
        place: &Place,
        turn: Option<MessageId>,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        let Target { conversation, room } = self.locate(place).await?;
        let origin = Box::new(self.origin(correlation.clone(), room.clone()));
        let stop = StopWork { origin, turn, own: false };
        let work = |respond| Work::Stop { stop, respond };
        if self.shared.ask(conversation, work).await? == StopAnswer::NotLive {
            let body = self.how_it_ended(conversation, turn).await?;
            self.reply(correlation.clone(), room, body);
        }
        Ok(())
    }

    /// The answer to a stop that came too late.
    async fn how_it_ended(
        &self,
        conversation: ConversationId,
        turn: Option<MessageId>,
    ) -> Result<ReplyBody, Refusal> {
        let Some(id) = turn else {
            return Ok(ReplyBody::Stopped { conversation, turn: None, status: None });
        };
        let message = self.shared.store.message_get(conversation, id).await;
        let message = message.map_err(|error| Refusal::internal(&error))?;
        let reply = message.and_then(|message| message.reply);
        let reply = reply.ok_or(Refusal::of(ErrorCode::MessageNotFound))?;
        Ok(ReplyBody::Stopped { conversation, turn: Some(id), status: Some(reply.status) })
    }
}
