//! What may be used: reserved before, settled after, whatever happens between.

use super::{books, fail, provider_server};
use crate::client::{Client, pass, settle};
use crate::world::{END, conversation, say, unlimited};
use parlor_domain::message::Usage;
use parlor_domain::ports::{Account, Balance, Delta, Store};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{Budgets, Settings, UserId};
use std::time::Duration;

/// With "hello" for a context (6 tokens by estimate) and at most 94 for the reply, a turn reserves 100.
const TURN: u64 = 100;

fn limited(budgets: Budgets) -> Settings {
    let mut settings = unlimited();
    settings.turns.budgets = budgets;
    settings.turns.max_tokens = Some(94);
    (settings.turns.live, settings.turns.waiting) = (1_000, 1_000);
    settings
}

fn used(prompt_tokens: u64, completion_tokens: u64) -> Script {
    Script::Say(Delta::Usage(Usage { prompt_tokens, completion_tokens, estimated: false }))
}

async fn balance(server: &TestHub, user: UserId) -> (u64, u64) {
    let Balance { used, reserved } = server.store.usage_balance(&Account::User(user)).await.unwrap();
    (used, reserved)
}

/// Protects who pays: of a hundred turns at once, a budget for ten lets ten begin; the others are refused before any
/// backend hears of them, and what is booked in the end is what the attempts used.
#[tokio::test(start_paused = true)]
async fn a_budget_is_never_passed() {
    let (server, mut ann, id) =
        provider_server(limited(Budgets { user: Some(10 * TURN), ..Budgets::default() })).await;
    for _ in 0..100 {
        server.backend.play(vec![Script::Wait(Duration::from_secs(5)), say("ok"), used(6, 4), END]);
    }
    // Each in a conversation of its own, so that every context is the same.
    let mut clients = Vec::new();
    for _ in 0..100 {
        let id = conversation(&server, &["ann"]).await;
        let mut client = Client::connect(&server, "ann").await;
        client.ask(id, "hello").await;
        clients.push(client);
    }
    settle().await;
    let user = ann.session.user();
    assert_eq!(server.backend.requests().len(), 10);
    assert_eq!(balance(&server, user).await, (0, 10 * TURN));
    pass(Duration::from_secs(10)).await;
    assert_eq!(balance(&server, user).await, (100, 0));
    let mut booked = 0;
    for request in server.backend.requests() {
        booked += books(&server, request.turn).await.iter().map(|it| it.usage.total_tokens()).sum::<u64>();
    }
    assert_eq!(booked, 100);
    let ends = clients.iter().flat_map(Client::lines).filter(|line| line.starts_with("end"));
    let refused = ends.filter(|line| line.contains("TOKEN_BUDGET_EXCEEDED")).count();
    assert_eq!(refused, 90);
    ann.ask(id, "hello").await;
    pass(Duration::from_secs(6)).await;
    assert_eq!(ann.lines().last().unwrap(), "end 2 complete ok", "900 are left");
}

/// Protects the books: an attempt that was stopped, failed, or whose node stops is settled once, and reserves no more.
#[tokio::test(start_paused = true)]
async fn every_end_settles_what_was_reserved() {
    let hang = || vec![say("so f"), Script::Hang];
    let cases: [(&str, Vec<Script>, (u64, u64)); 5] = [
        ("complete", vec![say("ok"), used(6, 4), END], (10, 0)),
        ("interrupted", vec![say("ok"), Script::Fail(super::status(500))], (6 + 1, 0)),
        ("stopped", hang(), (6 + 2, 0)),
        ("refused", vec![fail(400)], (0, 0)),
        ("drained", hang(), (6 + 2, 0)),
    ];
    for (name, script, expected) in cases {
        let (server, mut ann, id) =
            provider_server(limited(Budgets { user: Some(TURN), ..Budgets::default() })).await;
        // What a script does not fail at its opening counts as opened: a refusal comes with the first piece here.
        server.backend.play(script);
        ann.ask(id, "hello").await;
        settle().await;
        match name {
            "stopped" => ann.stop(id, None).await,
            "drained" => {
                let hub = server.hub.clone();
                tokio::spawn(async move { hub.drain(Duration::ZERO).await });
            }
            _ => {}
        }
        pass(Duration::from_secs(7)).await;
        let (used, reserved) = balance(&server, ann.session.user()).await;
        assert_eq!(reserved, expected.1, "{name}");
        if name == "refused" {
            assert!(used <= 6, "{name}: {used}");
        } else {
            assert_eq!(used, expected.0, "{name}");
        }
    }
}

