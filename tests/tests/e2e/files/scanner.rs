//! The virus scanner: a real clamd, with a signature of the tests' own that knows EICAR.

use parlor_tests::files::{checksum, content, eicar, zip_bomb};
use parlor_tests::{Clamd, Files, TestApp, files::Upload};
use serde_json::{Value, json};
use std::time::Duration;

const AUDIT: &str = "/api/v1/admin/audit?action=file_refuse";

/// Protects everybody from a virus, by whichever way it comes: it is told, gone, and written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_virus_is_found() {
    let clamd = Clamd::start();
    let app = TestApp::builder()
        .env("VIRUS_SCAN_ENABLED", true)
        .env("CLAMD_ADDRESS", clamd.address())
        .start()
        .await;
    assert_eq!(app.get("/health").await.json()["checks"]["scanner"], "ok");
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let good = files.add(&[], "good.txt", b"nothing to see").await;
    assert_eq!(files.read(&good).await, b"nothing to see");
    let mut client = app.rooms(&ann).await;

    let answer = files.upload(&[], "bad.txt", "text/plain", &eicar()).await;
    assert_eq!(answer.refusal(), (422, "VIRUS_FOUND".into()));
    let upload = Upload::begin(&mut client, None, "bad.txt", eicar().len()).await;
    upload.send(&mut client, &eicar(), 0).await;
    client.ask("file_upload", upload.end(&checksum(&eicar()))).await;
    client.expect_error("VIRUS_FOUND").await;
    client.ask("file_upload", json!({"upload_type": "status", "file_id": upload.file})).await;
    client.expect_error("UPLOAD_NOT_FOUND").await;
    assert_eq!(files.ask("GET", &format!("/{}", upload.file), &[]).await.status, 404);

    let log = app.ask(&app.admin_token("root@example.org"), "GET", AUDIT, Value::Null).await.json();
    let entries = log["data"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{log}");
    assert!(entries.iter().all(|it| it["outcome"] == "VIRUS_FOUND"), "{log}");
}

/// The same over TCP; and an archive that unpacks to a hundred times its size holds nobody up.
#[tokio::test(flavor = "multi_thread")]
async fn clamd_is_asked_over_tcp() {
    let clamd = Clamd::start_on_tcp();
    let app = TestApp::builder()
        .env("VIRUS_SCAN_ENABLED", true)
        .env("CLAMD_ADDRESS", clamd.address())
        .start()
        .await;
    let ann = app.token("ann@example.org");
    let files = Files::new(&app, &ann);
    let bomb = zip_bomb(200);
    let answer = files.upload(&[], "bomb.zip", "application/zip", &bomb).await;
    // What clamd thinks of it is clamd's business.
    assert!([201, 422].contains(&answer.status), "{}", answer.text());
    let answer = files.upload(&[], "bad.txt", "text/plain", &eicar()).await;
    assert_eq!(answer.refusal(), (422, "VIRUS_FOUND".into()));
    let good = files.add(&[], "good.txt", b"nothing to see").await;
    assert_eq!(files.read(&good).await, b"nothing to see");
}

/// Protects a file from the death of the server between any two steps: each time the next start goes on from the last one,
/// and nobody reads it before the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_two_steps_costs_nothing() {
    // Whoever connects to it waits for ever: a scanner, or a bucket, that a file is at when the server dies.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nowhere.local_addr().unwrap();
    let staging = tempfile::tempdir().unwrap();
    let mut app = TestApp::builder()
        .env("VIRUS_SCAN_ENABLED", true)
        .env("CLAMD_ADDRESS", address)
        .env("TEMP_DIR", staging.path().display())
        .env("UPLOAD_DIR", "s3://bucket")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", true)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .start()
        .await;
    let token = app.token("ann@example.org");
    let mut client = app.rooms(&token).await;
    let whole = content(3_000_000);
    let upload = Upload::begin(&mut client, None, "a.txt", whole.len()).await;
    for index in 0..upload.total {
        upload.send(&mut client, &whole, index).await;
    }
    client.ask("file_upload", upload.end(&checksum(&whole))).await;
    until(&app, &token, "pending").await;
    app.kill9();
    let clamd = Clamd::start();
    app.set("CLAMD_ADDRESS", Some(&clamd.address()));
    app.restart().await;
    until(&app, &token, "clean").await;
    let answer = Files::new(&app, &token).ask("GET", &format!("/{}", upload.file), &[]).await;
    assert_ne!(answer.status, 200, "{}", answer.head);
    app.kill9();
    app.set("UPLOAD_DIR", None);
    app.restart().await;
    until(&app, &token, "available").await;
    assert!(Files::new(&app, &token).read(&upload.file).await == whole);
}

/// Waits until the only file has this status.
async fn until(app: &TestApp, token: &str, status: &str) {
    for _ in 0..1_200 {
        let listed = Files::new(app, token).ask("GET", "", &[]).await.json();
        if listed["data"][0]["status"] == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never was {status}");
}

/// Protects from what nobody scanned: while clamd is away files wait, and nobody reads them; once it is there, they are
/// scanned, whatever happened to the server meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn files_wait_for_clamd() {
    let mut clamd = Clamd::start();
    let mut app = TestApp::builder()
        .env("VIRUS_SCAN_ENABLED", true)
        .env("CLAMD_ADDRESS", clamd.address())
        .start()
        .await;
    clamd.stop();
    let ann = app.token("ann@example.org");
    let health = app.get("/health").await.json();
    assert_eq!(
        (&health["status"], &health["checks"]["scanner"]),
        (&json!("degraded"), &json!("unreachable"))
    );
    let waiting = {
        let (files, mut client) = (Files::new(&app, &ann), app.rooms(&ann).await);
        let answer = files.upload(&[], "good.txt", "text/plain", b"nothing to see").await;
        assert_eq!((answer.status, &answer.json()["code"]), (202, &json!("SCANNER_UNAVAILABLE")));
        let upload = Upload::begin(&mut client, None, "bad.txt", eicar().len()).await;
        upload.send(&mut client, &eicar(), 0).await;
        client.ask("file_upload", upload.end(&checksum(&eicar()))).await;
        let error = client.expect_error("SCANNER_UNAVAILABLE").await;
        assert!(error["retry_after"].is_u64(), "{error}");
        let good = parlor_tests::client::id(&answer.json()["file_id"]);
        for file in [&good, &upload.file] {
            let answer = files.ask("GET", &format!("/{file}"), &[]).await;
            assert_eq!(answer.refusal(), (503, "SCANNER_UNAVAILABLE".into()));
        }
        (good, upload.file)
    };
    app.kill9();
    app.restart().await;
    clamd.restart();
    let files = Files::new(&app, &ann);
    for (file, status) in [(waiting.0, 200), (waiting.1, 404)] {
        for attempt in 0.. {
            let answer = files.ask("GET", &format!("/{file}"), &[]).await;
            if answer.status == status {
                break;
            }
            assert!(answer.status == 503 && attempt < 120, "{}", answer.head);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
