//! What a connection reads of the log: pages of history, and what it missed.

use super::Session;
use crate::command::{HISTORY_MAX, Position, RESUME_MAX_POSITIONS};
use crate::conversation::{Start, Work};
use crate::event::{Correlation, Reply, ReplyBody};
use crate::message::{Message, Seq};
use crate::outbox::Outgoing;
use crate::ports::StoreError;
use crate::{ConversationId, ErrorCode, Refusal};
use std::sync::Arc;

/// About how many bytes of text one answer to `History` has at most, beside its last message.
const HISTORY_BYTES: usize = 512 * 1024;
/// How many missed messages are read at once.
const RESUME_PAGE: usize = 64;

impl Session {
    pub(super) async fn history(
        &mut self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
        correlation: Correlation,
    ) {
        match self.page(conversation, before, limit.clamp(1, HISTORY_MAX)).await {
            Ok((messages, has_more)) => {
                self.reply(correlation, ReplyBody::History { conversation, messages, has_more });
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(conversation)),
        }
    }

    async fn page(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), Refusal> {
        let user = self.user();
        self.ask(conversation, |respond| Work::Enter { user, respond }).await?;
        let read = self.shared.store.log_before(conversation, before, limit + 1).await;
        let mut messages = read.map_err(|error| Refusal::internal(&error))?;
        let mut bytes = 0;
        let fitting = messages
            .iter()
            .rev()
            .take(limit)
            .take_while(|message| {
                let first = bytes == 0;
                bytes += message.content.len() + 1;
                first || bytes <= HISTORY_BYTES
            })
            .count();
        let cut = messages.len() - fitting;
        messages.drain(..cut);
        Ok((messages, cut > 0))
    }

    pub(super) async fn resume(&mut self, positions: Vec<Position>, correlation: Correlation) {
        if positions.len() > RESUME_MAX_POSITIONS {
            let refusal = Refusal::new(ErrorCode::InvalidRequest, "more than 1000 positions in one resume");
            return self.refuse(correlation, refusal, None);
        }
        for position in positions {
            let conversation = position.conversation;
            if let Err(refusal) = self.resume_one(position, &correlation).await {
                self.refuse(correlation.clone(), refusal, Some(conversation));
            }
            if self.outbox.is_closed() {
                return;
            }
        }
    }

    /// Subscribe first, so that nothing is missed; then the log up to the head at that moment; then what came since.
    async fn resume_one(&mut self, position: Position, correlation: &Correlation) -> Result<(), Refusal> {
        let Position { conversation, seq, epoch } = position;
        let same_log = epoch.is_none_or(|epoch| *epoch == *self.shared.epoch);
        let access = self.subscribe(conversation, Start::After { seq, same_log }).await?;
        if access.recovered
            && let Err(error) = self.push_missed(conversation, seq, access.head).await
        {
            self.shared.route(conversation, Work::Leave(self.connection())).await;
            self.joined.remove(&conversation);
            return Err(Refusal::internal(&error));
        }
        let body = ReplyBody::Resumed {
            conversation,
            from_seq: seq,
            last_seq: access.head,
            recovered: access.recovered,
            epoch: Arc::clone(&self.shared.epoch),
        };
        self.reply(correlation.clone(), body);
        self.go_live(conversation).await;
        Ok(())
    }

    /// Everything in `(after, through]`, at the pace at which the client reads.
    async fn push_missed(
        &self,
        conversation: ConversationId,
        mut after: Seq,
        through: Seq,
    ) -> Result<(), StoreError> {
        while after < through && !self.outbox.is_closed() {
            let page = self.shared.store.log_after(conversation, after, through, RESUME_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for message in page {
                let body = ReplyBody::Missed(Box::new(message));
                let reply = Reply { correlation: Correlation::default(), body };
                self.outbox.push_with_room(Outgoing::Reply(Box::new(reply))).await;
            }
        }
        Ok(())
    }
}
