//! One authenticated connection: what it may ask, and how each command finds its conversation.
//!
//! Answers and events all leave by the [`Outbox`]. Commands are done in their order; those that read the log do it
//! here, so that a slow read delays only who asked.

mod reading;

use crate::command::{Action, Command, Draft};
use crate::conversation::{Access, Origin, Seed, SendWork, Start, StopAnswer, StreamWork, Work};
use crate::directory::Handle;
use crate::event::{Correlation, Event, EventBody, Reply, ReplyBody};
use crate::hub::Shared;
use crate::limits::{ConnectionLimits, Verdict};
use crate::message::{Author, Fingerprint, KIND_USER, Message};
use crate::outbox::Outbox;
use crate::ports::{Identity, NewMessage};
use crate::{CloseCode, ConnectionId, ConversationId, ErrorCode, MessageId, Refusal, UserId, check};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One authenticated connection. Dropping it ends it.
pub struct Session {
    shared: Arc<Shared>,
    outbox: Arc<Outbox>,
    limits: ConnectionLimits,
    joined: HashMap<ConversationId, Handle>,
}

impl Session {
    pub(crate) fn open(shared: Arc<Shared>, identity: &Identity) -> Result<Self, Refusal> {
        let outbox = Outbox::new(ConnectionId::new(), identity.user, shared.settings.outbox);
        shared.registry.add(&outbox, &shared.settings.limits)?;
        let users = Arc::clone(&shared.user_limits);
        let limits = ConnectionLimits::new(users, identity.user, &shared.settings.limits);
        Ok(Self { shared, outbox, limits, joined: HashMap::new() })
    }

    /// The connection's id.
    pub fn connection(&self) -> ConnectionId {
        self.outbox.connection()
    }

    /// Whose connection it is.
    pub fn user(&self) -> UserId {
        self.outbox.user()
    }

    /// Where answers and events wait to be written.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Does one command. Everything it has to say goes to the outbox; it waits where a conversation is busy, and
    /// nothing more should be read from the client meanwhile.
    pub async fn handle(&mut self, command: Command) {
        let Command { action, correlation } = command;
        if let Err(refusal) = self.admit() {
            return self.refuse(correlation, refusal, None);
        }
        match action {
            Action::Send(draft) => self.send(draft, correlation).await,
            Action::Heads => self.heads(correlation),
            Action::Typing { conversation, is_typing } => {
                self.typing(conversation, is_typing, correlation).await;
            }
            Action::Leave(conversation) => self.leave(conversation, correlation).await,
            // Boxed: they are rare and large, and every connection's task has room for what is not.
            other => Box::pin(self.handle_rare(other, correlation)).await,
        }
    }

    async fn handle_rare(&mut self, action: Action, correlation: Correlation) {
        match action {
            Action::Join(conversation) => self.join(conversation, correlation).await,
            Action::Stream { conversation, message, model } => {
                self.stream(conversation, message, model, correlation).await;
            }
            Action::Stop { conversation, turn } => self.stop(conversation, turn, correlation).await,
            Action::Resume(positions) => self.resume(positions, correlation).await,
            Action::History { conversation, before, limit } => {
                self.history(conversation, before, limit, correlation).await;
            }
            Action::Send(_) | Action::Heads | Action::Typing { .. } | Action::Leave(_) => {}
        }
    }

    /// Answers a frame that could not be understood. It counts like any other.
    pub fn reject(&mut self, correlation: Correlation, refusal: Refusal) {
        let refusal = self.admit().err().unwrap_or(refusal);
        self.refuse(correlation, refusal, None);
    }

    /// Counts a frame that asks nothing of the domain (a ping).
    pub fn count(&mut self) {
        if let Err(refusal) = self.admit() {
            self.refuse(Correlation::default(), refusal, None);
        }
    }

    fn admit(&self) -> Result<(), Refusal> {
        self.limits.check().map_err(|verdict| match verdict {
            Verdict::Refused(refusal) => refusal,
            Verdict::Flooding => {
                self.outbox.close(CloseCode::Flooding);
                Refusal::of(ErrorCode::RateLimit)
            }
        })
    }

