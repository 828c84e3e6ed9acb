//! The log's entries, and what they are made of.

mod metadata;
mod reply;

pub use metadata::{Attachment, Citation, Metadata};
pub use reply::{Confidence, NanoDollars, Reply, TurnStatus, UnknownStatus, Usage};

use crate::ports::Extra;
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::fmt;
use std::sync::Arc;

/// The place of an entry in its conversation's log: from 1, gapless, given when it is committed.
pub type Seq = u64;

/// The highest seq that a database can hold.
pub const SEQ_MAX: Seq = i64::MAX as Seq;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Author {
    /// A person.
    User(UserId),
    /// The AI.
    Assistant,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Assistant => f.write_str("assistant"),
        }
    }
}

/// A message of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The seq that made it. 0 until the store has committed it.
    pub seq: Seq,
    /// The seq of the entry that last changed it; `seq` where none has.
    pub changed_seq: Seq,
    /// Who wrote it.
    pub author: Author,
    /// What the author was called when they wrote it; for the AI, the name of the assistant that it was, if it was one.
    pub author_name: Option<Arc<str>>,
    /// What kind of message it is: `user`, `assistant`, or a word of the sender's.
    pub kind: String,
    /// Its text.
    pub content: String,
    /// What the text is, in the sender's word; none is plain text.
    pub content_type: Option<Box<str>>,
    /// The sender's own id of it.
    pub client_id: Option<String>,
    /// When it was taken in, by our clock.
    pub created_at: Timestamp,
    /// When its text was last changed, if it was.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted, if it was: then it has no text, no reactions and no metadata.
    pub deleted_at: Option<Timestamp>,
    /// Who reacted to it with what, in the order in which each emoji came first.
    pub reactions: Vec<Reaction>,
    /// For an assistant's message: what it answers and how it ended.
    pub reply: Option<Reply>,
    /// What is kept beside the text. It may be large: only those reads that say so bring it.
    pub attached: Option<Box<Attached>>,
    /// What stands beside the text for everybody to see.
    pub metadata: Option<Box<Metadata>>,
}

/// What is kept beside a message's text. The domain never looks into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attached {
    /// Of a user's message: what the client said of its request, one JSON object.
    pub context: Option<Extra>,
    /// Of a user's message: the profile that went with it to the backend, one JSON object.
    pub profile: Option<Extra>,
    /// Of an assistant's message: what the backend sent, as it sent it, each one JSON text.
    pub raw_events: Vec<Extra>,
    /// How many more there were, from the middle, which were too much to keep.
    pub raw_omitted: u64,
}

impl Attached {
    fn weight(&self) -> usize {
        self.context.iter().chain(&self.profile).chain(&self.raw_events).map(|it| it.len()).sum()
    }
}

/// One emoji, and who put it under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji, or a short word.
    pub emoji: String,
    /// Who, in the order of their coming; never empty.
    pub users: Vec<UserId>,
}

/// How many reactions a message has at most, of all users together.
pub const REACTIONS_MAX: usize = 1_000;

impl Message {
    /// An empty message that is not in the log yet, under a new id.
    pub fn new(conversation: ConversationId, author: Author, kind: &str, created_at: Timestamp) -> Self {
        Self {
            id: MessageId::new(),
            conversation,
            seq: 0,
            changed_seq: 0,
            author,
            author_name: None,
            kind: kind.to_owned(),
            content: String::new(),
            content_type: None,
            client_id: None,
            created_at,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            reply: None,
            attached: None,
            metadata: None,
        }
    }

    /// About how many bytes it takes beside a fixed envelope.
    pub(crate) fn weight(&self) -> usize {
        let reactions =
            self.reactions.iter().map(|reaction| reaction.emoji.len() + reaction.users.len() * 40);
        let attached = self.attached.as_deref().map_or(0, Attached::weight);
        let metadata = self.metadata.as_deref().map_or(0, Metadata::weight);
        self.content.len() + reactions.sum::<usize>() + attached + metadata
    }

    /// Whether it was changed after it was made.
    pub const fn is_changed(&self) -> bool {
        self.changed_seq > self.seq
    }

