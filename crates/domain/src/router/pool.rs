//! The backends that are there, and which of them a turn should have.

use super::Provider;
use super::breaker::{Breaker, Health};
use crate::ports::Backend;
use crate::prices::Prices;
use crate::settings::BreakerSettings;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::time::Instant;

/// One backend of one pool, for ever: a worker that comes back is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MemberId(u64);

/// What is asked of a pool.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) model: Option<String>,
    /// Those that have failed at it.
    pub(crate) excluded: HashSet<MemberId>,
    /// Where all have failed that there are: whether to wait for a worker that may come.
    pub(crate) patient: bool,
}

/// What a pool has for a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    Take(usize),
    /// One that has no place now.
    Busy,
    /// Only such as asked to be left alone until then.
    Asked(Instant),
    /// Only such as failed too often, until then.
    Broken(Instant),
    /// Only such as have failed at this very wish.
    Exhausted,
    /// Nobody serves it.
    Nobody,
}

/// What sort of backend a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has connected to us.
    Worker,
    /// The operator has named it.
    Provider { priority: u32 },
}

pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) kind: Kind,
    pub(super) prices: Prices,
    /// How much it gets beside others.
    weight: NonZeroU32,
    /// How many turns it gets at once.
    most: Option<u32>,
    pub(super) outstanding: u32,
    /// What a worker has to do for others.
    elsewhere: u32,
    /// It gets nothing new.
    draining: bool,
    breaker: Breaker,
    /// It asked to be left alone until then.
    not_before: Option<Instant>,
    /// Its standing in the weighted rotation.
    credit: i64,
    /// When it was given something last, as a number that rises.
    used: u64,
}

#[derive(Default)]
pub(super) struct Pool {
    members: Vec<Member>,
    next: u64,
    uses: u64,
}

/// What a worker says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) draining: bool,
    pub(crate) queue_size: Option<u32>,
    pub(crate) capacity: Option<NonZeroU32>,
}

impl Pool {
    pub(super) fn add_provider(&mut self, provider: Provider, breaker: BreakerSettings) {
        let Provider { backend, priority, weight, capacity, prices } = provider;
        let most = capacity.map(NonZeroU32::get);
        self.add(backend, Kind::Provider { priority }, prices, weight, most, breaker);
    }

    pub(super) fn add_worker(
        &mut self,
        backend: Arc<dyn Backend>,
        capacity: Option<NonZeroU32>,
        unsaid: u32,
        breaker: BreakerSettings,
    ) -> MemberId {
        let (weight, most) = (capacity.unwrap_or(NonZeroU32::MIN), capacity.map_or(unsaid, NonZeroU32::get));
        self.add(backend, Kind::Worker, Prices::default(), weight, Some(most), breaker)
    }

    fn add(
        &mut self,
        backend: Arc<dyn Backend>,
        kind: Kind,
        prices: Prices,
        weight: NonZeroU32,
        most: Option<u32>,
        breaker: BreakerSettings,
    ) -> MemberId {
        self.next += 1;
        let id = MemberId(self.next);
        self.members.push(Member {
            id,
            backend,
            kind,
            prices,
            weight,
            most,
            outstanding: 0,
            elsewhere: 0,
            draining: false,
            breaker: Breaker::new(breaker),
            not_before: None,
            credit: 0,
            used: 0,
        });
        id
    }

