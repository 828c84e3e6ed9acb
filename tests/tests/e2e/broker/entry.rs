//! Who may come in as a user.

use parlor_tests::broker::{PATH, expect_refusal};
use parlor_tests::client::id;
use parlor_tests::{BrokerUser, Client, Credential, TestApp};
use serde_json::json;

/// Protects: a token is taken wherever a client can put it, and is the same person each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_in_all_three_places() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let mut users = Vec::new();
    for credential in
        [Credential::Query(&token), Credential::Header(&token), Credential::FirstMessage(&token)]
    {
        let client = Client::try_open(app.address(), PATH, credential, &[]).await.unwrap();
        let mut ann = BrokerUser::greeted(client).await;
        assert!(ann.pending().await.is_empty());
        // A later `auth` extends the session and is answered as the first.
        ann.send(json!({"type": "auth", "token": token})).await;
        assert_eq!(id(&ann.expect("auth_success").await["user_id"]), ann.user);
        users.push(ann.user.clone());
    }
    assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
}

/// Protects: who has no token or a bad one is told so in this dialect's words and closed 4001.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_credential_is_told_and_closed() {
    let app = TestApp::start().await;
    for credential in [Credential::Query("nonsense"), Credential::FirstMessage("nonsense")] {
        let mut client = Client::try_open(app.address(), PATH, credential, &[]).await.unwrap();
        expect_refusal(&mut client, "INVALID_TOKEN").await;
        client.expect_close(4001).await;
    }
    let mut client = Client::try_open(app.address(), PATH, Credential::None, &[]).await.unwrap();
    client.send(json!({"type": "send_message", "thread_id": null, "content": "let me in"})).await;
    expect_refusal(&mut client, "UNAUTHENTICATED").await;
    client.expect_close(4001).await;
}
