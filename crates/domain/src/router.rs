//! Which backend makes a reply, and when: workers and providers in one pool, each with its health and its load, and the
//! turns that wait for a place.
//!
//! A turn asks for a [`Lease`] and gives it back with what it has learnt of the backend. All state is under one lock,
//! which is taken once an attempt and never held over an await.

mod backoff;
mod breaker;
mod lease;
mod pool;
mod queue;

pub(crate) use backoff::full_jitter;
pub(crate) use lease::{Lease, Verdict};
pub(crate) use pool::{Load, MemberId, Wish};

use crate::models::ModelNames;
use crate::ports::Backend;
use crate::prices::Prices;
use crate::settings::TurnSettings;
use crate::{ErrorCode, Refusal, UserId};
use parking_lot::Mutex;
use pool::{Choice, Kind, Member, Pool};
use queue::Queue;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How many different lists of models that workers have served are remembered.
const REMEMBERED: usize = 1_000;

/// A backend that is always there, and what the operator says of it.
#[derive(Clone)]
pub struct Provider {
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// Those with a lower number are asked first.
    pub priority: u32,
    /// Among those of one priority, how many turns it gets beside the others.
    pub weight: NonZeroU32,
    /// How many turns it gets at once; none is no limit.
    pub capacity: Option<NonZeroU32>,
    /// What it charges; for models that are not in here, the server's prices count.
    pub prices: Prices,
}

impl From<Arc<dyn Backend>> for Provider {
    fn from(backend: Arc<dyn Backend>) -> Self {
        let weight = NonZeroU32::MIN;
        Self { backend, priority: 0, weight, capacity: None, prices: Prices::default() }
    }
}

/// How a backend is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendState {
    /// Its name.
    pub name: String,
    /// Whether it is a worker, which has come by itself.
    pub is_worker: bool,
    /// How many turns it has.
    pub turns: u32,
    /// False: it has failed too often, wants to be left alone, or is on its way out.
    pub takes_turns: bool,
}

/// A model that somebody serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// Its name.
    pub model: String,
    /// The backend that is asked first.
    pub backend: String,
}

/// The pool and its queue.
pub(crate) struct Router {
    inner: Mutex<Inner>,
    settings: TurnSettings,
    /// Whether workers can come at all.
    expects_workers: bool,
}

#[derive(Default)]
struct Inner {
    pool: Pool,
    queue: Queue,
    /// What workers have served that were here.
    seen: Vec<ModelNames>,
}

/// Why there is no backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Everybody who serves the model has failed at this turn.
    Exhausted,
    /// The only ones that could be asked want to be left alone until then.
    Asked(Instant),
    /// Those that could be asked had no place in time, or did not come.
    TimedOut,
    /// Nothing will come of it.
    Refused(Refusal),
}

impl Router {
    pub(crate) fn new(providers: Vec<Provider>, settings: &TurnSettings, expects_workers: bool) -> Arc<Self> {
        let mut inner = Inner::default();
        for provider in providers {
            inner.pool.add_provider(provider, settings.breaker);
        }
        Arc::new(Self { inner: Mutex::new(inner), settings: settings.clone(), expects_workers })
    }

