//! Files in messages: seen and read by those who see the message, in every dialect, and told to the AI.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parlor_tests::client::id;
use parlor_tests::files::{PNG, Upload};
use parlor_tests::{FakeProvider, Files, Reply, TestApp};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

const NOTES: &[u8] = b"# Tides\n\nTwice a day, fifty minutes later each day.";

fn names(message: &Value) -> Vec<String> {
    let attachments = message["attachments"].as_array().cloned().unwrap_or_default();
    attachments.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

/// The way of a file from who has it to who should: by a message, in all dialects, until that is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_carries_files_in_every_dialect() {
    let mut app = TestApp::builder().without_limits().start().await;
    let [ann_token, bob_token, eve_token] =
        ["ann", "bob", "eve"].map(|it| app.token(&format!("{it}@example.org")));
    let (mut ann, mut bob) = (app.rooms(&ann_token).await, app.rooms(&bob_token).await);
    ann.enter("tea", "shared").await;
    bob.enter("tea", "shared").await;
    ann.barrier().await;
    let file = Upload::whole(&mut ann, None, "tides.md", NOTES).await;
    let reads = async |app: &TestApp, token: &str| {
        Files::new(app, token).ask("GET", &format!("/{file}"), &[]).await.status
    };
    assert_eq!(reads(&app, &bob_token).await, 404);
    let chat = json!({"type": "chat", "room_id": "tea", "message_id": "m1",
        "data": {"message": "The tides", "attachments": [file]}});
    ann.send(chat.clone()).await;
    let confirmed = ann.confirmation("m1").await;
    let told = bob.until("chat").await;
    let expect =
        json!([{"file_id": file, "name": "tides.md", "mime_type": "text/markdown", "size": NOTES.len()}]);
    assert_eq!(told["data"]["attachments"], expect, "{told}");
    assert_eq!((reads(&app, &bob_token).await, reads(&app, &eve_token).await), (200, 404));
    ann.send(chat).await;
    let again = ann.confirmation("m1").await;
    assert_eq!(
        (&again["duplicate"], &again["server_message_id"]),
        (&json!(true), &confirmed["server_message_id"])
    );
    app.kill9();
    app.restart().await;
    assert_eq!((reads(&app, &bob_token).await, reads(&app, &eve_token).await), (200, 404));

    // The same conversation in another dialect, and new ones in each.
    let mut client = app.client(&ann_token).await;
    let conversation = id(&confirmed["conversation_id"]);
    client.join(&conversation).await;
    assert_eq!(names(&client.whole_history(&conversation).await[0]), ["tides.md"]);
    let own = json!({"conversation_id": null, "content": "Mine", "message_type": "note",
        "attachments": [{"file_id": file}]});
    client.ask("send_message", own).await;
    let message = client.until("message_received").await["data"]["message"].take();
    assert_eq!(names(&message), ["tides.md"], "{message}");
    let question = json!({"message": "What is it?", "attachments": [file]});
    let session = id(&app.asker(&ann_token).await.question(question).await["session_id"]);
    let exported = app.history(&ann_token).exported(&session).await;
    assert_eq!(names(&exported["messages"][0]), ["tides.md"], "{exported}");
    let stolen = json!({"message": "What is it?", "attachments": [file]});
    app.asker(&bob_token).await.refused(stolen, "UPLOAD_NOT_FOUND").await;
    let many = json!({"message": "What is it?", "attachments": vec![&file; 11]});
    app.asker(&ann_token).await.refused(many, "INVALID_REQUEST").await;

    let mut ann = app.rooms(&ann_token).await;
    ann.ask("delete", json!({"message_id": confirmed["server_message_id"]})).await;
    let deleted = ann.until("message_updated").await;
    assert!(names(&deleted["data"]["message"]).is_empty(), "{deleted}");
    assert_eq!(reads(&app, &bob_token).await, 404, "its other messages are Ann's own");
    assert_eq!(reads(&app, &ann_token).await, 200);
}

/// Protects the disk, and who wants something gone: with the last message that carries it a file goes, bytes and all.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_its_last_message() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut ann = app.rooms(&token).await;
    ann.enter("tea", "shared").await;
    let file = Upload::whole(&mut ann, Some("tea"), "tides.md", NOTES).await;
    let named = || {
        walk(app.folder())
            .into_iter()
            .filter(|path| path.to_string_lossy().contains(&file))
            .collect::<Vec<_>>()
    };
    assert_eq!(named().len(), 1, "{:?}", named());
    ann.send(json!({"type": "chat", "room_id": "tea", "message_id": "m1",
        "data": {"message": "The tides", "attachments": [file]}}))
        .await;
    let message = ann.confirmation("m1").await["server_message_id"].take();
    ann.ask("delete", json!({"message_id": message})).await;
    ann.until("message_updated").await;
    assert_eq!(Files::new(&app, &token).ask("GET", &format!("/{file}"), &[]).await.status, 404);
    for _ in 0..400 {
        if named().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("its bytes stay: {:?}", named());
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// A PDF of one page with one line.
fn pdf(text: &str) -> Vec<u8> {
    let stream = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let (mut file, mut places) = (String::from("%PDF-1.4\n"), Vec::new());
    for (object, number) in objects.iter().zip(1..) {
        places.push(file.len());
        let _ = write!(file, "{number} 0 obj\n{object}\nendobj\n");
    }
    let table = file.len();
    let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        let _ = writeln!(file, "{place:010} 00000 n ");
    }
    let _ =
        write!(file, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", places.len() + 1);
    file.into_bytes()
}

/// Protects questions about files: a model is told their texts, also a PDF's, and shown images, if it looks at any.
#[tokio::test(flavor = "multi_thread")]
async fn the_ai_is_told_what_is_in_files() {
    let provider = FakeProvider::start().await;
    let app =
        TestApp::builder().without_limits().provider(&provider.base_url(), "gpt-4o-plain").start().await;
    let token = app.token("ann@example.org");
    let files = Files::new(&app, &token);
    let (notes, moon, red) = (
        files.add(&[], "tides.md", NOTES).await,
        files.add(&[], "moon.pdf", &pdf("The moon pulls.")).await,
        files.add(&[], "red.png", PNG).await,
    );
    let mut asker = app.asker(&token).await;
    asker.question(json!({"message": "What is it?", "attachments": [notes, moon, red]})).await;
    let body = provider.requests().pop().unwrap().body;
    let content = &body["messages"].as_array().unwrap().last().unwrap()["content"];
    let text = content[0]["text"].as_str().unwrap();
    for expect in [
        "What is it?\n\n[File 1: \"tides.md\", ",
        "fifty minutes later",
        "moon.pdf",
        "The moon pulls.",
        "red.png",
    ] {
        assert!(text.contains(expect), "{expect}: {text}");
    }
    let url = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
    assert_eq!(content[1], json!({"type": "image_url", "image_url": {"url": url}}), "{content}");

    let mut rooms = app.rooms(&token).await;
    let ask = json!({"message": "And for you?", "model_preference": "blind", "attachments": [red]});
    rooms.ask("chat", ask).await;
    Reply::follow(&mut rooms).await;
    let body = provider.requests().pop().unwrap().body;
    let content = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    assert!(content.starts_with("And for you?\n\n[File 1: \"red.png\", image/png, "), "{content}");
}