    pub(super) fn remove(&mut self, id: MemberId) {
        self.members.retain(|member| member.id != id);
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// The workers, then the providers in their order.
    pub(super) fn in_order(&self) -> Vec<&Member> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|member| match member.kind {
            Kind::Worker => (false, 0, member.id),
            Kind::Provider { priority } => (true, priority, member.id),
        });
        members
    }

    pub(super) fn workers(&self) -> usize {
        self.members.iter().filter(|member| member.kind == Kind::Worker).count()
    }

    /// Whether anybody could take anything now.
    pub(super) fn has_place(&self, now: Instant) -> bool {
        self.members.iter().any(|member| !member.draining && member.standing(now) == Choice::Take(0))
    }

    /// Workers before providers, the one with the least to do for its capacity; then the providers in their order.
    pub(super) fn choose(&self, wish: &Wish, now: Instant) -> Choice {
        let model = wish.model.as_deref();
        let mut best: Option<usize> = None;
        let mut otherwise = Choice::Nobody;
        for (index, member) in self.members.iter().enumerate() {
            if member.draining || !member.backend.serves(model) {
                continue;
            }
            if wish.excluded.contains(&member.id) {
                otherwise = better(otherwise, Choice::Exhausted);
                continue;
            }
            match member.standing(now) {
                Choice::Take(_) => {
                    if best.is_none_or(|best| member.compare(&self.members[best]) == Ordering::Less) {
                        best = Some(index);
                    }
                }
                standing => otherwise = better(otherwise, standing),
            }
        }
        best.map_or(otherwise, Choice::Take)
    }

    /// Gives a turn to the member at `index`, which was chosen for `wish` just now.
    pub(super) fn take(&mut self, index: usize, wish: &Wish, now: Instant) -> &Member {
        self.uses += 1;
        if let Kind::Provider { priority } = self.members[index].kind {
            self.rotate(index, priority, wish, now);
        }
        let member = &mut self.members[index];
        member.used = self.uses;
        member.outstanding += 1;
        member.breaker.begin();
        member
    }

    /// Smooth weighted rotation: all that could have been chosen gain their weight, the chosen one pays for all.
    fn rotate(&mut self, chosen: usize, priority: u32, wish: &Wish, now: Instant) {
        let mut total = 0;
        for member in &mut self.members {
            let rival = member.kind == Kind::Provider { priority }
                && member.backend.serves(wish.model.as_deref())
                && !wish.excluded.contains(&member.id)
                && member.standing(now) == Choice::Take(0);
            if rival {
                let weight = i64::from(member.weight.get());
                member.credit += weight;
                total += weight;
            }
        }
        self.members[chosen].credit -= total;
    }
}

/// The more hopeful of two reasons why a wish has to wait.
fn better(one: Choice, other: Choice) -> Choice {
    let rank = |choice: &Choice| match choice {
        Choice::Nobody => 0,
        Choice::Exhausted => 1,
        Choice::Broken(_) => 2,
        Choice::Asked(_) => 3,
        Choice::Busy => 4,
        Choice::Take(_) => 5,
    };
    match (one, other) {
        (Choice::Broken(one), Choice::Broken(other)) => Choice::Broken(one.min(other)),
        (Choice::Asked(one), Choice::Asked(other)) => Choice::Asked(one.min(other)),
        (one, other) if rank(&one) >= rank(&other) => one,
        (_, other) => other,
    }
}

impl Member {
    /// Whether it can take a turn: [`Choice::Take`], or why not.
    fn standing(&self, now: Instant) -> Choice {
        let full = self.most.is_some_and(|most| self.outstanding >= most);
        match (self.breaker.health(now), self.not_before) {
            (Health::Resting(until), _) => Choice::Broken(until),
            (Health::Well, Some(until)) if until > now => Choice::Asked(until),
            (Health::Well, _) if !full => Choice::Take(0),
            _ => Choice::Busy,
        }
    }

    /// Whether it takes turns, now or once it has a place.
    pub(super) fn takes_turns(&self, now: Instant) -> bool {
        !self.draining && matches!(self.standing(now), Choice::Take(_) | Choice::Busy)
    }

    /// Less: this one is asked rather than the other.
    fn compare(&self, other: &Self) -> Ordering {
        match (self.kind, other.kind) {
            (Kind::Worker, Kind::Provider { .. }) => Ordering::Less,
            (Kind::Provider { .. }, Kind::Worker) => Ordering::Greater,
            (Kind::Worker, Kind::Worker) => self.load().cmp(&other.load()).then(self.used.cmp(&other.used)),
            (Kind::Provider { priority: one }, Kind::Provider { priority: two }) => {
                let standing = |member: &Self| member.credit + i64::from(member.weight.get());
                one.cmp(&two).then(standing(other).cmp(&standing(self))).then(self.id.cmp(&other.id))
            }
        }
    }

    /// How much of its capacity a worker would use with one turn more, in 2³² parts.
    fn load(&self) -> u64 {
        let turns = u64::from(self.outstanding) + u64::from(self.elsewhere) + 1;
        (turns << 32) / u64::from(self.weight.get())
    }

    pub(super) fn ended(&mut self, failed: Option<bool>, wait_until: Option<Instant>, now: Instant) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.breaker.end(failed, now);
        self.not_before = self.not_before.filter(|until| *until > now).max(wait_until);
    }

    pub(super) fn report(&mut self, load: Load) {
        self.draining = load.draining;
        if let Some(capacity) = load.capacity {
            (self.weight, self.most) = (capacity, Some(capacity.get()));
        }
        if let Some(queue_size) = load.queue_size {
            self.elsewhere = queue_size.saturating_sub(self.outstanding);
        }
    }
}
