//! What was deleted goes for good, in time: all of it, once, and not what was brought back.

use crate::desk::{Desk, line};
use crate::people::audit_entry;
use crate::postgres::Server;
use crate::subject::{Subject, suite};
use crate::write::{Scene, at, ending, refused, say, stored};
use parlor_domain::ports::{AuditAction, MembershipChange, MembershipStep, Page, Store};
use parlor_domain::room::RoomKind;
use parlor_domain::{ErrorCode, UserId};
use std::sync::Arc;

const ALL: Page = Page { offset: 0, limit: 99 };

/// The tables that hold something of a conversation.
const TABLES: [&str; 5] = ["conversations", "participants", "messages", "turns", "search_entries"];

/// Deletes the conversation, `seconds` after that morning.
async fn delete(scene: &Scene, seconds: i64) {
    scene.write_one(MembershipChange { at: at(seconds), ..scene.step(MembershipStep::Delete) }).await;
}

async fn purge(store: &Arc<dyn Store>, seconds: i64, limit: usize) -> usize {
    store.conversation_purge(at(seconds), limit, at(seconds)).await.unwrap()
}

async fn search(scene: &Scene, word: &str) -> u64 {
    let found = scene.store.conversation_search(scene.user, vec![word.to_owned()], ALL).await;
    found.unwrap().map_or(0, |found| found.total)
}

async fn is_there(scene: &Scene) -> bool {
    scene.store.conversation_entry(scene.conversation, scene.user).await.unwrap().is_some()
}

/// A conversation with a question, its reply, a live turn and an index.
async fn lived_in(store: &Arc<dyn Store>) -> Scene {
    let scene = Scene::new(store).await;
    let turn = scene.live_turn().await;
    stored(scene.write_one(ending(&turn, "A room for talking.")).await);
    scene.live_turn().await;
    assert_eq!(search(&scene, "talking").await, 1);
    scene
}

async fn only_what_was_deleted_before_goes(subject: &Subject) {
    let store = &subject.store;
    let (kept, early) = (lived_in(store).await, lived_in(store).await);
    let late = early.another("A title").await;
    delete(&late, 20).await;
    delete(&early, 10).await;
    assert_eq!(purge(store, 10, 9).await, 0, "not before its time");
    assert!(is_there(&early).await && is_there(&late).await);
    assert_eq!(purge(store, 20, 9).await, 1);
    assert!(!is_there(&early).await && is_there(&late).await);
    assert_eq!(purge(store, 20, 9).await, 0);
    assert_eq!(purge(store, 21, 9).await, 1);
    assert!(!is_there(&late).await);
    assert_eq!(purge(store, 9_999, 9).await, 0);

    assert_eq!(kept.log().await.len(), 3);
    assert_eq!(search(&kept, "talking").await, 1);
    assert_eq!(search(&early, "talking").await, 0);
}

async fn those_that_wait_longest_go_first(subject: &Subject) {
    let first = Scene::new(&subject.store).await;
    let mut all = vec![first.clone()];
    for _ in 0..4 {
        all.push(first.another("A title").await);
    }
    for (one, seconds) in all.iter().zip([5, 3, 1, 4, 2]) {
        delete(one, seconds).await;
    }
    assert_eq!(purge(&subject.store, 100, 0).await, 0);
    assert_eq!(purge(&subject.store, 100, 2).await, 2);
    let left = subject.store.conversation_list(first.user, true, ALL).await.unwrap();
    let mut left: Vec<_> = left.items.iter().map(|entry| entry.deleted_at.unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, [at(3), at(4), at(5)]);
    assert_eq!(purge(&subject.store, 100, 9).await, 3);
}

async fn rooms_go_too_and_the_books_stay(subject: &Subject) {
    let desk = Desk::new(&subject.store);
    let room = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    room.store(room.message("hello")).await;
    let mut reservation = desk.reservation(40, None);
    reservation.conversation = Some(room.conversation);
    desk.reserve(&reservation).await;
    desk.settle([line(&reservation, 30)]).await;
    delete(&room, 5).await;
    let again = Scene::room(&subject.store, "tea", RoomKind::Shared).await;
    again.store(again.message("hello again")).await;

    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    let found = subject.store.room_find(&"tea".parse().unwrap()).await.unwrap();
    assert_eq!(found, Some(again.conversation));
    assert_eq!(again.log().await.len(), 1);
    assert_eq!(desk.attempts(reservation.attempt.turn).await, [line(&reservation, 30)]);
    assert_eq!(desk.balance(&desk.account()).await, (30, 0));
}

