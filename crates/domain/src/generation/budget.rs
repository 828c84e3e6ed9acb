//! What an attempt may use: reserved before a backend is asked.

use super::Order;
use super::books::Line;
use crate::hub::Shared;
use crate::message::Usage;
use crate::models::best_fit;
use crate::ports::{Account, AttemptId, AttemptOutcome, AttemptRecord, Day, Reservation, Reserved};
use crate::{ErrorCode, Refusal, Timestamp};
use std::time::Duration;

/// How long a reply is taken to be that has no maximum, in tokens.
const UNLIMITED_REPLY: u32 = 4_096;
/// How much longer than a turn a reservation lasts.
const MARGIN: Duration = Duration::from_secs(60);
/// No reservation of a dead node lasts longer.
const EXPIRY_MAX: Duration = Duration::from_hours(24);
const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Opens the line of an attempt, its tokens reserved where a budget is set.
pub(super) async fn open(
    shared: &Shared,
    order: &Order,
    number: u32,
    prompt_tokens: u64,
    backend: &str,
) -> Result<Line, Refusal> {
    let now = shared.clock.now();
    let accounts = accounts(shared, order, now);
    let limited = accounts.iter().any(|(_, limit)| limit.is_some());
    let attempt = AttemptId { turn: order.turn, number };
    let record = AttemptRecord {
        attempt,
        user: order.user,
        conversation: order.conversation,
        backend: backend.to_owned(),
        model: order.model.clone(),
        outcome: AttemptOutcome::Interrupted,
        usage: Usage::default(),
        cost: None,
        started_at: now,
        first_content: None,
        elapsed: Duration::ZERO,
        accounts: accounts.iter().map(|(account, _)| account.clone()).collect(),
    };
    let line = shared.books.open(record, limited).await?;
    if !limited {
        return Ok(line);
    }
    let most = super::lower(order.max_tokens, shared.settings.turns.max_tokens).unwrap_or(UNLIMITED_REPLY);
    let reservation = Reservation {
        attempt,
        user: order.user,
        conversation: order.conversation,
        tokens: prompt_tokens.saturating_add(u64::from(most)),
        prompt_tokens,
        accounts,
        node: shared.node,
        at: now,
        expires_at: now.plus(shared.settings.turns.total.saturating_add(MARGIN).min(EXPIRY_MAX)),
    };
    match shared.store.usage_reserve(reservation).await {
        Ok(Reserved::Granted) => Ok(line),
        Ok(Reserved::Exceeded(account)) => {
            line.void();
            Err(exceeded(&account, now))
        }
        // Whether it is reserved is not known: the line, which says that nothing was used, settles it.
        Err(error) => Err(Refusal::internal(&error)),
    }
}

/// Every account in which an attempt counts, with its limit.
fn accounts(shared: &Shared, order: &Order, now: Timestamp) -> Vec<(Account, Option<u64>)> {
    let turns = &shared.settings.turns;
    let (budgets, day) = (&turns.budgets, Day::from(now));
    let mut accounts = vec![
        (Account::User(order.user), budgets.user),
        (Account::UserDay(order.user, day), budgets.user_day),
    ];
    if let Some(model) = order.model.as_ref().or(turns.default_model.as_ref()) {
        let limit = best_fit(&budgets.model_day, |(name, _)| name, model).map(|(_, limit)| *limit);
        accounts.push((Account::ModelDay(model.clone(), day), limit));
    }
    accounts
}

fn exceeded(account: &Account, now: Timestamp) -> Refusal {
    let code = ErrorCode::TokenBudgetExceeded;
    let tomorrow = || {
        let left = MICROSECONDS_A_DAY - now.as_microsecond().rem_euclid(MICROSECONDS_A_DAY);
        Duration::from_micros(left.unsigned_abs())
    };
    match account {
        Account::User(_) => Refusal::of(code),
        Account::UserDay(..) => Refusal {
            message: "the user's token budget of this day does not cover this turn".into(),
            ..Refusal::retry_after(code, tomorrow())
        },
        Account::ModelDay(..) => Refusal {
            message: "the model's token budget of this day does not cover this turn".into(),
            ..Refusal::retry_after(code, tomorrow())
        },
    }
}
