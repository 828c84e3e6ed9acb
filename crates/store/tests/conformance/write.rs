//! What the tests write, in as few words as possible.

use parlor_domain::message::{
    Author, Confidence, Edit, Fingerprint, KIND_ASSISTANT, KIND_USER, Message, NanoDollars, Reply, Seq,
    TurnStatus, Usage,
};
use parlor_domain::ports::{
    Checkpoint, ConversationRecord, MembershipChange, MembershipStep, MessageChange, NewMessage, NewRoom,
    NewTurn, Receipt, Store, TurnEnd, Write, Written,
};
use parlor_domain::room::{MemberRole, Participant, Room, RoomKind};
use parlor_domain::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The instant `seconds` after some morning in 2026.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_795_248_000_123_456 + seconds * 1_000_000)
}

/// Somebody who writes, and the conversation that they write in.
#[derive(Clone)]
pub struct Scene {
    pub store: Arc<dyn Store>,
    pub user: UserId,
    pub conversation: ConversationId,
    pub node: Uuid,
}

impl Scene {
    /// A user with a conversation that has no messages.
    pub async fn new(store: &Arc<dyn Store>) -> Self {
        let scene = Self {
            store: store.clone(),
            user: UserId::new(),
            conversation: ConversationId::new(),
            node: Uuid::new_v4(),
        };
        store.conversation_create(scene.conversation, scene.user, "A title", at(0)).await.unwrap();
        scene
    }

    /// The same user in another conversation, also without messages.
    pub async fn elsewhere(&self) -> Self {
        Self { user: self.user, node: self.node, ..Self::new(&self.store).await }
    }

    /// Another conversation that the same user owns, without messages.
    pub async fn another(&self, title: &str) -> Self {
        let scene = Self { conversation: ConversationId::new(), ..self.clone() };
        self.store.conversation_create(scene.conversation, scene.user, title, at(0)).await.unwrap();
        scene
    }

    /// The same scene on another store of the same data.
    pub fn on(&self, store: &Arc<dyn Store>) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    /// A user who has made a room.
    pub async fn room(store: &Arc<dyn Store>, id: &str, kind: RoomKind) -> Self {
        let (user, conversation) = (UserId::new(), ConversationId::new());
        let room = Room { id: id.parse().unwrap(), kind, ai_mode: None };
        let new = NewRoom {
            conversation,
            room,
            title: "A room".to_owned(),
            owner: user,
            assistant: None,
            at: at(0),
        };
        assert!(store.room_create(new).await.unwrap());
        Self { store: store.clone(), user, conversation, node: Uuid::new_v4() }
    }

    /// The same conversation for another user.
    pub fn of(&self, user: UserId) -> Self {
        Self { user, ..self.clone() }
    }

    pub fn message(&self, content: &str) -> NewMessage {
        let message = Message {
            id: MessageId::new(),
            conversation: self.conversation,
            seq: 0,
            changed_seq: 0,
            author: Author::User(self.user),
            author_name: None,
            kind: KIND_USER.to_owned(),
            content: content.to_owned(),
            content_type: None,
            client_id: None,
            created_at: at(1),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            reply: None,
            attached: None,
            metadata: None,
        };
        NewMessage { message, fingerprint: None, creates: None, turn: None }
    }

    /// A message that can be recognised when it is sent again.
    pub fn sent(&self, client_id: &str, content: &str) -> NewMessage {
        let mut new = self.message(content);
        new.fingerprint = Some(Fingerprint::of(self.user, client_id, content));
        new.message.client_id = Some(client_id.to_owned());
        new
    }

    /// A message that makes its conversation, which is a new one.
    pub fn opening(&self, client_id: &str, content: &str, title: &str) -> NewMessage {
        let mut new = self.sent(client_id, content);
        new.message.conversation = ConversationId::new();
        new.creates = Some(title.to_owned());
        new
    }

    pub fn turn(&self, in_reply_to: MessageId) -> NewTurn {
        NewTurn {
            id: MessageId::new(),
            conversation: self.conversation,
            in_reply_to,
            node: self.node,
            lease_until: at(10),
        }
    }

    /// What the user wants to be done to `message`, `seconds` after that morning.
    pub fn change(&self, message: MessageId, edit: Edit, seconds: i64) -> MessageChange {
        MessageChange {
            conversation: self.conversation,
            message,
            by: self.user,
            moderates: false,
            visible_after: 0,
            at: at(seconds),
            edit,
        }
    }

    /// A change of the user's own part.
    pub fn step(&self, step: MembershipStep) -> MembershipChange {
        MembershipChange { conversation: self.conversation, user: self.user, at: at(3), step, entry: None }
    }

    /// The user becomes a plain member, and sees everything.
    pub fn enter(&self) -> MembershipChange {
        let role = MemberRole::Member;
        self.step(MembershipStep::Enter { role, most: None, from_now: false, readmit: false })
    }

    pub fn receipt(&self, delivered: Seq, read: Seq) -> Receipt {
        Receipt { conversation: self.conversation, user: self.user, delivered, read }
    }

    pub async fn write(&self, writes: impl IntoIterator<Item = Write>) -> Vec<Written> {
        self.store.write(writes.into_iter().collect()).await.unwrap()
    }

