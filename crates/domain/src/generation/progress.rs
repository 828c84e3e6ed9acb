//! What is known of a reply while it is made, also where it is dropped in the middle.

use super::attempt::Failure;
use super::books::Line;
use super::raw::RawEvents;
use super::{Order, Outcome, PieceBody, budget};
use crate::hub::Shared;
use crate::message::{Attached, Confidence, NanoDollars, TurnStatus, Usage};
use crate::ports::{About, AttemptOutcome, Delta, Finish, ToolCall};
use crate::prices::Prices;
use crate::router::Lease;
use crate::turn::estimate_context;
use crate::{CONTENT_TYPE_MAX, Refusal};
use tokio::time::Instant;

/// The longest name of a model that is kept, in bytes.
const MODEL_MAX: usize = 128;

/// How far the making of a reply has come.
#[derive(Default)]
pub(crate) struct Progress {
    /// Attempts that were begun.
    attempts: u32,
    /// The line of the attempt that runs. Dropping it enters it in the books.
    line: Option<Line>,
    prompt_estimate: u64,
    prices: [Prices; 2],
    began: Option<Instant>,
    /// Of the attempt that runs, or else of the last one.
    current: Current,
    /// An attempt that is over has shown something that a new one would replace.
    replaces: bool,
    /// Text that the client has, of whatever attempt.
    kept: bool,
    raw: Raw,
}

/// Whether what the backend sends is kept as it sends it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Raw {
    #[default]
    Unwanted,
    Wanted,
    /// It is wanted, but something of it may not have been judged.
    Withheld,
}

/// What comes of something that a backend said.
#[derive(Default)]
pub(super) struct Taken {
    /// That all that was shown before counts no more.
    pub(super) restarted: Option<PieceBody>,
    /// What is to be shown.
    pub(super) body: Option<PieceBody>,
    /// How the attempt ended, if it did.
    pub(super) ended: Option<Result<(), Failure>>,
}

/// What one attempt has said.
#[derive(Default)]
struct Current {
    backend: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    about: About,
    finish: Finish,
    opened: bool,
    /// Bytes of text, of thoughts, of calls.
    text: usize,
    reasoning: usize,
    calls: usize,
    raw: RawEvents,
}

impl Progress {
    pub(crate) fn new(order: &Order) -> Self {
        let raw = if order.raw_events { Raw::Wanted } else { Raw::Unwanted };
        let estimate = estimate_context(&order.context, order.extra.as_ref());
        Self { prompt_estimate: estimate as u64, raw, ..Self::default() }
    }

    /// The reply to this order is moderated: until [`release`](Self::release), parts of it may not pass.
    pub(super) fn withhold(&mut self, order: &Order) {
        self.prompt_estimate = estimate_context(&order.context, order.extra.as_ref()) as u64;
        if self.raw == Raw::Wanted {
            self.raw = Raw::Withheld;
        }
    }

