//! A message, and its answer: asked as its user would ask it, under an id that is made of the job's. However often the job
//! is begun, the message is in the log once; a reply that is whole, or that somebody stopped, is the job's, and only where
//! there is none is another one made. Nor is one made while another node makes it: one that could not keep its hold on the
//! job has given up the job, and not the turn.

use super::{Done, Run};
use crate::command::{Action, Command, Draft, Place};
use crate::event::{Correlation, EventBody, ReplyBody, TurnRef};
use crate::jobs::{JobAnswer, draft};
use crate::message::{Fingerprint, Message, TurnStatus};
use crate::outbox::Outgoing;
use crate::ports::{CompletionWork, JobOutcome, JobResult};
use crate::session::Session;
use crate::{ErrorCode, Refusal};
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long is waited for the end of a turn that was told to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How far a job is whose reply has begun.
const BEGUN: u8 = 10;
/// How long a reply is taken to be that has no maximum, in bytes.
const REPLY: u64 = 4_096;
/// How many bytes a token has, about.
const BYTES_A_TOKEN: u64 = 4;
/// How often is looked for the end of another node's turn.
const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(run: Run, work: CompletionWork) -> Done {
    let name = match run.shared.store.user_get(run.job.lease.user).await {
        Ok(Some(user)) => user.username().into(),
        Ok(None) => return JobOutcome::Failed(ErrorCode::Forbidden).into(),
        Err(error) => return run.failed(&Refusal::internal(&error)),
    };
    let draft = draft::message_of(run.job.lease.job, &work);
    if let Some(done) = others_turn(&run, &draft).await {
        return done;
    }
    let mut session = Session::for_job(Arc::clone(&run.shared), run.job.lease.user, name);
    let command =
        Command { action: Action::Ask { draft, pieces: true }, correlation: Correlation::default() };
    session.perform(command).await;
    let mut asked = Asked { run, work, session, turn: None, anew: false, unwanted: false, given_up: None };
    loop {
        if let Some(done) = asked.next().await {
            return done;
        }
    }
}

/// Waits while another node makes the reply, whose end is then in the log; a dead node's turn is ended when its lease is
/// over. The end, where that comes first.
async fn others_turn(run: &Run, draft: &Draft) -> Option<Done> {
    if run.job.lease.fence <= 1 {
        return None; // nobody had it before
    }
    let client_id = draft.client_id.as_deref()?;
    let question = Fingerprint::of(run.job.lease.user, client_id, &draft.content);
    loop {
        match run.shared.store.job_turn_elsewhere(run.shared.node, question).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(run.failed(&Refusal::internal(&error))),
        }
        tokio::select! {
            biased;
            () = run.shared.stop.cancelled() => return Some(JobOutcome::Released.into()),
            () = run.shared.hard_stop.cancelled() => return Some(JobOutcome::Released.into()),
            () = run.cancelled.cancelled() => return Some(JobOutcome::Released.into()),
            () = sleep(LOOK) => {}
        }
    }
}

/// A question on its way to its answer.
struct Asked {
    run: Run,
    work: CompletionWork,
    session: Session,
    /// The turn that answers it, once that has begun.
    turn: Option<TurnRef>,
    /// Whether another reply was asked for.
    anew: bool,
    /// Whether its user does not want it any more.
    unwanted: bool,
    /// Until when the end of a turn is waited for that was told to end.
    given_up: Option<Instant>,
}

impl Asked {
    /// Takes what has come; the end, if it has.
    async fn next(&mut self) -> Option<Done> {
        let mut batch = VecDeque::new();
        let shared = Arc::clone(&self.run.shared);
        let outbox = Arc::clone(self.session.outbox());
        let waits = self.given_up.is_none();
        tokio::select! {
            biased;
            taken = outbox.take(&mut batch) => if taken.is_err() {
                return Some(self.run.failed(&Refusal::of(ErrorCode::Internal)));
            },
            () = shared.stop.cancelled() => return Some(JobOutcome::Released.into()),
            () = self.run.cancelled.cancelled(), if waits && !self.unwanted => self.give_up().await,
            () = shared.hard_stop.cancelled(), if waits => self.given_up = Some(Instant::now() + PATIENCE),
            () = until(self.given_up) => return Some(JobOutcome::Released.into()),
        }
        for item in batch {
            let done = match item {
                Outgoing::Event(event) => {
                    self.event(event.body()).await;
                    None
                }
                Outgoing::Reply(reply) => self.reply(reply.body).await,
                Outgoing::Raw(_) | Outgoing::Probe { .. } => None,
            };
            if done.is_some() {
                return done;
            }
        }
        None
    }

    async fn event(&mut self, body: &EventBody) {
        match body {
            EventBody::TurnStarted(turn) => {
                self.turn = Some(*turn);
                self.run.progress.reach(BEGUN);
                if self.run.cancelled.is_cancelled() {
                    self.give_up().await;
                }
            }
            EventBody::TurnDelta { offset, text, .. } => self.reached(offset + text.len() as u64),
            _ => {}
        }
    }

    /// The reply has so many bytes: how far that is, of a reply of the usual length.
    fn reached(&self, bytes: u64) {
        let most = self.work.max_tokens.map_or(REPLY, |tokens| u64::from(tokens) * BYTES_A_TOKEN).max(1);
        let share = bytes.min(most) * u64::from(99 - BEGUN) / most;
        self.run.progress.reach(BEGUN + u8::try_from(share).unwrap_or_default());
    }

    async fn reply(&mut self, body: ReplyBody) -> Option<Done> {
        match body {
            ReplyBody::Answered { message, refusal, .. } => self.answered(&message, refusal).await,
            ReplyBody::Refused { refusal, .. } => Some(self.run.failed(&refusal)),
            _ => None,
        }
    }

    async fn answered(&mut self, message: &Arc<Message>, refusal: Option<Refusal>) -> Option<Done> {
        let reply = message.reply.as_ref()?;
        if matches!(reply.status, TurnStatus::Complete | TurnStatus::Stopped) {
            let result = JobResult::Completion { conversation: message.conversation, message: message.id };
            let answer = Some(JobAnswer::Completion(Arc::clone(message)));
            return Some(Done { outcome: JobOutcome::Completed(result), answer });
        }
        let is_earlier = self.turn.is_none_or(|turn| turn.id != message.id);
        if is_earlier && !self.anew && !self.run.cancelled.is_cancelled() {
            // An attempt before this one came to nothing: this is the next.
            self.anew = true;
            let options = draft::options_of(&self.work);
            let asked = self.session.ask_anew(message.conversation, reply.in_reply_to, options);
            return asked.await.err().map(|refusal| self.run.failed(&refusal));
        }
        Some(self.run.failed(&refusal.unwrap_or(Refusal::of(ErrorCode::AiUnavailable))))
    }

    /// Its user does not want it any more: the turn ends, as soon as it has begun. Until then it is waited for, however many
    /// go before it: nobody else would end it.
    async fn give_up(&mut self) {
        self.unwanted = true;
        if let Some(turn) = self.turn {
            self.given_up = Some(Instant::now() + PATIENCE);
            self.stop(turn).await;
        }
    }

    async fn stop(&mut self, turn: TurnRef) {
        let action = Action::Stop { place: Place::Conversation(turn.conversation), turn: Some(turn.id) };
        self.session.perform(Command { action, correlation: Correlation::default() }).await;
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