    pub async fn write_one(&self, write: impl Into<Writing>) -> Written {
        let mut written = self.write([write.into().0]).await;
        assert_eq!(written.len(), 1);
        written.remove(0)
    }

    /// Stores a message and gives it with its seq.
    pub async fn store(&self, new: NewMessage) -> Message {
        stored(self.write_one(new).await).0
    }

    /// Opens a turn in answer to a new message.
    pub async fn live_turn(&self) -> NewTurn {
        let mut asked = self.message("What is a parlor?");
        let turn = self.turn(asked.message.id);
        asked.turn = Some(turn.clone());
        self.store(asked).await;
        turn
    }

    pub async fn log(&self) -> Vec<Message> {
        self.store.log_after(self.conversation, 0, u64::MAX, usize::MAX).await.unwrap()
    }

    /// Asserts that the log is what `messages` say, with seqs from 1 and heads to match.
    pub async fn assert_log(&self, messages: &[Message]) {
        let log = self.log().await;
        assert_eq!(log, messages);
        let gapless = |(message, seq): (&Message, u64)| message.seq == seq && message.changed_seq == seq;
        assert!(log.iter().zip(1..).all(gapless), "gapless");
        let record = self.store.conversation_get(self.conversation).await.unwrap().unwrap();
        assert_eq!(record.summary.last_seq, log.len() as u64);
        assert_eq!(record.summary.message_count, log.len() as u64);
        assert_eq!(record.summary.updated_at, log.last().map_or(at(0), |newest| newest.created_at));
    }
}

/// The end of `turn`, complete, with `content`.
pub fn ending(turn: &NewTurn, content: &str) -> TurnEnd {
    let usage = Usage { prompt_tokens: 7, completion_tokens: 11, estimated: false };
    let (status, model) = (TurnStatus::Complete, Some("demo".to_owned()));
    let message = Message {
        id: turn.id,
        conversation: turn.conversation,
        seq: 0,
        changed_seq: 0,
        author: Author::Assistant,
        author_name: None,
        kind: KIND_ASSISTANT.to_owned(),
        content: content.to_owned(),
        content_type: None,
        client_id: None,
        created_at: at(2),
        edited_at: None,
        deleted_at: None,
        reactions: Vec::new(),
        reply: Some(Reply {
            in_reply_to: turn.in_reply_to,
            status,
            model,
            usage,
            cost: Some(NanoDollars(1_250)),
            elapsed: Duration::from_millis(840),
            backend: Some("demo".to_owned()),
            confidence: Some(Confidence::from_millionths(870_001)),
        }),
        attached: None,
        metadata: None,
    };
    TurnEnd { message, from_checkpoint: false }
}

/// A write, made of whatever is written.
pub struct Writing(pub Write);

impl From<NewMessage> for Writing {
    fn from(new: NewMessage) -> Self {
        Self(Write::Message(Box::new(new)))
    }
}

impl From<MessageChange> for Writing {
    fn from(change: MessageChange) -> Self {
        Self(Write::Change(Box::new(change)))
    }
}

impl From<MembershipChange> for Writing {
    fn from(change: MembershipChange) -> Self {
        Self(Write::Membership(change))
    }
}

impl From<Receipt> for Writing {
    fn from(receipt: Receipt) -> Self {
        Self(Write::Receipt(receipt))
    }
}

impl From<NewTurn> for Writing {
    fn from(turn: NewTurn) -> Self {
        Self(Write::TurnOpen(turn))
    }
}

impl From<TurnEnd> for Writing {
    fn from(end: TurnEnd) -> Self {
        Self(Write::TurnEnd(Box::new(end)))
    }
}

impl From<Checkpoint> for Writing {
    fn from(checkpoint: Checkpoint) -> Self {
        Self(Write::TurnCheckpoint(checkpoint))
    }
}

/// The participants, the mightiest first.
pub fn people_of(record: &ConversationRecord) -> Vec<UserId> {
    record.participants.iter().map(|participant| participant.user).collect()
}

/// The write of a message.
pub fn say(new: NewMessage) -> Write {
    Writing::from(new).0
}

/// The message that was stored, and the count that came with it.
#[track_caller]
pub fn stored(written: Written) -> (Message, u64) {
    match written {
        Written::Stored { message, message_count } => (*message, message_count),
        other => panic!("not stored: {other:?}"),
    }
}

/// The message as it was changed.
#[track_caller]
pub fn changed(written: Written) -> Message {
    match written {
        Written::Changed(message) => *message,
        other => panic!("not changed: {other:?}"),
    }
}

/// The part that the user has now.
#[track_caller]
pub fn member(written: &Written) -> Participant {
    match written {
        Written::Member(participant) => *participant,
        other => panic!("no member: {other:?}"),
    }
}

/// The message that was there before.
#[track_caller]
pub fn duplicate(written: Written) -> Message {
    match written {
        Written::Duplicate(first) => *first,
        other => panic!("not a duplicate: {other:?}"),
    }
}

#[track_caller]
pub fn refused(written: &Written, code: ErrorCode) {
    assert_eq!(*written, Written::Refused(code));
}
