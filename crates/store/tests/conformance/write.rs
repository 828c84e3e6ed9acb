//! What the tests write, in as few words as possible.

use parlor_domain::message::{
    Author, Fingerprint, KIND_ASSISTANT, KIND_USER, Message, Reply, TurnStatus, Usage,
};
use parlor_domain::ports::{Checkpoint, NewMessage, NewTurn, Store, TurnEnd, Write, Written};
use parlor_domain::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::sync::Arc;
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

    /// The same scene on another store of the same data.
    pub fn on(&self, store: &Arc<dyn Store>) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    pub fn message(&self, content: &str) -> NewMessage {
        let message = Message {
            id: MessageId::new(),
            conversation: self.conversation,
            seq: 0,
            author: Author::User(self.user),
            kind: KIND_USER.to_owned(),
            content: content.to_owned(),
            client_id: None,
            created_at: at(1),
            reply: None,
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
        assert!(log.iter().zip(1..).all(|(message, seq)| message.seq == seq), "gapless");
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
        author: Author::Assistant,
        kind: KIND_ASSISTANT.to_owned(),
        content: content.to_owned(),
        client_id: None,
        created_at: at(2),
        reply: Some(Reply { in_reply_to: turn.in_reply_to, status, model, usage }),
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
