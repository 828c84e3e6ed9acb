//! The books under many hands, on one node and on two: no token is given twice, and none is lost.

use crate::desk::{Desk, line};
use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::at;
use futures_util::future::join_all;
use parlor_domain::ports::{Account, AttemptRecord, Reservation, Reserved, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The store, and the same data as another node sees it, where there can be another one.
async fn nodes(subject: &Subject) -> [Arc<dyn Store>; 2] {
    let second = if subject.is_alone() { subject.store.clone() } else { subject.second().await };
    [subject.store.clone(), second]
}

async fn of_a_hundred_at_once_as_many_as_fit_are_granted(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let nodes = nodes(subject).await;
    let asks = (0..100).map(|number| {
        let desk = desk.on(&nodes[number % 2]);
        let mut reservation = desk.reservation(7, Some(76));
        // In either order, in two accounts, of which the other always has room.
        reservation.accounts.push((desk.model(), None));
        if number % 3 == 0 {
            reservation.accounts.reverse();
        }
        tokio::spawn(async move { (desk.reserve(&reservation).await, reservation) })
    });
    let mut granted = Vec::new();
    for ask in join_all(asks).await {
        match ask.unwrap() {
            (Reserved::Granted, reservation) => granted.push(reservation),
            (Reserved::Exceeded(account), _) => assert_eq!(account, desk.account()),
        }
    }
    assert_eq!(granted.len(), 10);
    for account in [desk.account(), desk.model()] {
        assert_eq!(desk.balance(&account).await, (0, 70));
    }
    desk.settle(granted.iter().map(|reservation| line(reservation, 7))).await;
    for account in [desk.account(), desk.model()] {
        assert_eq!(desk.balance(&account).await, (70, 0));
    }
}

async fn an_attempt_that_many_reserve_and_settle_counts_once(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let nodes = nodes(subject).await;
    let reservations: Vec<Reservation> = (0..12).map(|_| desk.reservation(10, Some(120))).collect();
    // Each hand has its own order.
    let hands: Vec<(Desk, Vec<Reservation>)> = (0..16)
        .map(|hand| {
            let mut own = reservations.clone();
            own.rotate_left(hand % 12);
            if hand % 3 == 0 {
                own.reverse();
            }
            (desk.on(&nodes[hand % 2]), own)
        })
        .collect();
    let reserving = hands.clone().into_iter().map(|(desk, own)| {
        tokio::spawn(async move {
            for reservation in &own {
                assert_eq!(desk.reserve(reservation).await, Reserved::Granted);
            }
        })
    });
    for hand in join_all(reserving).await {
        hand.unwrap();
    }
    assert_eq!(desk.balance(&desk.account()).await, (0, 120));
    let settling = hands.into_iter().map(|(desk, own)| {
        tokio::spawn(async move {
            for some in own.chunks(7) {
                desk.settle(some.iter().map(|reservation| line(reservation, 10))).await;
            }
        })
    });
    for hand in join_all(settling).await {
        hand.unwrap();
    }
    assert_eq!(desk.balance(&desk.account()).await, (120, 0));
    assert_eq!(subject.store.usage_expire(desk.node, at(1_000)).await.unwrap(), 0, "nothing is left open");
}

/// The tokens of all lines in which `account` counts.
fn sum(lines: &[AttemptRecord], account: &Account) -> u64 {
    let counted = lines.iter().filter(|line| line.accounts.contains(account));
    counted.map(|line| line.usage.total_tokens()).sum()
}

async fn who_settles_and_who_expires_may_meet(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let nodes = nodes(subject).await;
    let mut reservations: Vec<Reservation> = (0..60).map(|_| desk.reservation(40, None)).collect();
    for reservation in &mut reservations {
        reservation.accounts.push((desk.model(), None));
    }
    let reserved = reservations.iter().map(|reservation| desk.reserve(reservation));
    assert!(join_all(reserved).await.iter().all(|one| *one == Reserved::Granted));
    let settlers = reservations.chunks(4).enumerate().map(|(number, some)| {
        let (desk, some) = (desk.on(&nodes[number % 2]), some.to_vec());
        tokio::spawn(async move { desk.settle(some.iter().map(|one| line(one, 30))).await })
    });
    let reapers = (0..4).map(|number| {
        let desk = desk.on(&nodes[number % 2]);
        tokio::spawn(async move {
            desk.store.usage_expire(desk.node, at(100)).await.unwrap();
        })
    });
    for hand in join_all(settlers.chain(reapers).collect::<Vec<_>>()).await {
        hand.unwrap();
    }
    let mut lines = Vec::new();
    for reservation in &reservations {
        lines.extend(desk.attempts(reservation.attempt.turn).await);
    }
    assert_eq!(lines.len(), 60);
    for account in [desk.account(), desk.model()] {
        assert_eq!(desk.balance(&account).await, (sum(&lines, &account), 0));
    }
}

suite! {
    of_a_hundred_at_once_as_many_as_fit_are_granted
    an_attempt_that_many_reserve_and_settle_counts_once
    who_settles_and_who_expires_may_meet
}

/// Reserves and settles as long as it is not `done`, again where the outcome is not known. Gives how often.
async fn keep_books(desk: Desk, done: Arc<AtomicBool>) -> u64 {
    let mut turns = 0;
    while !done.load(Ordering::Relaxed) {
        let reservation = desk.reservation(10, Some(u64::MAX));
        while desk.store.usage_reserve(reservation.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let record = line(&reservation, 10);
        while desk.store.usage_settle(vec![record.clone()]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        turns += 1;
    }
    turns
}

/// Connections are cut again and again: every attempt counts exactly once all the same.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_books_over_cut_connections() {
    let subject = Subject::postgres().await;
    let desk = Desk::new(&subject.store);
    let done = Arc::new(AtomicBool::new(false));
    let keepers: Vec<_> = (0..6).map(|_| tokio::spawn(keep_books(desk.clone(), done.clone()))).collect();
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let mut cuts = 0_i64;
    while cuts < 60 {
        tokio::time::sleep(Duration::from_millis(30 + cuts.unsigned_abs() % 7 * 10)).await;
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'parlor'";
        cuts += client.query_one(cut, &[]).await.unwrap().get::<_, i64>(0);
    }
    done.store(true, Ordering::Relaxed);
    let mut turns = 0;
    for keeper in join_all(keepers).await {
        turns += keeper.unwrap();
    }
    assert!(turns > 20, "{turns} turns");
    assert_eq!(desk.balance(&desk.account()).await, (turns * 10, 0));
}
