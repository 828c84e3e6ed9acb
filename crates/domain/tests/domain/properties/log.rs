//! However sends, resends and failing writes interleave: the log is gapless and has each message once, and every
//! connection sees every entry once and in order.

use super::{Trouble, config, delays, run, trouble};
use crate::client::{Client, draft, entry, pass, pass_with_clock};
use crate::slow_store::{Delays, slow_server};
use crate::world::{END, conversation, log, open_turns, say, unlimited, wait};
use parlor_domain::message::{Author, Message};
use parlor_domain::testing::TestHub;
use parlor_domain::{Action, ConversationId, Draft, Outgoing, ReplyBody};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const PEOPLE: [&str; 4] = ["ann", "ann", "bob", "cay"];
const CONVERSATIONS: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    Send { by: usize, to: usize, name: u8, text: u8, asks: bool },
    Trouble(Trouble),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let send = (0..PEOPLE.len(), 0..CONVERSATIONS, 0..3_u8, 0..3_u8, any::<bool>())
        .prop_map(|(by, to, name, text, asks)| Op::Send { by, to, name, text, asks });
    prop_oneof![6 => send, 2 => trouble().prop_map(Op::Trouble), 2 => (0..700_u64).prop_map(Op::Pass)]
}

/// A connection that never leaves, and all that it got.
struct Watcher {
    client: Client,
    entries: HashMap<ConversationId, Vec<Arc<Message>>>,
    asked: usize,
    answered: usize,
}

impl Watcher {
    async fn send(&mut self, draft: Draft) {
        self.asked += 1;
        self.client.act(Action::Send(draft)).await;
    }

    fn read(&mut self) {
        for item in self.client.take() {
            if let Outgoing::Reply(reply) = &item {
                match &reply.body {
                    ReplyBody::Sent { .. } | ReplyBody::Refused { .. } => self.answered += 1,
                    other => assert!(matches!(other, ReplyBody::Joined { .. }), "{other:?}"),
                }
            }
            if let Some(message) = entry(&item) {
                self.entries.entry(message.conversation).or_default().push(message);
            }
        }
        assert_eq!(self.client.close(), None);
    }
}

async fn watchers(server: &TestHub, ids: &[ConversationId]) -> Vec<Watcher> {
    let mut watchers = Vec::new();
    for name in PEOPLE {
        let mut client = Client::connect(server, name).await;
        for id in ids {
            client.act(Action::Join((*id).into())).await;
        }
        watchers.push(Watcher { client, entries: HashMap::new(), asked: 0, answered: 0 });
    }
    watchers
}

/// Lets everything come to its end: writes go through, turns finish, leases run out.
async fn calm(server: &TestHub) {
    server.store.release_writes();
    pass_with_clock(server, 30).await;
    pass(Duration::from_millis(500)).await;
}

async fn check(server: &TestHub, ids: &[ConversationId], watchers: &mut [Watcher]) {
    for watcher in &mut *watchers {
        watcher.read();
        assert_eq!(watcher.answered, watcher.asked, "each send has one answer");
    }
    for id in ids {
        let log = log(&server.store, *id).await;
        assert!(log.iter().map(|message| message.seq).eq(1..=log.len() as u64), "gapless");
        let mut sent = HashSet::new();
        for message in log.iter().filter(|message| message.author != Author::Assistant) {
            let fingerprint = (message.author, &message.client_id, &message.content);
            assert!(sent.insert(fingerprint), "each message is there once");
            let replies =
                log.iter().filter_map(|it| it.reply.as_ref()).filter(|it| it.in_reply_to == message.id);
            assert_eq!(replies.count(), usize::from(message.kind == "user"), "each turn ends once");
        }
        for watcher in &*watchers {
            let empty = Vec::new();
            let seen = watcher.entries.get(id).unwrap_or(&empty);
            let seen: Vec<_> = seen.iter().map(|message| (message.seq, message.id)).collect();
            let expected: Vec<_> = log.iter().map(|message| (message.seq, message.id)).collect();
            assert_eq!(seen, expected, "every entry once and in order");
        }
    }
    assert_eq!((open_turns(server).await, server.hub.figures().turns), (0, 0));
}

async fn case(ops: Vec<Op>, delays: Delays) {
    let server = slow_server(delays, unlimited()).await;
    let mut ids = Vec::new();
    for _ in 0..CONVERSATIONS {
        ids.push(conversation(&server, &["ann", "bob", "cay"]).await);
    }
    let mut watchers = watchers(&server, &ids).await;
    server.backend.play(vec![say("one "), wait(1), say("two"), END]);
    server.backend.play(vec![say("cut")]);
    let mut drafts = Vec::new();
    for op in ops {
        match op {
            Op::Send { by, to, name, text, asks } => {
                let kind = if asks { "user" } else { "note" };
                let draft = draft(ids[to], &format!("text {text}"), kind, Some(&format!("name {name}")));
                drafts.push((by, draft.clone()));
                watchers[by].send(draft).await;
            }
            Op::Trouble(trouble) => trouble.strike(&server.store),
            Op::Pass(millis) => pass(Duration::from_millis(millis)).await,
        }
    }
    calm(&server).await;
    check(&server, &ids, &mut watchers).await;
    // Whatever became of a message: sending it again makes it be there, and once.
    for (by, draft) in drafts {
        watchers[by].send(draft).await;
    }
    calm(&server).await;
    check(&server, &ids, &mut watchers).await;
}

proptest! {
    #![proptest_config(config(64))]

    /// Protects the promises "one order" and "once".
    #[test]
    fn every_connection_sees_the_whole_log_once_and_in_order(
        ops in proptest::collection::vec(op(), 1..60),
        delays in delays(),
    ) {
        run(case(ops, delays));
    }
}
