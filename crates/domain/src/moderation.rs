//! Texts that may not pass: what a moderator is asked, and what follows from what it says.
//!
//! `generation` asks about what goes to a backend and about what comes from it; so it holds for whatever reply, whoever
//! wants it.

use crate::audit::Doer;
use crate::generation::Order;
use crate::hub::Shared;
use crate::ports::{AuditAction, Judgement, ModerationError, Moderator, Speaker, Window};
use crate::settings::{ModerationSettings, Unjudged};
use crate::{ErrorCode, Refusal};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How many texts a moderator is asked about at once.
const BATCH: usize = 32;
/// How many texts are remembered that may pass, each in 16 bytes. Then they are forgotten.
const PASSED: usize = 100_000;
/// How often a moderator is asked that fails in passing.
const TRIES: u32 = 2;
/// When who could not be answered may try again.
const RETRY: Duration = Duration::from_secs(5);
/// How many categories are written down, and how much of each, in bytes.
const CATEGORIES: usize = 8;
const CATEGORY_MAX: usize = 64;

/// A moderator, and what is known of its judgements.
pub(crate) struct Moderation {
    moderator: Arc<dyn Moderator>,
    settings: ModerationSettings,
    /// Of texts that may pass: a conversation's context is asked about once, and not with every turn.
    passed: Mutex<HashSet<[u8; 16]>>,
}

/// Why a text does not pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// For what is in it.
    Flagged(Vec<String>),
    /// Nobody could say, and nothing passes unseen.
    Unjudged,
}

impl Moderation {
    pub(crate) fn new(moderator: Arc<dyn Moderator>, settings: ModerationSettings) -> Self {
        Self { moderator, settings, passed: Mutex::default() }
    }

    pub(crate) fn window(&self) -> Window {
        self.moderator.window()
    }

    /// Judges texts. Nothing is said against any where nobody can say and the operator lets such texts pass. Error:
    /// [`Objection::Unjudged`].
    pub(crate) async fn judge(&self, texts: &[String]) -> Result<Vec<Judgement>, Objection> {
        match self.ask(texts).await {
            Ok(judgements) => Ok(judgements),
            Err(error) => {
                tracing::error!(%error, then = ?self.settings.unjudged, "texts could not be moderated");
                match self.settings.unjudged {
                    Unjudged::Pass => Ok(vec![Judgement::default(); texts.len()]),
                    Unjudged::Refused => Err(Objection::Unjudged),
                }
            }
        }
    }

