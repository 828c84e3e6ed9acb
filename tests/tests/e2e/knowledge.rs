//! Documents, from their file to the reply that quotes them: out of the box, with nothing but the built-in model.

use parlor_tests::client::id;
use parlor_tests::http::{self, Answer};
use parlor_tests::{Reply, TestApp, Turn};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

const DOCUMENTS: &str = "/api/v1/ai/documents";
const TIDES: &str = "# Harbour\n\nThe ferry to the northern islands leaves at 07:40 from pier four.\n\n\
                     # Thermostat\n\nHold the round button for ten seconds to reset the thermostat.";

async fn add(app: &TestApp, token: &str, title: &str, content: &str, room: Option<&str>) -> Answer {
    let body = json!({"title": title, "content": content, "contentType": "text/markdown", "attachTo": {"roomId": room}});
    app.ask(token, "POST", DOCUMENTS, body).await
}

/// Waits until a document is ready, or has failed.
async fn settled(app: &TestApp, token: &str, document: &Value) -> Value {
    let path = format!("{DOCUMENTS}/{}", id(document));
    for _ in 0..600 {
        let found = app.ask(token, "GET", &path, Value::Null).await.json();
        if found["state"] != "pending" {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it is not ready after a minute");
}

async fn ready(app: &TestApp, token: &str, answer: Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let document = settled(app, token, &answer.json()["id"]).await;
    assert_eq!(document["state"], "ready", "{document}");
    document
}

fn cited(message: &Value) -> Vec<(u64, String)> {
    let citations = message["citations"].as_array().cloned().unwrap_or_default();
    citations.iter().map(|it| (it["number"].as_u64().unwrap(), id(&it["document_id"]))).collect()
}

/// Protects who tries it out: a document is found, quoted with its number and cited, in every dialect and in every history.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_quotes_a_document_in_every_dialect() {
    let app = TestApp::start().await;
    let token = app.token("ann@example.org");
    let document = ready(&app, &token, add(&app, &token, "Handbook", TIDES, None).await).await;
    let (expect, question) = ([(1, id(&document["id"]))], "When does the ferry leave?");

    let mut client = app.client(&token).await;
    client.say(None, "user", question).await;
    let turn = Turn::follow(&mut client).await;
    assert!(turn.text.contains("leaves at 07:40 from pier four.” [1]"), "{}", turn.text);
    assert_eq!(cited(&turn.end), expect, "{}", turn.end);
    let citation = &turn.end["citations"][0];
    assert_eq!((&citation["title"], &citation["chunk"]), (&json!("Handbook"), &json!(0)));
    assert!(citation["excerpt"].as_str().unwrap().starts_with("# Harbour The ferry"), "{citation}");
    assert!(citation["score"].as_f64().is_some_and(|score| (0.12..=1.0).contains(&score)), "{citation}");
    let history = client.whole_history(&turn.conversation_id).await;
    assert_eq!((cited(&history[0]), cited(&history[1])), (vec![], expect.to_vec()));

    let mut broker = app.broker(&token).await;
    let thread = id(&broker.say(None, question).await["thread_id"]);
    assert_eq!(cited(&broker.reply().await), expect);
    assert_eq!(cited(&broker.history(&thread).await[1]), expect);

    let reply = app.asker(&token).await.say(None, question).await;
    assert_eq!(cited(&reply["data"]), expect);
    let session = id(&reply["session_id"]);
    let history = app.history(&token);
    assert_eq!(cited(&history.exchanges(&session).await[0]), expect);
    assert_eq!(cited(&history.exported(&session).await["messages"][1]), expect);

    client.say(None, "user", "Who won the chess tournament in Zagreb?").await;
    let turn = Turn::follow(&mut client).await;
    assert!(turn.text.contains("You said") && turn.end.get("citations").is_none(), "{}", turn.end);
}

/// Protects rooms: their members' replies are made with the room's documents, and with nobody's own; strangers learn of none.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_its_documents_and_nobody_elses() {
    let app = TestApp::start().await;
    let [ann, eve] = ["ann", "eve"].map(|name| app.token(&format!("{name}@example.org")));
    let mut rooms = app.rooms(&ann).await;
    rooms.enter("harbour", "private").await;
    let shared = ready(&app, &ann, add(&app, &ann, "Timetable", TIDES, Some("harbour")).await).await;
    let secret = "The ferry is to be sold, and leaves for good in winter.";
    ready(&app, &ann, add(&app, &ann, "Ann's own", secret, None).await).await;

    rooms.say("harbour", "When does the ferry leave?").await;
    let reply = Reply::follow(&mut rooms).await;
    assert!(reply.text.contains("07:40") && !reply.text.contains("sold"), "{}", reply.text);
    assert_eq!(cited(&reply.end), [(1, id(&shared["id"]))]);
    assert_eq!(cited(&rooms.whole_history("harbour").await[1]), [(1, id(&shared["id"]))]);

    let mut stranger = app.client(&eve).await;
    stranger.say(None, "user", "When does the ferry leave?").await;
    let turn = Turn::follow(&mut stranger).await;
    assert!(turn.text.contains("You said") && turn.end.get("citations").is_none(), "{}", turn.text);
    assert_eq!(
        add(&app, &eve, "Mine", "text", Some("harbour")).await.refusal(),
        (404, "ROOM_NOT_FOUND".to_owned())
    );
    let listed = app.ask(&ann, "GET", "/api/v1/ai/documents?roomId=harbour", Value::Null).await.json();
    assert_eq!((&listed["meta"]["total"], &listed["data"][0]["title"]), (&json!(1), &json!("Timetable")));

    // What is removed is quoted no more; what was said with it stays.
    let path = format!("{DOCUMENTS}/{}", id(&shared["id"]));
    assert_eq!(app.ask(&ann, "DELETE", &path, Value::Null).await.status, 204);
    rooms.say("harbour", "When does the ferry leave now?").await;
    let reply = Reply::follow(&mut rooms).await;
    assert!(!reply.text.contains("07:40") && reply.end.get("citations").is_none(), "{}", reply.text);
    assert_eq!(cited(&rooms.whole_history("harbour").await[1]).len(), 1);
}

