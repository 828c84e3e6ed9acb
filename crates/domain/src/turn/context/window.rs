//! The newest messages that fit into a context, in whole exchanges.

use super::estimate_tokens;
use super::files::Told;
use crate::MessageId;
use crate::message::{Author, KIND_USER, Message, TurnStatus};
use crate::ports::{ContextMessage, Speaker};
use std::collections::{HashSet, VecDeque};

/// Fills from the newest message backwards.
pub(super) struct Window {
    target: MessageId,
    left: usize,
    /// Whether it is said who spoke.
    pub(super) names_people: bool,
    /// The messages that have a newer answer in the window: of alternatives, only the newest counts.
    answered: HashSet<MessageId>,
    /// Each with the question that it is or answers.
    pieces: VecDeque<(MessageId, ContextMessage)>,
}

impl Window {
    pub(super) fn new(target: MessageId, budget: usize, system: Option<&str>) -> Self {
        let left = budget.saturating_sub(system.map_or(0, estimate_tokens));
        Self { target, left, names_people: false, answered: HashSet::new(), pieces: VecDeque::new() }
    }

    /// How many tokens are left beside a message that carries files; none where it carries none, is not heard, or does not
    /// fit.
    pub(super) fn room_beside(&self, message: &Message) -> Option<usize> {
        let carries = message.metadata.as_ref().is_some_and(|it| !it.attachments.is_empty());
        let heard = carries && self.speaker(message).is_some();
        heard.then(|| self.left.checked_sub(estimate_tokens(&message.content))).flatten()
    }

    /// Takes one more message with what its files say, which must have room beside it. False where it does not fit.
    pub(super) fn take(&mut self, mut message: Message, files: Told) -> bool {
        let Some(speaker) = self.speaker(&message) else { return true };
        let cost = estimate_tokens(&message.content) + files.tokens;
        if cost > self.left {
            return false;
        }
        message.content += &files.text;
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
                images: files.images,
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
    pub(super) fn finish(mut self, system: Option<&str>) -> Option<Vec<ContextMessage>> {
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
            let taken = whole.into_iter().take_while(|message| window.take(message.clone(), Told::default())).count();
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
