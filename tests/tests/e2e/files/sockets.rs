//! Uploads in the rooms dialect.

use parlor_tests::client::id;
use parlor_tests::files::{Upload, checksum, content};
use parlor_tests::{Client, Credential, Files, TestApp};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const MEBIBYTE: usize = 1024 * 1024;

/// Protects an upload from every interruption: 50 MB in 50 chunks, backwards and forwards, over 20 reconnects and a
/// kill -9, is the file that was sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_survives_reconnects_and_a_kill() {
    let mut app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let whole = content(50 * MEBIBYTE);
    let mut client = app.rooms(&token).await;
    let upload = Upload::begin(&mut client, None, "large.txt", whole.len()).await;
    assert_eq!((upload.chunk_size, upload.total), (MEBIBYTE, 50));
    let mut left: Vec<usize> = (0..50).rev().collect();
    for reconnect in 0..20 {
        for _ in 0..2 {
            let Some(index) = left.pop() else { break };
            let told = upload.send(&mut client, &whole, index).await;
            assert_eq!(told["received"], 50 - left.len(), "{told}");
        }
        left.reverse(); // from the other end
        if reconnect == 10 {
            // What was sent and not answered may be there or not: its client asks.
            client.send_message(upload.binary(left[0], upload.chunk(&whole, left[0]))).await.unwrap();
            app.kill9();
            app.restart().await;
        }
        client = app.rooms(&token).await;
        let missing = upload.missing(&mut client).await;
        let mut expected = left.clone();
        expected.sort_unstable();
        assert!(missing == expected || reconnect == 10, "{missing:?} {expected:?}");
        left.retain(|index| missing.contains(index));
    }
    for index in left {
        upload.send(&mut client, &whole, index).await;
    }
    let end = upload.finish(&mut client, &whole).await;
    assert_eq!(upload.finish(&mut client, &whole).await, end, "again, the same");
    app.kill9();
    app.restart().await;
    assert!(Files::new(&app, &token).read(&upload.file).await == whole, "what was finished stays");
}

/// Protects the server's memory, and everybody's patience: a hundred uploads at once have a chunk each in memory, and each of
/// them ends well.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_uploads_at_once_are_small() {
    let app = TestApp::builder()
        .without_limits()
        .env("UPLOAD_USER_QUOTA", 0)
        .env("UPLOAD_USER_UNFINISHED", 0)
        .env("UPLOAD_RATE_BYTES", 0)
        .start()
        .await;
    let whole = content(3 * MEBIBYTE);
    let mut clients = Vec::new();
    for number in 0..100 {
        clients.push(app.rooms(&app.token(&format!("user{number}@example.org"))).await);
    }
    let uploads = clients.iter_mut().map(|client| async {
        let upload = Upload::begin(client, None, "a.txt", whole.len()).await;
        for index in 0..upload.total {
            upload.send(client, &whole, index).await;
        }
        (upload, app.resident_bytes())
    });
    let uploads = futures_util::future::join_all(uploads).await;
    let most = uploads.iter().map(|(_, bytes)| *bytes).max().unwrap();
    assert!(most < 200 * 1024 * 1024, "{most} bytes");
    for (client, (upload, _)) in clients.iter_mut().zip(&uploads) {
        client.ask("file_upload", upload.end(&checksum(&whole))).await;
    }
    for (client, (upload, _)) in clients.iter_mut().zip(&uploads) {
        let told = client.until("file_upload").await["data"].take();
        assert_eq!(told["upload_type"], "finalize");
        assert_eq!((&told["file_id"], &told["status"]), (&json!(upload.file), &json!("available")));
    }
    let most = app.resident_bytes();
    assert!(most < 200 * 1024 * 1024, "{most} bytes at the end");
}

