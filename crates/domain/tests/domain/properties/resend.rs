//! Whatever was sent before, through whatever connection and in whichever life of the server: sending it again gets
//! the first answer.

use super::{config, run};
use crate::client::{Client, draft, pass_with_clock, settle};
use crate::world::{conversation, unlimited};
use parlor_domain::testing::{MemoryStore, TestHub, WriteFault};
use parlor_domain::{Action, ConversationId, ErrorCode, EventBody, MessageId, Outgoing, ReplyBody};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const PEOPLE: [&str; 3] = ["ann", "ann", "bob"];

#[derive(Debug, Clone)]
enum Op {
    /// With `to` above the conversations that they have: none is named.
    Send {
        by: usize,
        to: usize,
        name: u8,
        text: u8,
    },
    Fail(bool),
    Reconnect(usize),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let send = (0..PEOPLE.len(), 0..5_usize, 0..3_u8, 0..3_u8).prop_map(|(by, to, name, text)| Op::Send {
        by,
        to,
        name,
        text,
    });
    prop_oneof![
        12 => send,
        3 => any::<bool>().prop_map(Op::Fail),
        2 => (0..PEOPLE.len()).prop_map(Op::Reconnect),
        1 => Just(Op::Restart),
    ]
}

/// Who sent what to where, and the first answer.
type Key = (&'static str, Option<ConversationId>, u8, u8);
type Answer = (MessageId, ConversationId, u64);

struct World {
    store: Arc<MemoryStore>,
    server: TestHub,
    clients: Vec<Client>,
    /// Those that everybody writes in.
    common: Vec<ConversationId>,
    /// Those that somebody's message made.
    made: Vec<(&'static str, ConversationId)>,
    first: HashMap<Key, Answer>,
    /// What failed, and may be there all the same.
    doubtful: HashSet<Key>,
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let server = TestHub::on(Arc::clone(&store), unlimited()).await;
        let mut common = Vec::new();
        for _ in 0..2 {
            let id = conversation(&server, &["ann", "bob"]).await;
            Client::join(&server, "ann", id).await.note(id, "the first").await;
            common.push(id);
        }
        settle().await;
        let clients = Self::connect(&server).await;
        let (first, doubtful) = (HashMap::new(), HashSet::new());
        Self { store, server, clients, common, made: Vec::new(), first, doubtful }
    }

    async fn connect(server: &TestHub) -> Vec<Client> {
        let mut clients = Vec::new();
        for name in PEOPLE {
            clients.push(Client::connect(server, name).await);
        }
        clients
    }

    fn conversations_of(&self, who: &str) -> impl Iterator<Item = ConversationId> {
        let made = self.made.iter().filter(move |(maker, _)| *maker == who).map(|(_, id)| *id);
        self.common.iter().copied().chain(made)
    }

    async fn restart(&mut self) {
        self.server.hub.shutdown().await;
        self.clients.clear();
        self.server = TestHub::on(Arc::clone(&self.store), unlimited()).await;
        self.clients = Self::connect(&self.server).await;
    }

    async fn send(&mut self, by: usize, to: Option<ConversationId>, name: u8, text: u8) {
        let client = &mut self.clients[by];
        let draft = draft(to, &format!("text {text}"), "user", Some(&format!("name {name}")));
        client.act(Action::Send(draft)).await;
        pass_with_clock(&self.server, 1).await;
        let answers: Vec<_> = self.clients[by].take().into_iter().filter_map(answer).collect();
        let [answer] = answers[..] else { panic!("not one answer: {answers:?}") };
        self.judge((PEOPLE[by], to, name, text), answer);
    }

    fn judge(&mut self, key: Key, answer: Result<(Answer, bool), ErrorCode>) {
        let (answer, duplicate) = match answer {
            Ok(sent) => sent,
            Err(code) => {
                assert_eq!(code, ErrorCode::Internal);
                self.doubtful.insert(key);
                return;
            }
        };
        if let Some(first) = self.first.get(&key) {
            assert_eq!((*first, true), (answer, duplicate), "the first answer");
            return;
        }
        // Without a conversation it made one: there it counts as well.
        let made = (key.0, Some(answer.1), key.2, key.3);
        assert!(!duplicate || self.doubtful.contains(&key), "a duplicate of nothing: {key:?}");
        self.first.insert(key, answer);
        self.first.entry(made).or_insert(answer);
        if key.1.is_none() {
            self.made.push((key.0, answer.1));
        }
    }
}

/// The answer to a send, if it is one.
fn answer(item: Outgoing) -> Option<Result<(Answer, bool), ErrorCode>> {
    let Outgoing::Reply(reply) = item else { return None };
    match reply.body {
        ReplyBody::Sent { event, duplicate } => {
            let EventBody::Message(message) = event.body() else { panic!("not a message") };
            Some(Ok(((message.id, message.conversation, message.seq), duplicate)))
        }
        ReplyBody::Refused { refusal, .. } => Some(Err(refusal.code)),
        other => panic!("no answer to a send: {other:?}"),
    }
}

async fn case(ops: Vec<Op>) {
    let mut world = World::new().await;
    for op in ops {
        match op {
            Op::Send { by, to, name, text } => {
                let to = world.conversations_of(PEOPLE[by]).nth(to);
                world.send(by, to, name, text).await;
            }
            Op::Fail(before) => {
                let fault = if before { WriteFault::BeforeCommit } else { WriteFault::AfterCommit };
                world.store.fail_next_writes(1, fault);
            }
            Op::Reconnect(by) => world.clients[by] = Client::connect(&world.server, PEOPLE[by]).await,
            Op::Restart => world.restart().await,
        }
    }
    // No fault is left over, and everything is asked once more.
    for _ in 0..60 {
        let id = world.common[0];
        world.clients[0].note(id, "calm").await;
        pass_with_clock(&world.server, 1).await;
        world.clients[0].take();
    }
    settle().await;
    let known: Vec<_> = world.first.keys().copied().collect();
    for (who, to, name, text) in known {
        let by = PEOPLE.iter().position(|name| *name == who).unwrap();
        world.send(by, to, name, text).await;
    }
}

proptest! {
    #![proptest_config(config(48))]

    /// Protects the promise "once".
    #[test]
    fn a_resend_of_any_message_gets_the_first_answer(ops in proptest::collection::vec(op(), 1..50)) {
        run(case(ops));
    }
}
