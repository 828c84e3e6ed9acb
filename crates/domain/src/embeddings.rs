//! A vector of a text, for clients that search by meaning themselves.

use crate::caller::Caller;
use crate::hub::Hub;
use crate::limits::Counted;
use crate::ports::Embedded;
use crate::{ErrorCode, Refusal, UserId, check, generation};

/// What a client asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbeddingDraft {
    /// The text, as long as a message may be.
    pub text: String,
    /// The model; none takes the server's own.
    pub model: Option<String>,
}

impl Hub {
    /// The vector of a text: exactly one. Errors: `RATE_LIMIT`, those of a message's text, `INVALID_REQUEST`,
    /// `MODEL_NOT_FOUND`, `TOKEN_BUDGET_EXCEEDED`, `AI_UNAVAILABLE`, `INTERNAL`.
    pub async fn embed(&self, caller: &Caller, draft: EmbeddingDraft) -> Result<Embedded, Refusal> {
        self.embedding_check(caller, &draft)?;
        self.embed_unlimited(caller.identity.user, draft).await
    }

    /// Counts one embedding against its user's limit, and checks what it says. Errors: as of [`embed`](Self::embed).
    pub(crate) fn embedding_check(&self, caller: &Caller, draft: &EmbeddingDraft) -> Result<(), Refusal> {
        self.0.user_limits.check(Counted::Embeddings, caller.identity.user)?;
        check::embedding(draft, self.0.settings.max_text)?;
        let serves = self
            .0
            .embedder
            .as_ref()
            .is_some_and(|embedder| draft.model.as_deref().is_none_or(|model| embedder.serves(model)));
        serves.then_some(()).ok_or(Refusal::of(ErrorCode::ModelNotFound))
    }

    /// The same for one that was checked and counted when it was taken in.
    pub(crate) async fn embed_unlimited(
        &self,
        user: UserId,
        draft: EmbeddingDraft,
    ) -> Result<Embedded, Refusal> {
        let embedder = self.0.embedder.as_deref().ok_or(Refusal::of(ErrorCode::ModelNotFound))?;
        let model = draft.model.unwrap_or_else(|| embedder.model().to_owned());
        let texts = [draft.text];
        generation::embed(&self.0, embedder, user, &texts, &model).await
    }
}
