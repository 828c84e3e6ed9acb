//! Whatever is reserved, settled and expired in whatever order: the databases answer as the store in memory does, and
//! balances are what lines and reservations come to. Attempts and accounts are few, so that they meet in every way.

use crate::desk::{Desk, line};
use crate::subject::Subject;
use crate::write::at;
use parlor_domain::MessageId;
use parlor_domain::ports::{Account, AttemptId, Reservation, Reserved, Store};
use parlor_domain::testing::MemoryStore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const TURNS: usize = 4;

/// Which attempt, at which turn.
type Place = (usize, u32);

#[derive(Debug, Clone)]
enum Step {
    /// With accounts by their places, each with its limit.
    Reserve {
        attempt: Place,
        tokens: u64,
        accounts: Vec<(usize, Option<u64>)>,
        elsewhere: bool,
        expires: i64,
    },
    Settle(Vec<(Place, u64)>),
    Expire {
        now: i64,
        elsewhere: bool,
    },
}

fn place() -> impl Strategy<Value = Place> {
    (0..TURNS, 1..4_u32)
}

/// Some of the accounts, in some order, each with a limit or without.
fn accounts() -> impl Strategy<Value = Vec<(usize, Option<u64>)>> {
    let limits = prop::array::uniform3(prop::option::weighted(0.8, 0..120_u64));
    let some = prop::sample::subsequence(vec![0, 1, 2], 0..=3).prop_shuffle();
    (some, limits).prop_map(|(some, limits)| some.into_iter().map(|place| (place, limits[place])).collect())
}

fn step() -> impl Strategy<Value = Step> {
    let reserve = (place(), 0..40_u64, accounts(), any::<bool>(), 0..20_i64);
    prop_oneof![
        6 => reserve.prop_map(|(attempt, tokens, accounts, elsewhere, expires)| {
            Step::Reserve { attempt, tokens, accounts, elsewhere, expires }
        }),
        3 => prop::collection::vec((place(), 0..50_u64), 0..5).prop_map(Step::Settle),
        1 => (0..20_i64, any::<bool>()).prop_map(|(now, elsewhere)| Step::Expire { now, elsewhere }),
    ]
}

/// What the steps are about.
struct Books {
    desk: Desk,
    elsewhere: Uuid,
    turns: Vec<MessageId>,
    /// The reservation that each attempt was to have, granted or not.
    asked: BTreeMap<Place, Reservation>,
}

impl Books {
    fn new(real: &Arc<dyn Store>) -> Self {
        let turns = (0..TURNS).map(|_| MessageId::new()).collect();
        Self { desk: Desk::new(real), elsewhere: Uuid::new_v4(), turns, asked: BTreeMap::new() }
    }

    fn accounts(&self) -> [Account; 3] {
        [self.desk.account(), self.desk.day(), self.desk.model()]
    }

    fn reservation(&self, (turn, number): Place, tokens: u64) -> Reservation {
        let attempt = AttemptId { turn: self.turns[turn], number };
        Reservation { attempt, ..self.desk.reservation(tokens, None) }
    }

    /// Takes the step in both stores, which must agree about it.
    async fn step(&mut self, model: &MemoryStore, step: &Step) -> Result<(), TestCaseError> {
        let real = self.desk.store.clone();
        match step {
            Step::Reserve { attempt, tokens, accounts, elsewhere, expires } => {
                let mut reservation = self.reservation(*attempt, *tokens);
                let named = accounts.iter().map(|(place, limit)| (self.accounts()[*place].clone(), *limit));
                reservation.accounts = named.collect();
                reservation.expires_at = at(*expires);
                if *elsewhere {
                    reservation.node = self.elsewhere;
                }
                let answers = (
                    model.usage_reserve(reservation.clone()).await,
                    real.usage_reserve(reservation.clone()).await,
                );
                let granted = answers.0.unwrap();
                prop_assert_eq!(&granted, &answers.1.unwrap());
                if granted == Reserved::Granted {
                    self.asked.entry(*attempt).or_insert(reservation);
                }
            }
            Step::Settle(attempts) => {
                let record = |(place, used): &(Place, u64)| {
                    let fresh = self.reservation(*place, 1);
                    line(self.asked.get(place).unwrap_or(&fresh), *used)
                };
                let records: Vec<_> = attempts.iter().map(record).collect();
                model.usage_settle(records.clone()).await.unwrap();
                real.usage_settle(records).await.unwrap();
            }
            Step::Expire { now, elsewhere } => {
                let node = if *elsewhere { self.elsewhere } else { self.desk.node };
                let counts =
                    (model.usage_expire(node, at(*now)).await, real.usage_expire(node, at(*now)).await);
                prop_assert_eq!(counts.0.unwrap(), counts.1.unwrap());
            }
        }
        Ok(())
    }

    /// Both stores agree on everything that is written, and the balances are what it comes to.
    async fn check(&self, model: &MemoryStore) -> Result<(), TestCaseError> {
        let real = &self.desk.store;
        let mut lines = Vec::new();
        for turn in &self.turns {
            let attempts = real.usage_attempts(*turn).await.unwrap();
            prop_assert_eq!(&model.usage_attempts(*turn).await.unwrap(), &attempts);
            lines.extend(attempts);
        }
        for account in self.accounts() {
            let balance = real.usage_balance(&account).await.unwrap();
            prop_assert_eq!(model.usage_balance(&account).await.unwrap(), balance);
            let counted = lines.iter().filter(|line| line.accounts.contains(&account));
            prop_assert_eq!(balance.used, counted.map(|line| line.usage.total_tokens()).sum::<u64>());
            let open = self.asked.values().filter(|asked| {
                let over = lines.iter().any(|line| line.attempt == asked.attempt);
                !over && asked.accounts.iter().any(|(name, _)| *name == account)
            });
            prop_assert_eq!(balance.reserved, open.map(|asked| asked.tokens).sum::<u64>());
        }
        Ok(())
    }
}

async fn both_agree(model: MemoryStore, real: &Arc<dyn Store>, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut books = Books::new(real);
    for step in steps {
        books.step(&model, step).await?;
    }
    books.check(&model).await?;
    // The next case uses the same database, so that nothing may stay open.
    books.step(&model, &Step::Expire { now: 1_000, elsewhere: false }).await?;
    books.check(&model).await
}

fn check(real: &Arc<dyn Store>, model: fn() -> MemoryStore, cases: u32) {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let steps = prop::collection::vec(step(), 1..25);
        let result =
            TestRunner::new(config).run(&steps, |steps| runtime.block_on(both_agree(model(), real, &steps)));
        result.unwrap();
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_books_as_the_model_does() {
    check(&Subject::sqlite().await.store, MemoryStore::new, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_books_as_the_model_does() {
    check(&Subject::postgres().await.store, MemoryStore::shared, 60);
}
