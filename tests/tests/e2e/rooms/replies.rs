//! The AI answers: streamed, stopped, made again, and paid for.

use parlor_tests::client::id;
use parlor_tests::mirror::number;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, PATIENCE, Reply, TestApp};
use serde_json::{Value, json};

/// Five words and seven tokens of context, at these prices: (7 × 2.50 + 5 × 10) / 1,000,000 dollars.
const COST: f64 = 0.000_067_5;

/// Protects: a reply in a private room: typing, pieces that add up, and an end with its figures.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_streamed_and_priced() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "plain")
        .env("MODEL_PRICES", "fake-1=2.50/10")
        .start()
        .await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("r", "private").await;
    let asked = ann.say("r", "hello").await;
    let reply = Reply::follow(&mut ann).await;
    assert_eq!(reply.text, words(5));
    assert_eq!(reply.error, None);
    let end = &reply.end;
    for (name, expect) in [
        ("role", json!("assistant")),
        ("content", json!("")),
        ("streaming", json!(false)),
        ("status", json!("complete")),
        ("seq", json!(2)),
        ("in_reply_to", asked["server_message_id"].clone()),
        ("tokens_used", json!(12)),
        ("model_used", json!("fake-1")),
        ("cost_usd", json!(COST)),
        ("room_id", json!("r")),
    ] {
        assert_eq!(end[name], expect, "{name}: {end}");
    }
    assert!(end["response_time"].as_f64().is_some_and(|seconds| (0.0..20.0).contains(&seconds)), "{end}");
    let history = ann.whole_history("r").await;
    assert_eq!((&history[1]["content"], &history[1]["cost_usd"]), (&json!(words(5)), &json!(COST)));
}

/// Protects: no price is not the price 0; the demo's is.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_price_is_null_and_the_demos_is_zero() {
    let provider = FakeProvider::start().await;
    let priced = TestApp::builder()
        .provider(&provider.base_url(), "plain")
        .env("MODEL_PRICES", "another-model=1/1")
        .start()
        .await;
    for (app, cost, model) in
        [(priced, Value::Null, "fake-1"), (TestApp::start().await, json!(0.0), "parlor-demo")]
    {
        let mut ann = app.rooms(&app.token("ann@example.org")).await;
        ann.enter("r", "private").await;
        ann.say("r", "hello").await;
        let end = Reply::follow(&mut ann).await.end;
        assert!(end.get("cost_usd").is_some(), "null is said: {end}");
        assert_eq!((end["cost_usd"].as_f64(), &end["model_used"]), (cost.as_f64(), &json!(model)), "{end}");
    }
}

/// Protects: who stops a reply keeps what there is of it, on every tab; a stop that comes too late does no harm.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-1000-20").start().await;
    let token = app.token("ann@example.org");
    let (mut ann, mut tab) = (app.rooms(&token).await, app.rooms(&token).await);
    ann.enter("r", "private").await;
    tab.enter("r", "private").await;
    ann.say("r", "go on and on").await;
    let mut live = Reply::begin(&mut ann).await;
    live.read(&mut ann, 5).await;
    ann.ask("stop", json!({"room_id": "r", "message_id": live.message_id})).await;
    let stopped = live.finish(&mut ann).await;
    assert_eq!(stopped.end["status"], "stopped");
    let there = Reply::follow(&mut tab).await;
    assert_eq!((&there.text, &there.end["seq"]), (&stopped.text, &stopped.end["seq"]));
    let answer = ann.until("stopped").await["data"].take();
    assert_eq!(answer["message_id"], stopped.message_id.as_str());
    assert_eq!(ann.whole_history("r").await[1]["content"], stopped.text.as_str());
    let late = ann.does("stop", json!({"room_id": "r", "message_id": stopped.message_id}), "stopped").await;
    assert_eq!(late["status"], "stopped");
}

/// Protects: another reply to the same message stands beside the first one, and history lists both.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_made_again_and_both_are_kept() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("r", "private").await;
    let asked = ann.say("r", "hello").await;
    let first = Reply::follow(&mut ann).await;
    ann.ask("regenerate", json!({"room_id": "r", "model_preference": "words-3-0"})).await;
    let second = Reply::follow(&mut ann).await;
    let by_id = json!({"room_id": "r", "message_id": first.message_id, "model_preference": "words-2-0"});
    ann.ask("regenerate", by_id).await;
    let third = Reply::follow(&mut ann).await;
    assert_eq!((second.text.as_str(), third.text.as_str()), (&*words(3), &*words(2)));
    let history = ann.whole_history("r").await;
    let replies: Vec<(u64, String, String)> = history[1..]
        .iter()
        .map(|it| (number(&it["seq"]), id(&it["message_id"]), id(&it["content"])))
        .collect();
    let expect = [first, second, third].map(|it| (number(&it.end["seq"]), it.message_id, it.text));
    assert_eq!(replies, expect);
    assert!(history[1..].iter().all(|it| it["in_reply_to"] == asked["server_message_id"]), "{history:?}");
}

