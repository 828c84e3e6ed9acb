//! Workers that fail, fall silent, leave or are lost: what becomes of their turns.

use parlor_tests::broker::either;
use parlor_tests::client::id;
use parlor_tests::{BrokerUser, LiveTurn, TestApp, TestAppBuilder, Worker};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn with_two(builder: TestAppBuilder) -> (TestApp, Worker, Worker, BrokerUser) {
    let app = builder.workers().start().await;
    let (one, two) = (app.worker("canister-1").await, app.worker("canister-2").await);
    let ann = app.broker(&app.token("ann@example.org")).await;
    (app, one, two, ann)
}

/// The next reply comes from this worker, whole, and no failure is told before it.
async fn assert_answered(ann: &mut BrokerUser, worker: &mut Worker, task: &Value) {
    worker.answer(task, "here I am").await;
    let reply = ann.reply().await;
    assert_eq!((&reply["status"], &reply["response_content"]), (&json!("complete"), &json!("here I am")));
    assert_eq!((&reply["generated_by"], &reply["response_id"]), (&json!(worker.name), &task["response_id"]));
    assert!(ann.pending().await.is_empty(), "one reply");
}

/// Protects: a worker that says that it cannot is replaced at once, and the user notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_worker_is_replaced() {
    let (_app, mut one, mut two, mut ann) = with_two(TestApp::builder()).await;
    ann.say(None, "anybody?").await;
    let (first, failing, other) = either(&mut one, &mut two).await;
    assert_eq!(failing.fail(&first, 503).await["response_id"], first["response_id"]);
    let second = other.task().await;
    assert_eq!((&second["attempt"], &second["response_id"]), (&json!(2), &first["response_id"]));
    assert_eq!(second["conversation_context"], first["conversation_context"]);
    assert_answered(&mut ann, other, &second).await;
}

/// Protects: a worker that was given a turn and says nothing in time is told to stop, and another one answers; what
/// it says too late reaches nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_worker_is_replaced() {
    let builder = TestApp::builder().env("AI_FIRST_TOKEN_TIMEOUT", 1);
    let (_app, mut one, mut two, mut ann) = with_two(builder).await;
    let start = Instant::now();
    ann.say(None, "anybody?").await;
    let (first, silent, other) = either(&mut one, &mut two).await;
    let second = other.task().await;
    assert!(start.elapsed() >= Duration::from_millis(950), "{:?}", start.elapsed());
    assert_eq!((&second["attempt"], &second["in_reply_to"]), (&json!(2), &first["in_reply_to"]));
    assert_eq!(silent.until("cancel_message").await["message_id"], first["message_id"]);
    silent.chunk(&first, "late words").await;
    assert_eq!(silent.answer(&first, "late words").await["response_id"], Value::Null);
    assert_answered(&mut ann, other, &second).await;
}

/// Protects: a worker that is lost before it said anything is replaced at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_worker_is_replaced() {
    let app = TestApp::builder().workers().start().await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    let mut lost = app.worker("canister-1").await;
    ann.say(None, "anybody?").await;
    let first = lost.task().await;
    let mut other = app.worker("canister-2").await;
    drop(lost);
    let second = other.task().await;
    assert_eq!((&second["attempt"], &second["response_id"]), (&json!(2), &first["response_id"]));
    assert_answered(&mut ann, &mut other, &second).await;
}

/// Protects: a worker that gives no sign of life is taken for lost, long before its turn's time is over, and told why.
#[tokio::test(flavor = "multi_thread")]
async fn a_lifeless_worker_is_replaced() {
    let builder = TestApp::builder().env("WEBSOCKET_HEARTBEAT_INTERVAL", 1);
    let (_app, mut one, mut two, mut ann) = with_two(builder).await;
    ann.say(None, "anybody?").await;
    // From here on nobody reads for it, so that its pings go unanswered.
    let (_, lifeless, other) = either(&mut one, &mut two).await;
    let answer = async {
        let task = other.task().await;
        other.answer(&task, "here I am").await
    };
    let (ack, reply) = tokio::join!(answer, ann.reply());
    assert_eq!((&reply["response_id"], &reply["status"]), (&ack["response_id"], &json!("complete")));
    lifeless.until_close(4008).await;
}