    fn refuse(&self, correlation: Correlation, refusal: Refusal, conversation: Option<ConversationId>) {
        self.reply(correlation, ReplyBody::Refused { refusal, conversation });
    }

    fn reply(&self, correlation: Correlation, body: ReplyBody) {
        self.outbox.reply(Reply { correlation, body });
    }

    fn origin(&self, correlation: Correlation) -> Origin {
        Origin { outbox: Arc::clone(&self.outbox), correlation }
    }

    /// Gives work to a conversation and waits for what it says to it.
    async fn ask<T>(
        &self,
        conversation: ConversationId,
        work: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Work,
    ) -> Result<T, Refusal> {
        let (respond, response) = oneshot::channel();
        self.shared.route(conversation, work(respond)).await;
        // No answer: its task panicked, which has been logged.
        response.await.unwrap_or_else(|_| Err(Refusal::of(ErrorCode::Internal)))
    }

    /// Subscribes; the caller answers and then says [`Self::go_live`].
    async fn subscribe(&mut self, conversation: ConversationId, start: Start) -> Result<Access, Refusal> {
        let outbox = Arc::clone(&self.outbox);
        let access = self.ask(conversation, |respond| Work::Join { outbox, start, respond }).await?;
        // The task that answered: a subscriber keeps it alive.
        if let Some(handle) = self.shared.live(conversation) {
            self.joined.insert(conversation, handle);
        }
        Ok(access)
    }

    async fn go_live(&self, conversation: ConversationId) {
        self.shared.route(conversation, Work::GoLive(self.connection())).await;
    }

    async fn join(&mut self, conversation: ConversationId, correlation: Correlation) {
        match self.subscribe(conversation, Start::Now).await {
            Ok(Access { head, title, .. }) => {
                self.reply(correlation, ReplyBody::Joined { conversation, last_seq: head, title });
                self.go_live(conversation).await;
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(conversation)),
        }
    }

    /// Joins without an answer of its own, where this connection has not.
    async fn ensure_joined(&mut self, conversation: ConversationId) -> Result<(), Refusal> {
        if self.joined.get(&conversation).is_none_or(Handle::is_over) {
            self.subscribe(conversation, Start::Now).await?;
            self.go_live(conversation).await;
        }
        Ok(())
    }

    async fn leave(&mut self, conversation: ConversationId, correlation: Correlation) {
        if self.joined.remove(&conversation).is_some() {
            self.shared.route(conversation, Work::Leave(self.connection())).await;
        }
        self.reply(correlation, ReplyBody::Left { conversation });
    }

    async fn typing(&mut self, conversation: ConversationId, is_typing: bool, correlation: Correlation) {
        let origin = Box::new(self.origin(correlation));
        self.shared.route(conversation, Work::Typing { origin, conversation, is_typing }).await;
    }

    fn heads(&self, correlation: Correlation) {
        let live = self.joined.iter().filter(|(_, handle)| !handle.is_over());
        let heads = live.map(|(id, handle)| (*id, handle.head())).collect();
        self.reply(correlation, ReplyBody::Heads(heads));
    }

    async fn send(&mut self, draft: Draft, correlation: Correlation) {
        let target = draft.conversation;
        if let Err(refusal) = self.try_send(draft, &correlation).await {
            self.refuse(correlation, refusal, target);
        }
    }

    async fn try_send(&mut self, draft: Draft, correlation: &Correlation) -> Result<(), Refusal> {
        check::draft(&draft, self.shared.settings.max_text)?;
        if draft.kind == KIND_USER {
            self.refuse_while_draining()?;
        }
        let fingerprint =
            draft.client_id.as_deref().map(|id| Fingerprint::of(self.user(), id, &draft.content));
        let (conversation, creates) = match draft.conversation {
            Some(conversation) => {
                self.ensure_joined(conversation).await?;
                (conversation, None)
            }
            None => match Box::pin(self.earlier_send(fingerprint)).await? {
                Some(first) => return self.answer_again(first, correlation.clone()).await,
                None => Box::pin(self.found_conversation(&draft.content)).await?,
            },
        };
        let message = self.message(conversation, draft.content, draft.kind, draft.client_id);
        let (respond, founded) = oneshot::channel();
        let respond = creates.is_some().then_some(respond);
        let new = NewMessage { message, fingerprint, creates, turn: None };
        let work = SendWork { origin: self.origin(correlation.clone()), new, model: draft.model, respond };
        let waits = work.respond.is_some();
        self.shared.route(conversation, Work::Send(Box::new(work))).await;
        if waits {
            Box::pin(self.follow_founding(conversation, founded)).await;
        }
        Ok(())
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
        self.joined.remove(&conversation);
        if let Ok(other) = founded
            && let Err(refusal) = self.ensure_joined(other).await
        {
            tracing::warn!(conversation = %other, %refusal, "a resend's sender could not be brought back");
        }
    }