/// Protects each kind of budget: a user's own, their day's, and a model's day's, which all users share; a new day is a
/// new budget.
#[tokio::test(start_paused = true)]
async fn every_account_has_its_limit() {
    let budgets = Budgets {
        user: Some(5 * TURN),
        user_day: Some(2 * TURN),
        model_day: vec![("big-*".into(), 3 * TURN)],
    };
    let (server, mut ann, id) = provider_server(limited(budgets)).await;
    let full = || vec![say("ok"), used(6, 94), END];
    let end = async |client: &mut Client, id, model: Option<&str>| {
        server.backend.play(full());
        match model {
            Some(model) => client.act(super::ask_for(id, model)).await,
            None => client.ask(id, "hello").await,
        }
        let last = client.seen().await.pop().unwrap();
        if last.contains("TOKEN_BUDGET_EXCEEDED") { "refused" } else { "answered" }
    };
    // The context of a fresh conversation is the same each time.
    let fresh = async |name: &str| {
        let id = conversation(&server, &[name]).await;
        (Client::join(&server, name, id).await, id)
    };
    let _ = (&mut ann, id);
    let (mut one, first) = fresh("ann").await;
    assert_eq!(end(&mut one, first, Some("big-1")).await, "answered");
    let (mut two, second) = fresh("ann").await;
    assert_eq!(end(&mut two, second, None).await, "answered");
    let (mut three, third) = fresh("ann").await;
    assert_eq!(end(&mut three, third, None).await, "refused", "the day is over for ann");
    for expected in ["answered", "answered"] {
        let (mut bob, id) = fresh("bob").await;
        assert_eq!(end(&mut bob, id, Some("big-1")).await, expected);
    }
    let (mut cid, id) = fresh("cid").await;
    assert_eq!(end(&mut cid, id, Some("big-1")).await, "refused", "three were for all");
    let (mut cid, id) = fresh("cid").await;
    assert_eq!(end(&mut cid, id, Some("big-2")).await, "answered", "another model has its own");
    server.clock.advance(Duration::from_secs(86_400));
    for expected in ["answered", "answered", "refused"] {
        let (mut ann, id) = fresh("ann").await;
        assert_eq!(end(&mut ann, id, None).await, expected);
    }
    server.clock.advance(Duration::from_secs(86_400));
    for expected in ["answered", "refused"] {
        let (mut ann, id) = fresh("ann").await;
        assert_eq!(end(&mut ann, id, None).await, expected, "five were for ever");
    }
}

/// Protects the books from a store that fails for a while: nothing is lost, and nothing is entered twice.
#[tokio::test(start_paused = true)]
async fn the_books_survive_a_failing_store() {
    let (server, mut ann, id) = provider_server(limited(Budgets::default())).await;
    server.backend.play(vec![Script::Wait(Duration::from_secs(1)), say("ok"), used(6, 4), END]);
    ann.ask(id, "hello").await;
    settle().await;
    server.store.fail_next_reads(3);
    pass(Duration::from_secs(20)).await;
    assert_eq!(balance(&server, ann.session.user()).await, (10, 0));
}

/// Protects a dead node's users: what it had reserved is theirs again once its attempts must be over.
#[tokio::test(start_paused = true)]
async fn a_dead_nodes_reservations_end() {
    use parlor_domain::testing::MemoryStore;
    use std::sync::Arc;
    let store = Arc::new(MemoryStore::new());
    let settings = limited(Budgets { user: Some(TURN), ..Budgets::default() });
    let user = {
        let server = TestHub::on(Arc::clone(&store), settings.clone()).await;
        let id = conversation(&server, &["ann"]).await;
        let mut ann = Client::join(&server, "ann", id).await;
        server.backend.play(vec![say("so f"), Script::Hang]);
        ann.ask(id, "hello").await;
        settle().await;
        assert_eq!(balance(&server, ann.session.user()).await, (0, TURN));
        std::mem::forget(server.hub.clone());
        ann.session.user()
    };
    let server = TestHub::on(store, settings).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(balance(&server, user).await, (6, 0), "its context counts, by estimate");
}