    /// Whether a reply answers anything: one that failed, or was cut off before its first word, does not.
    pub fn is_answer(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| match reply.status {
            TurnStatus::Complete | TurnStatus::Stopped => true,
            TurnStatus::Interrupted => !self.content.is_empty() || self.deleted_at.is_some(),
            TurnStatus::Failed => false,
        })
    }

    /// Where in the log a reader who has everything up to `after` meets it: as a new message, else as a change.
    pub const fn position(&self, after: Seq) -> Seq {
        if self.seq > after { self.seq } else { self.changed_seq }
    }

    /// The same message with `edit` done to it by `by`; none where that changes nothing. The caller gives the seq.
    ///
    /// Errors: [`ErrorCode::MessageNotFound`] where it was deleted, [`ErrorCode::InvalidRequest`] where it has
    /// [`REACTIONS_MAX`] reactions already.
    pub fn edited(&self, edit: &Edit, by: UserId, at: Timestamp) -> Result<Option<Self>, ErrorCode> {
        if self.deleted_at.is_some() {
            return if *edit == Edit::Delete { Ok(None) } else { Err(ErrorCode::MessageNotFound) };
        }
        let mut message = self.clone();
        match edit {
            Edit::Content(text) if *text == self.content => return Ok(None),
            Edit::Content(text) => {
                message.content.clone_from(text);
                message.edited_at = Some(at);
            }
            Edit::Delete => {
                message.content.clear();
                message.reactions.clear();
                message.metadata = None;
                message.deleted_at = Some(at);
            }
            Edit::React { emoji, add: true } => {
                if !message.add_reaction(emoji, by)? {
                    return Ok(None);
                }
            }
            Edit::React { emoji, add: false } => {
                if !message.remove_reaction(emoji, by) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(message))
    }

    fn add_reaction(&mut self, emoji: &str, by: UserId) -> Result<bool, ErrorCode> {
        let count: usize = self.reactions.iter().map(|reaction| reaction.users.len()).sum();
        let known = self.reactions.iter_mut().find(|reaction| reaction.emoji == emoji);
        if known.as_ref().is_some_and(|reaction| reaction.users.contains(&by)) {
            return Ok(false);
        }
        if count >= REACTIONS_MAX {
            return Err(ErrorCode::InvalidRequest);
        }
        match known {
            Some(reaction) => reaction.users.push(by),
            None => self.reactions.push(Reaction { emoji: emoji.to_owned(), users: vec![by] }),
        }
        Ok(true)
    }

    fn remove_reaction(&mut self, emoji: &str, by: UserId) -> bool {
        let Some(reaction) = self.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) else {
            return false;
        };
        let before = reaction.users.len();
        reaction.users.retain(|user| *user != by);
        let removed = reaction.users.len() < before;
        self.reactions.retain(|reaction| !reaction.users.is_empty());
        removed
    }
}

/// A change to a message that is in the log: an entry of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Another text.
    Content(String),
    /// Its text and reactions go; that it was there stays.
    Delete,
    /// A reaction comes or goes.
    React {
        /// Which.
        emoji: String,
        /// Whether it comes.
        add: bool,
    },
}

/// The `kind` of a message that a turn answers.
pub const KIND_USER: &str = "user";
/// The `kind` of a message that a turn became.
pub const KIND_ASSISTANT: &str = "assistant";

/// Recognises a resend by its sender, client id and content.
///
/// The content counts because clients make ids from clocks. The same fingerprint in the same conversation is the
/// same message, for ever; so is one that was sent without a conversation and therefore made one.
///
/// 3 bytes of the sender's hash, 5 bytes that rise where the client's ids do, and 8 bytes of SHA-256 over all three.
/// The log keeps an index of fingerprints for ever: most clients count or use clocks, and so a client's new messages
/// stand beside its last ones there. Wholly random ones would change another page of the index with every message,
/// which costs more than the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of what `sender` sent as `client_id`.
    pub fn of(sender: UserId, client_id: &str, content: &str) -> Self {
        use sha2::{Digest, Sha256};
        let sender = sender.as_uuid();
        let all = Sha256::new()
            .chain_update(sender.as_bytes())
            .chain_update(client_id.len().to_le_bytes())
            .chain_update(client_id)
            .chain_update(content)
            .finalize();
        let mut bytes = [0; 16];
        // The end of a UUIDv7 is random: as good as a hash.
        bytes[..3].copy_from_slice(&sender.as_bytes()[13..]);
        bytes[3..8].copy_from_slice(&rising(client_id).to_be_bytes()[3..]);
        bytes[8..].copy_from_slice(&all[..8]);
        Self(bytes)
    }
}

/// A number that rises with the ids of a client that counts or uses a clock: the time in a `UUIDv7`, else all digits of
/// the id in a row.
fn rising(client_id: &str) -> u64 {
    match uuid::Uuid::try_parse(client_id) {
        Ok(id) => id.as_bytes()[..6].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        Err(_) => client_id
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))),
    }
}

/// A conversation as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The conversation.
    pub id: ConversationId,
    /// Its title.
    pub title: String,
    /// When its newest entry was made.
    pub updated_at: Timestamp,
    /// How many messages it has, of both sides.
    pub message_count: u64,
    /// Its newest entry; 0 where it has none.
    pub last_seq: Seq,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resend has the same fingerprint; anything else about a message has another.
    #[test]
    fn fingerprints_tell_messages_apart() {
        let (ann, bob) = (UserId::new(), UserId::new());
        let first = Fingerprint::of(ann, "msg-1", "hello");
        assert_eq!(first, Fingerprint::of(ann, "msg-1", "hello"));
        for other in [
            Fingerprint::of(bob, "msg-1", "hello"),
            Fingerprint::of(ann, "msg-2", "hello"),
            Fingerprint::of(ann, "msg-1", "hello!"),
            Fingerprint::of(ann, "msg-", "1hello"),
        ] {
            assert_ne!(first, other);
        }
    }

    /// What a client sends one after the other stands one after the other in the index.
    #[test]
    fn fingerprints_rise_with_a_clients_ids() {
        let ann = UserId::new();
        let check = |earlier: &str, later: &str| {
            let (earlier, later) = (Fingerprint::of(ann, earlier, "a"), Fingerprint::of(ann, later, "b"));
            assert!(earlier < later);
        };
        check("9", "10");
        check("msg-1732183200000", "msg-1732183200001");
        check("msg-12.000001", "msg-12.000002");
        check("0193a1b2-c3d4-7000-8000-ffffffffffff", "0193a1b2-c3d5-7000-8000-000000000000");
    }
}