    fn refuse_while_draining(&self) -> Result<(), Refusal> {
        if self.shared.draining.is_cancelled() {
            let wait = std::time::Duration::from_secs(1);
            return Err(Refusal::retry_after(ErrorCode::AiUnavailable, wait));
        }
        Ok(())
    }

    fn message(
        &self,
        conversation: ConversationId,
        content: String,
        kind: String,
        client_id: Option<String>,
    ) -> Message {
        Message {
            id: MessageId::new(),
            conversation,
            seq: 0,
            author: Author::User(self.user()),
            kind,
            content,
            client_id,
            created_at: self.shared.clock.now(),
            reply: None,
        }
    }

    /// The message that was sent before with the same id and content, and made a conversation.
    async fn earlier_send(&self, fingerprint: Option<Fingerprint>) -> Result<Option<Message>, Refusal> {
        let Some(fingerprint) = fingerprint else { return Ok(None) };
        self.shared.store.message_that_created(fingerprint).await.map_err(|error| Refusal::internal(&error))
    }

    /// Answers a resend, and brings its sender back to the conversation that it made.
    async fn answer_again(&mut self, first: Message, correlation: Correlation) -> Result<(), Refusal> {
        self.ensure_joined(first.conversation).await?;
        let event = Event::new(EventBody::Message(Arc::new(first)));
        self.reply(correlation, ReplyBody::Sent { event, duplicate: true });
        Ok(())
    }

    /// Starts the task of a conversation that its first message will make.
    async fn found_conversation(
        &mut self,
        content: &str,
    ) -> Result<(ConversationId, Option<String>), Refusal> {
        let (id, title) = (ConversationId::new(), check::title_of(content));
        let seed = Seed::New { owner: self.user(), title: title.clone() };
        self.shared.conversation(id, seed);
        self.ensure_joined(id).await?;
        Ok((id, Some(title)))
    }

    async fn stream(
        &mut self,
        conversation: ConversationId,
        message: MessageId,
        model: Option<String>,
        correlation: Correlation,
    ) {
        let ready = match check::model(model.as_deref()).and_then(|()| self.refuse_while_draining()) {
            Ok(()) => self.ensure_joined(conversation).await,
            refused => refused,
        };
        match ready {
            Ok(()) => {
                let origin = self.origin(correlation);
                let work = StreamWork { origin, conversation, message, model };
                self.shared.route(conversation, Work::Stream(Box::new(work))).await;
            }
            Err(refusal) => self.refuse(correlation, refusal, Some(conversation)),
        }
    }

    async fn stop(
        &mut self,
        conversation: ConversationId,
        turn: Option<MessageId>,
        correlation: Correlation,
    ) {
        let origin = Box::new(self.origin(correlation.clone()));
        let answer = self.ask(conversation, |respond| Work::Stop { origin, turn, respond }).await;
        let settled = match answer {
            Ok(StopAnswer::Follows) => return,
            Ok(StopAnswer::NotLive) => self.how_it_ended(conversation, turn).await,
            Err(refusal) => Err(refusal),
        };
        match settled {
            Ok(body) => self.reply(correlation, body),
            Err(refusal) => self.refuse(correlation, refusal, Some(conversation)),
        }
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

impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.close(CloseCode::Normal);
        self.shared.registry.remove(&self.outbox);
        // A hint is enough: a closed outbox is also found by the next event, and by the idle check.
        self.joined.values().for_each(|handle| handle.hint(Work::Sweep));
    }
}
