//! A shared room, two devices of one user and three other users, who lose their connections at any moment: in the end
//! everybody has the same log, and what was delivered and read is what was proved.

use super::{Trouble, config, run, trouble};
use crate::client::{Client, pass, pass_with_clock};
use crate::slow_store::{Delays, slow_server};
use crate::world::{log, unlimited};
use bytes::Bytes;
use parlor_domain::message::{Author, Edit, Message, Reaction};
use parlor_domain::room::RoomKind;
use parlor_domain::testing::TestHub;
use parlor_domain::{
    Action, ConversationId, Draft, Event, EventBody, MessageId, Outgoing, Place, Position, ReplyBody,
    RoomAction, RoomDraft, RoomId, TurnOptions, UserId,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Whose each device is.
const DEVICES: [&str; 5] = ["ann", "ann", "bob", "cay", "dan"];

#[derive(Debug, Clone)]
enum Op {
    /// Connect, and get what was missed: by naming a position, or by what the server knows.
    Resume(usize),
    Sync(usize),
    /// Lose the connection with what is on its way, or read everything and close in good order.
    Lose(usize),
    Close(usize),
    Look(usize),
    /// The server asks for a sign of life; the device answers.
    Ask(usize),
    Answer(usize),
    Send(usize),
    Change(usize, usize, u8),
    Read(usize),
    Trouble(Trouble),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..DEVICES.len();
    prop_oneof![
        2 => who().prop_map(Op::Resume),
        2 => who().prop_map(Op::Sync),
        2 => who().prop_map(Op::Lose),
        1 => who().prop_map(Op::Close),
        3 => who().prop_map(Op::Look),
        2 => who().prop_map(Op::Ask),
        2 => who().prop_map(Op::Answer),
        5 => who().prop_map(Op::Send),
        4 => (who(), 0..20_usize, 0..4_u8).prop_map(|(who, message, how)| Op::Change(who, message, how)),
        2 => who().prop_map(Op::Read),
        2 => trouble().prop_map(Op::Trouble),
        2 => (0..400_u64).prop_map(Op::Pass),
    ]
}

/// What a device shows of a message.
type Shown = (String, bool, Vec<Reaction>);

fn shown(message: &Message) -> Shown {
    (message.content.clone(), message.deleted_at.is_some(), message.reactions.clone())
}

/// An entry that an item brings: where it stands, and the message.
fn entry(item: &Outgoing) -> Option<(u64, Message)> {
    let of_event = |event: &Event| match event.body() {
        EventBody::Message(message) | EventBody::MessageElsewhere(message) => {
            Some((message.seq, Message::clone(message)))
        }
        EventBody::Changed(message) => Some((message.changed_seq, Message::clone(message))),
        _ => None,
    };
    match item {
        Outgoing::Event(event) => of_event(event),
        Outgoing::Reply(reply) => match &reply.body {
            ReplyBody::Sent { event, duplicate: false } | ReplyBody::Changed { event, changed: true } => {
                of_event(event)
            }
            ReplyBody::Missed { message, is_change } | ReplyBody::Replayed { message, is_change } => {
                let position = if *is_change { message.changed_seq } else { message.seq };
                Some((position, Message::clone(message)))
            }
            _ => None,
        },
        Outgoing::Raw(_) | Outgoing::Probe { .. } => None,
    }
}

fn not_recovered(item: &Outgoing) -> bool {
    let Outgoing::Reply(reply) = item else { return false };
    matches!(reply.body, ReplyBody::Resumed { recovered: false, .. })
}

/// A device: what it shows outlives its connections.
struct Device {
    name: &'static str,
    client: Option<Client>,
    /// The highest position that it has.
    position: u64,
    /// The same, of this connection: what comes on it only rises.
    on_connection: u64,
    shows: BTreeMap<u64, (MessageId, Shown)>,
    /// The questions that it has got, each with what it had by then.
    asked: Vec<(u64, u64)>,
}

/// What everybody has proved so far.
#[derive(Default)]
struct Proofs {
    delivered: HashMap<UserId, u64>,
    read: HashMap<UserId, u64>,
    probes: u64,
}

impl Proofs {
    fn prove(marks: &mut HashMap<UserId, u64>, user: UserId, seq: u64) {
        let mark = marks.entry(user).or_default();
        *mark = (*mark).max(seq);
    }
}

impl Device {
    fn new(name: &'static str) -> Self {
        Self { name, client: None, position: 0, on_connection: 0, shows: BTreeMap::new(), asked: Vec::new() }
    }

    fn lose(&mut self) {
        self.client = None;
        self.asked.clear();
    }

    async fn connect(&mut self, server: &TestHub) -> &mut Client {
        self.lose();
        self.on_connection = 0;
        while server.hub.health().await.is_err() {}
        self.client.insert(Client::connect(server, self.name).await)
    }

    async fn act(&mut self, action: Action) {
        if let Some(client) = &mut self.client {
            // The room may be busy while the test holds its writes: then the command is given up, as by a closed socket.
            let _ = tokio::time::timeout(Duration::from_secs(2), client.act(action)).await;
        }
    }

    fn look(&mut self) {
        let Some(client) = &self.client else { return };
        for item in client.take() {
            if let Outgoing::Probe { number, .. } = item {
                self.asked.push((number, self.on_connection));
            }
            if not_recovered(&item) {
                // It came back with what it was replayed before the room's task knew that it was committed.
                self.on_connection = 0;
            }
            let Some((position, message)) = entry(&item) else { continue };
            assert!(position > self.on_connection, "{}: each entry once, in order: {position}", self.name);
            self.on_connection = position;
            self.position = self.position.max(position);
            self.shows.insert(message.seq, (message.id, shown(&message)));
        }
    }
}

struct World {
    server: TestHub,
    room: RoomId,
    conversation: ConversationId,
    devices: Vec<Device>,
    proofs: Proofs,
    sent: Vec<(MessageId, usize)>,
}

impl World {
    async fn new(delays: Delays) -> Self {
        let server = slow_server(delays, unlimited()).await;
        let room: RoomId = "room-1".parse().unwrap();
        for name in ["ann", "bob", "cay", "dan"] {
            let draft = RoomDraft {
                id: room.clone(),
                name: None,
                kind: Some(RoomKind::Shared),
                ai_mode: None,
                assistant: None,
            };
            Client::connect(&server, name).await.act(Action::Room(RoomAction::Enter(draft))).await;
        }
        let conversation =
            parlor_domain::ports::Store::room_find(&*server.store, &room).await.unwrap().unwrap();
        let devices = DEVICES.into_iter().map(Device::new).collect();
        Self { server, room, conversation, devices, proofs: Proofs::default(), sent: Vec::new() }
    }

    fn place(&self) -> Place {
        Place::Room(self.room.clone())
    }

    async fn resume(&mut self, who: usize) {
        let place = self.place();
        let device = &mut self.devices[who];
        device.look();
        device.connect(&self.server).await;
        let seq = device.position;
        device.on_connection = seq;
        device.act(Action::Hold).await;
        device.act(Action::Resume(vec![Position { place, seq, epoch: None }])).await;
        let user = device.client.as_ref().map(|client| client.session.user()).unwrap();
        Proofs::prove(&mut self.proofs.delivered, user, seq);
    }

    async fn apply(&mut self, op: Op, number: usize) {
        let place = self.place();
        match op {
            Op::Resume(who) => self.resume(who).await,
            Op::Sync(who) => {
                self.devices[who].connect(&self.server).await;
                self.devices[who].act(Action::Sync).await;
            }
            Op::Lose(who) => self.devices[who].lose(),
            Op::Close(who) => self.close(who),
            Op::Look(who) => self.devices[who].look(),
            Op::Ask(who) => {
                self.proofs.probes += 1;
                let probe = Outgoing::Probe { number: self.proofs.probes, frame: Bytes::new() };
                if let Some(client) = &self.devices[who].client {
                    client.session.outbox().push(probe);
                }
            }
            Op::Answer(who) => self.answer(who),
            Op::Send(who) => self.send(who, number).await,
            Op::Change(who, message, how) => self.change(who, message, how).await,
            Op::Read(who) => {
                let seq = self.devices[who].position;
                if let Some(client) = &self.devices[who].client {
                    let user = client.session.user();
                    Proofs::prove(&mut self.proofs.read, user, seq);
                    Proofs::prove(&mut self.proofs.delivered, user, seq);
                }
                self.devices[who].act(Action::Read { place, seq }).await;
            }
            Op::Trouble(trouble) => trouble.strike(&self.server.store),
            Op::Pass(millis) => pass(Duration::from_millis(millis)).await,
        }
    }

    fn close(&mut self, who: usize) {
        let device = &mut self.devices[who];
        device.look();
        if let Some(client) = &device.client {
            client.session.closed();
            Proofs::prove(&mut self.proofs.delivered, client.session.user(), device.on_connection);
        }
        device.lose();
    }

    fn answer(&mut self, who: usize) {
        let device = &mut self.devices[who];
        device.look();
        let (Some(client), Some((number, had))) = (&device.client, device.asked.pop()) else { return };
        client.session.answered(number);
        Proofs::prove(&mut self.proofs.delivered, client.session.user(), had);
    }

    async fn send(&mut self, who: usize, number: usize) {
        let draft = Draft {
            place: Some(self.place()),
            content: format!("message {number}"),
            kind: "user".into(),
            content_type: None,
            client_id: Some(number.to_string()),
            attachments: Vec::new(),
            options: TurnOptions::default(),
        };
        self.devices[who].act(Action::Send(draft)).await;
        self.devices[who].look();
        let found = self.devices[who].shows.values().map(|(id, _)| *id);
        self.sent = found.map(|id| (id, who)).collect();
    }

    /// Somebody changes one of the messages that they see: maybe one that they may not change.
    async fn change(&mut self, who: usize, message: usize, how: u8) {
        let Some((message, _)) = self.sent.get(message).copied() else { return };
        let edit = match how {
            0 => Edit::Content(format!("changed by {who}")),
            1 => Edit::Delete,
            _ => Edit::React { emoji: "+1".into(), add: how == 2 },
        };
        self.devices[who].act(Action::Change { message, edit }).await;
    }

    /// Everybody comes back, and what everybody shows is what is in the log.
    async fn settle(&mut self) {
        self.server.store.release_writes();
        pass_with_clock(&self.server, 20).await;
        let log = log(&self.server.store, self.conversation).await;
        let expected: BTreeMap<_, _> =
            log.iter().map(|message| (message.seq, (message.id, shown(message)))).collect();
        for who in 0..self.devices.len() {
            // A device that came by what the server knew of another one of its user's starts from nothing.
            self.devices[who].look();
            self.devices[who].lose();
            self.devices[who].position = 0;
            self.resume(who).await;
            pass(Duration::from_millis(200)).await;
            self.devices[who].look();
            assert_eq!(self.devices[who].shows, expected, "{who}");
        }
        assert!(log.iter().all(|message| matches!(message.author, Author::User(_))));
        pass(Duration::from_secs(1)).await;
        self.check_marks().await;
    }

    /// Watermarks never say more than was proved. (What was proved may be lost with a failed write: then it is delivered
    /// once more.)
    async fn check_marks(&self) {
        let user = self.server.user("ann@example.org").await;
        let caller = self.server.hub.authenticate(&user.to_string()).await.unwrap();
        for member in self.server.hub.member_list(&caller, &self.room, None, 10).await.unwrap() {
            let record = member.record;
            let proved = |marks: &HashMap<UserId, u64>| marks.get(&record.user).copied().unwrap_or(0);
            assert!(record.delivered <= proved(&self.proofs.delivered), "{record:?}");
            assert!(record.read <= proved(&self.proofs.read), "{record:?}");
        }
    }
}

async fn case(ops: Vec<Op>, delays: Delays) {
    let mut world = World::new(delays).await;
    for (number, op) in ops.into_iter().enumerate() {
        world.apply(op, number).await;
    }
    world.settle().await;
}

proptest! {
    #![proptest_config(config(96))]

    /// Protects "one order", "resume without gap or repeat" and receipts: for edits as for messages.
    #[test]
    fn everybody_shows_the_same_log(
        ops in proptest::collection::vec(op(), 1..80),
        delays in super::delays(),
    ) {
        run(case(ops, delays));
    }
}
