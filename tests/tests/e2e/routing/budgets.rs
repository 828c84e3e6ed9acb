//! Budgets are exact: nothing is asked that is not covered, however many ask at once, and what was set aside is given
//! back however a turn ends.

use super::books::Database;
use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, LiveTurn, Postgres, TestApp, TestAppBuilder, Turn};
use serde_json::json;
use tokio::task::JoinSet;

/// How long a reply may be, in tokens; its question is far below that.
const REPLY: u64 = 1_000;
const TURNS: usize = 100;
/// How many of them the budget covers: one more would pass it even if questions had no tokens at all.
const COVERED: usize = 10;
const BUDGET: u64 = COVERED as u64 * REPLY + REPLY - 1;

fn builder(provider: &FakeProvider, model: &str, budget: u64) -> TestAppBuilder {
    TestApp::builder()
        .without_limits()
        .provider(&provider.base_url(), model)
        .env("OPENAI_MAX_TOKENS", REPLY)
        .env("USER_TOKEN_BUDGET", budget)
        .env("AI_BREAKER_MINIMUM", 1_000)
}

/// Protects: the ninth promise, on the embedded database.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_turns_at_once_never_pass_the_budget_on_sqlite() {
    let provider = FakeProvider::start().await;
    let app = builder(&provider, "hold", BUDGET).start().await;
    let database = Database::of(&app);
    hundred_at_once(&provider, &[app], &database).await;
}

/// Protects: the same where two servers share the database, and so the budget.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_turns_at_two_servers_never_pass_the_budget_on_postgresql() {
    let (provider, postgres) = (FakeProvider::start().await, Postgres::start());
    let node = || {
        builder(&provider, "hold", BUDGET)
            .env("DATABASE_URL", postgres.url())
            .env("JWT_SECRET", "a secret of all the nodes of this test")
            .start()
    };
    let nodes = [node().await, node().await];
    hundred_at_once(&provider, &nodes, &Database::Postgres(postgres.url())).await;
}

async fn hundred_at_once(provider: &FakeProvider, nodes: &[TestApp], database: &Database) {
    let token = nodes[0].token("ann@example.org");
    let mut turns = JoinSet::new();
    for number in 0..TURNS {
        let mut client = nodes[number % nodes.len()].client(&token).await;
        turns.spawn(async move {
            client.say(None, "user", "how much is left?").await;
            Turn::follow(&mut client).await
        });
    }
    for _ in COVERED..TURNS {
        let turn = turns.join_next().await.unwrap().unwrap();
        assert_eq!((turn.status.as_str(), turn.text.as_str()), ("failed", ""));
        assert_eq!(turn.error.unwrap()["code"], "TOKEN_BUDGET_EXCEEDED");
    }
    provider.until_requests(COVERED).await;
    let books = database.read();
    let (used, reserved) = books.users();
    assert_eq!((books.reservations.len(), used), (COVERED, 0));
    assert_eq!(reserved, books.reservations.iter().sum::<u64>());
    assert!((COVERED as u64 * REPLY..=BUDGET).contains(&reserved), "{reserved} set aside of {BUDGET}");

    provider.release();
    while let Some(turn) = turns.join_next().await {
        assert_eq!(turn.unwrap().text, words(5));
    }
    assert_eq!(provider.requests().len(), COVERED, "whom the budget does not cover asks nobody");
    let books = database.settled().await;
    assert_eq!(books.attempts.len(), COVERED);
    // Seven tokens of context and five of the reply, as the provider says.
    assert_eq!(books.users(), (COVERED as u64 * 12, 0));
    for (number, node) in nodes.iter().enumerate() {
        let mut client = node.client(&token).await;
        client.say(None, "user", "and now?").await;
        assert_eq!(Turn::follow(&mut client).await.text, words(5), "node {number}: there is room again");
    }
}

/// Protects: a stop, a broken provider and a hang-up give back what was set aside, and what was used is in the books.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_turn_gives_back_the_rest_on_sqlite() {
    let provider = FakeProvider::start().await;
    let app = builder(&provider, "plain", 2 * REPLY - 1).start().await;
    let database = Database::of(&app);
    ends(&app, &database).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_turn_gives_back_the_rest_on_postgresql() {
    let (provider, postgres) = (FakeProvider::start().await, Postgres::start());
    let app = builder(&provider, "plain", 2 * REPLY - 1).env("DATABASE_URL", postgres.url()).start().await;
    ends(&app, &Database::Postgres(postgres.url())).await;
}

/// One turn after the other; the budget covers one at a time, so that what is kept of one would fail the next.
async fn ends(app: &TestApp, database: &Database) {
    let mut client = app.client(&app.token("ann@example.org")).await;
    for (model, status) in
        [("plain", "complete"), ("cut", "interrupted"), ("status-500", "failed"), ("garbage-first", "failed")]
    {
        let turn = super::ask(&mut client, json!({"assistant_id": model})).await;
        assert_eq!(turn.status, status, "{model}: {:?}", turn.error);
        let code = turn.error.map(|error| id(&error["code"]));
        assert_eq!(code, (status == "failed").then(|| "AI_UNAVAILABLE".to_owned()), "{model}");
    }
    let stopped = stop_one(&mut client).await;
    assert_eq!(stopped.status, "stopped");
    let books = database.settled().await;
    let outcomes: Vec<&str> = books.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    let count = |outcome: &str| outcomes.iter().filter(|it| **it == outcome).count();
    assert_eq!(
        ["complete", "unreachable", "refused", "broken", "stopped"].map(count),
        [1, 1, 3, 1, 1],
        "{outcomes:?}"
    );
    assert!(books.users().0 > 12, "{:?}", books.users());
    assert_eq!(super::ask(&mut client, json!({})).await.status, "complete", "there is room again");
    database.settled().await;
}

/// A turn that is stopped after its first words.
async fn stop_one(client: &mut parlor_tests::Client) -> Turn {
    let data = json!({"conversation_id": null, "content": "go on and on", "message_type": "user",
                      "assistant_id": "words-1000-10"});
    client.ask("send_message", data).await;
    let mut live = LiveTurn::begin(client).await;
    live.read(client, 1).await;
    client
        .ask("stop_response", json!({"conversation_id": live.conversation_id, "message_id": live.message_id}))
        .await;
    live.finish(client).await
}

/// Protects: a server that dies in the middle of a turn takes nobody's budget with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_gives_back_the_rest_at_its_next_start() {
    let provider = FakeProvider::start().await;
    let mut app = builder(&provider, "plain", 2 * REPLY - 1).start().await;
    let (database, token) = (Database::of(&app), app.token("ann@example.org"));
    for round in 1..=3 {
        let mut client = app.client(&token).await;
        let data = json!({"conversation_id": null, "content": "a long story", "message_type": "user",
                          "assistant_id": "words-1000-10"});
        client.ask("send_message", data).await;
        LiveTurn::begin(&mut client).await.read(&mut client, 1).await;
        app.kill9();
        assert_eq!(database.read().reservations.len(), 1, "round {round}");
        app.restart().await;
        let books = database.settled().await;
        let lost: Vec<_> = books.attempts.iter().filter(|attempt| attempt.outcome == "lost").collect();
        assert_eq!(lost.len(), round, "{:?}", books.attempts);
        assert!(lost.iter().all(|attempt| attempt.tokens < REPLY), "{lost:?}");
        let mut client = app.client(&token).await;
        assert_eq!(super::ask(&mut client, json!({})).await.status, "complete", "there is room again");
    }
    database.settled().await;
}