    /// Everything of it has passed.
    pub(super) fn release(&mut self) {
        if self.raw == Raw::Withheld {
            self.raw = Raw::Wanted;
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.attempts
    }

    /// An attempt begins: its tokens are reserved, and its line is opened. Error: `TOKEN_BUDGET_EXCEEDED`, `INTERNAL`.
    pub(super) async fn begin(
        &mut self,
        shared: &Shared,
        order: &Order,
        lease: &Lease,
    ) -> Result<(), Refusal> {
        self.attempts += 1;
        self.replaces |= self.is_shown();
        self.kept |= self.current.text > 0;
        let backend = lease.backend().name().to_owned();
        let line = budget::open(shared, order, self.attempts, self.prompt_estimate, &backend).await?;
        self.current = Current { backend: Some(backend), ..Current::default() };
        self.prices = [lease.prices().clone(), shared.settings.turns.prices.clone()];
        (self.line, self.began) = (Some(line), Some(Instant::now()));
        Ok(())
    }

    pub(super) fn opened(&mut self) {
        self.current.opened = true;
    }

    /// Whether the attempt has said anything that a client sees.
    pub(super) fn is_shown(&self) -> bool {
        self.current.text + self.current.reasoning + self.current.calls > 0
    }

    /// Whether no other backend may be asked any more, but by the client's leave.
    pub(super) fn is_committed(&self) -> bool {
        self.current.text + self.current.calls > 0 || self.kept
    }

    /// Takes in what the backend says; `most` is how many bytes of text a reply may have.
    pub(super) fn take(&mut self, delta: Delta, most: usize) -> Taken {
        let taken = match delta {
            Delta::Content(text) => self.take_text(text, most),
            Delta::Reasoning(text) => self.take_thought(text, most),
            Delta::ToolCall(call) => self.take_call(call, most),
            Delta::Usage(usage) => {
                self.current.usage = Some(usage);
                Taken::default()
            }
            Delta::Model(model) => {
                self.current.model = Some(kept(model, MODEL_MAX));
                Taken::default()
            }
            Delta::About(About { confidence, content_type }) => {
                let content_type = content_type.map(|it| kept(it, CONTENT_TYPE_MAX));
                self.current.about = About { confidence, content_type };
                Taken::default()
            }
            Delta::Raw(event) => {
                if self.raw != Raw::Unwanted {
                    self.current.raw.add(event);
                }
                Taken::default()
            }
            Delta::End(finish) => {
                self.current.finish = finish;
                Taken { ended: Some(Ok(())), ..Taken::default() }
            }
        };
        self.with_restart(taken)
    }

    fn take_text(&mut self, text: String, most: usize) -> Taken {
        let (text, length) = (clean(text), self.current.text);
        let whole = text.len() <= most.saturating_sub(length);
        let text = kept(text, most.saturating_sub(length));
        self.current.text += text.len();
        if !text.is_empty() {
            self.note_first_content();
        }
        let ended = (!whole).then_some(Err(Failure::Endless));
        Taken { body: (!text.is_empty()).then_some(PieceBody::Text(text)), ended, restarted: None }
    }

    /// No part of the reply: what is too much of it is left out.
    fn take_thought(&mut self, text: String, most: usize) -> Taken {
        let text = kept(text, most.saturating_sub(self.current.reasoning));
        self.current.reasoning += text.len();
        Taken { body: (!text.is_empty()).then_some(PieceBody::Reasoning(text)), ..Taken::default() }
    }

    fn take_call(&mut self, call: ToolCall, most: usize) -> Taken {
        if self.current.calls + call.arguments.len() > most {
            return Taken { ended: Some(Err(Failure::Endless)), ..Taken::default() };
        }
        // A call counts even where it has no arguments.
        self.current.calls += call.arguments.len().max(1);
        self.note_first_content();
        Taken { body: Some(PieceBody::ToolCall(call)), ..Taken::default() }
    }

    /// Before the first piece of an attempt that replaces another, says that it does.
    fn with_restart(&mut self, mut taken: Taken) -> Taken {
        if taken.body.is_some() && std::mem::take(&mut self.replaces) {
            self.kept = false;
            taken.restarted = Some(PieceBody::Restarted(self.attempts));
        }
        taken
    }

    fn note_first_content(&mut self) {
        if let (Some(line), Some(began)) = (&mut self.line, self.began) {
            line.record().first_content.get_or_insert(began.elapsed());
        }
    }

    /// The attempt that runs is over. Where there is a budget, returns once its line is in the books.
    pub(crate) async fn close(&mut self, outcome: AttemptOutcome) {
        if let Some(line) = self.finish_line(outcome) {
            line.enter().await;
        }
    }

    pub(super) fn close_as_silent(&mut self) {
        drop(self.finish_line(AttemptOutcome::Silent));
    }

    fn finish_line(&mut self, outcome: AttemptOutcome) -> Option<Line> {
        let mut line = self.line.take()?;
        let (usage, cost) = (self.usage(), self.cost());
        let record = line.record();
        (record.outcome, record.usage, record.cost) = (outcome, usage, cost);
        record.elapsed = self.began.map(|began| began.elapsed()).unwrap_or_default();
        if self.current.model.is_some() {
            record.model.clone_from(&self.current.model);
        }
        Some(line)
    }

    /// The backend's figures, or an estimate marked so; nothing where it never began to answer.
    pub(crate) fn usage(&self) -> Usage {
        let current = &self.current;
        let estimate = || {
            let produced = current.text + current.reasoning + current.calls;
            let (prompt_tokens, completion_tokens) = (self.prompt_estimate, produced.div_ceil(3) as u64);
            Usage { prompt_tokens, completion_tokens, estimated: true }
        };
        current.usage.unwrap_or_else(|| if current.opened { estimate() } else { Usage::default() })
    }

    pub(crate) fn cost(&self) -> Option<NanoDollars> {
        let model = self.current.model.as_deref()?;
        self.prices.iter().find_map(|prices| prices.cost(model, self.usage()))
    }

    pub(crate) fn model(&self) -> Option<String> {
        self.current.model.clone()
    }

    pub(crate) fn backend(&self) -> Option<String> {
        self.current.backend.clone()
    }

    pub(crate) fn confidence(&self) -> Option<Confidence> {
        self.current.about.confidence
    }

    pub(crate) fn content_type(&self) -> Option<String> {
        self.current.about.content_type.clone()
    }

    /// What the backend sent, where that is kept.
    pub(crate) fn attached(&self) -> Option<Box<Attached>> {
        if self.raw == Raw::Wanted { self.current.raw.attached() } else { None }
    }

    pub(crate) fn finish(&self) -> Finish {
        self.current.finish
    }

    /// The end of a reply that no backend finished: what was produced is kept.
    pub(super) fn broken(&self, refusal: Refusal) -> Outcome {
        if self.is_committed() {
            (TurnStatus::Interrupted, None)
        } else {
            (TurnStatus::Failed, Some(refusal))
        }
    }
}

/// What no database holds is replaced: a backend may say it, and its reply is not lost for that.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// As much of a text as is kept: at most so many bytes.
fn kept(text: String, most: usize) -> String {
    let mut text = clean(text);
    text.truncate(text.floor_char_boundary(most));
    text
}