/// Protects clients that cut chunks as they like, in base64, repeated and in any order.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_come_as_they_come() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut client = app.rooms(&token).await;
    let whole = content(100_000);
    let upload = Upload::begin(&mut client, None, "odd.txt", whole.len()).await;
    let cuts = [0, 10, 30_000, 30_001, 64_000, 100_000];
    let chunk = |index: usize| upload.text(index, 5, &whole[cuts[index]..cuts[index + 1]]);
    for index in [4, 0, 3, 0, 1, 2, 2] {
        let told = client.does("file_upload", chunk(index), "file_upload").await;
        assert_eq!((&told["chunk_index"], &told["total_chunks"]), (&json!(index), &json!(5)), "{told}");
    }
    for bad in [
        upload.text(0, 6, b"0123456789"),
        upload.text(5, 5, b"x"),
        upload.text(0, 5, b"x"),
        upload.text(0, 5, b""),
    ] {
        client.ask("file_upload", bad).await;
        client.expect_error("UPLOAD_INVALID").await;
    }
    client
        .ask(
            "file_upload",
            json!({"upload_type": "chunk", "file_id": upload.file, "chunk_index": 0, "chunk_data": "?"}),
        )
        .await;
    client.expect_error("INVALID_REQUEST").await;
    client.ask("file_upload", upload.end(&checksum(b"something else"))).await;
    client.expect_error("CHECKSUM_MISMATCH").await;
    assert!(upload.missing(&mut client).await.is_empty(), "the chunks stay");
    upload.finish(&mut client, &whole).await;
    assert!(Files::new(&app, &token).read(&upload.file).await == whole);
}

/// The words of the protocol's document, as a client in the field sends them: what is answered has its names.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_the_room_hear_of_a_file() {
    let app = TestApp::builder().without_limits().start().await;
    let [ann_token, bob_token] = ["ann", "bob"].map(|name| app.token(&format!("{name}@example.org")));
    let (mut ann, mut bob) = (app.rooms(&ann_token).await, app.rooms(&bob_token).await);
    ann.enter("tea", "shared").await;
    bob.enter("tea", "shared").await;
    ann.barrier().await;
    let init = json!({"type": "file_upload", "room_id": "tea", "message_id": "m1", "data": {
        "upload_type": "init", "file_name": "../../\u{202e}notes.txt", "file_size": 5, "mime_type": "text/plain"}});
    ann.send(init).await;
    let ready = ann.until("file_upload").await;
    assert_eq!((&ready["message_id"], &ready["room_id"]), (&json!("m1"), &json!("tea")), "{ready}");
    let upload = Upload { file: id(&ready["data"]["file_id"]), chunk_size: 9, total: 1 };
    upload.send(&mut ann, b"hello", 0).await;
    let end = upload.finish(&mut ann, b"hello").await;
    assert_eq!((&end["size"], &end["url"]), (&json!(5), &json!(format!("/api/v1/files/{}", upload.file))));
    let told = bob.until("file_upload").await;
    assert_eq!(
        (&told["room_id"], &told["data"]["upload_type"]),
        (&json!("tea"), &json!("available")),
        "{told}"
    );
    let file = &told["data"]["file"];
    assert_eq!((&file["file_id"], &file["file_name"]), (&json!(upload.file), &json!("notes.txt")), "{told}");
    assert_eq!(ann.pending("file_upload").await, Vec::<Value>::new(), "its uploader has an answer");
    assert_eq!(Files::new(&app, &bob_token).read(&upload.file).await, b"hello");
}

/// Protects the other dialects, and this one, from bytes that are no chunk.
#[tokio::test(flavor = "multi_thread")]
async fn binary_frames_are_chunks_and_nothing_else() {
    let app = TestApp::builder().without_limits().start().await;
    let token = app.token("ann@example.org");
    let mut client = app.rooms(&token).await;
    for short in [&b""[..], &[7; 19]] {
        client.send_message(Message::Binary(short.to_vec().into())).await.unwrap();
        client.expect_error("INVALID_REQUEST").await;
    }
    client.send_message(Message::Binary(vec![7; 30].into())).await.unwrap();
    client.expect_error("UPLOAD_NOT_FOUND").await;
    let upload = Upload::begin(&mut client, None, "a.txt", 2 * MEBIBYTE).await;
    client.send_message(upload.binary(0, &vec![b'x'; MEBIBYTE + 1])).await.unwrap();
    client.expect_error("CHUNK_TOO_LARGE").await;
    client.barrier().await;
    let mut other = Client::connect(app.address(), Credential::Query(&token)).await;
    other.expect("auth_success").await;
    other.send_message(Message::Binary(vec![7; 30].into())).await.unwrap();
    other.expect_close(1003).await;
}
