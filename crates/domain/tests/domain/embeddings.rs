//! Vectors of texts for clients: how many, of which model, and at whose expense.

use crate::world::unlimited;
use parlor_domain::ports::{Account, Store};
use parlor_domain::testing::{TestHub, WordEmbedder};
use parlor_domain::{Budgets, Caller, EmbeddingDraft, ErrorCode, Limits, Settings};
use std::time::Duration;

async fn caller(server: &TestHub, name: &str) -> Caller {
    let user = server.user(&format!("{name}@example.org")).await;
    server.hub.authenticate(&user.to_string()).await.unwrap()
}

async fn embed(server: &TestHub, caller: &Caller, text: &str, model: Option<&str>) -> Result<u64, ErrorCode> {
    let draft = EmbeddingDraft { text: text.to_owned(), model: model.map(str::to_owned) };
    let made = server.hub.embed(caller, draft).await.map_err(|refusal| refusal.code)?;
    assert_eq!((made.vectors.len(), made.dimensions(), made.model.as_str()), (1, 64, WordEmbedder::MODEL));
    Ok(made.tokens)
}

async fn used(server: &TestHub, caller: &Caller) -> u64 {
    server.store.usage_balance(&Account::User(caller.identity.user)).await.unwrap().used
}

/// Protects clients from guessing: a text is as long as a message may be, and a model is one that is there.
#[tokio::test(start_paused = true)]
async fn a_text_has_one_vector_by_a_model_that_is_there() {
    let server = TestHub::with(unlimited()).await;
    let ann = caller(&server, "ann").await;
    assert_eq!(embed(&server, &ann, "two words", None).await, Ok(2));
    assert_eq!(embed(&server, &ann, "one", Some(WordEmbedder::MODEL)).await, Ok(1));
    for (text, model, expect) in [
        ("one", Some("gpt-4o"), ErrorCode::ModelNotFound),
        ("one", Some(""), ErrorCode::InvalidRequest),
        (" ", None, ErrorCode::InvalidMessageContent),
        ("a\0b", None, ErrorCode::InvalidMessageContent),
        ("x".repeat(64 * 1024 + 1).as_str(), None, ErrorCode::MessageTooLong),
    ] {
        assert_eq!(embed(&server, &ann, text, model).await, Err(expect), "{model:?}");
    }
    server.embedder.fail(true);
    assert_eq!(embed(&server, &ann, "one", None).await, Err(ErrorCode::AiUnavailable));
    assert_eq!(used(&server, &ann).await, 0, "what is built in is nobody's bill");
}

/// Protects the embedder: 20 a minute a user, those that are refused too, and a limit of their own.
#[tokio::test(start_paused = true)]
async fn a_user_has_twenty_a_minute() {
    let server = TestHub::with(Settings { limits: Limits::default(), ..unlimited() }).await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    for number in 0..20 {
        let model = (number % 2 == 0).then_some("none");
        assert_ne!(embed(&server, &ann, "x", model).await, Err(ErrorCode::RateLimit), "{number}");
    }
    let draft = EmbeddingDraft { text: "x".to_owned(), model: None };
    let refusal = server.hub.embed(&ann, draft).await.unwrap_err();
    assert_eq!((refusal.code, refusal.retry_after), (ErrorCode::RateLimit, Some(3)));
    assert_eq!(embed(&server, &bob, "x", None).await, Ok(1));
    server.clock.advance(Duration::from_secs(3));
    assert_eq!(embed(&server, &ann, "x", None).await, Ok(1));
}

/// Protects who pays: tokens of a server count against the same budgets as turns, what fails costs nothing, and whoever
/// has used theirs up asks nobody.
#[tokio::test(start_paused = true)]
async fn tokens_that_cost_something_count() {
    let mut settings = unlimited();
    settings.turns.budgets = Budgets { user: Some(12), ..Budgets::default() };
    let server = TestHub::with(settings).await;
    server.embedder.meter(true);
    let ann = caller(&server, "ann").await;
    assert_eq!(embed(&server, &ann, "a b c d e", None).await, Ok(5));
    assert_eq!(used(&server, &ann).await, 5);
    server.embedder.fail(true);
    assert_eq!(embed(&server, &ann, "a", None).await, Err(ErrorCode::AiUnavailable));
    server.embedder.fail(false);
    assert_eq!(used(&server, &ann).await, 5, "nothing was said");
    let asked = server.embedder.asked().len();
    assert_eq!(embed(&server, &ann, "a b c d e f g h", None).await, Err(ErrorCode::TokenBudgetExceeded));
    assert_eq!(server.embedder.asked().len(), asked);
    assert_eq!(embed(&server, &ann, "a b", None).await, Ok(2), "what is left may be used");
}
