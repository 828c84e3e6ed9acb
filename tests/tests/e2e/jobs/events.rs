//! What sockets hear of jobs.

use super::{completion, enqueue};
use parlor_tests::{FakeProvider, TestApp};
use serde_json::{Value, json};

/// Protects all tabs of a user, in every dialect that pushes: each hears how far a job is and of its end, with what came of
/// it; nobody else hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn every_socket_of_its_user_hears_of_a_job() {
    let provider = FakeProvider::start_as("words-30-100").await;
    let app = TestApp::builder().provider(&provider.base_url(), "any").start().await;
    let [ann, eve] = ["ann", "eve"].map(|name| app.token(&format!("{name}@example.org")));
    let (mut rooms, mut tab) = (app.rooms(&ann).await, app.client(&ann).await);
    let (mut broker, mut other) = (app.broker(&ann).await, app.client(&eve).await);
    let id = enqueue(&app, &ann, completion("go on")).await;
    let in_rooms = heard(async || rooms.until("job").await["data"].clone()).await;
    let in_tab = heard(async || tab.until("job_updated").await["data"].clone()).await;
    let in_broker = heard(async || broker.until_one_of(&["job_updated"]).await).await;
    for (name, heard) in [("rooms", in_rooms), ("conversations", in_tab), ("broker", in_broker)] {
        let (end, steps) = heard.split_last().unwrap();
        assert_eq!((&end["job_id"], &end["progress"]), (&json!(id), &json!(100)), "{name}");
        assert!(end["result"]["content"].as_str().unwrap().len() > 50, "{name}: {end}");
        let progress: Vec<_> = steps.iter().map(|step| step["progress"].as_u64().unwrap()).collect();
        assert!(!progress.is_empty() && progress.is_sorted(), "{name}: {progress:?}");
        assert!(
            steps.iter().all(|step| step["state"] == "active" && step["job_type"] == "generate-completion")
        );
    }
    other.expect_no_message(std::time::Duration::from_millis(200)).await;
}

/// What is heard of a job up to its end.
async fn heard(mut next: impl AsyncFnMut() -> Value) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        heard.push(next().await);
        if heard.last().unwrap()["state"] == "completed" {
            return heard;
        }
    }
}
