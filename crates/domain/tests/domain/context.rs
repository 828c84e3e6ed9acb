//! What a backend is told: the instructions, and the newest whole exchanges that fit.

use crate::client::{Client, settle};
use crate::world::{END, conversation, say, unlimited, wait};
use parlor_domain::ConversationId;
use parlor_domain::ports::{BackendError, Speaker};
use parlor_domain::testing::{Script, TestHub};
use std::time::Duration;

/// A server whose backends hear at most so many tokens, and somebody who asks it.
async fn with_budget(tokens: usize, system: Option<&str>) -> (TestHub, Client, ConversationId) {
    let mut settings = unlimited();
    settings.turns.context_tokens = tokens;
    settings.turns.system_prompt = system.map(Into::into);
    settings.turns.max_tokens = Some(77);
    let server = TestHub::with(settings).await;
    let id = conversation(&server, &["ann"]).await;
    let ann = Client::join(&server, "ann", id).await;
    (server, ann, id)
}

/// What the last turn was told, a line a piece.
fn heard(server: &TestHub) -> Vec<String> {
    let request = server.backend.requests().pop().expect("a backend was asked");
    let line = |speaker, content: &str| match speaker {
        Speaker::System => format!("system: {content}"),
        Speaker::User => format!("user: {content}"),
        Speaker::Assistant => format!("ai: {content}"),
        Speaker::Tool => format!("tool: {content}"),
    };
    request.context.iter().map(|piece| line(piece.speaker, &piece.content)).collect()
}

/// Asks, and lets the AI answer with `reply`. Gives the question's id.
async fn exchange(
    server: &TestHub,
    ann: &mut Client,
    id: ConversationId,
    question: &str,
    reply: &str,
) -> parlor_domain::MessageId {
    server.backend.play(Script::reply(&[reply]));
    ann.ask(id, question).await;
    settle().await;
    ann.entries()[0].id
}

/// Protects the sense of a conversation: instructions first, then both voices in order, the question last; and only
/// what was said to or by the AI.
#[tokio::test(start_paused = true)]
async fn the_context_is_what_was_said_to_and_by_the_ai() {
    let (server, mut ann, id) = with_budget(10_000, Some("be brief")).await;
    exchange(&server, &mut ann, id, "q1", "a1").await;
    ann.note(id, "nobody's business").await;
    server.backend.play(vec![Script::Fail(BackendError::Unreachable("x".into()))]);
    ann.ask(id, "unanswered").await;
    settle().await;
    server.backend.play(vec![END]);
    ann.ask(id, "met with silence").await;
    settle().await;
    server.backend.play(vec![say("half"), Script::Fail(BackendError::Unreachable("x".into()))]);
    ann.ask(id, "interrupted").await;
    settle().await;
    ann.ask(id, "q2").await;
    settle().await;
    let expected = [
        "system: be brief",
        "user: q1",
        "ai: a1",
        "user: unanswered",
        "user: met with silence",
        "user: interrupted",
        "ai: half",
        "user: q2",
    ];
    assert_eq!(heard(&server), expected);
    let request = server.backend.requests().pop().unwrap();
    assert_eq!((request.conversation, request.max_tokens, request.model), (id, Some(77), None));
}

/// Protects the context from two answers to one question: of alternatives, the newest counts.
#[tokio::test(start_paused = true)]
async fn of_alternatives_the_newest_counts() {
    let (server, mut ann, id) = with_budget(10_000, None).await;
    let question = exchange(&server, &mut ann, id, "q1", "first").await;
    server.backend.play(Script::reply(&["second"]));
    ann.follow(id, question).await;
    settle().await;
    exchange(&server, &mut ann, id, "q2", "a2").await;
    assert_eq!(heard(&server), ["user: q1", "ai: second", "user: q2"]);

    // An alternative to an early question hears what stood before that question, and no more.
    ann.follow(id, question).await;
    settle().await;
    assert_eq!(heard(&server), ["user: q1"]);
}

/// Protects the budget: a piece costs a token for each three bytes, and four more; what does not fit is left out from
/// the oldest on, and with a question goes its answer.
#[tokio::test(start_paused = true)]
async fn the_newest_whole_exchanges_that_fit_are_told() {
    let six = "123456"; // six tokens
    for (budget, expected) in [
        (30, 5),
        (29, 3), // the first question does not fit: its answer goes too
        (24, 3),
        (18, 3),
        (17, 1),
        (6, 1),
    ] {
        let (server, mut ann, id) = with_budget(budget, None).await;
        exchange(&server, &mut ann, id, six, six).await;
        exchange(&server, &mut ann, id, six, six).await;
        ann.ask(id, six).await;
        settle().await;
        assert_eq!(heard(&server).len(), expected, "budget {budget}");
        assert!(heard(&server)[0].starts_with("user"), "budget {budget}");
    }
}

/// Protects whole exchanges also where two turns ran at once and their messages stand crosswise.
#[tokio::test(start_paused = true)]
async fn an_answer_whose_question_does_not_fit_is_left_out() {
    let (server, mut ann, id) = with_budget(5 * 5, None).await; // room for five of five tokens
    server.backend.play(vec![wait(1), say("a1"), END]);
    server.backend.play(vec![wait(2), say("a2"), END]);
    ann.ask(id, &"long question ".repeat(3)).await;
    ann.ask(id, "q2").await;
    crate::client::pass(Duration::from_secs(3)).await;
    exchange(&server, &mut ann, id, "q3", "a3").await;
    assert_eq!(heard(&server), ["user: q2", "ai: a2", "user: q3"]);
}

/// Protects who asks too much at once: the turn fails and says why, without asking a backend. The instructions count.
#[tokio::test(start_paused = true)]
async fn a_question_that_does_not_fit_is_refused() {
    for (budget, system, fits) in
        [(6, None, true), (5, None, false), (6, Some("x"), false), (11, Some("x"), true)]
    {
        let (server, mut ann, id) = with_budget(budget, system).await;
        ann.ask(id, "123456").await;
        let end = if fits { "end 2 complete 123456" } else { "end 2 failed (CONTEXT_TOO_LONG)" };
        assert_eq!(ann.seen().await.last().unwrap(), end, "{budget} {system:?}");
        assert_eq!(server.backend.requests().len(), usize::from(fits));
    }
}

/// Protects long conversations: the context reaches back over more than one page of the log.
#[tokio::test(start_paused = true)]
async fn a_long_conversation_is_told_as_far_as_it_fits() {
    let (server, mut ann, id) = with_budget(100_000, None).await;
    for number in 0..150 {
        exchange(&server, &mut ann, id, &format!("q{number}"), &format!("a{number}")).await;
    }
    let heard = heard(&server);
    assert_eq!(heard.len(), 299);
    assert_eq!(
        (heard[0].as_str(), heard[297].as_str(), heard[298].as_str()),
        ("user: q0", "ai: a148", "user: q149")
    );
}

/// Protects a turn where the log cannot be read: it fails, and the cause stays in our log.
#[tokio::test(start_paused = true)]
async fn a_turn_fails_where_the_log_cannot_be_read() {
    let (server, mut ann, id) = with_budget(10_000, None).await;
    server.store.fail_next_reads(1);
    ann.ask(id, "hello").await;
    assert_eq!(ann.seen().await, ["sent 1 hello", "start", "end 2 failed (INTERNAL)"]);
}
