//! Two dialects in one conversation: each hears the other in its own words.

use parlor_tests::client::id;
use parlor_tests::provider::words;
use parlor_tests::{FakeProvider, Reply, TestApp, Turn};
use serde_json::json;

/// Protects: a message, its changes and the AI's reply are the same in both dialects, whoever asked.
#[tokio::test(flavor = "multi_thread")]
async fn two_dialects_share_a_room() {
    let provider = FakeProvider::start().await;
    let app = TestApp::builder().provider(&provider.base_url(), "words-20-5").start().await;
    let bob_token = app.token("bob@example.org");
    let mut ann = app.rooms(&app.token("ann@example.org")).await;
    let conversation = id(&ann.enter("both", "private").await["conversation_id"]);
    app.rooms(&bob_token).await.enter("both", "private").await;
    let mut bob = app.client(&bob_token).await;
    bob.join(&conversation).await;

    let asked = ann.say("both", "do you hear me?").await;
    let heard = bob.until("message_received").await["data"]["message"].take();
    assert_eq!((&heard["id"], &heard["seq"]), (&asked["server_message_id"], &json!(1)));
    assert_eq!((&heard["content"], &heard["sender_id"]), (&json!("do you hear me?"), &json!(ann.user)));
    let (here, there) = tokio::join!(Reply::follow(&mut ann), Turn::follow(&mut bob));
    assert_eq!((here.text.as_str(), there.text.as_str()), (&*words(20), &*words(20)));
    assert_eq!((&here.message_id, &here.end["seq"]), (&there.message_id, &json!(there.seq)));

    let said = bob.say(Some(&conversation), "user", "loud and clear").await;
    let heard = ann.message().await;
    assert_eq!((&heard["message_id"], &heard["content"]), (&said["id"], &json!("loud and clear")));
    assert_eq!((&heard["room_id"], &heard["username"]), (&json!("both"), &json!("bob")));
    let (here, there) = tokio::join!(Reply::follow(&mut ann), Turn::follow(&mut bob));
    assert_eq!((here.text, here.message_id), (there.text, there.message_id));
    let note = bob.say(Some(&conversation), "note", "for the record").await;
    assert_eq!(ann.message().await["message_type"], note["message_type"]);

    ann.ask("edit", json!({"message_id": asked["server_message_id"], "message": "do you read me?"})).await;
    let edited = bob.until("message_updated").await["data"].take();
    assert_eq!((&edited["seq"], &edited["message"]["content"]), (&json!(6), &json!("do you read me?")));

    let theirs = bob.whole_history(&conversation).await;
    let ours = ann.whole_history("both").await;
    assert_eq!(theirs.len(), 5);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(
            (&ours["seq"], &ours["message_id"], &ours["content"]),
            (&theirs["seq"], &theirs["id"], &theirs["content"])
        );
    }
}
