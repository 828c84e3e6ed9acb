//! The books: tokens are set aside within limits, used once, and given back, whatever becomes of an attempt.

use crate::desk::{Desk, line};
use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::at;
use parlor_domain::message::{NanoDollars, Usage};
use parlor_domain::ports::{AttemptId, AttemptOutcome, AttemptRecord, Reservation, Reserved, Store};
use parlor_domain::{MessageId, Timestamp};
use parlor_store::{Database, Options};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

async fn what_is_reserved_counts_in_every_account_until_it_is_settled(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let accounts = [desk.account(), desk.day(), desk.model()];
    for account in &accounts {
        assert_eq!(desk.balance(account).await, (0, 0), "never used");
    }
    let mut reservation = desk.reservation(500, None);
    reservation.accounts = accounts.iter().map(|account| (account.clone(), Some(1_000))).collect();
    assert_eq!(desk.reserve(&reservation).await, Reserved::Granted);
    for account in &accounts {
        assert_eq!(desk.balance(account).await, (0, 500));
    }
    desk.settle([line(&reservation, 120)]).await;
    for account in &accounts {
        assert_eq!(desk.balance(account).await, (120, 0));
    }
}

async fn the_last_token_of_a_limit_is_given_and_no_more(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let first = desk.reservation(60, Some(100));
    assert_eq!(desk.reserve(&first).await, Reserved::Granted);
    let exceeded = Reserved::Exceeded(desk.account());
    assert_eq!(desk.reserve(&desk.reservation(41, Some(100))).await, exceeded);
    let second = desk.reservation(40, Some(100));
    assert_eq!(desk.reserve(&second).await, Reserved::Granted);
    assert_eq!(desk.reserve(&desk.reservation(1, Some(100))).await, exceeded);
    assert_eq!(desk.reserve(&desk.reservation(1, Some(0))).await, exceeded);

    // What was used counts as what is reserved does, and what was not used is free again.
    desk.settle([line(&first, 70)]).await;
    assert_eq!(desk.balance(&desk.account()).await, (70, 40));
    assert_eq!(desk.reserve(&desk.reservation(1, Some(100))).await, exceeded, "it used more than it had");
    desk.settle([line(&second, 10)]).await;
    assert_eq!(desk.reserve(&desk.reservation(21, Some(100))).await, exceeded);
    assert_eq!(desk.reserve(&desk.reservation(20, Some(100))).await, Reserved::Granted);
    // Without a limit there is always room.
    assert_eq!(desk.reserve(&desk.reservation(900, None)).await, Reserved::Granted);
    assert_eq!(desk.balance(&desk.account()).await, (80, 920));
}

async fn where_one_account_has_no_room_nothing_is_set_aside(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let mut reservation = desk.reservation(10, Some(10));
    reservation.accounts.extend([(desk.model(), Some(9)), (desk.day(), Some(8))]);
    assert_eq!(desk.reserve(&reservation).await, Reserved::Exceeded(desk.model()), "the first of them");
    for account in [desk.account(), desk.day(), desk.model()] {
        assert_eq!(desk.balance(&account).await, (0, 0));
    }
    // Nothing of it is left that the same attempt would meet.
    assert_eq!(subject.store.usage_expire(desk.node, at(1_000)).await.unwrap(), 0);
    reservation.tokens = 8;
    assert_eq!(desk.reserve(&reservation).await, Reserved::Granted);
    assert_eq!(desk.balance(&desk.model()).await, (0, 8));
}

async fn an_attempt_reserves_once(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let first = desk.reservation(10, Some(10));
    for _ in 0..3 {
        assert_eq!(desk.reserve(&first).await, Reserved::Granted);
        assert_eq!(desk.balance(&desk.account()).await, (0, 10));
    }
    desk.settle([line(&first, 10)]).await;
    assert_eq!(desk.reserve(&first).await, Reserved::Granted, "not even when it is over");
    assert_eq!(desk.balance(&desk.account()).await, (10, 0));

    // Another attempt at the same turn is another one.
    let mut second = desk.reservation(5, Some(15));
    second.attempt = AttemptId { number: 2, ..first.attempt };
    assert_eq!(desk.reserve(&second).await, Reserved::Granted);
    assert_eq!(desk.balance(&desk.account()).await, (10, 5));
}

async fn a_line_is_entered_once(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let (one, two) = (desk.reservation(10, None), desk.reservation(20, None));
    for reservation in [&one, &two] {
        desk.reserve(reservation).await;
    }
    let (first, other) = (line(&one, 4), line(&one, 9));
    desk.settle([first.clone(), other.clone(), first.clone()]).await;
    assert_eq!(desk.balance(&desk.account()).await, (4, 20));
    desk.settle([other, line(&two, 5), first.clone()]).await;
    assert_eq!(desk.balance(&desk.account()).await, (9, 0));
    assert_eq!(desk.attempts(one.attempt.turn).await, [first]);
}