/// Protects: once something was shown, no other worker begins anew behind the user's back: the turn ends interrupted
/// with what there is, whether its worker is lost or falls silent.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_is_kept() {
    let builder = TestApp::builder().env("AI_TURN_TIMEOUT", 1);
    let (app, one, two, mut ann) = with_two(builder).await;
    let token = app.token("ann@example.org");
    let mut workers = vec![one, two];
    for is_lost in [false, true] {
        let thread = id(&ann.say(None, "tell me").await["thread_id"]);
        let [one, two] = &mut workers[..] else { unreachable!() };
        let (task, busy, other) = either(one, two).await;
        let (name, bystander) = (busy.name.clone(), other.name.clone());
        let mut reader = app.client(&token).await;
        reader.join(&thread).await;
        let mut turn = LiveTurn::begin(&mut reader).await;
        busy.chunk(&task, "What I wanted to ").await;
        turn.read(&mut reader, 17).await;
        if is_lost {
            workers.retain(|worker| worker.name != name);
        }
        let reply = ann.reply().await;
        assert_eq!(reply["status"], "interrupted", "{reply}");
        assert_eq!(
            (&reply["response_content"], &reply["generated_by"]),
            (&json!("What I wanted to "), &json!(name))
        );
        assert_eq!(turn.finish(&mut reader).await.text, "What I wanted to ");
        assert_eq!(ann.history(&thread).await[1], reply);
        let other = workers.iter_mut().find(|worker| worker.name == bystander).unwrap();
        other.send(json!({"type": "ping"})).await;
        other.expect("pong").await;
    }
}

/// Protects: who wants it gets a new attempt in the middle, which replaces what was shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_begins_anew_where_its_user_wants_that() {
    let (app, mut one, mut two, mut ann) = with_two(TestApp::builder()).await;
    ann.send(json!({"type": "send_message", "thread_id": null, "content": "tell me", "restart": true})).await;
    let thread = id(&ann.until("message_ack").await["thread_id"]);
    let (first, failing, other) = either(&mut one, &mut two).await;
    let mut reader = app.client(&app.token("ann@example.org")).await;
    reader.join(&thread).await;
    let mut turn = LiveTurn::begin(&mut reader).await;
    failing.chunk(&first, "Well, ").await;
    turn.read(&mut reader, 6).await;
    failing.fail(&first, 500).await;
    let second = other.task().await;
    other.chunk(&second, "here ").await;
    let restart = reader.until("stream_restart").await;
    assert_eq!(
        (&restart["data"]["message_id"], &restart["data"]["attempt"]),
        (&first["response_id"], &json!(2))
    );
    assert_answered(&mut ann, other, &second).await;
}

/// Protects: a worker that says that it drains gets nothing new and finishes what it has; when it is back, it is
/// given turns again.
#[tokio::test(flavor = "multi_thread")]
async fn a_draining_worker_gets_nothing_new() {
    let (_app, mut one, mut two, mut ann) = with_two(TestApp::builder()).await;
    ann.say(None, "a long one").await;
    let (long, leaving, other) = either(&mut one, &mut two).await;
    leaving.send(json!({"type": "ai_status", "status": "draining"})).await;
    leaving.barrier().await;
    for number in 1..=4 {
        ann.say(None, &format!("question {number}")).await;
        let task = other.task().await;
        assert_answered(&mut ann, other, &task).await;
    }
    leaving.send(json!({"type": "ping"})).await;
    leaving.expect("pong").await;
    assert_answered(&mut ann, leaving, &long).await;
    let status = json!({"type": "ai_status", "status": "operational", "queue_size": 0, "processing_capacity": 10,
                        "uptime": "2h 15m"});
    leaving.send(status).await;
    leaving.barrier().await;
    other.send(json!({"type": "ai_status", "status": "operational", "processing_capacity": 0})).await;
    other.barrier().await;
    ann.say(None, "and back").await;
    let task = leaving.task().await;
    assert_answered(&mut ann, leaving, &task).await;
}

/// Protects: work goes where there is the most room for it: with twice the capacity, twice the turns.
#[tokio::test(flavor = "multi_thread")]
async fn capacity_is_a_weight() {
    let app = TestApp::builder().workers().start().await;
    let mut small = Worker::connect(app.address(), "small", json!({"capacity": 2})).await;
    let mut large = Worker::connect(app.address(), "large", json!({"capacity": 4})).await;
    let mut ann = app.broker(&app.token("ann@example.org")).await;
    for number in 1..=6 {
        ann.say(None, &format!("question {number}")).await;
    }
    let mut tasks = Vec::new();
    for _ in 0..2 {
        tasks.push(small.task().await["content"].clone());
    }
    for _ in 0..4 {
        tasks.push(large.task().await["content"].clone());
    }
    tasks.sort_by_key(Value::to_string);
    let expected: Vec<Value> = (1..=6).map(|number| json!(format!("question {number}"))).collect();
    assert_eq!(tasks, expected, "each turn is given once");
}
