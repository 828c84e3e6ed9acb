//! What users say of themselves and of a request, on its way to the AI; and what the AI's API sent, on its way back.

use parlor_tests::client::id;
use parlor_tests::provider::Request;
use parlor_tests::{FakeProvider, Reply, TestApp};
use serde_json::{Value, json};

const ME: &str = "/api/v1/users/me";

/// All that a request told the provider, as one text.
fn told(request: &Request) -> String {
    request.body["messages"].to_string()
}

/// Protects: the profile goes with every request of its user to the AI, in sessions as in conversations, as it is then;
/// never into a room that others read, and no one else's goes at all.
#[tokio::test(flavor = "multi_thread")]
async fn profiles_go_to_the_ai_and_not_into_rooms() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    let (token, bob_token) = (app.token("ann@example.org"), app.token("bob@example.org"));
    let mut ann = app.asker(&token).await;
    ann.say(None, "who am I?").await;
    assert!(!told(&provider.requests()[0]).contains("About the user"), "nothing was said yet");

    let profile = json!({"profile": {"height": "canary-183", "quote\"": "ünd \n ende"}});
    let me = app.ask(&token, "PATCH", ME, profile.clone()).await;
    assert_eq!((me.status, &me.json()["profile"]), (200, &profile["profile"]), "{}", me.body);
    assert_eq!(app.ask(&token, "GET", ME, Value::Null).await.json()["profile"], profile["profile"]);
    let request = json!({"message": "and now?", "context": {"screen": "canary-screen"}});
    let session = id(&ann.question(request).await["session_id"]);
    let sent = told(&provider.requests()[1]);
    assert!(sent.contains("canary-183") && sent.contains("canary-screen"), "{sent}");
    let system = &provider.requests()[1].body["messages"][0];
    assert_eq!(system["role"], "system", "it stands before what was said: {system}");
    ann.say(Some(&session), "once more").await;
    let sent = told(&provider.requests()[2]);
    assert!(
        sent.contains("canary-183") && !sent.contains("canary-screen"),
        "a context is of one request: {sent}"
    );

    let mut tab = app.client(&token).await;
    tab.say(None, "user", "from another dialect").await;
    tab.until("stream_complete").await;
    assert!(told(&provider.requests()[3]).contains("canary-183"));

    let mut hall = app.rooms(&token).await;
    let mut bob = app.rooms(&bob_token).await;
    let room = id(&hall.enter("hall", "shared").await["conversation_id"]);
    bob.enter("hall", "shared").await;
    for number in [4, 5] {
        let who = if number == 4 { &mut hall } else { &mut bob };
        who.ask("chat", json!({"room_id": "hall", "message": "@ai who are we?"})).await;
        Reply::follow(&mut hall).await;
        Reply::follow(&mut bob).await;
        let sent = told(&provider.requests()[number]);
        assert!(!sent.contains("canary") && !sent.contains("About the user"), "{sent}");
    }
    // Asked in the room by this dialect, it is a message of the room all the same.
    ann.say(Some(&room), "@ai and me?").await;
    let sent = told(&provider.requests()[6]);
    assert!(sent.contains("and me?") && !sent.contains("canary"), "{sent}");
    let heard = json!(bob.whole_history("hall").await).to_string();
    assert!(heard.contains("and me?") && !heard.contains("canary"), "{heard}");

    let before = provider.requests().len();
    app.asker(&bob_token).await.say(None, "who am I?").await;
    assert!(!told(&provider.requests()[before]).contains("canary"));
    app.ask(&token, "PATCH", ME, json!({"profile": {}})).await;
    ann.say(Some(&session), "forgotten?").await;
    assert!(!told(provider.requests().last().unwrap()).contains("canary-183"));
    // What went with a request stays beside it.
    let kept = app.history(&token).exchanges(&session).await;
    assert_eq!(kept[0]["context"]["user_profile"], profile["profile"]);
    assert_eq!(
        (&kept[0]["context"]["screen"], &kept[1]["context"]["screen"]),
        (&json!("canary-screen"), &Value::Null)
    );
    assert_eq!(kept.last().unwrap()["context"]["user_profile"], json!({}));
}