async fn a_line_counts_without_a_reservation_too(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let never = desk.reservation(10, None);
    desk.settle([line(&never, 7)]).await;
    assert_eq!(desk.balance(&desk.account()).await, (7, 0));
    let mut free = line(&desk.reservation(10, None), 8);
    free.accounts.clear();
    desk.settle([free.clone()]).await;
    desk.settle([]).await;
    assert_eq!(desk.balance(&desk.account()).await, (7, 0));
    assert_eq!(desk.attempts(free.attempt.turn).await, [free]);
}

async fn lines_come_back_as_they_were_in_the_order_of_the_attempts(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let turn = MessageId::new();
    let mut lines: Vec<AttemptRecord> = Vec::new();
    for (number, outcome) in (1..).zip(AttemptOutcome::ALL) {
        let (even, big) = (number % 2 == 0, u64::from(number) << 40);
        lines.push(AttemptRecord {
            attempt: AttemptId { turn, number: if number == 8 { u32::MAX } else { number } },
            conversation: if even { None } else { Some(parlor_domain::ConversationId::new()) },
            backend: format!("backend {number} ü"),
            model: (!even).then(|| format!("model {number}")),
            outcome,
            usage: Usage { prompt_tokens: big, completion_tokens: big + 1, estimated: even },
            cost: even.then_some(NanoDollars(big)),
            started_at: at(number.into()),
            first_content: even.then(|| Duration::from_millis(big)),
            elapsed: Duration::from_millis(big + 3),
            accounts: [desk.model(), desk.day(), desk.account()][..number as usize % 4].to_vec(),
            ..line(&desk.reservation(1, None), 1)
        });
    }
    desk.settle(lines.iter().rev().cloned()).await;
    desk.settle([line(&desk.reservation(1, None), 1)]).await;
    assert_eq!(desk.attempts(turn).await, lines);
    assert_eq!(desk.attempts(MessageId::new()).await, []);
}

/// What the books say of an attempt whose node died.
fn lost(reservation: &Reservation) -> AttemptRecord {
    AttemptRecord {
        backend: String::new(),
        model: None,
        outcome: AttemptOutcome::Lost,
        usage: Usage { prompt_tokens: reservation.prompt_tokens, completion_tokens: 0, estimated: true },
        cost: None,
        first_content: None,
        elapsed: Duration::ZERO,
        ..line(reservation, 0)
    }
}

async fn an_attempt_that_outlived_its_time_is_lost(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let mut early = desk.reservation(100, None);
    early.accounts.push((desk.model(), None));
    let mut late = desk.reservation(40, None);
    late.expires_at = at(101);
    let over = desk.reservation(7, None);
    for reservation in [&early, &late, &over] {
        desk.reserve(reservation).await;
    }
    desk.settle([line(&over, 5)]).await;
    let expire = async |now| subject.store.usage_expire(desk.node, at(now)).await.unwrap();
    assert_eq!(expire(99).await, 0);
    assert_eq!(expire(100).await, 1);
    assert_eq!(expire(100).await, 0, "once");
    assert_eq!(desk.attempts(early.attempt.turn).await, [lost(&early)]);
    assert_eq!(desk.balance(&desk.account()).await, (30, 40), "its context counts as used");
    assert_eq!(desk.balance(&desk.model()).await, (25, 0));

    // Its node was not dead after all: the books are closed.
    desk.settle([line(&early, 90)]).await;
    assert_eq!(desk.balance(&desk.account()).await, (30, 40));
    assert_eq!(expire(101).await, 1);
    assert_eq!(desk.balance(&desk.account()).await, (40, 0));
}

async fn the_attempts_of_another_node_are_lost_where_only_one_can_live(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let reservation = desk.reservation(100, None);
    desk.reserve(&reservation).await;
    assert_eq!(subject.store.usage_expire(desk.node, at(1)).await.unwrap(), 0, "this node lives");
    let next_life = Uuid::new_v4();
    let count = subject.store.usage_expire(next_life, at(1)).await.unwrap();
    assert_eq!(count, usize::from(subject.is_alone()));
    let attempts = desk.attempts(reservation.attempt.turn).await;
    assert_eq!(attempts, if subject.is_alone() { vec![lost(&reservation)] } else { vec![] });
    let rest = subject.store.usage_expire(next_life, at(100)).await.unwrap();
    assert_eq!(count + rest, 1);
    assert_eq!(desk.balance(&desk.account()).await, (25, 0));
}

