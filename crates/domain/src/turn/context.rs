//! What a backend is told: the instructions, then the newest messages that fit the budget, in whole exchanges.

use super::Job;
use crate::hub::Shared;
use crate::message::{Author, KIND_USER, Message, TurnStatus};
use crate::ports::{ContextMessage, Extra, Speaker, StoreError};
use crate::{ErrorCode, MessageId, Refusal};
use std::collections::{HashSet, VecDeque};

/// How many messages are read from the log at once.
const PAGE: usize = 64;

/// About how many tokens a text has: a third of its bytes, and 4 for what stands around it. English has about four
/// bytes a token and other languages about three, so that the estimate errs on the long side.
pub(crate) fn estimate_tokens(text: &str) -> usize {
    text.len().div_ceil(3) + 4
}

/// The same of a whole context, with all that a client gave beside its texts.
pub(crate) fn estimate_context(context: &[ContextMessage], extra: Option<&Extra>) -> usize {
    let beside = |extra: Option<&Extra>| extra.map_or(0, |extra| estimate_tokens(extra));
    let piece = |piece: &ContextMessage| estimate_tokens(&piece.content) + beside(piece.extra.as_ref());
    context.iter().map(piece).sum::<usize>() + beside(extra)
}

/// Why there is no context.
pub(super) enum NoContext {
    Store(StoreError),
    Refused(Refusal),
}

impl From<StoreError> for NoContext {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The context of a turn, oldest first; its last piece is the message to answer.
pub(super) async fn build(shared: &Shared, job: &Job) -> Result<Vec<ContextMessage>, NoContext> {
    let settings = &shared.settings.turns;
    let system = instructions(shared, job).await?;
    let system = system.as_deref();
    let mut window = Window::new(job.turn.in_reply_to, settings.context_tokens, system);
    window.names_people = job.names_people;
    let mut before = job.answers + 1;
    'pages: loop {
        let page = shared.store.log_before(job.turn.conversation, Some(before), PAGE).await?;
        let Some(oldest) = page.first().map(|message| message.seq) else { break };
        for message in page.into_iter().rev() {
            if message.seq <= job.visible_after || !window.take(message) {
                break 'pages;
            }
        }
        before = oldest;
    }
    window.finish(system).ok_or_else(|| NoContext::Refused(Refusal::of(ErrorCode::ContextTooLong)))
}

/// What the context begins with: the instructions, what the one who asks has said of themselves, and what their client
/// said of the request.
async fn instructions(shared: &Shared, job: &Job) -> Result<Option<String>, StoreError> {
    let prompt = job.options.system_prompt.as_deref().or(shared.settings.turns.system_prompt.as_deref());
    let user = if job.tells_profile { shared.store.user_get(job.user).await? } else { None };
    let profile = user.and_then(|user| user.profile).map(|it| format!("About the user, as JSON: {it}"));
    let context = job.options.context.as_ref().map(|it| format!("About this request, as JSON: {it}"));
    let parts: Vec<_> = prompt.map(str::to_owned).into_iter().chain(profile).chain(context).collect();
    Ok((!parts.is_empty()).then(|| parts.join("\n\n")))
}

/// Fills from the newest message backwards.
struct Window {
    target: MessageId,
    left: usize,
    /// Whether it is said who spoke.
    names_people: bool,
    /// The messages that have a newer answer in the window: of alternatives, only the newest counts.
    answered: HashSet<MessageId>,
    /// Each with the question that it is or answers.
    pieces: VecDeque<(MessageId, ContextMessage)>,
}

impl Window {
    fn new(target: MessageId, budget: usize, system: Option<&str>) -> Self {
        let left = budget.saturating_sub(system.map_or(0, estimate_tokens));
        Self { target, left, names_people: false, answered: HashSet::new(), pieces: VecDeque::new() }
    }

