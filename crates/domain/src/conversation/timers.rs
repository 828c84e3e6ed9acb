//! What a conversation does by the clock: typing that ends by itself, the summary once a second, checkpoints of
//! live turns, a pause after a failed write, and its own retirement.

use super::Conversation;
use crate::UserId;
use crate::event::EventBody;
use crate::message::Author;
use crate::outbox::{Delivery, Outgoing};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long writes rest after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// How many moments there are in the time between two checkpoints of one turn.
const CHECKPOINT_MOMENTS: u32 = 8;

pub(crate) struct Timers {
    idle: Duration,
    last_used: Instant,
    idle_check: Instant,
    pub(super) typing: HashMap<UserId, Typing>,
    summary: SummaryState,
    checkpoint: Option<Instant>,
    resume_writes: Option<Instant>,
}

/// Somebody types.
pub(super) struct Typing {
    name: Arc<str>,
    /// When that ends by itself.
    until: Instant,
}

/// When the summary is pushed next: at most once in an interval, and never forgotten.
#[derive(Clone, Copy)]
enum SummaryState {
    /// It may go out at once.
    Quiet,
    /// It went out: nothing is due, but not before then.
    Resting(Instant),
    /// It changed since.
    Due(Instant),
}

impl Timers {
    pub(super) fn new(idle: Duration) -> Self {
        let now = Instant::now();
        Self {
            idle,
            last_used: now,
            idle_check: now + idle,
            typing: HashMap::new(),
            summary: SummaryState::Quiet,
            checkpoint: None,
            resume_writes: None,
        }
    }

    /// Waits for the next thing that is due.
    pub(super) async fn wait(&self, presence: Option<Instant>) {
        let summary = match self.summary {
            SummaryState::Due(at) => Some(at),
            SummaryState::Quiet | SummaryState::Resting(_) => None,
        };
        let next = self
            .typing
            .values()
            .map(|typing| typing.until)
            .chain(presence)
            .chain(summary)
            .chain(self.checkpoint)
            .chain(self.resume_writes)
            .fold(self.idle_check, Instant::min);
        sleep_until(next).await;
    }

    pub(super) fn used(&mut self) {
        self.last_used = Instant::now();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.last_used.elapsed() >= self.idle
    }

    pub(super) fn pause_writes(&mut self) {
        self.resume_writes = Some(Instant::now() + STORE_PAUSE);
    }

    pub(super) fn holds_writes(&self) -> bool {
        self.resume_writes.is_some()
    }

    /// The turns are written down within `every` from now.
    pub(super) fn start_checkpoints(&mut self, every: Duration, origin: Instant) {
        self.checkpoint.get_or_insert_with(|| checkpoint_at(Instant::now() + every, every, origin));
    }
}

/// The last common moment up to `latest`: where all conversations are written down at the same moments, a few commits
/// do for all of them.
fn checkpoint_at(latest: Instant, every: Duration, origin: Instant) -> Instant {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let step = nanoseconds(every / CHECKPOINT_MOMENTS).max(1);
    let since = nanoseconds(latest.saturating_duration_since(origin));
    latest - Duration::from_nanos(since % step)
}

impl Conversation {
    /// Does what is due.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        self.end_typing(now);
        if self.timers.resume_writes.is_some_and(|at| at <= now) {
            self.timers.resume_writes = None;
        }
        if self.timers.checkpoint.is_some_and(|at| at <= now) {
            self.timers.checkpoint = None;
            self.checkpoint_turns();
        }
        if let SummaryState::Due(at) = self.timers.summary
            && at <= now
        {
            self.push_summary(now);
        }
        if self.timers.idle_check <= now {
            self.subscribers.sweep();
            self.timers.idle_check = now + self.timers.idle;
        }
    }

    fn end_typing(&mut self, now: Instant) {
        let typing = self.timers.typing.iter().filter(|(_, typing)| typing.until <= now);
        let ended: Vec<_> = typing.map(|(user, typing)| (*user, Arc::clone(&typing.name))).collect();
        ended.into_iter().for_each(|(user, name)| self.set_typing(user, &name, false));
    }

    /// Notes that a user types, or no longer does; the others hear of a change.
    pub(super) fn set_typing(&mut self, user: UserId, name: &Arc<str>, is_typing: bool) {
        let changed = if is_typing {
            let until = Instant::now() + self.shared.settings.typing_expiry;
            self.timers.typing.insert(user, Typing { name: Arc::clone(name), until }).is_none()
        } else {
            self.timers.typing.remove(&user).is_some()
        };
        if changed {
            let (conversation, who, name) = (self.summary.id, Author::User(user), Some(Arc::clone(name)));
            let event = self.event(EventBody::Typing { conversation, who, name, is_typing });
            self.subscribers.deliver(&[Delivery::AllBut(user, event)]);
        }
    }

    /// The summary changed: its participants hear of it now, or when the interval is over.
    pub(super) fn summary_changed(&mut self) {
        let now = Instant::now();
        match self.timers.summary {
            SummaryState::Resting(until) if until > now => self.timers.summary = SummaryState::Due(until),
            SummaryState::Due(_) => {}
            SummaryState::Quiet | SummaryState::Resting(_) => self.push_summary(now),
        }
    }

    pub(super) fn push_summary(&mut self, now: Instant) {
        self.timers.summary = SummaryState::Resting(now + self.shared.settings.update_interval);
        let event = self.event(EventBody::Updated(self.summary.clone()));
        for member in self.members.iter() {
            self.shared.registry.each(member.user, |outbox| {
                outbox.push(Outgoing::Event(Arc::clone(&event)));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects "a crash costs at most two seconds", and the disk: a checkpoint is never later than that, not much
    /// earlier, and at the same moments in every conversation.
    #[tokio::test(start_paused = true)]
    async fn checkpoints_share_their_moments() {
        let (origin, every) = (Instant::now(), Duration::from_secs(2));
        let at = |millis| checkpoint_at(origin + Duration::from_millis(millis) + every, every, origin);
        for millis in [0, 1, 249, 250, 3_333] {
            let wait = at(millis) - (origin + Duration::from_millis(millis));
            assert!(wait <= every && wait + Duration::from_millis(250) > every, "{wait:?}");
        }
        assert_eq!(at(1), at(249));
        assert_ne!(at(249), at(250));
        assert_eq!(checkpoint_at(origin, Duration::ZERO, origin), origin);
    }
}