suite! {
    what_is_reserved_counts_in_every_account_until_it_is_settled
    the_last_token_of_a_limit_is_given_and_no_more
    where_one_account_has_no_room_nothing_is_set_aside
    an_attempt_reserves_once
    a_line_is_entered_once
    a_line_counts_without_a_reservation_too
    lines_come_back_as_they_were_in_the_order_of_the_attempts
    an_attempt_that_outlived_its_time_is_lost
    the_attempts_of_another_node_are_lost_where_only_one_can_live
}

/// Figures that no database can hold, nor add up, end at the highest that it has, and budgets with them.
async fn figures_beyond_all_range_stay_at_its_end(store: Arc<dyn Store>) {
    let desk = Desk::new(&store);
    let most = i64::MAX.unsigned_abs();
    for reservation in [desk.reservation(u64::MAX, None), desk.reservation(9, None)] {
        assert_eq!(desk.reserve(&reservation).await, Reserved::Granted);
        assert_eq!(desk.balance(&desk.account()).await.1, most);
        let mut record = line(&reservation, 5);
        record.usage.completion_tokens = u64::MAX;
        record.elapsed = Duration::MAX;
        desk.settle([record]).await;
        assert_eq!(desk.balance(&desk.account()).await.0, most);
        desk.reserve(&desk.reservation(u64::MAX, None)).await;
    }
    let exceeded = Reserved::Exceeded(desk.account());
    assert_eq!(desk.reserve(&desk.reservation(1, Some(1_000_000))).await, exceeded);
    store.usage_expire(desk.node, Timestamp::from_microsecond(i64::MAX / 2)).await.unwrap();
    assert_eq!(desk.balance(&desk.account()).await, (most, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_stays_at_the_end_of_its_range() {
    figures_beyond_all_range_stay_at_its_end(Subject::sqlite().await.store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_stays_at_the_end_of_its_range() {
    figures_beyond_all_range_stay_at_its_end(Subject::postgres().await.store.clone()).await;
}

/// A node that comes back in another life finds what it had reserved, and what was settled.
async fn the_books_outlive_their_node(subject: Subject) {
    let url = subject.url().unwrap();
    let desk = Desk::new(&subject.store);
    let (open, over) = (desk.reservation(100, None), desk.reservation(50, None));
    for reservation in [&open, &over] {
        desk.reserve(reservation).await;
    }
    desk.settle([line(&over, 30)]).await;
    let alone = subject.is_alone();
    subject.database().unwrap().close().await;
    let (user, node) = (desk.user, desk.node);
    drop(desk);
    let kept = subject.forget();

    let store: Arc<dyn Store> = Arc::new(Database::open(&url, &Options::default()).await.unwrap());
    let desk = Desk { store: store.clone(), user, node };
    assert_eq!(desk.balance(&desk.account()).await, (30, 100));
    let soon = store.usage_expire(Uuid::new_v4(), at(2)).await.unwrap();
    assert_eq!(soon, usize::from(alone), "only a file tells that its last node is dead");
    let later = store.usage_expire(Uuid::new_v4(), at(100)).await.unwrap();
    assert_eq!(soon + later, 1);
    assert_eq!(desk.attempts(open.attempt.turn).await, [lost(&open)]);
    assert_eq!(desk.balance(&desk.account()).await, (55, 0));
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_books() {
    the_books_outlive_their_node(Subject::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_books() {
    the_books_outlive_their_node(Subject::postgres().await).await;
}

/// A reservation that came while its attempt was being settled is given back when it expires, and uses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_gives_back_a_reservation_that_came_late() {
    let subject = Subject::postgres().await;
    let desk = Desk::new(&subject.store);
    let over = desk.reservation(100, None);
    desk.reserve(&over).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    client.batch_execute("CREATE TABLE late AS SELECT * FROM reservations").await.unwrap();
    desk.settle([line(&over, 30)]).await;
    let both = "INSERT INTO reservations SELECT * FROM late; UPDATE balances SET reserved = reserved + 100";
    client.batch_execute(both).await.unwrap();
    assert_eq!(desk.balance(&desk.account()).await, (30, 100));

    assert_eq!(subject.store.usage_expire(desk.node, at(100)).await.unwrap(), 1);
    assert_eq!(desk.balance(&desk.account()).await, (30, 0));
    assert_eq!(desk.attempts(over.attempt.turn).await, [line(&over, 30)]);
    assert_eq!(subject.store.usage_expire(desk.node, at(100)).await.unwrap(), 0);
}
