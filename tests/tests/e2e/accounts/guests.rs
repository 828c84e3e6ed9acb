//! People without an account, who try the server.

use super::quick;
use parlor_tests::http;
use parlor_tests::{TestApp, Tokens};
use serde_json::{Value, json};

/// Somebody who asks to try the server.
async fn knock(app: &TestApp) -> http::Answer {
    http::ask(app.address(), "POST", "/auth/guest", None, &Value::Null).await
}

async fn config(app: &TestApp) -> Value {
    app.get("/api/v1/config").await.json()
}

/// Protects who tries the server from each other: each guest is a user of their own, with tokens like everybody's, and it is
/// written down that they came.
#[tokio::test(flavor = "multi_thread")]
async fn guests_are_users_of_their_own() {
    let app = quick().start().await;
    assert_eq!(config(&app).await["guests"], true, "on the loopback, guests are welcome");
    let [ann, bob] = [knock(&app).await, knock(&app).await].map(|answer| {
        assert_eq!(answer.status, 201, "{}", answer.body);
        Tokens::of(&answer)
    });
    let me = async |token: &str| app.ask(token, "GET", "/api/v1/users/me", Value::Null).await.json();
    let (ann_is, bob_is) = (me(&ann.access).await, me(&bob.access).await);
    assert_ne!(ann_is["id"], bob_is["id"]);
    assert_eq!((&ann_is["role"], &bob_is["role"]), (&json!("user"), &json!("user")));
    let session = app.asker(&ann.access).await.new_session("echo a secret").await;
    let answer = app.ask(&bob.access, "GET", &format!("/chat/sessions/{session}"), Value::Null).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
    // Their sign-in goes on, and ends, like any other.
    let body = json!({"refresh_token": ann.refresh});
    let next = http::ask(app.address(), "POST", "/auth/refresh", None, &body).await;
    assert_eq!(next.status, 200, "{}", next.body);
    // Nobody gets mail there, and so nobody becomes them by a sign-up.
    assert!(ann_is["email"].as_str().unwrap().ends_with("@guests.invalid"), "{ann_is}");
    let log = app.ask(&app.admin_token("root@example.org"), "GET", "/api/v1/admin/audit", Value::Null).await;
    let entries = log.json()["data"].as_array().unwrap().clone();
    let came = entries.iter().filter(|it| it["action"] == "guest_sign_in" && it["outcome"] == "done");
    assert_eq!(came.map(|it| &it["actor"]).collect::<Vec<_>>(), [&bob_is["id"], &ann_is["id"]]);
}

/// Protects servers that others reach: there are no guests unless the operator wants them, and not without end.
#[tokio::test(flavor = "multi_thread")]
async fn guests_come_where_they_are_wanted_and_not_without_end() {
    let app = quick().env("GUEST_ACCESS", false).start().await;
    assert_eq!(config(&app).await["guests"], false);
    assert_eq!(knock(&app).await.refusal(), (403, "FORBIDDEN".to_owned()));
    let app = quick().env("HOST", "0.0.0.0").start().await;
    assert_eq!(config(&app).await["guests"], false, "on every interface, nobody comes unasked");
    let app = quick().env("GUEST_ACCESS", true).start().await;
    for _ in 0..30 {
        assert_eq!(knock(&app).await.status, 201);
    }
    let late = knock(&app).await;
    assert_eq!(late.refusal(), (429, "RATE_LIMIT".to_owned()));
    assert!(late.json()["retry_after"].as_u64().is_some_and(|wait| wait > 60), "{}", late.body);
}