    /// Takes one more message. False where it does not fit.
    fn take(&mut self, message: Message) -> bool {
        let Some(speaker) = self.speaker(&message) else { return true };
        let cost = estimate_tokens(&message.content);
        if cost > self.left {
            return false;
        }
        self.left -= cost;
        let question = message.reply.as_ref().map_or(message.id, |reply| reply.in_reply_to);
        if speaker == Speaker::Assistant {
            self.answered.insert(question);
        }
        let name = message.author_name.filter(|_| self.names_people);
        self.pieces.push_front((
            question,
            ContextMessage {
                speaker,
                name,
                content: message.content,
                at: Some(message.created_at),
                extra: None,
            },
        ));
        true
    }

    /// Whose voice it is; none where the backend should not hear it: notes, failed and empty replies, older
    /// alternatives, and earlier answers to the very message that is to be answered.
    fn speaker(&self, message: &Message) -> Option<Speaker> {
        if message.deleted_at.is_some() {
            return None;
        }
        match (&message.author, &message.reply) {
            (Author::User(_), _) => {
                let asked = message.id == self.target || self.answered.contains(&message.id);
                (message.kind == KIND_USER || asked).then_some(Speaker::User)
            }
            (Author::Assistant, Some(reply)) => {
                let heard = reply.status != TurnStatus::Failed
                    && !message.content.is_empty()
                    && reply.in_reply_to != self.target
                    && !self.answered.contains(&reply.in_reply_to);
                heard.then_some(Speaker::Assistant)
            }
            (Author::Assistant, None) => None,
        }
    }

    /// The whole context; none where not even the message to answer fits.
    fn finish(mut self, system: Option<&str>) -> Option<Vec<ContextMessage>> {
        let asked = self.pieces.iter().filter(|(_, piece)| piece.speaker == Speaker::User);
        let asked: HashSet<_> = asked.map(|(question, _)| *question).collect();
        if !asked.contains(&self.target) {
            return None;
        }
        self.pieces.retain(|(question, _)| asked.contains(question)); // no answer without its question
        let system = system.map(|text| ContextMessage::new(Speaker::System, text));
        Some(system.into_iter().chain(self.pieces.into_iter().map(|(_, piece)| piece)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Reply;
    use crate::{ConversationId, Timestamp, UserId};
    use proptest::prelude::*;

    fn message(author: Author, content: &str, in_reply_to: Option<MessageId>) -> Message {
        let answer = |in_reply_to| Reply::unanswered(in_reply_to, TurnStatus::Complete);
        let conversation = ConversationId::from(uuid::Uuid::nil());
        Message {
            content: content.into(),
            reply: in_reply_to.map(answer),
            ..Message::new(conversation, author, KIND_USER, Timestamp::from_microsecond(0))
        }
    }

    proptest! {
        /// Protects the budget and whole exchanges for any lengths: what is told fits, ends with the question, has
        /// no answer without its question, and is as much of the newest as fits.
        #[test]
        fn the_window_holds_the_newest_that_fit(
            lengths in proptest::collection::vec((0..60_usize, 1..60_usize), 0..12),
            last in 0..60_usize,
            budget in 0..200_usize,
            system in proptest::option::of("[a-z]{0,30}"),
        ) {
            let user = Author::User(UserId::new());
            let mut log = Vec::new();
            for (question, answer) in lengths {
                let question = message(user, &"q".repeat(question), None);
                let answer = message(Author::Assistant, &"a".repeat(answer), Some(question.id));
                log.extend([question, answer]);
            }
            let target = message(user, &"t".repeat(last), None);
            let mut window = Window::new(target.id, budget, system.as_deref());
            let whole: Vec<_> = std::iter::once(&target).chain(log.iter().rev()).cloned().collect();
            let taken = whole.into_iter().take_while(|message| window.take(message.clone())).count();
            let instructions = system.as_deref().map_or(0, estimate_tokens);
            match window.finish(system.as_deref()) {
                None => prop_assert!(instructions + estimate_tokens(&target.content) > budget),
                Some(context) => {
                    let cost: usize = context.iter().map(|piece| estimate_tokens(&piece.content)).sum();
                    prop_assert!(cost <= budget);
                    prop_assert_eq!(context.last().map(|piece| &piece.content), Some(&target.content));
                    let pairs = context.len() - usize::from(system.is_some()) - 1;
                    prop_assert_eq!(pairs, (taken - 1) / 2 * 2, "whole exchanges, and all that fit");
                }
            }
        }
    }
}
