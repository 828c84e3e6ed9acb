//! kill -9 of workers, and of the server, in the middle of everything: every turn ends, once, and nobody notices who
//! had not been told anything yet.

use super::books::{Books, Database};
use super::storm_user::{User, WORDS};
use super::until_figure;
use parlor_tests::provider::words;
use parlor_tests::{Chance, FakeProvider, LiveTurn, TestApp, Workers};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many replies a worker makes at once.
const CAPACITY: u32 = 8;
/// No turn takes longer, whoever dies, on a machine that is busy with other tests: none waits for a time-out.
const BOUND: Duration = Duration::from_secs(30);

struct Storm {
    seed: u64,
    users: usize,
    workers: usize,
    kills: usize,
    /// After how many kills of workers the server is killed too.
    server_dies_after: Option<usize>,
}

/// Protects: a worker may die at any moment. Those of its turns that had said something end with that, and the others
/// are answered by another one.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_of_workers_end_every_turn_once() {
    storm(Storm { seed: 7, users: 200, workers: 10, kills: 50, server_dies_after: None }).await;
}

/// Protects: the same where the server dies as well: its workers and users come back by themselves, and nothing that was
/// acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_the_server_among_them_loses_nothing() {
    storm(Storm { seed: 11, users: 60, workers: 4, kills: 12, server_dies_after: Some(6) }).await;
}

/// Protects: what a worker had said when its server died is kept but for the last two seconds; the worker comes back by
/// itself, and what it still had to say of that reply goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_workers_reply_outlives_the_server() {
    let provider = FakeProvider::start().await;
    let mut app = TestApp::builder().workers().start().await;
    let (admin, token) = (app.admin_token("root@example.org"), app.token("ann@example.org"));
    let mut workers = Workers::new(app.address(), &provider.base_url(), "words-1000-10", 1);
    workers.add();
    let mut client = app.client(&token).await;
    let question = client.say(None, "user", "a long story").await;
    let mut live = LiveTurn::begin(&mut client).await;
    let (start, mut due) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(4_500) {
        let goal = live.text.len() + 1;
        live.read(&mut client, goal).await;
        if start.elapsed() < Duration::from_secs(2) {
            due = live.text.len();
        }
    }
    app.kill9();
    app.restart_in_place().await;
    until_figure(&app, &admin, "workers", |count| count == 1).await;

    let mut client = app.client(&token).await;
    let conversation = question["conversation_id"].as_str().unwrap();
    client
        .ask("stream_response", json!({"conversation_id": conversation, "message_id": question["id"]}))
        .await;
    let again = LiveTurn::begin(&mut client).await;
    let history = client.whole_history(conversation).await;
    assert_eq!(history.len(), 2, "the second reply is live: {history:?}");
    let kept = history[1]["content"].as_str().unwrap();
    assert_eq!((&history[1]["status"], &history[1]["id"]), (&json!("interrupted"), &json!(live.message_id)));
    assert!(
        words(1_000).starts_with(kept) && kept.len() >= due && due > 0,
        "kept {} of {due} bytes",
        kept.len()
    );
    assert_ne!(again.message_id, live.message_id);
}

