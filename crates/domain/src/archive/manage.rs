//! Conversations as their owners keep them: made without a message, named, and read message by message.

use super::bounded;
use crate::caller::Caller;
use crate::check;
use crate::conversation::{RetitleWork, Work};
use crate::event::{Event, EventBody};
use crate::hub::Hub;
use crate::message::{Message, Summary};
use crate::outbox::Outgoing;
use crate::ports::{ConversationEntry, Page, Paged};
use crate::{ConversationId, Refusal};
use std::sync::Arc;

/// What a conversation is called that was given no title.
const UNTITLED: &str = "New conversation";

impl Hub {
    /// Makes a conversation of the caller's without messages; their connections hear of it. Error: `INVALID_REQUEST` for
    /// a title that is none.
    pub async fn conversation_make(
        &self,
        caller: &Caller,
        title: Option<&str>,
    ) -> Result<ConversationEntry, Refusal> {
        check::title(title)?;
        let (owner, title) = (caller.identity.user, title.unwrap_or(UNTITLED));
        let made = self.conversation_create(owner, title).await;
        let id = made.map_err(|error| Refusal::internal(&error))?;
        let entry = self.0.present(caller, id).await?;
        let event = Event::new(None, EventBody::Updated(Summary::clone(&entry.summary)));
        self.0.registry.each(owner, |outbox| {
            outbox.push(Outgoing::Event(Arc::clone(&event)));
        });
        Ok(entry)
    }

    /// Gives a conversation that is no room another title; all connections of all who take part hear of it. Errors:
    /// `INVALID_REQUEST`; `CONVERSATION_NOT_FOUND`, also for a stranger; `FORBIDDEN` for who is not its owner.
    pub async fn conversation_rename(
        &self,
        caller: &Caller,
        id: ConversationId,
        title: &str,
    ) -> Result<ConversationEntry, Refusal> {
        check::title(Some(title))?;
        self.0.present(caller, id).await?;
        let (by, title) = (caller.identity.user, title.to_owned());
        let work = |respond| Work::Retitle(Box::new(RetitleWork { by, title, respond }));
        self.0.ask(id, work).await.map_err(|refusal| refusal.about(false))?;
        self.0.present(caller, id).await
    }

    /// One conversation of the caller's, with a page of its messages of both sides, oldest first, at most 200. Error:
    /// `CONVERSATION_NOT_FOUND`, also for a stranger and for one that was deleted.
    pub async fn conversation_messages(
        &self,
        caller: &Caller,
        id: ConversationId,
        page: Page,
    ) -> Result<(ConversationEntry, Paged<Message>), Refusal> {
        let entry = self.0.present(caller, id).await?;
        let messages = self.0.store.message_page(id, entry.visible_after, bounded(page)).await;
        Ok((entry, messages.map_err(|error| Refusal::internal(&error))?))
    }
}
