//! Questions that want their answer, and nothing else of the conversation.

use super::{Manner, Session, Target};
use crate::check;
use crate::command::{Draft, TurnOptions};
use crate::conversation::{Asks, FollowWork, Follower, Seed, SendWork, Work};
use crate::event::Correlation;
use crate::message::{Attached, Fingerprint, KIND_USER, Message};
use crate::ports::{Extra, NewMessage};
use crate::{ConversationId, MessageId, Refusal, RoomId};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Session {
    pub(super) async fn ask(&mut self, draft: Draft, pieces: bool, correlation: Correlation) {
        let place = draft.place.clone();
        if let Err(refusal) =
            self.try_ask(draft, Asks { pieces, question: self.manner == Manner::Own }, &correlation).await
        {
            self.refuse(correlation, refusal, place.as_ref());
        }
    }

    async fn try_ask(&mut self, draft: Draft, asks: Asks, correlation: &Correlation) -> Result<(), Refusal> {
        self.admit_chat()?;
        check::draft(&draft, self.shared.settings.max_text)?;
        let fingerprint = self.fingerprint(&draft);
        let (Target { conversation, room }, creates, metadata) = if let Some(place) = &draft.place {
            let target = self.locate(place).await?;
            let metadata = self.carried(&draft, Some(target.conversation), fingerprint).await?;
            (target, None, metadata)
        } else {
            if let Some(first) = self.earlier_send(fingerprint).await? {
                return self.ask_again(&first, draft.options, asks, correlation).await;
            }
            let metadata = self.carried(&draft, None, None).await?;
            let (target, title) = self.found(&draft.content);
            (target, title, metadata)
        };
        if self.manner == Manner::Own && creates.is_none() {
            // Where it is refused, nothing was asked.
            self.shared.access(conversation, self.user()).await?;
        }
        self.asked = Some(conversation);
        let draft = self.addressed(draft, conversation).await;
        let profile = self.profile().await?;
        let options = draft.options.clone();
        let (message, _) = self.message_of(draft, conversation);
        let attached = Attached { context: options.context.clone(), profile, ..Attached::default() };
        let message = Message { attached: Some(Box::new(attached)), metadata, ..message };
        let follower = self.follower(asks, &message.kind, correlation, room.clone());
        let (respond, founded) = oneshot::channel();
        let respond = creates.is_some().then_some(respond);
        let waits = respond.is_some();
        let new = NewMessage { message, fingerprint, creates, turn: None };
        let origin = self.origin(correlation.clone(), room);
        let work = SendWork { origin, new, options: options.clone(), respond, follower: Some(follower) };
        self.shared.route(conversation, Work::Send(Box::new(work))).await;
        if waits {
            self.follow_elsewhere(conversation, founded, fingerprint, options, asks, correlation).await?;
        }
        Ok(())
    }

    /// The task of a conversation that its first message will make.
    fn found(&self, content: &str) -> (Target, Option<String>) {
        let (conversation, title) = (ConversationId::new(), check::title_of(content));
        self.shared.conversation(conversation, Seed::New { owner: self.user(), title: title.clone() });
        (Target { conversation, room: None }, Some(title))
    }

    /// A question that was to make `conversation` may have crossed with an earlier one of the same, which made another:
    /// then it is answered there.
    async fn follow_elsewhere(
        &mut self,
        conversation: ConversationId,
        founded: oneshot::Receiver<ConversationId>,
        fingerprint: Option<Fingerprint>,
        options: TurnOptions,
        asks: Asks,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        match founded.await {
            Ok(other) if other != conversation => match self.earlier_send(fingerprint).await? {
                Some(first) => self.ask_again(&first, options, asks, correlation).await,
                None => Ok(()),
            },
            // It was refused, which its sender has been told.
            _ => Ok(()),
        }
    }

    /// Answers what was asked before: with the reply that there is, with the one that is being made, or, where there is
    /// neither, with a new one.
    async fn ask_again(
        &mut self,
        first: &Message,
        options: TurnOptions,
        asks: Asks,
        correlation: &Correlation,
    ) -> Result<(), Refusal> {
        self.shared.access(first.conversation, self.user()).await?;
        self.asked = Some(first.conversation);
        for open in [None, Some(options)] {
            let follower = self.follower(asks, &first.kind, correlation, None);
            let (conversation, message) = (first.conversation, first.id);
            let work = |respond| Work::Follow(Box::new(FollowWork { follower, message, open, respond }));
            // Asked first, so that a turn which ends meanwhile has left its reply.
            if self.shared.ask(conversation, work).await? {
                return Ok(());
            }
            let reply = self.shared.store.reply_to(conversation, message).await;
            if let Some(reply) = reply.map_err(|error| Refusal::internal(&error))? {
                let (follower, reply) =
                    (self.follower(asks, &first.kind, correlation, None), Arc::new(reply));
                follower.retell(None, &Arc::new(first.clone()), &reply);
                follower.answer(None, &reply, None);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Has an earlier message answered once more, whatever replies it has: by the turn that answers it now, or else by a new
    /// one. The answer comes with its pieces.
    pub(crate) async fn ask_anew(
        &mut self,
        conversation: ConversationId,
        message: MessageId,
        options: TurnOptions,
    ) -> Result<(), Refusal> {
        let follower =
            self.follower(Asks { pieces: true, question: false }, KIND_USER, &Correlation::default(), None);
        let open = Some(options);
        let work = |respond| Work::Follow(Box::new(FollowWork { follower, message, open, respond }));
        self.shared.ask(conversation, work).await.map(drop)
    }

    fn follower(&self, asks: Asks, kind: &str, correlation: &Correlation, room: Option<RoomId>) -> Follower {
        Follower { origin: self.origin(correlation.clone(), room), asks, kind: kind.into() }
    }

    /// What this user has said of themselves.
    async fn profile(&self) -> Result<Option<Extra>, Refusal> {
        let user = self.shared.store.user_get(self.user()).await;
        Ok(user.map_err(|error| Refusal::internal(&error))?.and_then(|user| user.profile))
    }
}