/// Protects: a failed reply says why, and ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_reply_says_why() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "status-401").start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("r", "private").await;
    ann.chat("r", "hello", "m").await;
    let error = ann.until_error("AI_UNAVAILABLE").await;
    let end = loop {
        let data = ann.until_any("chat").await["data"].take();
        if data["done"] == true {
            break data;
        }
    };
    assert_eq!((&end["status"], &end["message_id"]), (&json!("failed"), &error["message_id"]));
}

/// Protects: in a shared room the AI speaks when it is spoken to, and never where it is turned off.
#[tokio::test(flavor = "multi_thread")]
async fn in_company_the_ai_answers_when_asked() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    ann.enter("hall", "shared").await;
    ann.ask("join_room", json!({"room_id": "mute", "ai_mode": "off"})).await;
    ann.until("join_room").await;
    ann.say("hall", "nobody asked").await;
    ann.say("mute", "@ai are you there?").await;
    ann.say("hall", "@ai what do you think?").await;
    assert_eq!(Reply::follow(&mut ann).await.end["room_id"], "hall");
    let data = json!({"message": "and you?", "model_preference": "words-4-0"});
    ann.send(json!({"type": "chat", "data": data, "room_id": "hall", "message_id": "m"})).await;
    assert_eq!(Reply::follow(&mut ann).await.text, words(4));
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(ann.whole_history("hall").await.len(), 5);
    assert_eq!(ann.whole_history("mute").await.len(), 1);
}

/// Protects rooms from members who call the AI by another door: where it is off it answers nobody, and nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_ai_is_off_no_door_calls_it() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "plain").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    ann.ask("join_room", json!({"room_id": "mute", "ai_mode": "off"})).await;
    let conversation = ann.until("join_room").await["data"]["conversation_id"].clone();
    ann.say("mute", "among ourselves").await;
    let chat = json!({"message": "what do they say?", "conversationId": conversation});
    let refused = app.ask(&token, "POST", "/api/v1/ai/chat", chat).await;
    assert_eq!(refused.refusal(), (403, "FORBIDDEN".into()));
    let mut tab = app.io(&token).await;
    tab.start(conversation.as_str(), "what do they say?").await;
    assert_eq!(tab.until("chat:error").await["code"], "FORBIDDEN");
    assert_eq!(ann.whole_history("mute").await.len(), 1);
    assert!(provider.requests().is_empty());
}

/// Protects a room from whom it has removed: a reply that they asked for goes on, and they get none of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_gets_no_reply() {
    let provider = FakeProvider::start_as("hold").await;
    let app = TestApp::builder().provider(&provider.base_url(), "any").start().await;
    let token = app.token("bob@example.org");
    let (mut ann, bob) = (app.rooms(&app.token("ann@example.org")).await, app.rooms(&token).await);
    let conversation = ann.enter("club", "group").await["conversation_id"].clone();
    ann.does("add_member", json!({"room_id": "club", "user_id": bob.user}), "add_member").await;
    let chat = json!({"message": "tell me a secret", "conversationId": conversation});
    let asking = app.ask(&token, "POST", "/api/v1/ai/chat", chat);
    let removing = async {
        provider.until_requests(1).await;
        ann.does("remove_member", json!({"room_id": "club", "user_id": bob.user}), "remove_member").await;
    };
    let (refused, ()) = tokio::join!(asking, removing);
    assert_eq!(refused.refusal(), (404, "CONVERSATION_NOT_FOUND".into()));
    provider.release();
    let others = async {
        loop {
            let history = ann.whole_history("club").await;
            match history.get(1) {
                Some(reply) => break reply["content"].clone(),
                None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        }
    };
    let reply = tokio::time::timeout(PATIENCE, others).await.expect("the others have it");
    assert_eq!(reply, words(5));
}

/// Protects: who comes in the middle of a reply, by a resume or by joining, sees it whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_reply_is_taken_up() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-60-20").start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    ann.enter("r", "private").await;
    ann.say("r", "talk to me").await;
    let mut live = Reply::begin(&mut ann).await;
    live.read(&mut ann, 20).await;
    let mut joining = app.rooms(&token).await;
    joining.enter("r", "private").await;
    let mut resuming = app.rooms(&token).await;
    let position = json!({"positions": [{"room_id": "r", "seq": 1}]});
    assert_eq!(resuming.does("resume", position, "resumed").await["recovered"], true);
    let (whole, joined, resumed) =
        tokio::join!(live.finish(&mut ann), Reply::follow(&mut joining), Reply::follow(&mut resuming));
    for reply in [&joined, &resumed] {
        assert_eq!((&reply.text, &reply.end["seq"]), (&words(60), &json!(2)));
        assert!(reply.pieces < whole.pieces, "its beginning came as one piece");
    }
}
