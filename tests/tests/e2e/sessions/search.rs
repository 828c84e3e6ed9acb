//! Search in titles and messages, over HTTP.

use super::on;
use parlor_tests::client::id;
use parlor_tests::{Postgres, TestApp, TestAppBuilder};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

fn sessions(found: &[Value]) -> Vec<&str> {
    found.iter().map(|it| it["session_id"].as_str().unwrap()).collect()
}

/// Protects: search on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_on_sqlite() {
    sessions_are_found(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_found_on_postgresql() {
    sessions_are_found(on(&Postgres::start())).await;
}

async fn sessions_are_found(builder: TestAppBuilder) {
    let app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let zebras = ann.new_session("echo zebras in the title, zebras everywhere").await;
    let aside = ann.new_session("echo gardens").await;
    ann.say(
        Some(&aside),
        "echo one zebra was seen near the shed, among many other words of no interest to anybody",
    )
    .await;
    let markup = ann.new_session("echo <script>alert('walrus')</script> & \"quotes\"").await;
    let foreign = ann.new_session("echo Über Straße 日本語 ÉCOLE").await;
    let bob = app.token("bob@example.org");
    app.asker(&bob).await.new_session("echo zebras of bob").await;

    // Ranked: where every message and the title have it before where one message does.
    let found = history.found("zebra").await;
    assert_eq!(sessions(&found), [zebras.as_str(), aside.as_str()]);
    assert_eq!(
        found[0]["title_snippet"],
        "echo <mark>zebras</mark> in the title, <mark>zebras</mark> everywhere"
    );
    let matches = found[1]["matches"].as_array().unwrap();
    assert!((1..=3).contains(&matches.len()), "{matches:?}");
    for found in matches {
        assert!(found["snippet"].as_str().unwrap().contains("one <mark>zebra</mark> was"), "{found}");
    }
    let exchanges = history.exchanges(&aside).await;
    let ids: Vec<_> = matches.iter().map(|it| &it["message_id"]).collect();
    assert!(ids.contains(&&exchanges[1]["message_id"]), "a match says which message it is: {ids:?}");

    let harmless =
        "echo &lt;script&gt;alert(&#39;<mark>walrus</mark>&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;";
    let found = history.found("walrus").await;
    assert_eq!(sessions(&found), [markup.as_str()]);
    let matches = found[0]["matches"].as_array().unwrap();
    assert!(matches.iter().any(|it| it["snippet"] == harmless), "{matches:?}");
    assert!(matches.iter().all(|it| !it["snippet"].as_str().unwrap().contains("<script")), "{matches:?}");
    assert_eq!(sessions(&history.found("zeb gard").await), Vec::<&str>::new(), "all words in one text");
    for question in ["über", "STRASSE straße", "straße", "日本", "école", "Über 日本語"] {
        let found = history.found(question).await;
        let expect = if question.contains("STRASSE") { vec![] } else { vec![foreign.as_str()] };
        assert_eq!(sessions(&found), expect, "{question}");
    }

    // What a question could mean to a database is nothing but words.
    for question in [
        "\"",
        "'",
        "zebra' OR 1=1 --",
        "zebra\" OR \"x",
        "NEAR(zebra shed, 1)",
        "zebra*",
        "title:zebra",
        "-zebra",
        "(zebra",
        "zebra AND",
        "^zebra",
        "zebra & !shed",
        "zebra:*",
        "a <-> b",
        "\\",
        "%",
        "_",
        "zebra\0",
        "🦜",
        &"ab ".repeat(160),
        "{zebra}: x",
        "COUNT(*)",
        "'; DROP TABLE messages; --",
    ] {
        let answer = history.search(question).await;
        assert!([200, 400].contains(&answer.status), "{question}: {}", answer.body);
        if answer.status == 400 {
            assert_eq!(answer.refusal().1, "INVALID_REQUEST", "{question}");
        } else {
            let found = answer.json();
            assert!(found["data"].as_array().unwrap().len() <= 2, "{question}: {found}");
        }
    }
    for question in ["zebra*", "-zebra", "(zebra", "^zebra", "zebra:*", "\"zebra"] {
        assert_eq!(history.found(question).await.len(), 2, "{question}");
    }
    for (question, why) in [("", "no word"), ("--- !", "no word"), (&*"word ".repeat(101), "too long")] {
        assert_eq!(history.search(question).await.refusal(), (400, "INVALID_REQUEST".to_owned()), "{why}");
    }
    assert_eq!(app.history(&bob).found("zebra").await.len(), 1, "one's own alone");
    assert_eq!(app.history(&bob).found("walrus").await.len(), 0);
    let page = history.get("?q=zebra&limit=1&page=2").await;
    assert_eq!(page["meta"], json!({"total": 2, "page": 2, "limit": 1, "totalPages": 2}));
    assert_eq!(sessions(page["data"].as_array().unwrap()), [aside.as_str()]);
}

/// Protects: what was taken back is not found on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_is_not_found_on_sqlite() {
    what_was_changed_is_not_found(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_is_not_found_on_postgresql() {
    what_was_changed_is_not_found(on(&Postgres::start())).await;
}

async fn what_was_changed_is_not_found(builder: TestAppBuilder) {
    let app = builder.without_limits().start().await;
    let token = app.token("ann@example.org");
    let (mut ann, history) = (app.asker(&token).await, app.history(&token));
    let mut rooms = app.rooms(&token).await;
    let session = ann.new_session("echo begin").await;
    let mut said = Vec::new();
    for word in ["badger", "otter"] {
        app.client(&token).await.say(Some(&session), "note", word).await;
        assert_eq!(history.found(word).await.len(), 1, "at once");
        said.push(history.exchanges(&session).await.pop().unwrap()["message_id"].clone());
    }
    rooms.ask("edit", json!({"message_id": said[0], "message": "weasel"})).await;
    rooms.until("message_updated").await;
    assert_eq!((history.found("badger").await.len(), history.found("weasel").await.len()), (0, 1));
    rooms.ask("delete", json!({"message_id": said[1]})).await;
    rooms.until("message_updated").await;
    assert_eq!(history.found("otter").await.len(), 0);
    let exchanges = history.exchanges(&session).await;
    assert_eq!((&exchanges[1]["message"], &exchanges[2]["message"]), (&json!("weasel"), &json!("")));
    assert_eq!(exchanges[2]["deleted"], true);
    let exported = history.exported(&session).await;
    assert!(
        !exported.to_string().contains("badger") && !exported.to_string().contains("otter"),
        "{exported}"
    );
    assert_eq!(id(&exported["session"]["session_id"]), session);
}

/// Protects: searches while others write on `SQLite`.
#[tokio::test(flavor = "multi_thread")]
async fn searches_and_writers_do_not_hinder_each_other_on_sqlite() {
    searches_and_writers_do_not_hinder_each_other(TestApp::builder()).await;
}

/// Protects: the same on `PostgreSQL`.
#[tokio::test(flavor = "multi_thread")]
async fn searches_and_writers_do_not_hinder_each_other_on_postgresql() {
    searches_and_writers_do_not_hinder_each_other(on(&Postgres::start())).await;
}

/// Each search brings the index up to date, several at once do the same work, and what was acknowledged is found.
async fn searches_and_writers_do_not_hinder_each_other(builder: TestAppBuilder) {
    const WRITERS: usize = 4;
    let app = Arc::new(builder.without_limits().start().await);
    let token = app.token("ann@example.org");
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let (app, token) = (app.clone(), token.clone());
        tasks.spawn(async move {
            let (mut tab, history) = (app.client(&token).await, app.history(&token));
            let session = tab.new_conversation().await;
            for number in 0..30 {
                tab.say(Some(&session), "note", &format!("needle{writer}x{number} in all the hay")).await;
                let found = history.found(&format!("needle{writer}x{number} hay")).await;
                assert_eq!(sessions(&found), [session.as_str()]);
                assert!(history.found("hay").await.len() <= WRITERS);
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(app.history(&token).found("hay").await.len(), WRITERS);
    assert!(!app.log().contains("ERROR"), "{}", app.log());
}
