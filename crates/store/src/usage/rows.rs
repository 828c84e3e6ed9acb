//! Reservations and attempts as rows.

use super::{Key, accounts};
use crate::error::{Error, Result};
use crate::messages::signed;
use crate::schema::{attempts, reservations};
use crate::types::{At, Id};
use diesel::prelude::*;
use parlor_domain::message::{NanoDollars, Usage};
use parlor_domain::ports::{AttemptId, AttemptOutcome, AttemptRecord, Reservation};
use std::time::Duration;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = reservations, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct ReservationRow {
    pub(super) turn_id: Id,
    pub(super) number: i64,
    pub(super) user_id: Id,
    pub(super) conversation_id: Option<Id>,
    pub(super) tokens: i64,
    pub(super) prompt_tokens: i64,
    pub(super) accounts: String,
    pub(super) node: Id,
    pub(super) reserved_at: At,
    pub(super) expires_at: At,
}

impl ReservationRow {
    pub(super) fn of(reservation: &Reservation) -> Result<Self> {
        Ok(Self {
            turn_id: reservation.attempt.turn.into(),
            number: reservation.attempt.number.into(),
            user_id: reservation.user.into(),
            conversation_id: reservation.conversation.map(Id::from),
            tokens: signed(reservation.tokens),
            prompt_tokens: signed(reservation.prompt_tokens),
            accounts: accounts::to_column(reservation.accounts.iter().map(|(account, _)| account))?,
            node: Id(reservation.node),
            reserved_at: reservation.at.into(),
            expires_at: reservation.expires_at.into(),
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts, check_for_backend(diesel::sqlite::Sqlite, diesel::pg::Pg))]
pub(super) struct AttemptRow {
    pub(super) turn_id: Id,
    pub(super) number: i64,
    pub(super) user_id: Id,
    pub(super) conversation_id: Option<Id>,
    pub(super) backend: String,
    pub(super) model: Option<String>,
    pub(super) outcome: String,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) usage_estimated: bool,
    pub(super) cost_nano: Option<i64>,
    pub(super) started_at: At,
    pub(super) first_content_ms: Option<i64>,
    pub(super) elapsed_ms: i64,
    pub(super) accounts: String,
}

impl AttemptRow {
    pub(super) fn of(record: &AttemptRecord) -> Result<Self> {
        Ok(Self {
            turn_id: record.attempt.turn.into(),
            number: record.attempt.number.into(),
            user_id: record.user.into(),
            conversation_id: record.conversation.map(Id::from),
            backend: record.backend.clone(),
            model: record.model.clone(),
            outcome: record.outcome.as_str().to_owned(),
            prompt_tokens: signed(record.usage.prompt_tokens),
            completion_tokens: signed(record.usage.completion_tokens),
            usage_estimated: record.usage.estimated,
            cost_nano: record.cost.map(|cost| signed(cost.0)),
            started_at: record.started_at.into(),
            first_content_ms: record.first_content.map(|time| signed(time.as_millis())),
            elapsed_ms: signed(record.elapsed.as_millis()),
            accounts: accounts::to_column(record.accounts.iter())?,
        })
    }

    /// What a dead node's attempt is taken for.
    pub(super) fn lost(reservation: ReservationRow) -> Self {
        Self {
            turn_id: reservation.turn_id,
            number: reservation.number,
            user_id: reservation.user_id,
            conversation_id: reservation.conversation_id,
            backend: String::new(),
            model: None,
            outcome: AttemptOutcome::Lost.as_str().to_owned(),
            prompt_tokens: reservation.prompt_tokens,
            completion_tokens: 0,
            usage_estimated: true,
            cost_nano: None,
            started_at: reservation.reserved_at,
            first_content_ms: None,
            elapsed_ms: 0,
            accounts: reservation.accounts,
        }
    }

    pub(super) const fn key(&self) -> Key {
        (self.turn_id, self.number)
    }

    pub(super) const fn total_tokens(&self) -> i64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    pub(super) fn into_record(self) -> Result<AttemptRecord> {
        let corrupt = Error::Corrupt("attempts");
        let outcome = AttemptOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == self.outcome);
        let (Ok(number), Some(outcome)) = (self.number.try_into(), outcome) else { return Err(corrupt) };
        let milliseconds = |column: i64| Duration::from_millis(column.unsigned_abs());
        Ok(AttemptRecord {
            attempt: AttemptId { turn: self.turn_id.into(), number },
            user: self.user_id.into(),
            conversation: self.conversation_id.map(Into::into),
            backend: self.backend,
            model: self.model,
            outcome,
            usage: Usage {
                prompt_tokens: self.prompt_tokens.unsigned_abs(),
                completion_tokens: self.completion_tokens.unsigned_abs(),
                estimated: self.usage_estimated,
            },
            cost: self.cost_nano.map(|nano| NanoDollars(nano.unsigned_abs())),
            started_at: self.started_at.into(),
            first_content: self.first_content_ms.map(milliseconds),
            elapsed: milliseconds(self.elapsed_ms),
            accounts: accounts::from_column(&self.accounts)?,
        })
    }
}
