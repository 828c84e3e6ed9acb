//! Another title: its owner's or a moderator's to give, heard by everybody who takes part.

use super::{Conversation, RetitleWork, Standing};
use crate::{ErrorCode, Refusal};

impl Conversation {
    /// Writes the titles that are wanted, one after the other. It is rare, and the conversation waits for it: what is
    /// told of its summary meanwhile must not be the old one.
    pub(super) async fn retitle(&mut self) {
        for work in std::mem::take(&mut self.titles) {
            let result = self.set_title(&work).await;
            // Who asked may be gone: then nobody wants the answer.
            drop(work.respond.send(result));
        }
    }

    async fn set_title(&mut self, work: &RetitleWork) -> Result<(), Refusal> {
        let unknown = || Refusal::of(ErrorCode::ConversationNotFound);
        let (_, role) = self.members.get(work.by).ok_or_else(unknown)?;
        if !role.moderates() {
            return Err(Refusal::new(
                ErrorCode::Forbidden,
                "only its owner gives a conversation another title",
            ));
        }
        if self.standing != Standing::Stored {
            return Err(unknown());
        }
        if work.title == self.summary.title {
            return Ok(());
        }
        let written = self.shared.store.conversation_retitle(self.summary.id, &work.title).await;
        if !written.map_err(|error| Refusal::internal(&error))? {
            return Err(unknown());
        }
        self.summary.title.clone_from(&work.title);
        self.push_summary(tokio::time::Instant::now());
        Ok(())
    }
}
