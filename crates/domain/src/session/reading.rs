//! What a connection reads of the log: pages of history, and what it missed.

use super::{Session, Target};
use crate::command::{HISTORY_MAX, Place, Position, RESUME_MAX_POSITIONS};
use crate::conversation::{Start, Work};
use crate::event::{Correlation, Reply, ReplyBody};
use crate::message::{Message, Seq};
use crate::outbox::Outgoing;
use crate::ports::{StoreError, Unsynced};
use crate::{ConversationId, ErrorCode, Refusal, RoomId};
use std::collections::HashMap;
use std::sync::Arc;

/// How many messages are read from the log at once.
const RESUME_PAGE: usize = 64;
/// The most text of one page of history, in bytes: it must fit an outbox beside other things.
const HISTORY_BYTES: usize = 512 * 1024;
/// The most conversations whose messages a new connection gets by itself; the others are named.
const SYNC_MAX: usize = 1_000;

/// A position that was recovered: the client has proved to have everything up to `from`, and was told the rest.
struct Resumed {
    conversation: ConversationId,
    from: Seq,
    head: Seq,
}

/// A piece of a log that a client has missed.
struct Missed {
    conversation: ConversationId,
    room: Option<RoomId>,
    after: Seq,
    through: Seq,
    /// Only entries of messages with a higher seq.
    visible_after: Seq,
}

impl Session {
    pub(super) async fn history(
        &mut self,
        place: Place,
        before: Option<Seq>,
        limit: usize,
        correlation: Correlation,
    ) {
        match self.page(&place, before, limit.clamp(1, HISTORY_MAX)).await {
            Ok((room, body)) => self.reply(correlation, room, body),
            Err(refusal) => self.refuse(correlation, refusal, Some(&place)),
        }
    }

    async fn page(
        &self,
        place: &Place,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Option<RoomId>, ReplyBody), Refusal> {
        let Target { conversation, .. } = self.locate(place).await?;
        let access = self.shared.access(conversation, self.user()).await?;
        let read = self.shared.store.log_before(conversation, before, limit + 1).await;
        let mut messages = read.map_err(|error| Refusal::internal(&error))?;
        messages.retain(|message| message.seq > access.visible_after);
        let mut bytes = 0;
        let fitting = messages
            .iter()
            .rev()
            .take(limit)
            .take_while(|message| {
                let first = bytes == 0;
                bytes += message.weight() + 1;
                first || bytes <= HISTORY_BYTES
            })
            .count();
        let cut = messages.len() - fitting;
        messages.drain(..cut);
        Ok((access.room, ReplyBody::History { conversation, messages, has_more: cut > 0 }))
    }

    pub(super) async fn resume(&mut self, positions: Vec<Position>, correlation: Correlation) {
        if positions.len() > RESUME_MAX_POSITIONS {
            let refusal = Refusal::new(ErrorCode::InvalidRequest, "more than 1000 positions in one resume");
            return self.refuse(correlation, refusal, None);
        }
        let (mut proved, mut told) = (Vec::new(), HashMap::new());
        for position in positions {
            let place = position.place.clone();
            match self.resume_one(position, &correlation).await {
                Ok(Some(Resumed { conversation, from, head })) => {
                    proved.push((conversation, from));
                    told.insert(conversation, head);
                }
                Ok(None) => {}
                Err(refusal) => self.refuse(correlation.clone(), refusal, Some(&place)),
            }
            if self.outbox.is_closed() {
                return;
            }
        }
        self.outbox.end_replay(Some(told));
        self.mark_delivered(proved);
    }

    /// Subscribe first, so that nothing is missed; then the log up to the head at that moment; then what came since.
    async fn resume_one(
        &mut self,
        position: Position,
        correlation: &Correlation,
    ) -> Result<Option<Resumed>, Refusal> {
        let Position { place, seq, epoch } = position;
        let same_log = epoch.is_none_or(|epoch| *epoch == *self.shared.epoch);
        let Target { conversation, .. } = self.locate(&place).await?;
        let access = self.subscribe(conversation, Start::After { seq, same_log }).await?;
        if access.recovered {
            let missed = Missed {
                conversation,
                room: access.room.clone(),
                after: seq,
                through: access.head,
                visible_after: access.visible_after,
            };
            let body = |message, is_change| ReplyBody::Missed { message, is_change };
            if let Err(error) = self.push_missed(&missed, body).await {
                self.shared.route(conversation, Work::Leave(self.connection())).await;
                self.joined().forget(conversation);
                return Err(Refusal::internal(&error));
            }
        }
        let body = ReplyBody::Resumed {
            conversation,
            from_seq: seq,
            last_seq: access.head,
            recovered: access.recovered,
            epoch: Arc::clone(&self.shared.epoch),
        };
        self.reply(correlation.clone(), access.room, body);
        self.go_live(conversation).await;
        Ok(access.recovered.then_some(Resumed { conversation, from: seq, head: access.head }))
    }

    /// What is missed, at the pace at which the client reads.
    async fn push_missed(
        &self,
        missed: &Missed,
        body: impl Fn(Box<Message>, bool) -> ReplyBody,
    ) -> Result<(), StoreError> {
        let Missed { conversation, through, visible_after, .. } = *missed;
        let mut after = missed.after.max(visible_after);
        while after < through && !self.outbox.is_closed() {
            let page = self.shared.store.log_after(conversation, after, through, RESUME_PAGE).await?;
            let (from, complete) = (after, page.len() < RESUME_PAGE);
            for message in page {
                after = message.position(from);
                let is_change = message.seq <= from;
                if message.seq > visible_after {
                    self.push_entry(missed.room.clone(), body(Box::new(message), is_change)).await;
                }
            }
            if complete {
                break;
            }
        }
        Ok(())
    }

    async fn push_entry(&self, room: Option<RoomId>, body: ReplyBody) {
        let reply = Reply { correlation: Correlation::default(), room, body };
        self.outbox.push_with_room(Outgoing::Reply(Box::new(reply))).await;
    }

    /// All that came while no client of this user was there. What comes meanwhile waits behind it.
    pub(super) async fn sync(&mut self, correlation: Correlation) {
        self.outbox.begin_replay();
        let mut told = HashMap::new();
        let synced = self.push_unsynced(&mut told).await;
        match synced {
            Ok(incomplete) => self.reply(correlation, None, ReplyBody::Synced { incomplete }),
            Err(error) => self.refuse(correlation, Refusal::internal(&error), None),
        }
        self.outbox.end_replay(Some(told));
    }

    /// Gives the conversations of which too much was missed.
    async fn push_unsynced(
        &self,
        told: &mut HashMap<ConversationId, Seq>,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let mut incomplete = Vec::new();
        for unsynced in self.shared.store.unsynced_list(self.user(), SYNC_MAX + 1).await? {
            let Unsynced { conversation, room, delivered, visible_after, last_seq } = unsynced;
            let missing = last_seq - delivered.max(visible_after).min(last_seq);
            if missing > self.shared.settings.resume_max || told.len() >= SYNC_MAX {
                incomplete.push(conversation);
                continue;
            }
            let missed = Missed { conversation, room, after: delivered, through: last_seq, visible_after };
            let body = |message, is_change| ReplyBody::Replayed { message, is_change };
            self.push_missed(&missed, body).await?;
            told.insert(conversation, last_seq);
        }
        Ok(incomplete)
    }
}
