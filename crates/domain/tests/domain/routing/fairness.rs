//! Who waits for a place at a backend: each user in turn.

use super::{TestWorker, hello, worker_server_with};
use crate::client::{Client, pass, settle};
use crate::world::{conversation, unlimited};
use parlor_domain::{Settings, WorkerHello};
use std::num::NonZeroU32;
use std::time::Duration;

fn patient() -> Settings {
    let mut settings = unlimited();
    (settings.turns.live, settings.turns.queue_wait) = (1_000, Duration::from_secs(3_600));
    settings
}

/// Protects the many from the one: a user with 500 messages waiting delays nobody else's first, and all are answered
/// in their own order.
#[tokio::test(start_paused = true)]
async fn one_users_crowd_delays_nobodys_first() {
    let (server, mut ann, id) = worker_server_with(patient()).await;
    let capacity = NonZeroU32::new(2);
    let mut worker = TestWorker::with(&server, WorkerHello { capacity, ..hello("w-1") }).unwrap();
    for number in 0..500 {
        ann.ask(id, &format!("{number}")).await;
    }
    settle().await;
    let mut others = Vec::new();
    for name in ["bob", "cid", "dot"] {
        let id = conversation(&server, &[name]).await;
        let mut client = Client::join(&server, name, id).await;
        client.ask(id, name).await;
        client.ask(id, "again").await;
        others.push(client);
    }
    let mut asked = Vec::new();
    let mut running = worker.tasks().await;
    while !running.is_empty() {
        let task = running.remove(0);
        asked.push(task.request.context.last().unwrap().content.clone());
        worker.answer(task.id, "done");
        running.extend(worker.tasks().await);
    }
    assert_eq!(asked.len(), 506);
    let place = |what: &str| asked.iter().position(|it| it == what).unwrap();
    for first in ["bob", "cid", "dot"] {
        assert!(place(first) < 7, "{first} was {} in line", place(first));
    }
    let of_ann: Vec<usize> = asked.iter().filter_map(|it| it.parse().ok()).collect();
    assert!(of_ann.is_sorted(), "each user's are answered in their order");
}

/// Protects the memory and those who wait: a queue that is full refuses at once, and says when to come back.
#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses() {
    let mut settings = patient();
    settings.turns.queue = 2;
    let (server, mut ann, id) = worker_server_with(settings).await;
    for _ in 0..3 {
        ann.ask(id, "hello").await;
    }
    let seen = ann.seen().await;
    assert_eq!(seen.last().unwrap(), "end 4 failed (AI_UNAVAILABLE)", "{seen:?}");
    assert_eq!(server.hub.figures().turns_waiting, 2);
    pass(Duration::from_secs(3_601)).await;
    assert_eq!(server.hub.figures().turns_waiting, 0);
}
