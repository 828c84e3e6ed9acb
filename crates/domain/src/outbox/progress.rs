//! How much of each log a client has been handed, and has proved to have got.

use crate::ConversationId;
use crate::message::Seq;
use std::collections::VecDeque;

/// How many unanswered questions are remembered. An answer to an older one proves less than the next will.
const PROBES: usize = 4;

type Positions = Vec<(ConversationId, Seq)>;

/// What was put into one connection's outbox, and what of it is proved: questions go the same way as everything else. A connection follows a few conversations at a time, and
/// what it gets mostly comes from the same one: a list is enough, and the last one is looked at first.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The highest seq of each conversation whose entries went in since it was last proved.
    handed: Positions,
    /// The same, as it was when a question went in.
    probes: VecDeque<(u64, Positions)>,
}

impl Progress {
    /// An entry goes in.
    pub(super) fn hand_out(&mut self, position: Option<(ConversationId, Seq)>) {
        let Some((conversation, seq)) = position else { return };
        if let Some(last) = self.handed.last_mut().filter(|(last, _)| *last == conversation) {
            last.1 = last.1.max(seq);
            return;
        }
        let before = self.handed.iter().position(|(known, _)| *known == conversation);
        let known = before.map_or(0, |index| self.handed.swap_remove(index).1);
        self.handed.push((conversation, known.max(seq)));
    }

    /// A question goes in.
    pub(super) fn ask(&mut self, number: u64) {
        if self.probes.len() == PROBES {
            self.probes.pop_front();
        }
        self.probes.push_back((number, self.handed.clone()));
    }

    /// What an answer proves: all that went in before its question.
    pub(super) fn answered(&mut self, number: u64) -> Positions {
        let Some(index) = self.probes.iter().position(|(asked, _)| *asked == number) else {
            return Positions::new();
        };
        let proved = self.probes.drain(..=index).next_back().map(|(_, proved)| proved).unwrap_or_default();
        // What did not move since needs no further proof.
        self.handed.retain(|position| !proved.contains(position));
        for (_, later) in &mut self.probes {
            later.retain(|position| !proved.contains(position));
        }
        proved
    }

    /// Everything that went in and is not proved yet.
    pub(super) fn all(&mut self) -> Positions {
        self.probes.clear();
        std::mem::take(&mut self.handed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects what a client has not got: an answer proves what went before its question, and no more.
    #[test]
    fn an_answer_proves_what_went_before_its_question() {
        let (one, two) = (ConversationId::new(), ConversationId::new());
        let mut progress = Progress::default();
        for position in [(one, 1), (two, 7)] {
            progress.hand_out(Some(position));
        }
        progress.ask(1);
        progress.hand_out(Some((one, 2)));
        progress.ask(2);
        progress.hand_out(Some((one, 3)));
        let mut proved = progress.answered(1);
        proved.sort_unstable();
        assert_eq!(proved, [(one, 1), (two, 7)]);
        assert_eq!(progress.answered(1), [], "once");
        assert_eq!(progress.answered(2), [(one, 2)]);
        assert_eq!(progress.answered(9), [], "never asked");
        assert_eq!(progress.all(), [(one, 3)]);
    }

    /// Protects the memory against a client that never answers.
    #[test]
    fn few_questions_are_remembered() {
        let mut progress = Progress::default();
        (0..100).for_each(|number| progress.ask(number));
        assert_eq!(progress.probes.len(), PROBES);
    }
}
