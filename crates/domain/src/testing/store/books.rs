//! The rules of the books.

use crate::message::Usage;
use crate::ports::{Account, AttemptId, AttemptOutcome, AttemptRecord, Balance, Reservation, Reserved};
use crate::{MessageId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use uuid::Uuid;

/// How many reservations of dead nodes are settled at once.
const EXPIRED: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Books {
    balances: HashMap<String, Balance>,
    open: BTreeMap<AttemptId, Reservation>,
    records: BTreeMap<AttemptId, AttemptRecord>,
}

impl Books {
    pub(super) fn reserve(&mut self, reservation: Reservation) -> Reserved {
        let known = self.open.contains_key(&reservation.attempt);
        if known || self.records.contains_key(&reservation.attempt) {
            return Reserved::Granted;
        }
        for (account, limit) in &reservation.accounts {
            let Balance { used, reserved } = self.balance(account);
            if limit.is_some_and(|limit| used + reserved + reservation.tokens > limit) {
                return Reserved::Exceeded(account.clone());
            }
        }
        for (account, _) in &reservation.accounts {
            self.entry(account).reserved += reservation.tokens;
        }
        self.open.insert(reservation.attempt, reservation);
        Reserved::Granted
    }

    pub(super) fn settle(&mut self, record: AttemptRecord) {
        if self.records.contains_key(&record.attempt) {
            return;
        }
        if let Some(reservation) = self.open.remove(&record.attempt) {
            for (account, _) in &reservation.accounts {
                self.entry(account).reserved -= reservation.tokens;
            }
        }
        for account in &record.accounts {
            self.entry(account).used += record.usage.total_tokens();
        }
        self.records.insert(record.attempt, record);
    }

    pub(super) fn expire(&mut self, now: Timestamp, alone: Option<Uuid>) -> usize {
        let dead = |it: &&Reservation| it.expires_at <= now || alone.is_some_and(|node| it.node != node);
        let dead: Vec<_> = self.open.values().filter(dead).take(EXPIRED).cloned().collect();
        let count = dead.len();
        dead.into_iter().for_each(|reservation| self.settle(lost(reservation)));
        count
    }

    pub(super) fn balance(&self, account: &Account) -> Balance {
        self.balances.get(&account.to_string()).copied().unwrap_or_default()
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.records.values()
    }

    pub(super) fn attempts(&self, turn: MessageId) -> Vec<AttemptRecord> {
        let of_turn = self.records.values().filter(|record| record.attempt.turn == turn);
        of_turn.cloned().collect()
    }

    fn entry(&mut self, account: &Account) -> &mut Balance {
        self.balances.entry(account.to_string()).or_default()
    }
}

/// What a dead node's attempt is taken for.
fn lost(reservation: Reservation) -> AttemptRecord {
    AttemptRecord {
        attempt: reservation.attempt,
        user: reservation.user,
        conversation: reservation.conversation,
        backend: String::new(),
        model: None,
        outcome: AttemptOutcome::Lost,
        usage: Usage { prompt_tokens: reservation.prompt_tokens, completion_tokens: 0, estimated: true },
        cost: None,
        started_at: reservation.at,
        first_content: None,
        elapsed: Duration::ZERO,
        accounts: reservation.accounts.into_iter().map(|(account, _)| account).collect(),
    }
}
