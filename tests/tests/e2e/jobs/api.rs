//! The routes, as a client of the AI API uses them.

use super::{JOBS, completion, enqueue, job, list, until};
use parlor_tests::client::id;
use parlor_tests::{FakeProvider, PATIENCE, TestApp, http};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Protects clients: a job is taken in at once, and its result is what the synchronous route would have answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_the_answer_of_a_chat() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let answer = app.ask(&ann, "POST", JOBS, completion("echo hello")).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let accepted = answer.json();
    let first = id(&accepted["jobId"]);
    assert_eq!(accepted, json!({"jobId": first, "status": "queued"}));
    assert_eq!(answer.header("location"), Some(&*format!("{JOBS}/{first}")));
    let done = until(&app, &ann, &first, "completed").await;
    assert_eq!(
        (&done["progress"], &done["error"], &done["attempts"]),
        (&json!(100), &Value::Null, &json!(1))
    );
    let chat = app.ask(&ann, "POST", "/api/v1/ai/chat", json!({"message": "echo hello"})).await.json();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&done["result"]), names(&chat));
    assert_eq!(done["result"]["content"], chat["content"]);

    // In a conversation that there is; and the conversation that the first one made is its user's.
    let mut body = completion("echo again");
    body["conversationId"] = done["result"]["conversationId"].clone();
    let second = enqueue(&app, &ann, body).await;
    let done = until(&app, &ann, &second, "completed").await;
    let mut tab = app.client(&ann).await;
    let log = tab.whole_history(&id(&done["result"]["conversationId"])).await;
    let texts: Vec<_> = log.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!((texts.len(), texts[0], texts[2]), (4, "echo hello", "echo again"));

    let page = list(&app, &ann, "limit=1").await;
    assert_eq!(page["meta"], json!({"total": 2, "page": 1, "limit": 1, "totalPages": 2}));
    assert_eq!((&page["data"][0]["id"], &page["data"][0]["result"]), (&json!(second), &Value::Null));
    assert_eq!(list(&app, &ann, "state=completed").await["meta"]["total"], 2);
    assert_eq!(list(&app, &ann, "state=waiting").await["data"], json!([]));
    let refused = app.ask(&ann, "GET", &format!("{JOBS}?state=stuck"), Value::Null).await;
    assert_eq!(refused.refusal(), (400, "INVALID_REQUEST".to_owned()));
}

/// Protects a vector that is wanted: it is the synchronous route's.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_makes_a_vector() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let vector = enqueue(&app, &ann, json!({"type": "generate-embeddings", "text": "a small text"})).await;
    let done = until(&app, &ann, &vector, "completed").await;
    assert_eq!(done["type"], "generate-embeddings");
    let result = &done["result"];
    assert!(result["embedding"].as_array().unwrap().iter().any(|number| number.as_f64().unwrap() != 0.0));
    assert!(result["model"].is_string() && result["tokens"].is_u64(), "{result}");
    let unknown = json!({"type": "generate-embeddings", "text": "x", "model": "no-such-model"});
    let refused = app.ask(&ann, "POST", JOBS, unknown).await;
    assert_eq!(refused.refusal(), (404, "MODEL_NOT_FOUND".to_owned()));
}

/// Protects what is refused: with its code, and nothing is kept of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let app = TestApp::builder().env("AI_CHAT_RATE_LIMIT_REQUESTS", 0).start().await;
    let [ann, eve] = ["ann", "eve"].map(|name| app.token(&format!("{name}@example.org")));
    let secret = app.client(&eve).await.new_conversation().await;
    for (body, status, code) in [
        (json!({"type": "make-coffee", "message": "x"}), 400, "INVALID_REQUEST"),
        (json!({"message": "x"}), 400, "INVALID_REQUEST"),
        (json!({"type": "generate-completion"}), 400, "INVALID_REQUEST"),
        (json!({"type": "generate-completion", "message": 7}), 400, "INVALID_REQUEST"),
        (json!({"type": "generate-completion", "message": ""}), 400, "INVALID_MESSAGE_CONTENT"),
        (json!({"type": "generate-completion", "message": "x", "temperature": 9}), 400, "INVALID_REQUEST"),
        (
            json!({"type": "generate-completion", "message": "x", "conversationId": "?"}),
            400,
            "INVALID_REQUEST",
        ),
        (
            json!({"type": "generate-completion", "message": "x", "conversationId": secret}),
            404,
            "CONVERSATION_NOT_FOUND",
        ),
        (json!({"type": "generate-completion", "message": "x", "clientJobId": ""}), 400, "INVALID_REQUEST"),
        (json!([]), 400, "INVALID_JSON"),
    ] {
        let answer = app.ask(&ann, "POST", JOBS, body.clone()).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }
    assert_eq!(list(&app, &ann, "").await["meta"]["total"], 0);
    for path in [format!("{JOBS}/nonsense"), format!("{JOBS}/{secret}")] {
        let answer = app.ask(&ann, "GET", &path, Value::Null).await;
        let expected =
            if path.ends_with("nonsense") { (400, "INVALID_REQUEST") } else { (404, "JOB_NOT_FOUND") };
        assert_eq!(answer.refusal(), (expected.0, expected.1.to_owned()));
    }
}

