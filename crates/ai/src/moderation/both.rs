//! Two moderators, one after the other.

use super::{OpenAiModerator, RuleList};
use async_trait::async_trait;
use parlor_domain::ports::{Judgement, ModerationError, Moderator, Window};

/// A list of rules, and behind it a server: what the list flags, the server never sees.
#[derive(Debug)]
pub struct Both {
    rules: RuleList,
    server: OpenAiModerator,
}

impl Both {
    /// These two.
    pub fn new(rules: RuleList, server: OpenAiModerator) -> Self {
        Self { rules, server }
    }
}

#[async_trait]
impl Moderator for Both {
    fn window(&self) -> Window {
        self.server.window()
    }

    async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError> {
        let mut judgements: Vec<_> = texts.iter().map(|text| self.rules.judge_text(text)).collect();
        let left: Vec<_> = (0..texts.len()).filter(|place| !judgements[*place].is_flagged()).collect();
        if left.is_empty() {
            return Ok(judgements);
        }
        let asked: Vec<_> = left.iter().map(|place| texts[*place].clone()).collect();
        for (place, judgement) in left.into_iter().zip(self.server.judge(&asked).await?) {
            judgements[place] = judgement;
        }
        Ok(judgements)
    }
}
