//! Which provider gets a turn, and what it costs there.

use super::{Configured, table};
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, Reply, TestApp};
use serde_json::{Value, json};

/// Protects operators: the provider that they name first gets all turns, whatever its place in the file.
#[tokio::test(flavor = "multi_thread")]
async fn providers_are_asked_in_their_order() {
    let providers = [FakeProvider::start().await, FakeProvider::start().await, FakeProvider::start().await];
    let toml: String = [(0, 9), (1, 2), (2, 5)]
        .map(|(index, priority): (usize, u32)| {
            table(&format!("p{index}"), &providers[index].base_url(), &format!("priority = {priority}"))
        })
        .concat();
    let mut app = Configured::start(TestApp::builder(), &toml).await;
    for _ in 0..5 {
        assert_eq!(app.ask(None).await.text, words(5));
    }
    assert_eq!(providers.map(|provider| provider.requests().len()), [0, 5, 0]);
}

/// Protects operators: providers of one priority share the turns by their weights, exactly.
#[tokio::test(flavor = "multi_thread")]
async fn providers_of_one_priority_share_by_weight() {
    let (heavy, light) = (FakeProvider::start().await, FakeProvider::start().await);
    let toml = table("heavy", &heavy.base_url(), "priority = 1\nweight = 3")
        + &table("light", &light.base_url(), "priority = 1");
    let mut app = Configured::start(TestApp::builder(), &toml).await;
    for _ in 0..40 {
        assert_eq!(app.ask(None).await.text, words(5));
    }
    assert_eq!((heavy.requests().len(), light.requests().len()), (30, 10));
}

/// Protects a small provider: it gets no more turns at once than it can take, and the next one has the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_provider_is_passed_over() {
    let (small, large) = (FakeProvider::start_as("hold").await, FakeProvider::start().await);
    let toml = table("small", &small.base_url(), "capacity = 1") + &table("large", &large.base_url(), "");
    let mut app = Configured::start(TestApp::builder(), &toml).await;
    let mut other = app.client(&app.token("bob@example.org")).await;
    other.say(None, "user", "think about it").await;
    let held = parlor_tests::LiveTurn::begin(&mut other).await;
    while small.requests().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for _ in 0..3 {
        assert_eq!(app.ask(None).await.text, words(5));
    }
    assert_eq!((small.requests().len(), large.requests().len()), (1, 3));
    small.release();
    assert_eq!(held.finish(&mut other).await.text, words(5));
    assert_eq!(app.ask(None).await.text, words(5));
    assert_eq!((small.requests().len(), large.requests().len()), (2, 3), "it has a place again");
}

/// Protects: a model goes to who serves it, and costs what that provider charges; the server's prices count where the
/// provider has none for the model.
#[tokio::test(flavor = "multi_thread")]
async fn each_provider_has_its_prices() {
    let providers = [FakeProvider::start().await, FakeProvider::start().await, FakeProvider::start().await];
    let lines = [
        "models = [\"plain\"]\nprices = [\"fake-1=2.50/10\"]",
        "models = [\"b-*\"]\nprices = [\"fake-1=1/1\"]",
        "models = [\"c-*\"]\nprices = [\"another=1/1\"]",
    ];
    let toml: String =
        (0..3).map(|it| table(&format!("p{it}"), &providers[it].base_url(), lines[it])).collect();
    let toml = format!("model_prices = [\"fake-1=100/200\"]\n{toml}");
    let app = Configured::start(TestApp::builder(), &toml).await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("r", "private").await;
    // Seven tokens of context and five of the reply, in millionths of a dollar.
    for (model, cost) in [(Value::Null, 67.5), (json!("b-1"), 12.0), (json!("c-1"), 1_700.0)] {
        let data = json!({"message": "hello", "model_preference": model});
        ann.send(json!({"type": "chat", "data": data, "room_id": "r", "message_id": format!("m {cost}")}))
            .await;
        let end = Reply::follow(&mut ann).await.end;
        let found = end["cost_usd"].as_f64().unwrap_or_else(|| panic!("no cost: {end}"));
        assert!((found - cost / 1e6).abs() < 1e-12, "{model} cost {found}");
    }
    assert_eq!(providers.map(|provider| provider.requests().len()), [1, 1, 1]);
}
