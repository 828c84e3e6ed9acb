//! What is said over the namespace, and how it stands beside the AI API over HTTP.

use parlor_tests::{FakeProvider, TestApp};
use serde_json::{Value, json};
use std::time::Duration;

/// Protects a tab that closes in the middle: its turn goes on, and the reply is in the conversation.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_tab_stops_nothing() {
    let provider = FakeProvider::start_as("words-10-50").await;
    let app = TestApp::builder().provider(&provider.base_url(), "m").start().await;
    let token = app.token("ann@example.org");
    let mut io = app.io(&token).await;
    io.start(None, "Go on").await;
    let conversation = io.until("chat:conversation").await["conversationId"].as_str().unwrap().to_owned();
    io.until("chat:message").await;
    drop(io);
    let path = format!("/api/v1/ai/conversations/{conversation}");
    loop {
        let found = app.ask(&token, "GET", &path, Value::Null).await.json();
        if let Some(reply) = found["messages"].get(1) {
            assert_eq!(reply["content"], parlor_tests::provider::words(10));
            assert_eq!((&reply["role"], &reply["status"]), (&json!("ASSISTANT"), &json!("complete")));
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Protects who pays: requests and sockets of one user count together, and both are told when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn requests_and_sockets_share_their_limit() {
    let app = TestApp::builder().env("AI_CHAT_RATE_LIMIT_REQUESTS", 2).start().await;
    let token = app.token("ann@example.org");
    let chat = async || app.ask(&token, "POST", "/api/v1/ai/chat", json!({"message": "Hello"})).await;
    assert_eq!(chat().await.status, 200);
    let mut io = app.io(&token).await;
    io.start(None, "Hello").await;
    io.until("chat:end").await;
    io.start(None, "Hello").await;
    let error = io.refused("CHAT_RATE_LIMIT_EXCEEDED").await;
    assert!(error["retryAfter"].as_u64().is_some_and(|seconds| (1..=30).contains(&seconds)), "{error}");
    let refused = chat().await;
    assert_eq!(refused.refusal(), (429, "CHAT_RATE_LIMIT_EXCEEDED".to_owned()));
    assert!(refused.header("retry-after").is_some());
}

/// Protects lists and figures: conversations are made, named, read and deleted; what was used is in the books, by day and
/// by model; and of another's there is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn conversations_and_usage_are_kept_over_http() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.token("ann@example.org"), app.token("eve@example.org"));
    let ask = async |token: &str, method: &str, path: &str, body: Value| {
        app.ask(token, method, &format!("/api/v1/ai/{path}"), body).await
    };
    let none = ask(&ann, "GET", "usage", Value::Null).await.json();
    let empty = json!({"totalTokens": 0, "conversationsCount": 0, "messagesCount": 0, "lastUsed": null});
    assert_eq!(none, empty);
    let mut page = app.client(&ann).await;
    let made = ask(&ann, "POST", "conversations", json!({"title": "Tea"})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!((&made["title"], &made["messageCount"]), (&json!("Tea"), &json!(0)));
    let id = made["id"].as_str().unwrap();
    assert_eq!(page.until("conversation_updated").await["data"]["conversation"]["title"], "Tea");
    let untitled = ask(&ann, "POST", "conversations", Value::Null).await;
    assert_eq!(untitled.status, 201, "{}", untitled.body);

    let body = json!({"message": "Hello", "conversationId": id});
    let told = ask(&ann, "POST", "chat", body).await.json();
    assert_eq!(told["conversationId"], *id);
    let renamed = ask(&ann, "PATCH", &format!("conversations/{id}"), json!({"title": "Coffee"})).await;
    assert_eq!(renamed.json()["title"], "Coffee");
    loop {
        let updated = page.until("conversation_updated").await;
        if updated["data"]["conversation"]["title"] == "Coffee" {
            break;
        }
    }
    let listed = ask(&ann, "GET", "conversations?page=1&limit=1", Value::Null).await.json();
    assert_eq!(listed["data"][0]["id"], *id, "the last changed comes first");
    assert_eq!(listed["meta"], json!({"total": 2, "page": 1, "limit": 1, "totalPages": 2}));
    let found = ask(&ann, "GET", &format!("conversations/{id}"), Value::Null).await.json();
    assert_eq!(
        (&found["messages"][0]["role"], &found["messages"][1]["role"]),
        (&json!("USER"), &json!("ASSISTANT"))
    );
    assert_eq!(
        (&found["messages"][0]["tokens"], &found["messages"][1]["tokens"]),
        (&Value::Null, &told["tokens"])
    );

    // The books are written behind the reply.
    let used = loop {
        let used = ask(&ann, "GET", "usage?group_by=model", Value::Null).await.json();
        if used["totalTokens"] != 0 {
            break used;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&used["totalTokens"], &used["messagesCount"]), (&told["tokens"], &json!(2)));
    assert_eq!(used["groups"][0]["model"], told["model"]);
    assert!(used["lastUsed"].is_string(), "{used}");
    let days = ask(&ann, "GET", "usage?group_by=day&from=2020-01-01T00:00:00Z", Value::Null).await.json();
    assert_eq!(days["groups"].as_array().unwrap().len(), 1, "{days}");
    let later = ask(&ann, "GET", "usage?from=2999-01-01T00:00:00Z", Value::Null).await.json();
    assert_eq!((&later["totalTokens"], &later["lastUsed"]), (&json!(0), &Value::Null));
    for wrong in [
        "usage?group_by=user",
        "usage?from=yesterday",
        "usage?from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z",
    ] {
        assert_eq!(ask(&ann, "GET", wrong, Value::Null).await.refusal(), (400, "INVALID_REQUEST".to_owned()));
    }
    let all = app.ask(&ann, "GET", "/api/v1/admin/usage", Value::Null).await;
    assert_eq!(all.refusal(), (403, "FORBIDDEN".to_owned()));
    let admin = app.admin_token("root@example.org");
    let all = app.ask(&admin, "GET", "/api/v1/admin/usage?group_by=user", Value::Null).await.json();
    assert_eq!(all["total"]["totalTokens"], told["tokens"], "{all}");
    assert_eq!(all["data"][0]["userId"], made["userId"]);

    for (method, body) in [("GET", Value::Null), ("PATCH", json!({"title": "mine"})), ("DELETE", Value::Null)]
    {
        let answer = ask(&eve, method, &format!("conversations/{id}"), body).await;
        assert_eq!(answer.refusal(), (404, "CONVERSATION_NOT_FOUND".to_owned()), "{method}");
    }
    assert_eq!(ask(&ann, "DELETE", &format!("conversations/{id}"), Value::Null).await.status, 204);
    let gone = ask(&ann, "GET", &format!("conversations/{id}"), Value::Null).await;
    assert_eq!(gone.refusal(), (404, "CONVERSATION_NOT_FOUND".to_owned()));
}
