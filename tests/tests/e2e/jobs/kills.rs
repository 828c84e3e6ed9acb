//! kill -9 of the real process among ten thousand jobs: each is done once, and nobody waits for all of another's.

use super::{JOBS, completion, list};
use parlor_tests::{FakeProvider, TestApp, http};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const USERS: usize = 10;
/// How many jobs the first user has, and each of the others.
const MANY: usize = 5_500;
const FEW: usize = 500;
const ALL: usize = MANY + (USERS - 1) * FEW;
/// How many run at once.
const WORKERS: usize = 16;
/// How many are sent at once.
const SENDERS: usize = 16;
/// Longer than this test should take on the busiest machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Sends jobs as a client does that gets no answer from a dying server: again, under the same name.
async fn send(address: SocketAddr, token: &str, text: &str) {
    let mut body = completion(text);
    body["clientJobId"] = json!(text);
    let begin = Instant::now();
    loop {
        match http::try_ask(address, "POST", JOBS, Some(token), &body).await {
            Ok(answer) if answer.status == 202 => return,
            Ok(answer) => assert!(answer.status >= 500, "{}", answer.body),
            Err(_) => {}
        }
        assert!(begin.elapsed() < LIMIT, "{text} was not taken in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What admins read.
struct Admin(String);

impl Admin {
    async fn read(&self, app: &TestApp, path: &str) -> Value {
        let answer = app.ask(&self.0, "GET", path, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn completed(&self, app: &TestApp) -> usize {
        let counts = &self.read(app, "/api/v1/admin/jobs").await["counts"];
        assert_eq!(counts["failed"], 0, "{counts}");
        usize::try_from(counts["completed"].as_u64().unwrap()).unwrap()
    }

    async fn until_completed(&self, app: &TestApp, count: usize) {
        let begin = Instant::now();
        while self.completed(app).await < count {
            assert!(begin.elapsed() < LIMIT, "{count} jobs were not completed");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Protects "once in effect" and the turns of users, with four kills: one while they are sent, three while they are done.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_survive_kills_on_sqlite() {
    let provider = FakeProvider::start_as("plain").await;
    let mut app = TestApp::builder()
        .provider(&provider.base_url(), "any")
        .env("JOB_WORKERS", 0)
        .env("JOB_QUEUE_LIMIT", 0)
        .env("JOB_ATTEMPTS", 10)
        .env("AI_CHAT_RATE_LIMIT_REQUESTS", 0)
        .env("AI_BREAKER_MINIMUM", 1_000_000)
        .start()
        .await;
    let admin = Admin(app.admin_token("root@example.org"));
    let tokens: Vec<_> =
        (0..USERS).map(|user| app.token_for(&format!("u{user}@example.org"), "2h")).collect();
    let begin = Instant::now();
    send_all(&mut app, &tokens).await;
    println!("{ALL} jobs were taken in after {:?}, one kill among them", begin.elapsed());

    app.terminate();
    app.wait_exit(Duration::from_secs(60)).await;
    app.set("JOB_WORKERS", Some(&WORKERS.to_string()));
    app.restart_in_place().await;
    let done = Instant::now();
    for share in 1..4 {
        admin.until_completed(&app, ALL * share / 4).await;
        app.kill9();
        app.restart_in_place().await;
    }
    admin.until_completed(&app, ALL).await;
    println!("they were done after {:?}, three kills among them", done.elapsed());
    each_once(&app, &admin, &tokens, &provider).await;
    in_turns(&provider);
}

/// Sends all of the first user's, then those of the others; kills the server in the middle.
async fn send_all(app: &mut TestApp, tokens: &[String]) {
    let many = (0..MANY).map(|number| (0, number));
    let few = (0..FEW).flat_map(|number| (1..USERS).map(move |user| (user, number)));
    let all: Arc<Vec<_>> = Arc::new(many.chain(few).collect());
    let (next, address) = (Arc::new(AtomicUsize::new(0)), app.address());
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (all, next, tokens) = (Arc::clone(&all), Arc::clone(&next), tokens.to_vec());
        senders.spawn(async move {
            while let Some((user, number)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                send(address, &tokens[*user], &format!("u{user} j{number}")).await;
            }
        });
    }
    while next.load(Ordering::Relaxed) < ALL / 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.kill9();
    app.restart_in_place().await;
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
}

/// What the provider was asked, in its order.
fn asked(provider: &FakeProvider) -> Vec<String> {
    let text = |body: &Value| {
        let messages = body["messages"].as_array().unwrap();
        messages.last().unwrap()["content"].as_str().unwrap().to_owned()
    };
    provider.requests().iter().map(|request| text(&request.body)).collect()
}

/// Each job is completed, with a reply of its own; there is one conversation with one message for each, and as many whole
/// replies as jobs. What more there is was being made when the server was killed.
async fn each_once(app: &TestApp, admin: &Admin, tokens: &[String], provider: &FakeProvider) {
    let stats = admin.read(app, "/api/v1/ws/stats").await;
    assert_eq!(stats["conversations"], ALL);
    let messages = usize::try_from(stats["messages"].as_u64().unwrap()).unwrap();
    let cut = messages - 2 * ALL;
    assert!(cut <= 3 * WORKERS, "{cut} replies were cut off");

    let (mut jobs, mut again) = (0, Vec::new());
    for (user, token) in tokens.iter().enumerate() {
        let expected = if user == 0 { MANY } else { FEW };
        for page in 1..=expected.div_ceil(200) {
            let page = list(app, token, &format!("state=completed&limit=200&page={page}")).await;
            assert_eq!(page["meta"]["total"], expected);
            for job in page["data"].as_array().unwrap() {
                jobs += 1;
                if job["attempts"] != 1 {
                    again.push((token, job["id"].as_str().unwrap().to_owned()));
                }
            }
        }
    }
    assert_eq!(jobs, ALL);
    assert!(again.len() <= 3 * WORKERS, "{} jobs were begun again", again.len());

    // Those that were in the way of a kill, one by one.
    let (mut seen, mut cut_off) = (HashSet::new(), 0);
    for (token, id) in &again {
        let result = super::job(app, token, id).await["result"].clone();
        assert!(seen.insert(result["messageId"].clone()));
        assert_eq!(result["status"], "complete");
        let mut client = app.client(token).await;
        let log = client.whole_history(result["conversationId"].as_str().unwrap()).await;
        let of = |kind: &str| log.iter().filter(|it| it["message_type"] == kind).collect::<Vec<_>>();
        let (questions, replies) = (of("user"), of("assistant"));
        assert_eq!(questions.len(), 1, "{log:?}");
        let whole = replies.iter().filter(|it| it["status"] == "complete").count();
        assert_eq!(whole, 1, "{log:?}");
        cut_off += replies.len() - whole;
        client.close().await;
    }
    assert_eq!(cut_off, cut, "only what was begun again has more than one reply");

    let mut times: HashMap<String, usize> = HashMap::new();
    asked(provider).into_iter().for_each(|text| *times.entry(text).or_default() += 1);
    assert_eq!(times.len(), ALL, "the provider was asked for each");
    let more: usize = times.values().map(|times| times - 1).sum();
    assert!(more <= again.len(), "{more} requests more, though {} were begun again", again.len());
    println!("{} jobs were begun again, {cut} replies cut off, {more} requests made again", again.len());
}

/// While all users have jobs, all of them are served alike: nobody is ahead of another by more than what runs at once, and
/// what was begun again after a kill.
fn in_turns(provider: &FakeProvider) {
    let mut served: BTreeMap<String, usize> = (0..USERS).map(|user| (format!("u{user}"), 0)).collect();
    for text in asked(provider) {
        let user = text.split(' ').next().unwrap();
        *served.get_mut(user).unwrap() += 1;
        let most = *served.values().max().unwrap();
        let least = *served.values().min().unwrap();
        if served.values().any(|count| *count >= FEW) {
            break; // somebody may have nothing left
        }
        assert!(most - least <= 4 * WORKERS, "not in turns: {served:?}");
    }
    assert!(served["u0"] < FEW + 4 * WORKERS, "{served:?}");
}
