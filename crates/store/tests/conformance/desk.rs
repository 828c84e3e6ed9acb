//! Whoever keeps the books: a user whose attempts are reserved and settled.

use crate::write::at;
use parlor_domain::message::{NanoDollars, Usage};
use parlor_domain::ports::{
    Account, AttemptId, AttemptOutcome, AttemptRecord, Balance, Day, Reservation, Reserved, Store,
};
use parlor_domain::{ConversationId, MessageId, UserId};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[derive(Clone)]
pub struct Desk {
    pub store: Arc<dyn Store>,
    pub user: UserId,
    pub node: Uuid,
}

impl Desk {
    pub fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: store.clone(), user: UserId::new(), node: Uuid::new_v4() }
    }

    /// The same on another store of the same data.
    pub fn on(&self, store: &Arc<dyn Store>) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    /// The user's account of all time.
    pub fn account(&self) -> Account {
        Account::User(self.user)
    }

    /// The user's account of one day.
    pub fn day(&self) -> Account {
        Account::UserDay(self.user, Day(20_777))
    }

    /// An account that no other test has, of a model whose name is not plain.
    pub fn model(&self) -> Account {
        Account::ModelDay(format!("llama:8b \"{}\"", self.user), Day(-20_777))
    }

    /// `tokens` for the first attempt at a new turn, in the user's account, which may come to `limit`.
    pub fn reservation(&self, tokens: u64, limit: Option<u64>) -> Reservation {
        Reservation {
            attempt: AttemptId { turn: MessageId::new(), number: 1 },
            user: self.user,
            conversation: Some(ConversationId::new()),
            tokens,
            prompt_tokens: tokens / 4,
            accounts: vec![(self.account(), limit)],
            node: self.node,
            at: at(1),
            expires_at: at(100),
        }
    }

    pub async fn reserve(&self, reservation: &Reservation) -> Reserved {
        self.store.usage_reserve(reservation.clone()).await.unwrap()
    }

    pub async fn settle(&self, records: impl IntoIterator<Item = AttemptRecord>) {
        self.store.usage_settle(records.into_iter().collect()).await.unwrap();
    }

    /// How an account stands: used and reserved.
    pub async fn balance(&self, account: &Account) -> (u64, u64) {
        let Balance { used, reserved } = self.store.usage_balance(account).await.unwrap();
        (used, reserved)
    }

    pub async fn attempts(&self, turn: MessageId) -> Vec<AttemptRecord> {
        self.store.usage_attempts(turn).await.unwrap()
    }
}

/// The line of the attempt that `reservation` was for, with `used` tokens.
pub fn line(reservation: &Reservation, used: u64) -> AttemptRecord {
    AttemptRecord {
        attempt: reservation.attempt,
        user: reservation.user,
        conversation: reservation.conversation,
        backend: "demo".to_owned(),
        model: Some("demo-1".to_owned()),
        outcome: AttemptOutcome::Complete,
        usage: Usage { prompt_tokens: used / 3, completion_tokens: used - used / 3, estimated: false },
        cost: Some(NanoDollars(used * 7)),
        started_at: reservation.at,
        first_content: Some(Duration::from_millis(12)),
        elapsed: Duration::from_millis(345),
        accounts: reservation.accounts.iter().map(|(account, _)| account.clone()).collect(),
    }
}