async fn what_is_gone_does_not_come_back(subject: &Subject) {
    let ann = Scene::new(&subject.store).await;
    let first = ann.store(ann.opening("a", "hello", "One")).await;
    let made = Scene { conversation: first.conversation, ..ann.clone() };
    let turn = made.live_turn().await;
    delete(&made, 5).await;
    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    assert!(
        !subject
            .store
            .conversation_restore(
                made.conversation,
                made.user,
                at(10),
                audit_entry(AuditAction::ConversationRestore)
            )
            .await
            .unwrap()
    );
    refused(&made.write_one(made.message("late")).await, ErrorCode::ConversationNotFound);
    refused(&made.write_one(ending(&turn, "late")).await, ErrorCode::ConversationNotFound);
    assert_eq!(subject.store.message_find(first.id).await.unwrap(), None);
    assert_eq!(subject.store.turns_orphaned(ann.node, at(9_999)).await.unwrap(), []);
    // What once made it makes another one now.
    stored(ann.write_one(ann.opening("a", "hello", "Two")).await);
}

async fn a_long_log_goes_too(subject: &Subject) {
    let scene = Scene::new(&subject.store).await;
    for _ in 0..5 {
        scene.write((0..500).map(|number| say(scene.message(&format!("number {number}"))))).await;
    }
    assert_eq!(search(&scene, "number").await, 1);
    let last = scene.log().await.pop().unwrap();
    delete(&scene, 5).await;
    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    assert!(!is_there(&scene).await);
    assert_eq!(subject.store.message_find(last.id).await.unwrap(), None);
    for rows in rows(subject).await {
        assert_eq!(rows, 0);
    }
}

async fn of_restoring_and_purging_one_wins(subject: &Subject) {
    let here = Scene::new(&subject.store).await;
    let second = subject.second().await;
    for _ in 0..20 {
        let scene = here.another("A title").await;
        scene.write((0..30).map(|number| say(scene.message(&number.to_string())))).await;
        delete(&scene, 5).await;
        let restore = scene.store.conversation_restore(
            scene.conversation,
            scene.user,
            at(9),
            audit_entry(AuditAction::ConversationRestore),
        );
        let (back, gone, too) = tokio::join!(restore, purge(&second, 6, 9), purge(&subject.store, 6, 9));
        let back = back.unwrap();
        assert_eq!(gone + too, usize::from(!back));
        assert_eq!(scene.log().await.len(), if back { 30 } else { 0 });
        assert_eq!(is_there(&scene).await, back);
    }
}

async fn every_purge_counts_what_it_removed(subject: &Subject) {
    let first = Scene::new(&subject.store).await;
    let second = subject.second().await;
    for _ in 0..24 {
        let scene = first.another("A title").await;
        scene.store(scene.message("hello")).await;
        delete(&scene, 5).await;
    }
    let stores = [&subject.store, &second];
    let purges = (0..4).map(|number| purge(stores[number % 2], 6, 99));
    let gone: usize = futures_util::future::join_all(purges).await.into_iter().sum();
    assert_eq!(gone, 24);
    assert!(is_there(&first).await);
}

suite! {
    only_what_was_deleted_before_goes
    those_that_wait_longest_go_first
    rooms_go_too_and_the_books_stay
    what_is_gone_does_not_come_back
    a_long_log_goes_too
    of_restoring_and_purging_one_wins
    every_purge_counts_what_it_removed
}