async fn storm(plan: Storm) {
    eprintln!("seed {}", plan.seed);
    let mut chance = Chance::new(plan.seed);
    let provider = FakeProvider::start().await;
    let builder = TestApp::builder().workers().without_limits();
    let mut app = builder.env("USER_TOKEN_BUDGET", 1_000_000_000).start().await;
    let admin = app.admin_token("root@example.org");
    let mut workers =
        Workers::new(app.address(), &provider.base_url(), &format!("late-150-{WORDS}-40"), CAPACITY);
    (0..plan.workers).for_each(|_| workers.add());
    let users = connect(&app, plan.users, plan.seed).await;
    until_figure(&app, &admin, "workers", |count| count == plan.workers as u64).await;

    let over = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    users.into_iter().for_each(|user| drop(running.spawn(user.run(Arc::clone(&over)))));
    for kill in 1..=plan.kills {
        tokio::time::sleep(Duration::from_millis(100 + chance.below(300))).await;
        workers.kill9(usize::try_from(chance.below(workers.count() as u64)).unwrap());
        workers.add();
        if plan.server_dies_after == Some(kill) {
            app.kill9();
            app.restart_in_place().await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let mut users = tokio::time::timeout(2 * BOUND, running.join_all()).await.expect("every turn ends");

    until_figure(&app, &admin, "turns", |count| count == 0).await;
    until_figure(&app, &admin, "workers", |count| count == plan.workers as u64).await;
    assert_eq!(app.get("/health").await.json()["status"], "healthy");
    for user in &mut users {
        user.verify().await;
    }
    check_ends(&users, plan.server_dies_after.is_some());
    check_books(&Database::of(&app).settled().await, &users);
    assert!(!app.log().contains("panicked"));
}

/// Users with a conversation each. Their tokens are made eight at a time.
async fn connect(app: &TestApp, count: usize, seed: u64) -> Vec<User> {
    let mut tokens = vec![String::new(); count];
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for (part, tokens) in tokens.chunks_mut(count.div_ceil(8)).enumerate() {
                scope.spawn(move || {
                    for (number, token) in tokens.iter_mut().enumerate() {
                        *token = app.token(&format!("user-{part}-{number}@example.org"));
                    }
                });
            }
        });
    });
    let mut users = Vec::new();
    for (number, token) in tokens.into_iter().enumerate() {
        let chance = Chance::new(seed * 1_000 + number as u64);
        users.push(User::connect(app.address(), token, chance).await);
    }
    users
}

fn check_ends(users: &[User], server_died: bool) {
    let all = || users.iter().flat_map(|user| &user.asked);
    let of = |status: &str| all().filter(|asked| asked.reply.status == status).count();
    let slowest = all().map(|asked| asked.took).max().unwrap();
    let lost = all().filter(|asked| asked.lost).count();
    eprintln!(
        "{} complete, {} interrupted, {lost} through a crash; slowest {slowest:?}",
        of("complete"),
        of("interrupted")
    );
    assert!(of("complete") > of("interrupted") && of("interrupted") > 0, "a storm in which nothing happens");
    assert!(users.iter().all(|user| !user.asked.is_empty()));
    assert_eq!(lost > 0, server_died);
    assert!(slowest < if server_died { 2 * BOUND } else { BOUND }, "{slowest:?}");
}

/// Protects: whoever had said nothing was replaced by another worker, and whoever had said something was not; each turn
/// is paid for as often as it was tried.
fn check_books(books: &Books, users: &[User]) {
    let turns = books.turns();
    let all = || users.iter().flat_map(|user| &user.asked);
    // Those that were live when the server died: it may have died before, between or in their attempts.
    let crashed: HashSet<String> =
        all().filter(|asked| asked.lost).map(|asked| asked.reply.id.replace('-', "")).collect();
    let missing = all().count() - turns.len();
    assert!(missing <= crashed.len(), "{missing} turns are not in the books, {} were lost", crashed.len());
    let mut replaced = 0;
    for (turn, attempts) in turns {
        let (last, earlier) = attempts.split_last().unwrap();
        assert!(earlier.iter().all(|attempt| !attempt.spoke), "{turn} went on elsewhere: {attempts:?}");
        assert!(attempts.windows(2).all(|two| two[0].backend != two[1].backend), "{attempts:?}");
        assert!(attempts.iter().map(|attempt| attempt.number).eq(1..=attempts.len() as u64), "{attempts:?}");
        assert!(last.spoke || crashed.contains(turn), "{turn} ended with nothing: {attempts:?}");
        replaced += usize::from(!earlier.is_empty());
    }
    eprintln!("{replaced} turns were answered by another worker");
    assert!(replaced > 0, "nobody was ever replaced");
}
