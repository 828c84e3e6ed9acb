//! However a client loses its connection, reads or does not read: what it collected over all its connections is the
//! log, each entry once and in order, and a live turn's text is whole.

use super::{Trouble, config, delays, run, trouble};
use crate::client::{Client, entry, pass, pass_with_clock};
use crate::slow_store::{Delays, slow_server};
use crate::world::{END, conversation, log, say, unlimited};
use parlor_domain::testing::{Script, TestHub};
use parlor_domain::{
    Action, Command, ConversationId, Correlation, Draft, Event, EventBody, MessageId, Outgoing, Position,
    Reply, ReplyBody, Settings, TurnOptions,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const READERS: usize = 3;
/// The name of each request to resume.
const RESUME: &str = "resume";

#[derive(Debug, Clone)]
enum Op {
    /// Come back, if away; else name one's position on the connection that there is.
    Resume(usize),
    /// Go without a word; what is not read yet is lost on the way.
    Lose(usize),
    /// Read so many things.
    Read(usize, usize),
    /// Send a message, if connected; or ask for a reply of so many pieces.
    Send(usize, Option<u8>),
    /// Stop the turn that began last, if connected.
    Stop(usize),
    /// Follow a live turn again.
    Follow(usize),
    Trouble(Trouble),
    /// Let the next look at the log fail.
    FailRead,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..READERS;
    prop_oneof![
        4 => who().prop_map(Op::Resume),
        2 => who().prop_map(Op::Lose),
        4 => (who(), 1..12_usize).prop_map(|(who, count)| Op::Read(who, count)),
        6 => (who(), proptest::option::of(0..20_u8)).prop_map(|(who, pieces)| Op::Send(who, pieces)),
        1 => who().prop_map(Op::Stop),
        1 => who().prop_map(Op::Follow),
        2 => trouble().prop_map(Op::Trouble),
        1 => Just(Op::FailRead),
        4 => (0..800_u64).prop_map(Op::Pass),
    ]
}

/// A client as the documents want it: it keeps the highest seq that it has, and names it when it comes back.
struct Reader {
    name: String,
    client: Option<Client>,
    unread: VecDeque<Outgoing>,
    /// What it named at its last resume.
    named: u64,
    /// It named that on a connection that had events on their way: up to the answer, those may come twice.
    again: bool,
    position: u64,
    collected: Vec<MessageId>,
    /// The texts of the turns that it saw begin on this connection, and what they answer.
    streams: BTreeMap<MessageId, (MessageId, String)>,
}

impl Reader {
    fn new(number: usize) -> Self {
        Self {
            name: format!("reader{number}"),
            client: None,
            unread: VecDeque::new(),
            named: 0,
            again: false,
            position: 0,
            collected: Vec::new(),
            streams: BTreeMap::new(),
        }
    }

    fn lose(&mut self) {
        self.client = None;
        self.unread.clear();
    }

    async fn resume(&mut self, server: &TestHub, id: ConversationId) {
        self.read(usize::MAX);
        self.again = self.client.is_some();
        if self.client.is_none() {
            self.streams.clear();
            while server.hub.health().await.is_err() {} // who it is can be read
            self.client = Some(Client::connect(server, &self.name).await);
        }
        let Some(client) = &mut self.client else { return };
        self.named = self.position;
        let outbox = Arc::clone(client.session.outbox());
        // The socket takes while the server still sends: a resume waits for its reader.
        let mut batch = VecDeque::new();
        let positions = vec![Position { place: id.into(), seq: self.named, epoch: None }];
        let correlation = Correlation { request_id: Some(RESUME.into()), ..Correlation::default() };
        let resuming = client.session.handle(Command { action: Action::Resume(positions), correlation });
        tokio::pin!(resuming);
        loop {
            tokio::select! {
                () = &mut resuming => break,
                Ok(()) = outbox.take(&mut batch) => self.unread.extend(batch.drain(..)),
            }
        }
    }

    async fn act(&mut self, action: Action) {
        if let Some(client) = &mut self.client {
            client.act(action).await;
        }
    }

    fn read(&mut self, count: usize) {
        let Some(client) = &self.client else { return };
        self.unread.extend(client.take());
        let closed = client.close().is_some();
        for _ in 0..count {
            let Some(item) = self.unread.pop_front() else { break };
            if refused_resume(&item) {
                return self.lose(); // as if it had not come back: it will again
            }
            self.got(&item);
        }
        if closed && self.unread.is_empty() {
            self.lose(); // it was too slow
        }
    }

    fn got(&mut self, item: &Outgoing) {
        match item {
            Outgoing::Event(event) => self.got_event(event),
            Outgoing::Reply(reply) => self.got_reply(reply),
            Outgoing::Raw(_) | Outgoing::Probe { .. } => panic!("nobody pushed that"),
        }
        if let Some(message) = entry(item) {
            if self.again && message.seq <= self.position {
                return;
            }
            assert_eq!(message.seq, self.position + 1, "{}: no gap and no repeat", self.name);
            self.position = message.seq;
            self.collected.push(message.id);
        }
    }

    fn got_event(&mut self, event: &Event) {
        match event.body() {
            EventBody::TurnStarted(turn) => {
                self.streams.insert(turn.id, (turn.in_reply_to, String::new()));
            }
            EventBody::TurnDelta { turn, offset, text, .. } => {
                let (_, stream) = self.streams.get_mut(&turn.id).expect("a turn begins before its text");
                assert_eq!(*offset, stream.len() as u64, "{}: each byte once", self.name);
                stream.push_str(text);
            }
            EventBody::TurnEnded { message, .. } => {
                let (_, stream) = self.streams.remove(&message.id).expect("a turn begins before it ends");
                assert_eq!(stream, message.content, "{}: the stream is the message", self.name);
            }
            EventBody::Message(message) => drop(self.streams.remove(&message.id)),
            EventBody::MessageElsewhere(_) | EventBody::Updated(_) | EventBody::Typing { .. } => {}
            other => panic!("nobody caused that: {other:?}"),
        }
    }

    fn got_reply(&mut self, reply: &Reply) {
        match &reply.body {
            ReplyBody::Missed { message, .. } => drop(self.streams.remove(&message.id)),
            ReplyBody::Resumed { from_seq, last_seq, recovered, .. } => {
                assert!(recovered);
                assert_eq!(*from_seq, self.named);
                let there = if self.again { *last_seq <= self.position } else { *last_seq == self.position };
                assert!(there, "{}: what was missed is there: {last_seq}, {}", self.name, self.position);
                self.again = false;
            }
            ReplyBody::Sent { .. } | ReplyBody::Stopped { .. } | ReplyBody::Refused { .. } => {}
            other => panic!("nobody asked for that: {other:?}"),
        }
    }
}

fn refused_resume(item: &Outgoing) -> bool {
    let Outgoing::Reply(reply) = item else { return false };
    let resume = reply.correlation.request_id.as_deref() == Some(RESUME);
    resume && matches!(reply.body, ReplyBody::Refused { .. })
}

async fn apply(op: Op, number: usize, server: &TestHub, id: ConversationId, readers: &mut [Reader]) {
    match op {
        Op::Resume(who) => readers[who].resume(server, id).await,
        Op::Lose(who) => readers[who].lose(),
        Op::Read(who, count) => readers[who].read(count),
        Op::Send(who, pieces) => {
            let kind = if pieces.is_some() { "user" } else { "note" };
            if let Some(pieces) = pieces {
                let piece =
                    |number| [say(&format!("word {number} ")), Script::Wait(Duration::from_millis(60))];
                server.backend.play((0..pieces).flat_map(piece).chain([END]).collect());
            }
            let draft = Draft {
                place: Some(id.into()),
                content: format!("message {number}"),
                kind: kind.into(),
                content_type: None,
                client_id: Some(number.to_string()),
                attachments: Vec::new(),
                options: TurnOptions::default(),
            };
            readers[who].act(Action::Send(draft)).await;
        }
        Op::Stop(who) => readers[who].act(Action::Stop { place: id.into(), turn: None }).await,
        Op::Follow(who) => {
            let live = readers[who].streams.values().next().map(|(question, _)| *question);
            if let Some(message) = live {
                readers[who]
                    .act(Action::Stream { place: id.into(), message, options: TurnOptions::default() })
                    .await;
            }
        }
        Op::Trouble(trouble) => trouble.strike(&server.store),
        Op::FailRead => server.store.fail_next_reads(1),
        Op::Pass(millis) => pass(Duration::from_millis(millis)).await,
    }
}

async fn case(ops: Vec<Op>, delays: Delays, outbox: usize) {
    let server = slow_server(delays, Settings { outbox, ..unlimited() }).await;
    let mut readers: Vec<_> = (0..READERS).map(Reader::new).collect();
    let names: Vec<_> = readers.iter().map(|reader| reader.name.clone()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = conversation(&server, &names).await;
    for (number, op) in ops.into_iter().enumerate() {
        apply(op, number, &server, id, &mut readers).await;
    }
    server.store.release_writes();
    pass_with_clock(&server, 30).await;
    let expected: Vec<_> = log(&server.store, id).await.iter().map(|message| message.id).collect();
    for reader in &mut readers {
        // It may have been too slow, and then it comes back once more.
        for _ in 0..20 {
            reader.resume(&server, id).await;
            pass(Duration::from_millis(100)).await;
            reader.read(usize::MAX);
        }
        assert_eq!(reader.collected, expected, "{}", reader.name);
    }
    assert_eq!(server.hub.figures().turns, 0);
}

proptest! {
    #![proptest_config(config(96))]

    /// Protects the promises "resume without gap or repeat" and "a slow reader harms only itself".
    #[test]
    fn what_a_client_collected_is_the_log(
        ops in proptest::collection::vec(op(), 1..80),
        delays in delays(),
        outbox in prop_oneof![Just(1_024 * 1_024), Just(8 * 1_024)],
    ) {
        run(case(ops, delays, outbox));
    }
}
