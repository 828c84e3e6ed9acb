//! Files over HTTP.

use parlor_tests::files::{PNG, checksum, content, request};
use parlor_tests::{Files, TestApp};
use serde_json::json;
use std::time::Duration;

/// The way of a file in and out, in parts and not at all where the client has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_as_it_was_sent() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let whole = content(3_000_000);
    let sum = checksum(&whole);
    let made = files.upload(&[("checksum", &sum)], "größe.txt", "text/plain", &whole).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let file = made.json();
    assert_eq!(
        (&file["file_size"], &file["checksum"], &file["status"]),
        (&json!(3_000_000), &json!(sum), &json!("available"))
    );
    let url = file["url"].as_str().unwrap().strip_prefix("/api/v1/files").unwrap().to_owned();
    assert_eq!(made.header("location"), file["url"].as_str());

    let all = files.ask("GET", &url, &[]).await;
    assert!(all.status == 200 && all.whole && all.body == whole);
    let tag = all.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{sum}\""));
    assert_eq!(all.header("x-content-type-options"), Some("nosniff"));
    assert!(all.header("content-security-policy").unwrap().starts_with("sandbox;"));
    let name = "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt";
    assert_eq!(all.header("content-disposition"), Some(name));
    let head = files.ask("HEAD", &url, &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("3000000"), 0));

    let head = files.ask("HEAD", &url, &[("range", "bytes=0-0")]).await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("3000000")), "it has no ranges");

    for (range, expect) in [
        ("bytes=0-0", 0..1),
        ("bytes=999999-2000000", 999_999..2_000_001),
        ("bytes=-5", 2_999_995..3_000_000),
    ] {
        let part = files.ask("GET", &url, &[("range", range)]).await;
        assert_eq!(part.status, 206, "{}", part.head);
        let words = format!("bytes {}-{}/3000000", expect.start, expect.end - 1);
        assert_eq!(part.header("content-range"), Some(words.as_str()));
        assert!(part.whole && part.body == whole[expect]);
    }
    let beyond = files.ask("GET", &url, &[("range", "bytes=3000000-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */3000000")));
    assert_eq!(files.ask("GET", &url, &[("if-none-match", &tag)]).await.status, 304);
    assert_eq!(files.ask("GET", &url, &[("range", "bytes=0-0"), ("if-range", "\"old\"")]).await.status, 200);

    let listed = files.ask("GET", "", &[]).await.json();
    assert_eq!((&listed["meta"]["total"], &listed["data"][0]["file_name"]), (&json!(1), &json!("größe.txt")));
    assert_eq!(files.ask("DELETE", &url, &[]).await.status, 204);
    assert_eq!(files.ask("GET", &url, &[]).await.refusal(), (404, "UPLOAD_NOT_FOUND".into()));
    assert_eq!(files.ask("GET", "", &[]).await.json()["meta"]["total"], 0);
}

/// What is wrong with an upload is said, and leaves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn bad_uploads_are_refused() {
    let app = TestApp::builder().env("MAX_FILE_SIZE", 2_000_000).start().await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let long = "x".repeat(10_000) + ".txt";
    let sum = checksum(b"other");
    for (fields, name, body, expect) in [
        (vec![], "a.txt", content(2_000_001), (413, "FILE_TOO_LARGE")),
        (vec![], "a.txt", content(0), (400, "UPLOAD_INVALID")),
        (vec![], "a.exe", content(9), (415, "FILE_TYPE_NOT_ALLOWED")),
        (vec![], "..", content(9), (400, "INVALID_REQUEST")),
        (vec![], long.as_str(), content(9), (400, "INVALID_REQUEST")),
        (vec![("checksum", sum.as_str())], "a.txt", content(9), (422, "CHECKSUM_MISMATCH")),
        (vec![("checksum", "x")], "a.txt", content(9), (400, "INVALID_REQUEST")),
        (vec![("room_id", "nowhere")], "a.txt", content(9), (404, "ROOM_NOT_FOUND")),
        (vec![("room_id", "no room")], "a.txt", content(9), (400, "INVALID_REQUEST")),
    ] {
        let answer = files.upload(&fields, name, "application/octet-stream", &body).await;
        assert_eq!(answer.refusal(), (expect.0, expect.1.to_owned()), "{name:.20}");
    }
    let bearer = format!("Bearer {ann}");
    let broken = [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=edge")];
    let answer = request(app.address(), "POST", "/api/v1/files", &broken, b"--edge\r\nno form").await;
    assert_eq!(answer.refusal().0, 400);
    // Neither what stands before the form nor the head of a field is as long as it likes.
    for start in ["", "--edge\r\nX-A: "] {
        let body = [start.as_bytes(), &content(1_000_000)].concat();
        let answer = request(app.address(), "POST", "/api/v1/files", &broken, &body).await;
        assert_eq!(answer.refusal(), (400, "INVALID_REQUEST".to_owned()), "{start}");
        assert!(answer.text().contains("65536"), "{}", answer.text());
    }
    let mut listed = files.ask("GET", "", &[]).await.json();
    // What was broken off is removed a moment later.
    for _ in 0..200 {
        if listed["meta"]["total"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        listed = files.ask("GET", "", &[]).await.json();
    }
    assert_eq!(listed["meta"]["total"], 0, "{listed}");
}

/// A link stands in for a token, for one file and for a while.
#[tokio::test(flavor = "multi_thread")]
async fn links_show_an_image_without_a_token() {
    let app = TestApp::builder().env("FILE_LINK_TTL", "10s").start().await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let file = files.add(&[], "red.png", PNG).await;
    let link =
        files.ask("POST", &format!("/{file}/link"), &[]).await.json()["url"].as_str().unwrap().to_owned();
    let get = async |path: &str| request(app.address(), "GET", path, &[], b"").await;
    let image = get(&link).await;
    assert_eq!((image.status, image.header("content-type"), &image.body[..]), (200, Some("image/png"), PNG));
    let preview = get(&link.replace('?', "/preview?")).await;
    assert_eq!(
        (preview.status, preview.header("content-type")),
        (200, Some("image/png")),
        "{}",
        preview.text()
    );
    assert!(preview.body.starts_with(b"\x89PNG"));
    assert_eq!(get(&link.replace("user=0", "user=1")).await.refusal(), (401, "INVALID_TOKEN".into()));
    assert_eq!(get(&format!("/api/v1/files/{file}")).await.refusal(), (401, "UNAUTHENTICATED".into()));
    // Long enough to be used on a busy machine; then it is over, and stays so.
    for _ in 0..200 {
        if get(&link).await.status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(get(&link).await.refusal(), (401, "TOKEN_EXPIRED".into()));
}