/// Protects: a user is who they are: names and profiles have limits, what is left out stays, and a role is no field of a
/// profile.
#[tokio::test(flavor = "multi_thread")]
async fn users_change_themselves_and_nothing_else() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let me = app.ask(&token, "GET", ME, Value::Null).await.json();
    for (name, expect) in [("email", "ann@example.org"), ("username", "ann"), ("role", "user")] {
        assert_eq!(me[name], expect, "{me}");
    }
    assert_eq!(me["profile"], json!({}));
    let named = app.ask(&token, "PATCH", ME, json!({"username": "Ännchen"})).await.json();
    assert_eq!((&named["username"], &named["profile"]), (&json!("Ännchen"), &json!({})));
    let odd = json!({"profile": {"a": 1}, "role": "admin", "email": "root@example.org", "id": "x"});
    let changed = app.ask(&token, "PATCH", ME, odd).await.json();
    assert_eq!((&changed["role"], &changed["email"], &changed["id"]), (&me["role"], &me["email"], &me["id"]));
    assert_eq!((&changed["username"], &changed["profile"]), (&json!("Ännchen"), &json!({"a": 1})));
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!({"a": deep});
    }
    for wrong in [
        json!({"profile": [1]}),
        json!({"profile": "text"}),
        json!({"profile": {"a": "x".repeat(17_000)}}),
        json!({"profile": deep}),
        json!({"username": ""}),
        json!({"username": "x".repeat(65)}),
        json!({"username": "a\r\nb"}),
        json!({"username": 7}),
    ] {
        let answer = app.ask(&token, "PATCH", ME, wrong.clone()).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{wrong}");
    }
    let now = app.ask(&token, "GET", ME, Value::Null).await.json();
    assert_eq!(now, changed);
}

/// Protects: what the API sent is in the reply and in the history, each event to the letter and in its order, but for what
/// would make the whole unreadable; what a turn used is counted to its user.
#[tokio::test(flavor = "multi_thread")]
async fn raw_events_come_as_they_were_sent() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "letters")
        .env("USER_TOKEN_BUDGET", 100_000)
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut ann = app.asker(&token).await;
    // Read as text: a parser would forget how the numbers were written.
    let mut raw =
        parlor_tests::raw::RawSocket::upgrade_at(app.address(), &format!("/chat/ws?token={token}"), None)
            .await;
    raw.text(r#"{"message":"to the letter"}"#).await;
    let mut frames = String::new();
    while !frames.contains(r#""type":"message""#) {
        let parlor_tests::raw::Received::Frame(_, bytes) = raw.receive().await else { panic!("{frames}") };
        frames += &String::from_utf8(bytes).unwrap();
    }
    let sent = parlor_tests::provider::script::LETTERS;
    for event in sent {
        assert!(frames.contains(event), "{event} in {frames}");
    }
    let expect: Vec<Value> = sent.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let reply = ann.say(None, "once more").await;
    assert_eq!((&reply["message"], &reply["data"]["raw_events"]), (&json!("wörd two"), &json!(expect)));
    let session = id(&reply["session_id"]);
    let file = app.history(&token).export(&session, "json").await.text();
    let answer = app.history(&token).ask("GET", &format!("/{session}")).await;
    for event in sent {
        assert!(file.contains(event) && answer.body.contains(event), "{event}");
    }
    let me = app.ask(&token, "GET", ME, Value::Null).await.json();
    let used = reply["data"]["usage"]["total_tokens"].as_u64().unwrap();
    assert_eq!(used, 9);
    assert_eq!(
        (&me["usage"]["total_tokens"], &me["usage"]["token_budget"]),
        (&json!(2 * used), &json!(100_000))
    );
    assert_eq!(
        (&me["usage"]["today"]["total_tokens"], &me["usage"]["reserved_tokens"]),
        (&json!(2 * used), &json!(0))
    );
}

/// Protects: the log from an API that talks much: what there is too much of is left out in the middle and counted.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_raw_events_are_cut_in_the_middle() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-1000-0").start().await;
    let token = app.token("ann@example.org");
    let reply = app.asker(&token).await.say(None, "a lot").await;
    let (events, omitted) =
        (&reply["data"]["raw_events"], reply["data"]["raw_events_omitted"].as_u64().unwrap());
    let kept = events.as_array().unwrap();
    assert!(events.to_string().len() < 70_000 && omitted > 100, "{} and {omitted}", kept.len());
    assert_eq!(kept[0]["choices"][0]["delta"]["content"], "wörd-0é ");
    assert!(kept.iter().rev().take(2).any(|it| it["usage"]["completion_tokens"] == 1_000), "the end is kept");
    let exchange = app.history(&token).exchanges(&id(&reply["session_id"])).await.remove(0);
    assert_eq!(exchange["context"]["raw_events"], *events);
    assert_eq!(exchange["context"]["raw_events_omitted"], omitted);
}