    /// A backend for a turn of `user`; waits for one until `until` at most, behind those that wait already.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        user: UserId,
        wish: &Wish,
        until: Instant,
    ) -> Result<Lease, Denied> {
        loop {
            let (waiting, wake_at) = match self.try_acquire(user, wish)? {
                Found::Lease(lease) => return Ok(lease),
                Found::Waiting(waiting, wake_at) => (waiting, wake_at),
            };
            let Waiting { ticket, mut grant } = waiting;
            let wake_at = wake_at.unwrap_or(until).min(until);
            if let Ok(Ok(lease)) = timeout_at(wake_at, &mut grant).await {
                return Ok(lease);
            }
            drop(ticket);
            if let Ok(lease) = grant.try_recv() {
                return Ok(lease);
            }
            if Instant::now() >= until {
                return Err(Denied::TimedOut);
            }
        }
    }

    fn try_acquire(self: &Arc<Self>, user: UserId, wish: &Wish) -> Result<Found, Denied> {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        let wake_at = match inner.pool.choose(wish, now) {
            Choice::Take(index) => return Ok(Found::Lease(self.lease(&mut inner, index, wish, now))),
            Choice::Busy => None,
            Choice::Asked(until) if self.could_come(&inner, wish) => Some(until),
            Choice::Broken(until) if self.could_come(&inner, wish) => Some(until),
            Choice::Exhausted if wish.patient && self.could_come(&inner, wish) => None,
            Choice::Nobody if self.could_come(&inner, wish) => None,
            Choice::Asked(until) => return Err(Denied::Asked(until)),
            Choice::Exhausted => return Err(Denied::Exhausted),
            Choice::Broken(until) => {
                drop(inner);
                return Err(Denied::Refused(self.unavailable(wish, Some(until - now))));
            }
            Choice::Nobody if wish.model.is_some() => {
                return Err(Denied::Refused(Refusal::of(ErrorCode::ModelNotFound)));
            }
            Choice::Nobody => {
                drop(inner);
                return Err(Denied::Refused(self.unavailable(wish, None)));
            }
        };
        if inner.queue.len() >= self.settings.queue {
            let wait = std::time::Duration::from_secs(1);
            return Err(Denied::Refused(Refusal::retry_after(ErrorCode::AiUnavailable, wait)));
        }
        let (sender, grant) = oneshot::channel();
        let number = inner.queue.push(user, wish.clone(), sender);
        let ticket = Ticket { router: Arc::clone(self), user, number };
        Ok(Found::Waiting(Waiting { ticket, grant }, wake_at))
    }

    /// Whether a backend that is here, and looks at images, serves the model.
    pub(crate) fn takes_images(&self, model: Option<&str>) -> bool {
        let inner = self.inner.lock();
        inner.pool.iter().any(|it| it.backend.serves(model) && it.backend.takes_images(model))
    }

    /// Whether a worker may come that serves the wish: one that does has been here, or none is here at all.
    fn could_come(&self, inner: &Inner, wish: &Wish) -> bool {
        self.expects_workers
            && (inner.pool.workers() == 0
                || inner.seen.iter().any(|models| models.contains(wish.model.as_deref())))
    }

    fn lease(self: &Arc<Self>, inner: &mut Inner, index: usize, wish: &Wish, now: Instant) -> Lease {
        let member = inner.pool.take(index, wish, now);
        Lease::new(Arc::clone(self), member)
    }

    /// That nobody takes the turn: in the words of who was waited for.
    fn unavailable(&self, wish: &Wish, wait: Option<std::time::Duration>) -> Refusal {
        let model = wish.model.as_deref();
        let provided = self
            .inner
            .lock()
            .pool
            .iter()
            .any(|member| matches!(member.kind, Kind::Provider { .. }) && member.backend.serves(model));
        let code = if self.expects_workers && !provided {
            ErrorCode::AiCanisterUnavailable
        } else {
            ErrorCode::AiUnavailable
        };
        wait.map_or(Refusal::of(code), |wait| Refusal::retry_after(code, wait))
    }

    /// The refusal of a turn at which every backend has failed.
    pub(crate) fn failed(&self, wish: &Wish) -> Refusal {
        self.unavailable(wish, None)
    }

    /// A worker has come: it gets what waits.
    pub(crate) fn worker_add(
        self: &Arc<Self>,
        backend: Arc<dyn Backend>,
        models: ModelNames,
        capacity: Option<NonZeroU32>,
    ) -> MemberId {
        let mut inner = self.inner.lock();
        let unsaid = u32::try_from(self.settings.worker_turns).unwrap_or(u32::MAX).max(1);
        let id = inner.pool.add_worker(backend, capacity, unsaid, self.settings.breaker);
        if !inner.seen.contains(&models) {
            if inner.seen.len() >= REMEMBERED {
                inner.seen.remove(0);
            }
            inner.seen.push(models);
        }
        self.grant(&mut inner);
        id
    }

    pub(crate) fn worker_remove(&self, id: MemberId) {
        self.inner.lock().pool.remove(id);
    }

    pub(crate) fn worker_report(self: &Arc<Self>, id: MemberId, load: Load) {
        let mut inner = self.inner.lock();
        if let Some(member) = inner.pool.get_mut(id) {
            member.report(load);
        }
        self.grant(&mut inner);
    }

    fn give_back(self: &Arc<Self>, id: MemberId, verdict: Verdict) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        if let Some(member) = inner.pool.get_mut(id) {
            let (failed, wait) = verdict.of_backend();
            member.ended(failed, wait.map(|wait| now + wait), now);
        }
        self.grant(&mut inner);
    }

    /// Gives what is free to those that wait.
    fn grant(self: &Arc<Self>, inner: &mut Inner) {
        let now = Instant::now();
        while inner.queue.len() > 0 && inner.pool.has_place(now) {
            let Inner { pool, queue, .. } = inner;
            let mut chosen = None;
            let next = queue.pop(|wish| match pool.choose(wish, now) {
                Choice::Take(index) => {
                    chosen = Some(index);
                    true
                }
                _ => false,
            });
            let (Some((_, waiter)), Some(index)) = (next, chosen) else { return };
            let lease = self.lease(inner, index, &waiter.wish, now);
            if let Err(mut lease) = waiter.grant.send(lease) {
                // Nobody waits any more. Given back here: dropping it would take the lock that is held.
                let id = lease.disarm();
                if let Some(member) = inner.pool.get_mut(id) {
                    member.ended(None, None, now);
                }
            }
        }
    }

    /// How many turns wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inner.lock().queue.len()
    }

    /// How many workers are connected.
    pub(crate) fn workers(&self) -> usize {
        self.inner.lock().pool.workers()
    }

    /// All that could be asked: the workers, then the providers in their order.
    pub(crate) fn states(&self) -> Vec<BackendState> {
        let (inner, now) = (self.inner.lock(), Instant::now());
        let state = |member: &Member| BackendState {
            name: member.backend.name().to_owned(),
            is_worker: member.kind == Kind::Worker,
            turns: member.outstanding,
            takes_turns: member.takes_turns(now),
        };
        inner.pool.in_order().into_iter().map(state).collect()
    }

    /// The models that are known to be served, each with the backend that is asked first, by name.
    pub(crate) fn models(&self) -> Vec<ModelEntry> {
        let inner = self.inner.lock();
        let entries = inner.pool.in_order().into_iter().flat_map(|member| {
            let backend = member.backend.name();
            member.backend.models().into_iter().map(|model| ModelEntry { model, backend: backend.to_owned() })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|one, other| one.model.cmp(&other.model));
        entries.dedup_by(|later, first| later.model == first.model);
        entries
    }
}

/// What a look into the pool gave.
enum Found {
    Lease(Lease),
    /// A place in the queue, and when it is worth another look.
    Waiting(Waiting, Option<Instant>),
}

struct Waiting {
    ticket: Ticket,
    grant: oneshot::Receiver<Lease>,
}

/// A place in the queue. Dropping it leaves the queue.
struct Ticket {
    router: Arc<Router>,
    user: UserId,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.router.inner.lock().queue.remove(self.user, self.number);
    }
}
