//! Files in a bucket.

use parlor_tests::files::{PNG, Upload, content};
use parlor_tests::{Files, S3, TestApp};
use std::time::Duration;

/// A file of several parts goes into the bucket, is read in parts from there, and leaves nothing when it goes.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_in_the_bucket() {
    let s3 = S3::start().await;
    let app = s3.configure(TestApp::builder().without_limits()).start().await;
    let ann = app.token("ann@example.org");
    let (files, mut client) = (Files::new(&app, &ann), app.rooms(&ann).await);
    let whole = content(12_345_678);
    let large = Upload::whole(&mut client, None, "large.txt", &whole).await;
    assert!(files.read(&large).await == whole);
    for range in [0..1, 5_242_879..5_242_881, 10_000_000..12_345_678] {
        let words = format!("bytes={}-{}", range.start, range.end - 1);
        let part = files.ask("GET", &format!("/{large}"), &[("range", &words)]).await;
        assert!(part.status == 206 && part.whole && part.body == whole[range], "{}", part.head);
    }
    let image = files.add(&[], "red.png", PNG).await;
    for _ in 0..2 {
        let preview = files.ask("GET", &format!("/{image}/preview"), &[]).await;
        assert!(preview.status == 200 && preview.body.starts_with(b"\x89PNG"), "{}", preview.head);
    }
    let keys = s3.keys();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("some/folder/")), "{keys:?}");
    for file in [&large, &image] {
        assert_eq!(files.ask("DELETE", &format!("/{file}"), &[]).await.status, 204);
    }
    for _ in 0..200 {
        if s3.keys().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(s3.keys(), Vec::<String>::new());
}
