//! Two servers on one database.

use super::{JOBS, completion, enqueue, list};
use parlor_tests::{FakeProvider, Postgres, TestApp};
use serde_json::Value;
use std::collections::HashSet;
use std::time::{Duration, Instant};

const USERS: usize = 4;
const EACH: usize = 150;

/// Protects who is connected to another node than the one that does their job: they hear how far it is, and once of its end.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_another_node_hear_of_a_job() {
    let (postgres, provider) = (Postgres::start(), FakeProvider::start_as("words-40-100").await);
    let node = async |workers: usize| {
        TestApp::builder()
            .env("DATABASE_URL", postgres.url())
            .env("JWT_SECRET", "one secret for both of the servers")
            .provider(&provider.base_url(), "any")
            .env("JOB_WORKERS", workers)
            .start()
            .await
    };
    let (here, there) = (node(1).await, node(0).await);
    let [ann, eve] = ["ann", "eve"].map(|name| here.token(&format!("{name}@example.org")));
    let (mut tab, mut other, mut io) =
        (there.client(&ann).await, there.client(&eve).await, there.io(&ann).await);
    let id = enqueue(&there, &ann, completion("go on")).await;
    let mut steps = Vec::new();
    let end = loop {
        let update = tab.until("job_updated").await["data"].clone();
        assert_eq!(update["job_id"], id.as_str());
        if update["state"] != "active" {
            break update;
        }
        steps.push(update["progress"].as_u64().unwrap());
    };
    assert_eq!((&end["state"], &end["progress"]), (&Value::from("completed"), &Value::from(100)));
    assert!(end["result"]["content"].as_str().unwrap().len() > 50, "{end}");
    assert!(!steps.is_empty() && steps.is_sorted(), "{steps:?}");
    assert_eq!(io.until("job:completed").await["jobId"], id.as_str());
    // It is read from the store for a while, and told no more.
    tab.expect_no_message(Duration::from_secs(3)).await;
    other.expect_no_message(Duration::from_millis(200)).await;
}

/// Protects what several nodes do together: each job is one node's, and those of a node that is killed are another's when
/// their leases are over; every one is done once.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_the_work_and_one_is_killed() {
    let (postgres, provider) = (Postgres::start(), FakeProvider::start_as("plain").await);
    let node = async || {
        TestApp::builder()
            .env("DATABASE_URL", postgres.url())
            .env("JWT_SECRET", "one secret for both of the servers")
            .provider(&provider.base_url(), "any")
            .env("AI_CHAT_RATE_LIMIT_REQUESTS", 0)
            .env("AI_BREAKER_MINIMUM", 1_000_000)
            .env("JOB_WORKERS", 4)
            .start()
            .await
    };
    let (here, mut there) = (node().await, node().await);
    let root = here.admin_token("root@example.org");
    let tokens: Vec<_> = (0..USERS).map(|user| here.token(&format!("u{user}@example.org"))).collect();
    for number in 0..EACH {
        for (user, token) in tokens.iter().enumerate() {
            // Either server takes in, and wakes only its own runners: the other one looks by itself.
            let app = if number % 2 == 0 { &here } else { &there };
            let answer = app.ask(token, "POST", JOBS, completion(&format!("u{user} j{number}"))).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        if number == EACH * 2 / 3 {
            there.kill9();
            there.restart().await;
        }
    }
    let begin = Instant::now();
    let all = USERS * EACH;
    loop {
        let overview = here.ask(&root, "GET", "/api/v1/admin/jobs", Value::Null).await.json();
        assert_eq!(overview["counts"]["failed"], 0);
        if overview["counts"]["completed"] == all {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "{overview}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let stats = here.ask(&root, "GET", "/api/v1/ws/stats", Value::Null).await.json();
    assert_eq!(stats["conversations"], all);
    let mut replies = HashSet::new();
    for token in &tokens {
        let page = list(&here, token, "state=completed&limit=200").await;
        assert_eq!(page["meta"]["total"], EACH);
        for job in page["data"].as_array().unwrap() {
            let job = super::job(&there, token, job["id"].as_str().unwrap()).await;
            assert!(replies.insert(job["result"]["messageId"].as_str().unwrap().to_owned()), "{job}");
        }
    }
    let whole = "SELECT count(*), count(DISTINCT conversation_id) FROM messages WHERE status = 'complete'";
    assert_eq!(postgres.sql(whole).unwrap().trim(), format!("{all}|{all}"));
    let asked = "SELECT count(*) FROM messages WHERE author_id IS NOT NULL";
    assert_eq!(postgres.sql(asked).unwrap().trim(), all.to_string());
}
