//! The AI API.

use super::world::{Answer, World};
use parlor_domain::message::Usage;
use parlor_domain::ports::{BackendError, Delta};
use parlor_domain::testing::Script;
use serde_json::{Value, json};

const CHAT: &str = "/api/v1/ai/chat";

/// A reply with figures, as every provider that tells some makes it.
fn reply(text: &str) -> Vec<Script> {
    let usage = Usage { prompt_tokens: 5, completion_tokens: 2, estimated: false };
    let mut script = Script::reply(&[text]);
    let end = script.len() - 1;
    script.insert(end, Script::Say(Delta::Usage(usage)));
    script.insert(0, Script::Say(Delta::Model("m-1.2".into())));
    script
}

async fn chat(world: &World, token: &str, body: Value, script: Vec<Script>) -> Answer {
    world.backend.play(script);
    world.ask(token, "POST", CHAT, body).await
}

/// Protects clients of the API: what they send is what the backend is asked, and what they get has every field.
#[tokio::test]
async fn a_chat_is_answered() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let body = json!({"message": "Explain it", "model": "m-1", "maxTokens": 7, "temperature": 0.5});
    let answer = chat(&world, &ann, body, reply("It is so.")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut told = answer.body;
    let conversation = told["conversationId"].take();
    assert!(told["messageId"].take().is_string() && told["createdAt"].take().is_string());
    let expected = json!({
        "conversationId": null, "messageId": null, "content": "It is so.", "model": "m-1.2", "tokens": 7,
        "createdAt": null, "status": "complete",
    });
    assert_eq!(told, expected);
    let request = world.backend.requests().remove(0);
    assert_eq!(
        (request.model.as_deref(), request.max_tokens, request.temperature),
        (Some("m-1"), Some(7), Some(0.5))
    );
    let body = json!({"message": "And?", "conversationId": conversation, "model": null, "userId": "ignored"});
    let answer = chat(&world, &ann, body, reply("That is all.")).await;
    assert_eq!(answer.body["conversationId"], conversation);
    assert_eq!(world.backend.requests()[1].context.len(), 3, "the conversation goes with it");
}

#[tokio::test]
async fn a_chat_that_cannot_be_answered_is_a_problem() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    let answer = chat(&world, &ann, json!({"message": "Mine"}), reply("Yes.")).await;
    let there = answer.body["conversationId"].clone();
    let refusal = async |token: &str, body: Value| {
        let answer = chat(&world, token, body, vec![]).await;
        let (status, code) = answer.refusal();
        (status, code.to_owned())
    };
    let check = async |token: &str, body: Value, status: u16, code: &str| {
        assert_eq!(refusal(token, body.clone()).await, (status, code.to_owned()), "{body}");
    };
    check(&bob, json!({"message": "x", "conversationId": there}), 404, "CONVERSATION_NOT_FOUND").await;
    check(&ann, json!({"message": ""}), 400, "INVALID_MESSAGE_CONTENT").await;
    check(&ann, json!({"message": "a\0b"}), 400, "INVALID_MESSAGE_CONTENT").await;
    check(
        &ann,
        json!({"message": "x".repeat(63 * 1024), "conversationId": "nonsense"}),
        400,
        "INVALID_REQUEST",
    )
    .await;
    check(&ann, json!({"message": "x".repeat(2_000_000)}), 413, "INVALID_REQUEST").await;
    check(&ann, json!({"message": 1}), 400, "INVALID_REQUEST").await;
    check(&ann, json!({}), 400, "INVALID_REQUEST").await;
    check(&ann, json!({"message": "x", "temperature": 3}), 400, "INVALID_REQUEST").await;
    let answer =
        chat(&world, &ann, json!({"message": "x"}), vec![Script::Fail(BackendError::Malformed("no".into()))])
            .await;
    assert_eq!(answer.refusal(), (503, "AI_UNAVAILABLE"));
}

/// Protects who pays for replies: the 21st chat of a minute is refused, and told when to come back.
#[tokio::test]
async fn twenty_chats_a_minute_are_enough() {
    let world = World::new().await;
    let (ann, bob) = (world.token("ann").await, world.token("bob").await);
    for _ in 0..20 {
        assert_eq!(chat(&world, &ann, json!({"message": "x"}), reply("y")).await.status, 200);
    }
    let refused = chat(&world, &ann, json!({"message": "x"}), vec![]).await;
    assert_eq!(refused.refusal(), (429, "CHAT_RATE_LIMIT_EXCEEDED"));
    assert_eq!(refused.headers["retry-after"], "3");
    assert_eq!(chat(&world, &bob, json!({"message": "x"}), reply("y")).await.status, 200);
}

/// Protects clients that search by meaning themselves: a vector, who made it, and what it took; what cannot be embedded is a
/// problem.
#[tokio::test]
async fn a_text_has_a_vector() {
    let world = World::new().await;
    let ann = world.token("ann").await;
    let embed = async |body: Value| world.ask(&ann, "POST", "/api/v1/ai/embeddings", body).await;
    let answer = embed(json!({"text": "two words", "model": null})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((&answer.body["model"], &answer.body["tokens"]), (&json!("words-64"), &json!(2)));
    assert_eq!(answer.body["embedding"].as_array().map(Vec::len), Some(64));
    for (body, status, code) in [
        (json!({"text": "x", "model": "text-embedding-3-small"}), 404, "MODEL_NOT_FOUND"),
        (json!({"text": " "}), 400, "INVALID_MESSAGE_CONTENT"),
        (json!({"input": "x"}), 400, "INVALID_REQUEST"),
    ] {
        let answer = embed(body).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &json!(code)));
    }
}
