//! One conversation in memory: its log and its people.

use crate::message::{Attached, Author, Fingerprint, Message, Seq, Summary};
use crate::ports::{
    ConversationRecord, MemberRecord, MembershipChange, MembershipStep, NewRoom, Receipt, Written,
};
use crate::room::{MemberRole, Participant, Room};
use crate::{ConversationId, ErrorCode, MessageId, Timestamp, UserId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Conversation {
    id: ConversationId,
    pub(super) title: String,
    pub(super) room: Option<Room>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    people: BTreeMap<UserId, Person>,
    /// By seq. Where a change made an entry there is a seq without a message.
    pub(super) messages: Vec<Message>,
    /// What is kept beside the messages, by seq. Few reads bring it.
    attached: BTreeMap<Seq, Box<Attached>>,
    /// The newest entry.
    head: Seq,
    seqs: HashMap<Fingerprint, Seq>,
}

/// Somebody who takes part, or who was removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    /// None: removed.
    pub(super) role: Option<MemberRole>,
    pub(super) joined_at: Timestamp,
    pub(super) visible_after: Seq,
    pub(super) delivered: Seq,
    read: Seq,
}

impl Conversation {
    pub(super) fn new(id: ConversationId, owner: UserId, title: String, now: Timestamp) -> Self {
        let owner_person =
            Person { role: Some(MemberRole::Owner), joined_at: now, visible_after: 0, delivered: 0, read: 0 };
        Self {
            id,
            title,
            room: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            people: BTreeMap::from([(owner, owner_person)]),
            messages: Vec::new(),
            attached: BTreeMap::new(),
            head: 0,
            seqs: HashMap::new(),
        }
    }