    /// Whether a text may go to an embeddings server before its turn is admitted.
    pub(crate) async fn lets_pass(&self, text: &str) -> bool {
        self.flagged(&[text]).await.is_ok_and(|flagged| flagged.is_empty())
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Judgement>, ModerationError> {
        let mut tries = 1;
        loop {
            let asked = timeout(self.settings.timeout, self.moderator.judge(texts)).await;
            let late = || Err(ModerationError::Unreachable("it took too long".into()));
            match asked.unwrap_or_else(|_| late()) {
                Ok(judgements) if judgements.len() == texts.len() => return Ok(judgements),
                Ok(_) => return Err(ModerationError::Malformed("there is not one judgement a text".into())),
                Err(error) if error.is_passing() && tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The categories of those texts that are flagged, each by its place. What passed before passes.
    async fn flagged(&self, texts: &[&str]) -> Result<Vec<(usize, Vec<String>)>, Objection> {
        let unknown: Vec<_> = {
            let passed = self.passed.lock();
            let of = |(place, text): (usize, &&str)| (place, digest(text), (*text).to_owned());
            let spoken = texts.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()).map(of);
            spoken.filter(|(_, digest, _)| !passed.contains(digest)).collect()
        };
        let mut flagged = Vec::new();
        for batch in unknown.chunks(BATCH) {
            let texts: Vec<_> = batch.iter().map(|(_, _, text)| text.clone()).collect();
            for ((place, digest, _), judgement) in batch.iter().zip(self.judge(&texts).await?) {
                if judgement.is_flagged() {
                    flagged.push((*place, judgement.categories));
                } else if self.settings.unjudged == Unjudged::Refused {
                    // Elsewhere it may have passed because nobody could say.
                    self.remember(*digest);
                }
            }
        }
        Ok(flagged)
    }

    fn remember(&self, digest: [u8; 16]) {
        let mut passed = self.passed.lock();
        if passed.len() >= PASSED {
            passed.clear();
        }
        passed.insert(digest);
    }
}

fn digest(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(text)[..16]);
    short
}

/// Judges what is to go to a backend. Earlier messages that may not pass are left out, with the reply that follows them;
/// where the message to answer may not, or anything of a context that the client brought itself, the order is refused.
///
/// Errors: `CONTENT_FLAGGED`, `AI_UNAVAILABLE`, `INTERNAL`.
pub(crate) async fn admit(
    shared: &Shared,
    moderation: &Moderation,
    order: &mut Order,
) -> Result<(), Refusal> {
    let brought = order.conversation.is_none();
    let texts = texts(order);
    let asked: Vec<&str> = texts.iter().map(|(_, text)| *text).collect();
    let flagged = match moderation.flagged(&asked).await {
        Ok(flagged) => flagged,
        Err(objection) => return Err(refuse(shared, order, "request", objection).await),
    };
    let last = order.context.len().saturating_sub(1);
    let (mut left_out, mut refused) = (HashSet::new(), None);
    for (place, categories) in flagged {
        match texts[place].0 {
            Some(piece) if piece != last && !brought && order.context[piece].speaker != Speaker::System => {
                left_out.insert(piece);
            }
            _ => refused = refused.or(Some(categories)),
        }
    }
    if let Some(categories) = refused {
        return Err(refuse(shared, order, "request", Objection::Flagged(categories)).await);
    }
    leave_out(order, &left_out);
    Ok(())
}

/// Every text of an order that is not the operator's own, with the piece of the context that it belongs to.
fn texts(order: &Order) -> Vec<(Option<usize>, &str)> {
    let mut texts = Vec::new();
    for (place, piece) in order.context.iter().enumerate() {
        let own = if place == 0 && piece.speaker == Speaker::System { order.trusted } else { 0 };
        texts.push((Some(place), piece.content.get(own..).unwrap_or(&piece.content)));
        let beside = piece.extra.as_deref().into_iter().chain(piece.name.as_deref());
        texts.extend(beside.map(|text| (Some(place), text)));
    }
    let beside = order.extra.as_deref().into_iter().chain(order.beside.as_deref());
    texts.extend(beside.map(|text| (None, text)));
    texts
}

fn leave_out(order: &mut Order, left_out: &HashSet<usize>) {
    if left_out.is_empty() {
        return;
    }
    let (mut place, mut after) = (0, false);
    order.context.retain(|piece| {
        let out = left_out.contains(&place) || (after && piece.speaker == Speaker::Assistant);
        (place, after) = (place + 1, out);
        !out
    });
}

/// Why there is no reply, or no more of it. That a text was flagged is written down, without the text.
pub(crate) async fn refuse(shared: &Shared, order: &Order, direction: &str, objection: Objection) -> Refusal {
    let Objection::Flagged(categories) = objection else {
        return Refusal::retry_after(ErrorCode::AiUnavailable, RETRY);
    };
    let subject = match order.conversation {
        Some(conversation) => format!("conversation {conversation}"),
        None => format!("completion {}", order.turn),
    };
    let subject = format!("{subject} {direction}: {}", words(&categories));
    let doer = Doer { actor: Some(order.user), ..Doer::default() };
    let code = ErrorCode::ContentFlagged;
    let audited = shared.audit(doer, AuditAction::ContentFlag, Some(subject), Some(code)).await;
    audited.err().unwrap_or(Refusal::of(code))
}

/// Categories as they are written down: a few, and none of them long.
fn words(categories: &[String]) -> String {
    let plain = |category: &String| {
        let mut plain: String = category.chars().filter(|it| !it.is_control()).collect();
        plain.truncate(plain.floor_char_boundary(CATEGORY_MAX));
        plain
    };
    categories.iter().take(CATEGORIES).map(plain).collect::<Vec<_>>().join(", ")
}
