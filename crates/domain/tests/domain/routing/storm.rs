//! Workers that die at any moment, under a crowd.

use super::{TestWorker, worker_server_with};
use crate::client::{Client, pass};
use crate::world::{conversation, log, unlimited};
use parlor_domain::message::TurnStatus;
use parlor_domain::testing::TestHub;
use parlor_domain::{ConversationId, MessageId, WorkerOrder};
use proptest::prelude::*;
use std::collections::HashSet;
use std::time::Duration;

const WORKERS: usize = 4;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A user asks.
    Ask(usize),
    /// A worker says something of one of its replies.
    Stream(usize, usize),
    /// A worker ends one of its replies.
    Answer(usize, usize),
    /// A worker dies, and another one comes.
    Kill(usize),
    /// Time passes. Milliseconds.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..5_usize).prop_map(Step::Ask),
        4 => (0..WORKERS, 0..8_usize).prop_map(|(worker, reply)| Step::Stream(worker, reply)),
        4 => (0..WORKERS, 0..8_usize).prop_map(|(worker, reply)| Step::Answer(worker, reply)),
        2 => (0..WORKERS).prop_map(Step::Kill),
        1 => (0..3_000_u64).prop_map(Step::Wait),
    ]
}

struct Storm {
    server: TestHub,
    workers: Vec<(TestWorker, Vec<MessageId>)>,
    users: Vec<(Client, ConversationId)>,
}

impl Storm {
    async fn new() -> Self {
        let mut settings = unlimited();
        settings.turns.queue_wait = Duration::from_secs(3_600);
        settings.turns.first_token = Duration::from_secs(3_600);
        settings.turns.between_tokens = Duration::from_secs(3_600);
        settings.turns.total = Duration::from_secs(36_000);
        let (server, ..) = worker_server_with(settings).await;
        let mut users = Vec::new();
        for number in 0..5 {
            let name = format!("user-{number}");
            let id = conversation(&server, &[&name]).await;
            users.push((Client::join(&server, &name, id).await, id));
        }
        let workers = (0..WORKERS).map(|_| (TestWorker::connect(&server, "w"), Vec::new())).collect();
        Self { server, workers, users }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Ask(user) => {
                let (client, id) = &mut self.users[user];
                client.ask(*id, "hello").await;
            }
            Step::Stream(worker, reply) => {
                let (worker, replies) = &self.workers[worker];
                if let Some(id) = replies.get(reply) {
                    worker.stream(*id, "so ");
                }
            }
            Step::Answer(worker, reply) => {
                let (worker, replies) = &mut self.workers[worker];
                if reply < replies.len() {
                    worker.answer(replies.remove(reply), "");
                }
            }
            Step::Kill(worker) => self.workers[worker] = (TestWorker::connect(&self.server, "w"), Vec::new()),
            Step::Wait(milliseconds) => pass(Duration::from_millis(milliseconds)).await,
        }
        tokio::task::yield_now().await;
        self.listen();
    }

    fn listen(&mut self) {
        for (worker, replies) in &mut self.workers {
            for order in worker.orders() {
                match order {
                    WorkerOrder::Process(task) => replies.push(task.id),
                    WorkerOrder::Cancel(id) => replies.retain(|it| *it != id),
                }
            }
        }
    }

    /// Every worker ends everything, until nothing is left.
    async fn calm(&mut self) {
        for _ in 0..100 {
            pass(Duration::from_millis(10)).await;
            self.listen();
            for (worker, replies) in &mut self.workers {
                for id in replies.drain(..) {
                    worker.answer(id, "");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Protects every turn, whichever worker dies and when: each ends exactly once, as whole where it was not shown by a
    /// worker that died, and all places are free again in the end.
    #[test]
    fn every_turn_ends_once(steps in proptest::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let asked = steps.iter().filter(|step| matches!(step, Step::Ask(_))).count();
            let mut storm = Storm::new().await;
            for step in steps {
                storm.take(step).await;
            }
            storm.calm().await;
            let mut answered = HashSet::new();
            let mut ended = 0;
            for (_, id) in &storm.users {
                for message in log(&storm.server.store, *id).await {
                    let Some(reply) = message.reply else { continue };
                    ended += 1;
                    assert!(answered.insert(reply.in_reply_to), "a question was answered twice");
                    match reply.status {
                        TurnStatus::Complete => {}
                        TurnStatus::Interrupted => assert!(!message.content.is_empty(), "nothing was shown"),
                        status => panic!("a turn ended {status:?}"),
                    }
                }
            }
            assert_eq!(ended, asked, "every turn ended");
            let figures = storm.server.hub.figures();
            assert_eq!((figures.turns, figures.turns_waiting), (0, 0));
        });
    }
}
