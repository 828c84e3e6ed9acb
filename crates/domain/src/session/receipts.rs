//! Receipts: what a user has read, and what their clients have proved to have got.

use super::{Session, Target};
use crate::command::Place;
use crate::event::{Correlation, Event, EventBody};
use crate::message::{Author, Seq};
use crate::outbox::Outgoing;
use crate::ports::{Receipt, Write, Written};
use crate::{ConversationId, ErrorCode, Refusal};
use std::sync::Arc;

type Positions = Vec<(ConversationId, Seq)>;

impl Session {
    /// The client answered the [`Outgoing::Probe`] with this number: it has got everything before that.
    pub fn answered(&self, number: u64) {
        self.outbox.end_replay(None); // a client that was to resume at once has not
        self.mark_delivered(self.outbox.answered(number));
    }

    /// The client closed in good order: it has got everything that was written.
    pub fn closed(&self) {
        self.mark_delivered(self.outbox.closed_by_client());
    }

    /// Moves the user's delivered watermarks, in the background.
    pub(super) fn mark_delivered(&self, positions: Positions) {
        let user = self.user();
        for (conversation, delivered) in positions {
            self.shared.receipts.note(conversation, user, delivered);
        }
    }

    pub(super) async fn read(&mut self, place: Place, seq: Seq, correlation: Correlation) {
        if let Err(refusal) = self.try_read(&place, seq).await {
            self.refuse(correlation, refusal, Some(&place));
        }
    }

    async fn try_read(&self, place: &Place, seq: Seq) -> Result<(), Refusal> {
        let Target { conversation, .. } = self.locate(place).await?;
        let access = self.shared.access(conversation, self.user()).await?;
        let receipt = Receipt { conversation, user: self.user(), delivered: 0, read: seq };
        let written = self.shared.store.write(vec![Write::Receipt(receipt)]).await;
        let (from, to) = match written.map_err(|error| Refusal::internal(&error))?.pop() {
            Some(Written::Marked { read_from, read_to }) => (read_from.max(access.visible_after), read_to),
            Some(Written::Refused(code)) => return Err(Refusal::of(code)),
            _ => return Err(Refusal::of(ErrorCode::Internal)),
        };
        let room = access.room;
        if from < to {
            self.tell_own(conversation, room.clone(), to);
            self.tell_author(conversation, room, from, to)
                .await
                .map_err(|error| Refusal::internal(&error))?;
        }
        Ok(())
    }

    /// The reader's other connections hear of it: what was read on one device is read on all.
    fn tell_own(&self, conversation: ConversationId, room: Option<crate::RoomId>, seq: Seq) {
        let event = Event::new(room, EventBody::ReadElsewhere { conversation, seq });
        self.shared.registry.each_listener(self.user(), |outbox| {
            if outbox.connection() != self.connection() {
                outbox.push(Outgoing::Event(Arc::clone(&event)));
            }
        });
    }

    /// The author of the newest message that was newly read hears of it, on every connection.
    async fn tell_author(
        &self,
        conversation: ConversationId,
        room: Option<crate::RoomId>,
        from: Seq,
        to: Seq,
    ) -> Result<(), crate::ports::StoreError> {
        let newest = self.shared.store.message_covered(conversation, from, to, self.user()).await?;
        let Some(message) = newest else { return Ok(()) };
        let Author::User(author) = message.author else { return Ok(()) };
        let (reader, at) = (self.user(), self.shared.clock.now());
        let body = EventBody::Read { message: Arc::new(message), reader, seq: to, at };
        let event = Event::new(room, body);
        self.shared.registry.each(author, |outbox| {
            outbox.push(Outgoing::Event(Arc::clone(&event)));
        });
        Ok(())
    }
}
