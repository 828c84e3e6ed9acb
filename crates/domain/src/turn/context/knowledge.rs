//! What documents say to the question: passages for the instructions, and the citations of the reply. A reply is made without
//! them where they cannot be had.

use super::estimate_tokens;
use crate::generation;
use crate::hub::Shared;
use crate::knowledge::indexer::unit;
use crate::message::{Citation, Confidence};
use crate::ports::{Assistant, DocumentScope, Embedder, KNOWLEDGE, Passage};
use crate::turn::Job;
use std::fmt::Write as _;
use std::time::Duration;

/// How long a turn waits for passages.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a question is embedded, in bytes: enough to know what it is about.
const QUESTION_MAX: usize = 4_096;
/// How much of a passage a citation quotes, in characters.
const EXCERPT_MAX: usize = 200;
/// What stands around a passage, in tokens by estimate.
const ENVELOPE: usize = 40;

/// What is told of documents, and what the reply cites.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// A text of instructions; none where no document has to do with the question.
    pub(super) text: Option<String>,
    pub(super) citations: Vec<Citation>,
}

/// The passages that have to do with the question of a turn. Nothing where there are none, or where they cannot be had.
pub(super) async fn build(shared: &Shared, job: &Job, scopes: &[DocumentScope]) -> Knowledge {
    let Some(embedder) = shared.embedder.as_deref() else { return Knowledge::default() };
    match tokio::time::timeout(PATIENCE, passages(shared, job, embedder, scopes)).await {
        Ok(Some(passages)) => told(passages, shared.settings.knowledge.share(&shared.settings.turns)),
        Ok(None) => Knowledge::default(),
        Err(_) => {
            tracing::warn!(turn = %job.turn.id, "documents are slow: a reply is made without them");
            Knowledge::default()
        }
    }
}

/// What a turn may know of: what is attached to the one who asks, where nobody else hears the answer; else what is attached
/// to the room; and what is attached to the assistant that is asked.
pub(super) fn scopes(job: &Job, assistant: Option<&Assistant>) -> Vec<DocumentScope> {
    let place = if job.is_private {
        DocumentScope::User(job.user)
    } else {
        DocumentScope::Room(job.turn.conversation)
    };
    let assistant = assistant.map(|assistant| DocumentScope::Assistant(assistant.id));
    std::iter::once(place).chain(assistant).collect()
}

async fn passages(
    shared: &Shared,
    job: &Job,
    embedder: &dyn Embedder,
    scopes: &[DocumentScope],
) -> Option<Vec<Passage>> {
    let (turn, model) = (job.turn.id, embedder.model());
    let failed =
        |error: &dyn std::fmt::Display| tracing::warn!(%turn, %error, "a reply is made without documents");
    let any = shared.store.documents_any(scopes, model).await.inspect_err(|error| failed(error)).ok()?;
    if !any {
        return None;
    }
    let asked = shared.store.message_get(job.turn.conversation, job.turn.in_reply_to).await;
    let mut question = asked.inspect_err(|error| failed(error)).ok()??.content;
    question.truncate(question.floor_char_boundary(QUESTION_MAX));
    if question.trim().is_empty() {
        return None;
    }
    // What may not pass goes to no server: the turn is refused for it later.
    if let Some(moderation) = &shared.moderation
        && !moderation.lets_pass(&question).await
    {
        return None;
    }
    let made = generation::embed(shared, embedder, job.user, &[question], model).await;
    let vector = made.inspect_err(|refusal| failed(&refusal.code)).ok()?.vectors.into_iter().next()?;
    let settings = &shared.settings.knowledge;
    let found = shared.store.passages_near(scopes, model, &unit(vector), settings.passages).await;
    let found = found.inspect_err(|error| failed(error)).ok()?;
    let relevance = settings.relevance.unwrap_or_else(|| embedder.relevance());
    Some(found.into_iter().filter(|passage| passage.score >= relevance).collect())
}

/// As many of the passages, the nearest first, as have room in `tokens`.
fn told(passages: Vec<Passage>, tokens: usize) -> Knowledge {
    let mut left = tokens.saturating_sub(estimate_tokens(KNOWLEDGE));
    let (mut text, mut citations) = (KNOWLEDGE.to_owned(), Vec::new());
    for passage in passages {
        let cost = estimate_tokens(&passage.text) + estimate_tokens(&passage.title) + ENVELOPE;
        if cost > left {
            break;
        }
        left -= cost;
        let number = u32::try_from(citations.len()).unwrap_or(u32::MAX).saturating_add(1);
        // Writing to a string cannot fail.
        let _ = write!(text, "\n\n[{number}] {}\n{}", one_line(&passage.title), passage.text.trim());
        citations.push(citation(number, passage));
    }
    Knowledge { text: (!citations.is_empty()).then_some(text), citations }
}

fn citation(number: u32, passage: Passage) -> Citation {
    let text = one_line(&passage.text);
    let excerpt = match text.char_indices().nth(EXCERPT_MAX) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a million")]
    let score = Confidence::from_millionths((passage.score.clamp(0.0, 1.0) * 1e6) as u32);
    Citation {
        number,
        document: passage.document,
        title: passage.title,
        chunk: passage.chunk,
        excerpt,
        score,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DocumentId;

    fn passage(text: &str) -> Passage {
        let title = "Tides\nand moons".to_owned();
        Passage { document: DocumentId::new(), title, chunk: 2, text: text.to_owned(), score: 0.5 }
    }

    /// Protects the budget of a context: no more is told than was allowed, the nearest first, and each citation has the number
    /// that it is told by.
    #[test]
    fn as_much_is_told_as_fits() {
        let passages: Vec<_> =
            (0..9).map(|number| passage(&format!("{number} {}", "x".repeat(300)))).collect();
        for tokens in [0, 100, 500, 1_000, 5_000] {
            let Knowledge { text, citations } = told(passages.clone(), tokens);
            let text = text.unwrap_or_default();
            assert!(text.is_empty() || estimate_tokens(&text) <= tokens, "{tokens}");
            for (citation, expect) in citations.iter().zip(1..) {
                assert_eq!(citation.number, expect);
                assert!(text.contains(&format!("[{expect}] Tides and moons\n{} xxx", expect - 1)), "{text}");
                assert_eq!((citation.excerpt.chars().count(), citation.score.millionths()), (201, 500_000));
            }
            assert_eq!(citations.is_empty(), tokens < 500, "{tokens}");
        }
    }
}
