//! Messages on their way in, and changes to those that are there.

use super::{Session, Target};
use crate::check;
use crate::command::{Draft, Place, TurnOptions};
use crate::conversation::{ChangeWork, Seed, SendWork, Work};
use crate::event::{Correlation, Event, EventBody, ReplyBody};
use crate::message::{Author, Edit, Fingerprint, Message, Metadata};
use crate::ports::NewMessage;
use crate::{ConversationId, ErrorCode, MessageId, Refusal};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Session {
    pub(super) async fn send(&mut self, draft: Draft, correlation: Correlation) {
        let place = draft.place.clone();
        if let Err(refusal) = self.try_send(draft, &correlation).await {
            self.refuse(correlation, refusal, place.as_ref());
        }
    }

    async fn try_send(&mut self, draft: Draft, correlation: &Correlation) -> Result<(), Refusal> {
        self.admit_chat()?;
        check::draft(&draft, self.shared.settings.max_text)?;
        let fingerprint = self.fingerprint(&draft);
        let (Target { conversation, room }, creates, metadata) = if let Some(place) = &draft.place {
            let target = self.locate(place).await?;
            self.ensure_joined(target.conversation).await?;
            let metadata = Box::pin(self.carried(&draft, Some(target.conversation), fingerprint)).await?;
            (target, None, metadata)
        } else {
            if let Some(first) = Box::pin(self.earlier_send(fingerprint)).await? {
                return self.answer_again(first, correlation.clone()).await;
            }
            let metadata = Box::pin(self.carried(&draft, None, None)).await?;
            let (target, title) = Box::pin(self.found_conversation(&draft.content)).await?;
            (target, title, metadata)
        };
        let draft = self.addressed(draft, conversation).await;
        let (message, options) = self.message_of(draft, conversation);
        let message = Message { metadata, ..message };
        let (respond, founded) = oneshot::channel();
        let respond = creates.is_some().then_some(respond);
        let new = NewMessage { message, fingerprint, creates, turn: None };
        let origin = self.origin(correlation.clone(), room);
        let work = SendWork { origin, new, options, respond, follower: None };
        let waits = work.respond.is_some();
        self.shared.route(conversation, Work::Send(Box::new(work))).await;
        if waits {
            Box::pin(self.follow_founding(conversation, founded)).await;
        }
        Ok(())
    }

    pub(super) fn fingerprint(&self, draft: &Draft) -> Option<Fingerprint> {
        draft.client_id.as_deref().map(|id| Fingerprint::of(self.user(), id, &draft.content))
    }

    /// A message that names nobody to answer it may call an assistant. Where it cannot be found out, it calls none: it is
    /// not lost for that.
    pub(super) async fn addressed(&self, mut draft: Draft, conversation: ConversationId) -> Draft {
        if draft.options.model.is_none() {
            let known = draft.place.is_some().then_some(conversation);
            let called = self.shared.mentioned(self.user(), &draft.kind, &draft.content, known).await;
            draft.options.model = called.ok().flatten().map(|assistant| assistant.to_string());
        }
        draft
    }

    /// The message that a draft becomes, and how it is to be answered.
    pub(super) fn message_of(&self, draft: Draft, conversation: ConversationId) -> (Message, TurnOptions) {
        let message = Message {
            content: draft.content,
            content_type: draft.content_type.map(Into::into),
            client_id: draft.client_id,
            author_name: Some(Arc::clone(self.outbox.name())),
            ..Message::new(conversation, Author::User(self.user()), &draft.kind, self.shared.clock.now())
        };
        (message, draft.options)
    }

    /// What stands beside the text of a draft's message: its files. Where they cannot be had, but this is a resend, nothing:
    /// the first message is found with what it carried then. Errors: as of [`Shared::attachments`](crate::hub::Shared).
    pub(super) async fn carried(
        &self,
        draft: &Draft,
        conversation: Option<ConversationId>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Box<Metadata>>, Refusal> {
        if draft.attachments.is_empty() {
            return Ok(None);
        }
        let found = self.shared.attachments(self.user(), conversation, &draft.attachments).await;
        let refusal = match found {
            Ok(attachments) => return Ok(Metadata { attachments, ..Metadata::default() }.boxed()),
            Err(refusal) => refusal,
        };
        let (Some(conversation), Some(fingerprint)) = (conversation, fingerprint) else {
            return Err(refusal);
        };
        let first = self.shared.store.message_sent(conversation, fingerprint).await;
        let first = first.map_err(|error| Refusal::internal(&error))?;
        if first.is_some() { Ok(None) } else { Err(refusal) }
    }

    /// Waits for what became of a message that was to make `conversation`. It may have crossed with an earlier send
    /// of the same, which made another: then that one is joined.
    async fn follow_founding(
        &mut self,
        conversation: ConversationId,
        founded: oneshot::Receiver<ConversationId>,
    ) {
        let founded = founded.await;
        if founded == Ok(conversation) {
            return;
        }
        self.joined().forget(conversation);
        if let Ok(other) = founded
            && let Err(refusal) = self.ensure_joined(other).await
        {
            tracing::warn!(conversation = %other, %refusal, "a resend's sender could not be brought back");
        }
    }

    /// The message that was sent before with the same id and content, and made a conversation.
    pub(super) async fn earlier_send(
        &self,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Message>, Refusal> {
        let Some(fingerprint) = fingerprint else { return Ok(None) };
        self.shared.store.message_that_created(fingerprint).await.map_err(|error| Refusal::internal(&error))
    }

    /// Answers a resend, and brings its sender back to the conversation that it made.
    async fn answer_again(&mut self, first: Message, correlation: Correlation) -> Result<(), Refusal> {
        self.ensure_joined(first.conversation).await?;
        let event = Event::new(None, EventBody::Message(Arc::new(first)));
        self.reply(correlation, None, ReplyBody::Sent { event, duplicate: true });
        Ok(())
    }

    /// Starts the task of a conversation that its first message will make.
    async fn found_conversation(&mut self, content: &str) -> Result<(Target, Option<String>), Refusal> {
        let (conversation, title) = (ConversationId::new(), check::title_of(content));
        let seed = Seed::New { owner: self.user(), title: title.clone() };
        self.shared.conversation(conversation, seed);
        self.ensure_joined(conversation).await?;
        Ok((Target { conversation, room: None }, Some(title)))
    }

    pub(super) async fn change(&mut self, message: MessageId, edit: Edit, correlation: Correlation) {
        if let Err(refusal) = self.try_change(message, edit, &correlation).await {
            self.refuse(correlation, refusal, None);
        }
    }

    /// A message is named by itself. Who does not see its conversation learns nothing of it.
    async fn try_change(
        &mut self,
        message: MessageId,
        edit: Edit,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        check::edit(&edit, self.shared.settings.max_text)?;
        let found = self.shared.store.message_find(message).await;
        let found = found.map_err(|error| Refusal::internal(&error))?;
        let unknown = || Refusal::of(ErrorCode::MessageNotFound);
        let conversation = found.ok_or_else(unknown)?.conversation;
        self.ensure_joined(conversation).await.map_err(|refusal| match refusal.code {
            ErrorCode::ConversationNotFound => unknown(),
            _ => refusal,
        })?;
        let origin = self.origin(correlation.clone(), None);
        let work = ChangeWork { origin, conversation, message, edit };
        self.shared.route(conversation, Work::Change(Box::new(work))).await;
        Ok(())
    }

    /// The conversation that a command names, for one of its members, joined.
    pub(super) async fn join_target(&self, place: &Place) -> Result<Target, Refusal> {
        let target = self.locate(place).await?;
        self.ensure_joined(target.conversation).await?;
        Ok(target)
    }
}
