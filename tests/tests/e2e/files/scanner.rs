//! The virus scanner: a real clamd, with a signature of the tests' own that knows EICAR.

use parlor_tests::files::{checksum, eicar};
use parlor_tests::{Clamd, Files, TestApp, files::Upload};
use serde_json::{Value, json};
use std::time::Duration;

const AUDIT: &str = "/api/v1/admin/audit?action=file_refuse";

/// Protects everybody from a virus, by whichever way it comes: it is told, gone, and written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_virus_is_found() {
    let clamd = Clamd::start();
    let app =
        TestApp::builder().env("VIRUS_SCAN_ENABLED", true).env("CLAMD_ADDRESS", clamd.socket()).start().await;
    assert_eq!(app.get("/health").await.json()["checks"]["scanner"], "ok");
    let ann = app.token("ann@example.org");
    let (files, mut client) = (Files::new(&app, &ann), app.rooms(&ann).await);
    let good = files.add(&[], "good.txt", b"nothing to see").await;
    assert_eq!(files.read(&good).await, b"nothing to see");

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

/// Protects from what nobody scanned: while clamd is away files wait, and nobody reads them; once it is there, they are
/// scanned, whatever happened to the server meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn files_wait_for_clamd() {
    let mut clamd = Clamd::start();
    let mut app =
        TestApp::builder().env("VIRUS_SCAN_ENABLED", true).env("CLAMD_ADDRESS", clamd.socket()).start().await;
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
        assert!(error["data"]["retry_after"].is_u64(), "{error}");
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
