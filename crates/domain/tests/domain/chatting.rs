//! One message and its answer, for who waits for it.

use crate::client::draft;
use crate::world::{END, conversation, log_lines, say, unlimited};
use parlor_domain::ports::BackendError;
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{Caller, Draft, ErrorCode, Quota, Settings};
use std::time::Duration;

async fn caller(server: &TestHub, name: &str) -> Caller {
    let user = server.user(&format!("{name}@example.org")).await;
    server.hub.authenticate(&user.to_string()).await.unwrap()
}

/// Protects who asks by a request: they get the reply, a resend gets the same one, and a stranger nothing.
#[tokio::test(start_paused = true)]
async fn a_request_gets_its_reply() {
    let server = TestHub::with(unlimited()).await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    server.backend.play(Script::reply(&["so", " it is"]));
    let first = Draft { client_id: Some("1".into()), ..draft(None, "Why?", "user", None) };
    let reply = server.hub.chat(&ann, first.clone()).await.unwrap();
    assert_eq!(reply.content, "so it is");
    assert_eq!(log_lines(&server.store, reply.conversation).await, ["1 Why?", "2 so it is"]);
    assert_eq!(server.hub.chat(&ann, first).await.unwrap().id, reply.id);
    let there = draft(reply.conversation, "And?", "user", None);
    assert_eq!(server.hub.chat(&bob, there).await.unwrap_err().code, ErrorCode::ConversationNotFound);
    assert_eq!(server.hub.figures().connections, 0, "a request is no connection");
}

/// Protects who asks from taking half a word for an answer: one that failed is an error, one that was cut off is what
/// there is of it.
#[tokio::test(start_paused = true)]
async fn a_reply_that_is_none_is_an_error() {
    let server = TestHub::with(unlimited()).await;
    let ann = caller(&server, "ann").await;
    let here = conversation(&server, &["ann"]).await;
    let broken = || Script::Fail(BackendError::Malformed("no".into()));
    server.backend.play(vec![broken()]);
    let refused = server.hub.chat(&ann, draft(here, "one", "user", None)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::AiUnavailable);
    server.backend.play(vec![say("half"), broken()]);
    let asked = Draft { options: parlor_domain::TurnOptions::default(), ..draft(here, "two", "user", None) };
    let reply = server.hub.chat(&ann, asked).await.unwrap();
    assert_eq!(reply.content, "half");
}

/// Protects the answer from who stops waiting: the turn goes on without them.
#[tokio::test(start_paused = true)]
async fn who_stops_waiting_ends_nothing() {
    let server = TestHub::with(unlimited()).await;
    let ann = caller(&server, "ann").await;
    let here = conversation(&server, &["ann"]).await;
    server.backend.play(vec![say("in"), crate::world::wait(5), say(" time"), END]);
    let asked = server.hub.chat(&ann, draft(here, "When?", "user", None));
    assert!(tokio::time::timeout(Duration::from_secs(1), asked).await.is_err());
    crate::client::pass(Duration::from_secs(10)).await;
    assert_eq!(log_lines(&server.store, here).await, ["1 When?", "2 in time"]);
}

/// Protects the limit that is a user's and not a connection's: each user has their own, and it tells when to come back.
#[tokio::test(start_paused = true)]
async fn chats_are_limited_by_user() {
    let mut settings: Settings = unlimited();
    settings.limits.ai_chats = Quota::new(2, Duration::from_secs(60));
    let server = TestHub::with(settings).await;
    let (ann, bob) = (caller(&server, "ann").await, caller(&server, "bob").await);
    let chat = async |who: &Caller| {
        server.backend.play(Script::reply(&["yes"]));
        server.hub.chat(who, draft(None, "Is it?", "user", None)).await
    };
    chat(&ann).await.unwrap();
    chat(&ann).await.unwrap();
    let refused = chat(&ann).await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (ErrorCode::ChatRateLimitExceeded, Some(30)));
    chat(&bob).await.unwrap();
    server.clock.advance(Duration::from_secs(30));
    chat(&ann).await.unwrap();
}