/// How many rows there are in each table of conversations, where there are tables.
async fn rows(subject: &Subject) -> Vec<i64> {
    let counts: Vec<String> = TABLES.map(|table| format!("SELECT count(*) FROM {table}")).to_vec();
    let Some(url) = subject.url() else { return Vec::new() };
    if let Some(path) = url.strip_prefix("sqlite://") {
        let connection = rusqlite::Connection::open(path).unwrap();
        let words = ["SELECT count(*) FROM search_words_docsize".to_owned()];
        let counts = counts.iter().chain(&words);
        return counts.map(|query| connection.query_row(query, (), |row| row.get(0)).unwrap()).collect();
    }
    let client = Server::shared().connect(url.rsplit('/').next().unwrap()).await;
    let mut rows = Vec::new();
    for query in counts {
        rows.push(client.query_one(&query, &[]).await.unwrap().get(0));
    }
    rows
}

/// Nothing of a conversation is left in any table; of another one everything is.
async fn nothing_is_left_behind(subject: &Subject) {
    let gone = lived_in(&subject.store).await;
    delete(&gone, 5).await;
    assert!(rows(subject).await.iter().all(|rows| *rows > 0));
    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    assert_eq!(rows(subject).await.iter().sum::<i64>(), 0);

    let (kept, gone) = (lived_in(&subject.store).await, lived_in(&subject.store).await);
    let before = rows(subject).await;
    delete(&gone, 5).await;
    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    assert_eq!(rows(subject).await, before.iter().map(|rows| rows / 2).collect::<Vec<_>>());
    assert_eq!(search(&kept, "talking").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_nothing_of_it() {
    nothing_is_left_behind(&Subject::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_nothing_of_it() {
    nothing_is_left_behind(&Subject::postgres().await).await;
}

/// What the first step of a removal leaves, where its process dies after it.
const BEGUN: &str = "DELETE FROM turns; DELETE FROM participants; DELETE FROM messages WHERE seq < 2;";

/// A removal that a dead process has begun is not turned back, and the next one ends it.
async fn what_was_begun_is_finished(subject: &Subject, scene: &Scene) {
    assert!(
        !subject
            .store
            .conversation_restore(
                scene.conversation,
                scene.user,
                at(8),
                audit_entry(AuditAction::ConversationRestore)
            )
            .await
            .unwrap()
    );
    assert!(!subject.store.participant_add(scene.conversation, UserId::new()).await.unwrap());
    assert_eq!(purge(&subject.store, 9, 9).await, 1);
    assert_eq!(rows(subject).await.iter().sum::<i64>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_finishes_what_was_begun() {
    let subject = Subject::sqlite().await;
    let scene = lived_in(&subject.store).await;
    delete(&scene, 5).await;
    let path = subject.url().unwrap().replace("sqlite://", "");
    rusqlite::Connection::open(path).unwrap().execute_batch(BEGUN).unwrap();
    what_was_begun_is_finished(&subject, &scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_finishes_what_was_begun() {
    let subject = Subject::postgres().await;
    let scene = lived_in(&subject.store).await;
    delete(&scene, 5).await;
    let client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    client.batch_execute(BEGUN).await.unwrap();
    what_was_begun_is_finished(&subject, &scene).await;
}

/// On PostgreSQL a removal holds its conversation between two steps no longer; who brings it back then finds out that
/// nobody owns it, also where they waited for the step.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_step_brings_nothing_back() {
    let subject = Subject::postgres().await;
    let scene = lived_in(&subject.store).await;
    delete(&scene, 5).await;
    let mut client = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let step = client.transaction().await.unwrap();
    step.batch_execute("SELECT FROM conversations FOR UPDATE; DELETE FROM participants;").await.unwrap();
    let (store, place, user) = (subject.store.clone(), scene.conversation, scene.user);
    let waiting = tokio::spawn(async move {
        store
            .conversation_restore(place, user, at(8), audit_entry(AuditAction::ConversationRestore))
            .await
            .unwrap()
    });
    // Until it stands in line.
    let observer = Server::shared().connect(subject.url().unwrap().rsplit('/').next().unwrap()).await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NULL \
                 AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    while observer.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(!waiting.is_finished(), "it waits for the step");
        tokio::task::yield_now().await;
    }
    step.commit().await.unwrap();
    assert!(!waiting.await.unwrap());
}