/// Protects who sends again: by a name in the body or in the header, it is the first job and its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_sent_again_is_the_first() {
    let app = TestApp::start().await;
    let ann = app.token("ann@example.org");
    let mut body = completion("echo once");
    body["clientJobId"] = json!("mine-1");
    let first = enqueue(&app, &ann, body.clone()).await;
    assert_eq!(enqueue(&app, &ann, body.clone()).await, first);
    let with_header = async |key: &str, body: &Value| {
        let head = format!("idempotency-key: {key}\r\n");
        http::ask_with(app.address(), "POST", JOBS, Some(&ann), &head, body).await
    };
    assert_eq!(with_header("mine-1", &completion("echo once")).await.json()["jobId"], first.as_str());
    let other = with_header("mine-1", &completion("echo twice")).await;
    assert_eq!(other.refusal(), (409, "CONFLICT".to_owned()));
    let torn = with_header("mine-2", &body).await;
    assert_eq!(torn.refusal(), (400, "INVALID_REQUEST".to_owned()));
    until(&app, &ann, &first, "completed").await;
    assert_eq!(list(&app, &ann, "").await["meta"]["total"], 1);
}

/// Protects users who change their mind, and providers from work that nobody wants.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled() {
    let provider = FakeProvider::start_as("words-1000-50").await;
    let app = TestApp::builder().provider(&provider.base_url(), "any").env("JOB_WORKERS", 1).start().await;
    let ann = app.token("ann@example.org");
    let runs = enqueue(&app, &ann, completion("a long one")).await;
    let waits = enqueue(&app, &ann, completion("another")).await;
    until(&app, &ann, &runs, "active").await;
    provider.until_requests(1).await;
    for job in [&waits, &runs] {
        let answer = app.ask(&ann, "DELETE", &format!("{JOBS}/{job}"), Value::Null).await;
        assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("cancelled")));
    }
    provider.until_hangups(1).await;
    assert_eq!((provider.hangups(), provider.requests().len()), (1, 1));
    for id in [&runs, &waits] {
        assert_eq!(job(&app, &ann, id).await["result"], Value::Null);
    }
}

/// Protects providers from work that nobody wants any more when its conversation comes to it, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_does_not_wait_for_its_turn() {
    let provider = FakeProvider::start_as("hold").await;
    let app = TestApp::builder().provider(&provider.base_url(), "any").without_limits().start().await;
    let ann = app.token("ann@example.org");
    let mut client = app.client(&ann).await;
    let conversation = client.say(None, "user", "one").await["conversation_id"].clone();
    for question in ["two", "three", "four"] {
        client.say(conversation.as_str(), "user", question).await;
    }
    provider.until_requests(4).await;
    let mut body = completion("five");
    body["conversationId"] = conversation.clone();
    let waits = enqueue(&app, &ann, body).await;
    until(&app, &ann, &waits, "active").await;
    let conversation = conversation.as_str().unwrap();
    let start = Instant::now();
    while client.whole_history(conversation).await.iter().all(|it| it["content"] != "five") {
        assert!(start.elapsed() < PATIENCE, "its question is not there");
    }
    let answer = app.ask(&ann, "DELETE", &format!("{JOBS}/{waits}"), Value::Null).await;
    assert_eq!(answer.json()["state"], "cancelled");
    // Longer than is waited for a turn that was told to end.
    tokio::time::sleep(Duration::from_secs(22)).await;
    provider.release();
    let start = Instant::now();
    let replies = loop {
        let history = client.whole_history(conversation).await;
        let replies: Vec<_> =
            history.iter().filter(|it| it["status"].is_string()).map(|it| id(&it["status"])).collect();
        if replies.len() == 5 {
            break replies;
        }
        assert!(start.elapsed() < PATIENCE, "{replies:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(replies.iter().filter(|status| *status == "stopped").count(), 1, "{replies:?}");
}

/// Protects work from a provider that is down when it is begun: once that is up again it is done, and what it was of no use
/// to try again is a dead letter that admins find.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_survives_a_provider_that_is_down() {
    let provider = FakeProvider::start_as("status-503-times-2").await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "any")
        .env("AI_RETRY_ROUNDS", 1)
        .env("AI_BREAKER_MINIMUM", 1_000)
        .start()
        .await;
    let (ann, root) = (app.token("ann@example.org"), app.admin_token("root@example.org"));
    let first = enqueue(&app, &ann, completion("hello")).await;
    let done = until(&app, &ann, &first, "completed").await;
    assert_eq!(done["attempts"], 3, "{done}");
    assert_eq!(provider.requests().len(), 3);
    let overview = app.ask(&root, "GET", "/api/v1/admin/jobs", Value::Null).await.json();
    let counts = json!({"waiting": 0, "active": 0, "completed": 1, "failed": 0, "cancelled": 0});
    assert_eq!((&overview["counts"], &overview["data"]), (&counts, &json!([])));
}

/// Protects operators: what failed for good is found with its reason and without what it was about.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_without_their_text() {
    let provider = FakeProvider::start_as("status-503").await;
    let app = TestApp::builder()
        .provider(&provider.base_url(), "any")
        .env("AI_RETRY_ROUNDS", 1)
        .env("JOB_ATTEMPTS", 1)
        .start()
        .await;
    let (ann, root) = (app.token("ann@example.org"), app.admin_token("root@example.org"));
    let dead = enqueue(&app, &ann, completion("a private matter")).await;
    let failed = until(&app, &ann, &dead, "failed").await;
    assert_eq!(failed["error"]["code"], "AI_UNAVAILABLE");
    let overview = app.ask(&root, "GET", "/api/v1/admin/jobs", Value::Null).await;
    assert!(!overview.body.contains("private"), "{}", overview.body);
    let overview = overview.json();
    assert_eq!((&overview["data"][0]["id"], &overview["meta"]["total"]), (&json!(dead), &json!(1)));
    assert_eq!(overview["data"][0]["error"]["code"], "AI_UNAVAILABLE");
    let stats = app.ask(&root, "GET", "/api/v1/ws/stats", Value::Null).await.json();
    assert_eq!(
        (&stats["jobs_failed"], &stats["queue_jobs"], &stats["jobs"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert!(!app.log().contains("private"));
}