    pub(super) fn of_room(new: NewRoom) -> Self {
        let NewRoom { conversation, room, title, owner, at, .. } = new;
        Self { room: Some(room), ..Self::new(conversation, owner, title, at) }
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            id: self.id,
            title: self.title.clone(),
            updated_at: self.updated_at,
            message_count: self.messages.len() as u64,
            last_seq: self.head,
        }
    }

    pub(super) fn record(&self) -> ConversationRecord {
        let mut participants: Vec<_> =
            self.people.iter().map(|(user, person)| person.participant(*user)).collect();
        participants.sort_by_key(|one| (Reverse(one.role), one.joined_at, one.user));
        ConversationRecord { summary: self.summary(), room: self.room.clone(), participants }
    }

    /// Somebody who takes part.
    pub(super) fn member(&self, user: UserId) -> Option<&Person> {
        self.people.get(&user).filter(|person| person.role.is_some())
    }

    /// Those who take part, without their names.
    pub(super) fn members(&self) -> impl Iterator<Item = MemberRecord> {
        self.people.iter().filter_map(|(user, person)| {
            Some(MemberRecord {
                user: *user,
                username: None,
                role: person.role?,
                joined_at: person.joined_at,
                delivered: person.delivered,
                read: person.read,
            })
        })
    }

    pub(super) fn at(&self, seq: Seq) -> Option<&Message> {
        self.place(seq).map(|place| &self.messages[place])
    }

    fn place(&self, seq: Seq) -> Option<usize> {
        self.messages.binary_search_by_key(&seq, |message| message.seq).ok()
    }

    pub(super) fn with_fingerprint(&self, fingerprint: Fingerprint) -> Option<&Message> {
        self.at(*self.seqs.get(&fingerprint)?)
    }

    /// A message with what is kept beside it.
    pub(super) fn whole(&self, message: &Message) -> Message {
        Message { attached: self.attached.get(&message.seq).cloned(), ..message.clone() }
    }

    /// The newest reply to a message, with what is kept beside it.
    pub(super) fn reply_to(&self, message: MessageId) -> Option<Message> {
        let answers = |one: &&Message| one.reply.as_ref().is_some_and(|reply| reply.in_reply_to == message);
        self.messages.iter().rev().find(answers).map(|reply| self.whole(reply))
    }

    /// Puts a message at the end of the log, and gives it with its seq.
    pub(super) fn append(&mut self, mut message: Message, fingerprint: Option<Fingerprint>) -> Message {
        self.head += 1;
        (message.seq, message.changed_seq) = (self.head, self.head);
        self.updated_at = message.created_at;
        if let Some(fingerprint) = fingerprint {
            self.seqs.insert(fingerprint, message.seq);
        }
        let stored = message.clone();
        self.attached.extend(message.attached.take().map(|attached| (message.seq, attached)));
        self.messages.push(message);
        stored
    }

    /// Puts a changed message in the place of what it was. The change is an entry.
    pub(super) fn replace(&mut self, mut message: Message, at: Timestamp) -> Message {
        self.head += 1;
        message.changed_seq = self.head;
        self.updated_at = at;
        if let Some(place) = self.place(message.seq) {
            self.messages[place] = message.clone();
        }
        // Of what was deleted nothing stays.
        if message.deleted_at.is_some() {
            self.attached.remove(&message.seq);
        }
        message
    }

    pub(super) fn after(&self, after: Seq, through: Seq, limit: usize) -> Vec<Message> {
        let missing = |message: &&Message| {
            let position = message.position(after);
            position > after && position <= through
        };
        let mut entries: Vec<&Message> = self.messages.iter().filter(missing).collect();
        entries.sort_by_key(|message| message.position(after));
        entries.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn before(&self, before: Option<Seq>, limit: usize) -> Vec<Message> {
        let end = self.messages.partition_point(|message| before.is_none_or(|before| message.seq < before));
        self.messages[end.saturating_sub(limit)..end].to_vec()
    }

    pub(super) fn covered(&self, after: Seq, through: Seq, reader: UserId) -> Option<&Message> {
        self.messages.iter().rev().find(|message| {
            let others = matches!(message.author, Author::User(user) if user != reader);
            others && message.seq > after && message.seq <= through
        })
    }

    pub(super) fn receipt(&mut self, receipt: Receipt) -> Result<Written, ErrorCode> {
        let head = self.head;
        let person = self.people.get_mut(&receipt.user).filter(|person| person.role.is_some());
        let person = person.ok_or(ErrorCode::ConversationNotFound)?;
        let read_from = person.read;
        person.read = person.read.max(receipt.read.min(head));
        person.delivered = person.delivered.max(receipt.delivered.min(head)).max(person.read);
        Ok(Written::Marked { read_from, read_to: person.read })
    }

    pub(super) fn membership(&mut self, change: &MembershipChange) -> Result<Written, ErrorCode> {
        let user = change.user;
        match change.step {
            MembershipStep::Enter { role, most, from_now, readmit } => {
                let known = self.people.get(&user);
                if let Some(member) = known.filter(|person| person.role.is_some()) {
                    return Ok(Written::Member(member.participant(user)));
                }
                if known.is_some() && !readmit {
                    return Err(ErrorCode::RoomAccessDenied);
                }
                if most.is_some_and(|most| self.members().count() >= most) {
                    return Err(ErrorCode::RoomFull);
                }
                let person = self.newcomer(Some(role), change.at, if from_now { self.head } else { 0 });
                self.people.insert(user, person);
                return Ok(Written::Member(person.participant(user)));
            }
            MembershipStep::SetRole(role) => {
                let person = self.people.get_mut(&user).filter(|person| person.role.is_some());
                let person = person.ok_or(ErrorCode::NotFound)?;
                person.role = Some(role);
                return Ok(Written::Member(person.participant(user)));
            }
            MembershipStep::Leave { heir } if self.member(user).is_some() => {
                self.people.remove(&user);
                let heir = heir.and_then(|heir| self.people.get_mut(&heir));
                if let Some(heir) = heir.filter(|heir| heir.role.is_some()) {
                    heir.role = Some(MemberRole::Owner);
                }
            }
            MembershipStep::Leave { .. } => {}
            MembershipStep::Remove => {
                let barred = self.newcomer(None, change.at, 0);
                self.people.entry(user).or_insert(barred).role = None;
            }
            MembershipStep::Delete => self.deleted_at = Some(change.at),
        }
        Ok(Written::Done)
    }

    fn newcomer(&self, role: Option<MemberRole>, joined_at: Timestamp, visible_after: Seq) -> Person {
        Person { role, joined_at, visible_after, delivered: self.head, read: self.head }
    }
}

impl Person {
    fn participant(&self, user: UserId) -> Participant {
        Participant { user, role: self.role, joined_at: self.joined_at, visible_after: self.visible_after }
    }
}