/// A page that says `text`, in as few objects as a reader needs.
fn pdf(text: &str) -> String {
    let stream = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 4 0 R>>>>/Contents 5 0 R>>"
            .to_owned(),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        format!("<</Length {}>>stream\n{stream}\nendstream", stream.len()),
    ];
    let (mut file, mut table) = ("%PDF-1.4\n".to_owned(), "0000000000 65535 f \n".to_owned());
    for (number, object) in (1..).zip(objects) {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        write!(file, "{number} 0 obj\n{object}\nendobj\n").unwrap();
    }
    let start = file.len();
    write!(file, "xref\n0 6\n{table}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").unwrap();
    file
}

/// Protects the server from files: PDF is read by a process of its own, and what is broken or hostile is refused while the
/// server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_and_hostile_ones_refused() {
    let app = TestApp::builder()
        .env("EMBEDDINGS_RATE_LIMIT_REQUESTS", 0)
        .env("DOCUMENT_MAX_SIZE", 1_000_000)
        .start()
        .await;
    let token = app.token("ann@example.org");
    let upload = async |query: &str, content_type: &str, file: &str| {
        http::upload(app.address(), &format!("{DOCUMENTS}?{query}"), &token, content_type, file).await
    };
    let file = pdf("Hold the round button to reset the thermostat.");
    let document = ready(&app, &token, upload("title=Manual", "application/pdf", &file).await).await;
    assert_eq!(
        (&document["contentType"], &document["size"]),
        (&json!("application/pdf"), &json!(46)),
        "{document}"
    );
    let page = "<h1>Oven</h1><script>ignored()</script><p>Clean the oven with soda.</p>";
    ready(&app, &token, upload("title=Page", "text/html; charset=utf-8", page).await).await;

    let mut client = app.client(&token).await;
    client.say(None, "user", "How do I reset the thermostat?").await;
    assert!(Turn::follow(&mut client).await.text.contains("Hold the round button"));

    let deep = file.replace("<</F1 4 0 R>>", &format!("{}{}", "<</F".repeat(100_000), ">>".repeat(100_000)));
    let cut = &file[..file.len() / 2];
    for (hostile, expect) in
        [("%PDF-1.7\n", "INVALID_REQUEST"), ("nothing", "INVALID_REQUEST"), (cut, "INVALID_REQUEST")]
    {
        let answer = upload("title=x", "application/pdf", hostile).await;
        assert_eq!(answer.refusal(), (400, expect.to_owned()), "{}", answer.body);
    }
    // Whether its text is found or not is the reader's affair; that somebody answers is ours.
    assert!(upload("title=x", "application/pdf", &deep).await.status < 500);
    for (query, content_type, file, expect) in [
        ("title=x", "image/png", "x", (415, "FILE_TYPE_NOT_ALLOWED")),
        ("title=", "text/plain", "x", (400, "INVALID_REQUEST")),
        ("none=x", "text/plain", "x", (400, "INVALID_REQUEST")),
        ("title=x", "text/plain", " ", (400, "INVALID_REQUEST")),
        (
            "title=x&roomId=a&assistantId=00000000-0000-0000-0000-000000000000",
            "text/plain",
            "x",
            (400, "INVALID_REQUEST"),
        ),
        ("title=x&assistantId=00000000-0000-0000-0000-000000000000", "text/plain", "x", (404, "NOT_FOUND")),
    ] {
        let answer = upload(query, content_type, file).await;
        assert_eq!(answer.refusal(), (expect.0, expect.1.to_owned()), "{query}: {}", answer.body);
    }
    let large = "x".repeat(1_000_001);
    assert_eq!(upload("title=x", "text/plain", &large).await.status, 413);
    assert_eq!(app.get("/health").await.json()["status"], "healthy");
}

/// Protects what was taken in: a document that waits when the process is killed is made ready by the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_waits_survives_a_kill() {
    let mut app = TestApp::builder()
        .env("EMBEDDINGS_MODEL", "nowhere")
        .env("EMBEDDINGS_BASE_URL", "http://127.0.0.1:1/v1")
        .start()
        .await;
    let token = app.token("ann@example.org");
    let answer = add(&app, &token, "Handbook", TIDES, None).await;
    let document = answer.json();
    assert_eq!((answer.status, &document["state"]), (201, &json!("pending")));
    app.kill9();
    for name in ["EMBEDDINGS_MODEL", "EMBEDDINGS_BASE_URL"] {
        app.set(name, None);
    }
    app.restart().await;
    let token = app.token("ann@example.org");
    assert_eq!(settled(&app, &token, &document["id"]).await["state"], "ready");
    // And once more: what is ready stays so.
    app.kill9();
    app.restart().await;
    let mut client = app.client(&app.token("ann@example.org")).await;
    client.say(None, "user", "When does the ferry leave?").await;
    assert!(Turn::follow(&mut client).await.text.contains("07:40"));
}
